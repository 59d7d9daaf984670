//! A budget authority in memory: honest and instant, unless told to be slow or away.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use gateway::{Authority, AuthorityAway};
use policy::{AccountReport, Budget, Grant, LeaseReply, LeaseReport, PROTOCOL, Verdict};
use units::{BudgetId, Clock, SystemClock, UnixMicros, Usd};

/// Grants leases on the limits it was given.
#[derive(Default)]
pub(crate) struct Bank {
    limits: Mutex<HashMap<BudgetId, Usd>>,
    leases: Mutex<BTreeMap<Holder, Lease>>,
    reports: Mutex<Vec<LeaseReport>>,
    /// Answers nothing.
    pub(crate) is_away: AtomicBool,
    /// Held by a test, it keeps every answer back.
    pub(crate) gate: tokio::sync::Mutex<()>,
    /// How long grants hold, milliseconds; 15,000 when 0.
    pub(crate) ttl_ms: AtomicU64,
}

/// Budget, window, node, epoch.
type Holder = (BudgetId, UnixMicros, String, String);

#[derive(Debug, Clone, Default)]
struct Lease {
    term: u64,
    granted: Usd,
    settled: Usd,
}

impl Lease {
    fn committed(&self) -> Usd {
        self.granted.max(self.settled)
    }
}

impl Bank {
    /// Knows these budgets from now on.
    pub(crate) fn configure(&self, budgets: &[Budget]) {
        let mut limits = self.limits.lock().unwrap();
        limits.extend(budgets.iter().map(|budget| (budget.id, budget.limit)));
    }

    /// Reports heard so far, answered or not.
    pub(crate) fn reports(&self) -> Vec<LeaseReport> {
        self.reports.lock().unwrap().clone()
    }

    /// Spends of a budget without a lease, as another gateway would.
    pub(crate) fn spend_elsewhere(&self, budget: BudgetId, window: UnixMicros, amount: Usd) {
        let holder = (budget, window, "elsewhere".to_owned(), "0".to_owned());
        let lease = Lease { term: 1, granted: amount, settled: amount };
        self.leases.lock().unwrap().insert(holder, lease);
    }

    /// What is promised or spent of a budget, in all windows.
    pub(crate) fn committed(&self, budget: BudgetId) -> Usd {
        let leases = self.leases.lock().unwrap();
        let of_budget = leases.iter().filter(|((id, ..), _)| *id == budget);
        of_budget.map(|(_, lease)| lease.committed()).sum()
    }

    fn decide(&self, report: &LeaseReport, account: &AccountReport) -> Option<Grant> {
        let limit = *self.limits.lock().unwrap().get(&account.budget)?;
        let mut leases = self.leases.lock().unwrap();
        let (budget, window) = (account.budget, account.window_start);
        let holder = (budget, window, report.node.clone(), report.epoch.clone());
        let mut lease = leases.get(&holder).cloned().unwrap_or_default();
        lease.settled = lease.settled.max(account.settled);
        let needed = account.settled + account.reserved;
        let kept = account.granted.max(needed);
        if report.is_final || (account.term == lease.term && kept < lease.granted) {
            lease.granted = if report.is_final { account.settled } else { kept };
            lease.term += 1;
        }
        leases.insert(holder.clone(), lease.clone());
        let of_window = |leases: &BTreeMap<Holder, Lease>, sum: fn(&Lease) -> Usd| -> Usd {
            let same =
                leases.iter().filter(|((id, start, ..), _)| (*id, *start) == (budget, window));
            same.map(|(_, lease)| sum(lease)).sum()
        };
        let room = limit.saturating_sub_to_zero(of_window(&leases, Lease::committed));
        let own = lease.granted.saturating_sub_to_zero(needed);
        let fits = account.least <= own + room;
        if !report.is_final && fits && !account.wanted.is_zero() {
            lease.granted += account.wanted.min(room);
            lease.term += 1;
            leases.insert(holder, lease.clone());
        }
        let committed = of_window(&leases, Lease::committed);
        Some(Grant {
            budget,
            window_start: window,
            term: lease.term,
            granted: lease.granted,
            settled: lease.settled,
            remaining: limit.saturating_sub_to_zero(committed),
            spent: of_window(&leases, |lease| lease.settled),
            nodes: 1,
            verdict: if fits { Verdict::Held } else { Verdict::Refused },
        })
    }
}

#[async_trait]
impl Authority for Bank {
    async fn sync(&self, report: LeaseReport) -> Result<LeaseReply, AuthorityAway> {
        self.reports.lock().unwrap().push(report.clone());
        drop(self.gate.lock().await);
        if self.is_away.load(Ordering::SeqCst) {
            return Err(AuthorityAway("told to be".to_owned()));
        }
        let grants = report.accounts.iter().filter_map(|account| self.decide(&report, account));
        let ttl_ms = match self.ttl_ms.load(Ordering::SeqCst) {
            0 => 15_000,
            ttl_ms => ttl_ms,
        };
        let grants = grants.collect();
        Ok(LeaseReply { protocol: PROTOCOL, now: SystemClock.now(), ttl_ms, grants })
    }
}
