//! Reconciling the books with the lake, which has the record.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use policy::WindowBooks;
use store::{Actor, NewAudit};
use units::{BudgetId, UnixMicros, Usd};

use super::compare::{Difference, Observation, Still, compare};
use super::plan::WindowKey;
use super::{Authority, AuthorityError};

/// A difference between books and lake that was found and corrected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// The budget.
    pub budget: BudgetId,
    /// Its name.
    pub name: String,
    /// First instant of the window.
    pub window_start: UnixMicros,
    /// Node and epoch of the process whose lease it is; `None` for spending without a lease.
    pub holder: Option<(String, String)>,
    /// What the books said.
    pub expected: Usd,
    /// What the lake holds.
    pub found: Usd,
}

impl Drift {
    /// What was added to the books; negative when something was taken from them.
    pub fn amount(&self) -> Usd {
        self.found - self.expected
    }
}

/// The newest committed sequence of each process asked about, within one call.
type Committed = HashMap<(String, String), Option<i64>>;

impl Authority {
    /// Compares the books of every open window with the lake and corrects them. A difference counts
    /// once it has lasted for the time a lease holds, so a call finds what an earlier one, at least
    /// that long ago, has seen begin. Every correction is an entry `budget.reconcile` of the audit
    /// log. Call it about once a minute; it also does what [`Authority::tend`] does.
    ///
    /// # Errors
    /// When the books, the lake or the audit log cannot be read or written; corrections made stay.
    pub async fn reconcile(&self, now: UnixMicros) -> Result<Vec<Drift>, AuthorityError> {
        self.tend(now).await?;
        let plan = self.plan();
        let since = plan.present(now).into_iter().map(|(_, start)| start).min();
        let mut committed = Committed::new();
        let mut drifts = Vec::new();
        let all = self.leases.open_windows(since.unwrap_or(now)).await?;
        let keys: Vec<WindowKey> = all.iter().map(|b| (b.budget, b.window_start)).collect();
        for books in all {
            let Some(known) = plan.budget(books.budget) else { continue };
            // Committed sequences before sums: rows that arrive in between make a lease look short of
            // nothing.
            let still = self.still(&books, &mut committed).await?;
            let window = plan.window(known, books.window_start);
            let sums = self.sums(known, window).await?.as_ref().clone();
            let found = self.look(books, Observation { at: now, sums, still }).await?;
            drifts.extend(found.into_iter().map(|(start, difference)| Drift {
                budget: known.budget.id,
                name: known.budget.name.clone(),
                window_start: start,
                holder: difference.holder,
                expected: difference.expected,
                found: difference.found,
            }));
        }
        self.state().observations.retain(|key, _| keys.contains(key));
        for drift in &drifts {
            self.record(drift).await?;
        }
        Ok(drifts)
    }

    /// The leases of a window that stand still.
    async fn still(
        &self,
        books: &WindowBooks,
        committed: &mut Committed,
    ) -> Result<Vec<Still>, AuthorityError> {
        let mut still = Vec::new();
        for lease in &books.leases {
            let holder = (lease.node.clone(), lease.epoch.clone());
            let seq = match committed.get(&holder) {
                Some(seq) => *seq,
                None if lease.is_open() => {
                    let seq = self.lake.committed_seq(&lease.node, &lease.epoch).await?;
                    committed.insert(holder, seq);
                    seq
                }
                None => None,
            };
            still.extend(Still::of(lease, seq));
        }
        Ok(still)
    }

    /// Compares one window with an earlier look that is old enough, and remembers this one.
    async fn look(
        &self,
        books: WindowBooks,
        later: Observation,
    ) -> Result<Vec<(UnixMicros, Difference)>, AuthorityError> {
        let key = (books.budget, books.window_start);
        let later = Arc::new(later);
        let earlier = self.state().observations.get(&key).cloned();
        let Some(earlier) = earlier else {
            self.state().observations.insert(key, later);
            return Ok(Vec::new());
        };
        let now = later.at;
        if now.micros_since(earlier.at) < self.options.ttl_us() {
            return Ok(Vec::new());
        }
        self.state().observations.insert(key, Arc::clone(&later));
        // Most of the time nothing differs, and nothing is written.
        let mut tried = books.clone();
        compare(&mut tried, &earlier, &later, now);
        if tried == books {
            return Ok(Vec::new());
        }
        let found = Arc::new(Mutex::new(Vec::new()));
        let slot = Arc::clone(&found);
        let correct = Box::new(move |all: &mut Vec<WindowBooks>| {
            let each = all.iter_mut().flat_map(|books| {
                let start = books.window_start;
                let differences = compare(books, &earlier, &later, now);
                differences.into_iter().map(move |difference| (start, difference))
            });
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = each.collect();
        });
        self.leases.transact(&[key], correct).await?;
        let found = std::mem::take(&mut *found.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(found)
    }

    async fn record(&self, drift: &Drift) -> Result<(), AuthorityError> {
        tracing::warn!(
            budget = drift.name,
            window_start = %drift.window_start,
            amount_usd = %drift.amount(),
            "books corrected to what the lake holds"
        );
        let described = |amount: Usd| {
            serde_json::json!({
                "window_start_us": drift.window_start.get(),
                "holder": drift.holder.as_ref().map(|(node, epoch)| format!("{node}/{epoch}")),
                "counted_usd": amount,
            })
        };
        let mut entry = NewAudit::new(&Actor::System, "budget.reconcile", drift.budget);
        entry.before = described(drift.expected);
        entry.after = described(drift.found);
        entry.reason = Some("the lake has the record".to_owned());
        self.audit.append(&entry).await?;
        Ok(())
    }
}
