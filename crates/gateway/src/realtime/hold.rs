//! Holding more for a session under way. Its next words wait until the authority has answered, a
//! little longer than a request would: a session that is cut for a late answer cannot be tried again.

use std::time::Duration;

use policy::Refusal;
use tokio::time::Instant;
use units::Usd;

use crate::accounting::Accounting;
use crate::engine::Engine;
use crate::failure::Failure;
use crate::leases::ROUNDS_MAX;
use crate::ledger::{Ledger, spool_full};

/// Longest wait for the authority.
const WAIT_MAX: Duration = Duration::from_secs(1);

impl Engine {
    /// Holds `more` for the turn that is open, and records it.
    ///
    /// # Errors
    /// A budget has no room, the authority did not answer, or the spool is full: nothing more may be
    /// said.
    pub(super) async fn hold_more(&self, ledger: &mut Ledger, more: Usd) -> Result<(), Failure> {
        let Some(open) = ledger.open_mut() else { return Ok(()) };
        let Accounting { treasury, clock, .. } = &*self.accounting;
        let deadline = Instant::now() + WAIT_MAX;
        let mut extended = open.reservation_mut().extend(more, clock.now());
        for _ in 0..ROUNDS_MAX {
            if !matches!(extended, Err(Refusal::Short)) || !self.leases.ask_until(deadline).await {
                break;
            }
            extended = open.reservation_mut().extend(more, clock.now());
        }
        if matches!(extended, Err(Refusal::Short)) {
            extended = open.reservation_mut().extend_alone(more, clock.now());
        }
        let status = self.options.budget_denied_status;
        extended.map_err(|refusal| Failure::refused(&refusal, status))?;
        if treasury.runs_low() {
            self.leases.hurry();
        }
        open.record_hold().map_err(|error| {
            tracing::error!(%error, "spool refused an intent");
            spool_full()
        })
    }
}
