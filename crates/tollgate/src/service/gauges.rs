//! What operators watch besides requests: the spool, how far commits are behind, and the budgets.

use std::sync::Arc;
use std::time::Duration;

use metrics::gauge;
use policy::Treasury;
use spool::Spool;
use tokio::sync::watch;
use units::{Clock, Usd};

/// How often the gauges are set.
const EVERY: Duration = Duration::from_secs(2);

/// What the gauges are read from.
pub(super) struct Gauges {
    pub(super) spool: Spool,
    pub(super) treasury: Arc<Treasury>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Gauges {
    /// Sets the gauges until told to stop.
    pub(super) async fn run(self, mut stopping: watch::Receiver<bool>) {
        loop {
            self.set();
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                _ = stopping.wait_for(|stop| *stop) => return,
            }
        }
    }

    fn set(&self) {
        let stats = self.spool.stats();
        let behind = stats.oldest_uncommitted_age.unwrap_or_default();
        gauge!("tollgate_spool_slots").set(f64::from(stats.slots));
        gauge!("tollgate_commit_lag_seconds").set(behind.as_secs_f64());
        gauge!("tollgate_events_spooled").set(count(stats.frames));
        gauge!("tollgate_spool_bytes").set(count(stats.disk_bytes));
        gauge!("tollgate_spool_write_errors_total").set(count(stats.write_errors));
        for budget in self.treasury.status(self.clock.now()) {
            let left = budget.limit.saturating_sub_to_zero(budget.spent + budget.reserved);
            let name = budget.name;
            gauge!("tollgate_budget_remaining_usd", "budget" => name.clone()).set(dollars(left));
            gauge!("tollgate_budget_reserved_usd", "budget" => name).set(dollars(budget.reserved));
        }
    }
}

/// A count as the float that metrics are made of; exact below 2^53.
#[allow(clippy::cast_precision_loss, reason = "metrics are floats, and counts stay below 2^53")]
fn count(value: u64) -> f64 {
    value as f64
}

/// An amount as the float that metrics are made of; never used for anything else.
fn dollars(amount: Usd) -> f64 {
    amount.to_string().parse().unwrap_or(f64::NAN)
}
