//! The reservation ledger of one gateway process: what it may spend of every budget by lease, what it
//! has settled and what it holds, and the one admission function.
//!
//! All budgets that apply to a request are checked and taken together under one short lock. The room
//! of a request is what the leases still hold; when a lease is too small the request is told so
//! ([`Refusal::Short`]), what it needs is noted, and whoever runs the treasury asks the authority.
//! Invariant: a lease's counter = settled + live reservations, and a reservation is a guard that every
//! path either settles or releases. It must never know how the authority is reached.

mod account;
mod admission;
mod extend;
mod index;
mod reservation;
mod sync;
mod window;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use units::{BillingZone, BudgetId, UnixMicros, Usd};

use crate::hold::Quote;
use crate::link::{AccountReport, LeaseReply};
use crate::{Budget, BudgetStatus, Spender};
use account::Account;
use admission::{Ask, Spot};
use index::Index;
pub use reservation::Reservation;

/// Accounts of budgets that are gone kept at most, so that one that comes back in the same window
/// goes on from what it had settled.
const RETIRED_MAX: usize = 1_024;

/// Everything one gateway process knows of its organisation's budgets.
#[derive(Debug)]
pub struct Treasury {
    books: Mutex<Books>,
    runs_low: AtomicBool,
}

#[derive(Debug)]
struct Books {
    /// The zone windows are cut in.
    zone: BillingZone,
    /// Those in force first, then those that are gone.
    accounts: Vec<Account>,
    /// Where the account of a budget is.
    by_id: HashMap<BudgetId, usize>,
    /// Which accounts a request counts towards.
    index: Index,
    /// Kept between calls so that an admission allocates nothing to find its budgets.
    spots: Vec<Spot>,
}

/// One request that asks to be admitted.
#[derive(Debug, Clone, Copy)]
pub struct Admission<'a> {
    /// Who it spends for.
    pub spender: Spender<'a>,
    /// Request start: decides the window.
    pub at: UnixMicros,
    /// What it may cost; `None` when the model has no price.
    pub quote: Option<&'a Quote>,
}

/// Why a request was not admitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// A budget refuses it. Asking again soon does not help.
    Denied(Box<Denial>),
    /// Some lease is too small. What is missing was noted: ask the authority, then admit again.
    Short,
}

/// Why a budget refused a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DenialCause {
    /// No room left in the window.
    Exhausted,
    /// Even an untouched window would not pay for it.
    NeverFits,
    /// The model has no price and the budget counts only known amounts.
    Unpriced,
    /// The lease does not suffice, the authority did not answer, and the budget does not allow (more)
    /// spending without it.
    AuthorityAway,
}

/// The budget that refused a request, as it stood then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// Why.
    pub cause: DenialCause,
    /// How the budget stood.
    pub budget: BudgetStatus,
}

impl Treasury {
    /// A treasury without budgets, which admits everything.
    pub fn new(zone: BillingZone) -> Self {
        let books = Books {
            zone,
            accounts: Vec::new(),
            by_id: HashMap::new(),
            index: Index::default(),
            spots: Vec::new(),
        };
        Self { books: Mutex::new(books), runs_low: AtomicBool::new(false) }
    }

    /// Replaces the budgets. What a budget that stays has been granted, has settled and holds stays
    /// with it.
    pub fn configure(&self, budgets: &[Budget]) {
        self.lock().configure(budgets);
    }

    /// The same, and cuts windows in this zone from now on: that of whoever grants the leases, which
    /// knows a window by its start.
    pub fn configure_in(&self, zone: &BillingZone, budgets: &[Budget]) {
        let mut books = self.lock();
        books.zone = zone.clone();
        books.configure(budgets);
    }

    /// Admits a request to every budget that covers it, or to none. `now` is the gateway's clock.
    pub fn admit(
        self: &Arc<Self>,
        request: &Admission<'_>,
        now: UnixMicros,
    ) -> Result<Reservation, Refusal> {
        self.decide(request, now, false)
    }

    /// Admits a request for which the authority was asked and did not answer: each budget's
    /// [`crate::WhenAlone`] decides whether it may pass its lease. Never `Short`.
    pub fn admit_alone(
        self: &Arc<Self>,
        request: &Admission<'_>,
        now: UnixMicros,
    ) -> Result<Reservation, Refusal> {
        self.decide(request, now, true)
    }

    /// What the authority is to be told, every amount read at the same moment; empty when there is
    /// nothing to tell or to ask. `next_seq` is left 0: the caller, who has the spool, reads it
    /// *before* this call and fills it in. Leases that were not used lately are given back here.
    pub fn report(&self, now: UnixMicros) -> Vec<AccountReport> {
        self.runs_low.store(false, Ordering::Relaxed);
        self.lock().accounts.iter_mut().flat_map(|account| account.report(now)).collect()
    }

    /// Takes over what the authority answered to a report sent at `asked_at` (gateway's clock).
    /// Replies may be lost, repeated or arrive in any order.
    pub fn apply(&self, reply: &LeaseReply, asked_at: UnixMicros) {
        let ttl_us = i64::try_from(reply.ttl_ms.saturating_mul(1_000)).unwrap_or(i64::MAX);
        let until = asked_at.plus_micros(ttl_us);
        let mut books = self.lock();
        let Books { accounts, by_id, .. } = &mut *books;
        for grant in &reply.grants {
            let account = by_id.get(&grant.budget).and_then(|at| accounts.get_mut(*at));
            if let Some(window) = account.and_then(|account| account.window(grant.window_start)) {
                window.apply(grant, asked_at, until);
            }
        }
    }

    /// How every budget stands at an instant, as far as this process knows.
    pub fn status(&self, now: UnixMicros) -> Vec<BudgetStatus> {
        let mut books = self.lock();
        let Books { accounts, zone, .. } = &mut *books;
        let in_force = accounts.iter_mut().filter(|account| !account.is_retired);
        in_force.map(|account| account.status(now, zone)).collect()
    }

    /// Whether some lease is more than half used since it was last granted, so that asking now saves
    /// a request from waiting later. Cleared by a report.
    pub fn runs_low(&self) -> bool {
        self.runs_low.load(Ordering::Relaxed)
    }

    fn decide(
        self: &Arc<Self>,
        request: &Admission<'_>,
        now: UnixMicros,
        is_alone: bool,
    ) -> Result<Reservation, Refusal> {
        let mut books = self.lock();
        let spots = books.cover(request, now);
        let ask = Ask { now, is_alone };
        let decided = books.take(request.quote, &spots, ask);
        let reserved = decided.map(|taken| {
            let windows =
                if taken.is_guarded { books.reserve(&spots, taken.hold) } else { Vec::new() };
            if taken.runs_low {
                self.hurry();
            }
            Reservation::new(self, windows, &taken)
        });
        books.spots = spots;
        reserved
    }

    /// Moves what a reservation held into what is settled (nothing, when it was not used).
    fn close(&self, windows: &[(BudgetId, UnixMicros)], held: Usd, settled: Usd) {
        let mut books = self.lock();
        let Books { accounts, by_id, .. } = &mut *books;
        for (id, start) in windows {
            let account = by_id.get(id).and_then(|at| accounts.get_mut(*at));
            // A window long past no longer guards anything: the lake has the record.
            if let Some(window) = account.and_then(|account| account.window(*start)) {
                window.close(held, settled);
            }
        }
    }

    /// Notes that some lease is more than half used.
    fn hurry(&self) {
        self.runs_low.store(true, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
    fn configure(&mut self, budgets: &[Budget]) {
        let mut kept: HashMap<BudgetId, Account> =
            self.accounts.drain(..).map(|account| (account.budget.id, account)).collect();
        let mut account = |budget: &Budget| match kept.remove(&budget.id) {
            Some(account) => account.reconfigured(budget, &self.zone),
            None => Account::new(budget.clone()),
        };
        let mut accounts: Vec<Account> = budgets.iter().map(&mut account).collect();
        self.index = Index::of(budgets);
        let used = kept.into_values().filter(Account::is_used).take(RETIRED_MAX);
        accounts.extend(used.map(Account::retired));
        let by_id = accounts.iter().enumerate().map(|(at, account)| (account.budget.id, at));
        self.by_id = by_id.collect();
        self.accounts = accounts;
    }
}

#[cfg(test)]
#[path = "treasury_tests.rs"]
mod tests;
