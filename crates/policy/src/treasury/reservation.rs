//! The guard an admitted attempt carries.

use std::sync::Arc;

use events::Settlement;
use units::{BudgetId, UnixMicros, Usd};

use super::admission::{Ask, Taken};
use super::{Refusal, Treasury};
use crate::hold::Hold;

/// What one attempt holds of its budgets. Settle it with what the attempt cost, or release it when
/// nothing was sent. Dropped unsettled, it releases if nothing was sent and else settles in full, so
/// that neither money nor room is ever lost.
#[derive(Debug)]
pub struct Reservation {
    treasury: Arc<Treasury>,
    windows: Vec<(BudgetId, UnixMicros)>,
    hold: Hold,
    left: Option<Usd>,
    is_sent: bool,
}

impl Reservation {
    /// A reservation of what was taken in each window; without windows no budget guards it, and its
    /// amount is only what such a request may cost.
    pub(super) fn new(
        treasury: &Arc<Treasury>,
        windows: Vec<(BudgetId, UnixMicros)>,
        taken: &Taken,
    ) -> Self {
        let Taken { hold, left, .. } = *taken;
        Self { treasury: Arc::clone(treasury), windows, hold, left, is_sent: false }
    }

    /// What it leaves of the tightest budget that guards it, as far as this process knows: room that
    /// nobody holds, and the rest of the lease. `None` when no budget guards it.
    pub fn remaining(&self) -> Option<Usd> {
        self.left
    }

    /// The amount held and the output limit it pays for.
    pub fn hold(&self) -> Hold {
        self.hold
    }

    /// Whether any budget guards the attempt, so that its output limit must be told upstream.
    pub fn is_guarded(&self) -> bool {
        !self.windows.is_empty()
    }

    /// The charges to record if the attempt cost `amount`.
    pub fn charges(&self, amount: Usd) -> Vec<Settlement> {
        let charge = |(budget_id, window_start): &(BudgetId, UnixMicros)| Settlement {
            budget_id: *budget_id,
            window_start: *window_start,
            amount,
        };
        self.windows.iter().map(charge).collect()
    }

    /// Holds `more` for the same attempt in every budget that guards it, or in none.
    ///
    /// # Errors
    /// As an admission is refused; what was held before stays held. After [`Refusal::Short`] ask the
    /// authority, then try again.
    pub fn extend(&mut self, more: Usd, now: UnixMicros) -> Result<(), Refusal> {
        self.hold_more(more, Ask { now, is_alone: false })
    }

    /// The same when the authority was asked and did not answer; never `Short`.
    ///
    /// # Errors
    /// As [`Treasury::admit_alone`] refuses.
    pub fn extend_alone(&mut self, more: Usd, now: UnixMicros) -> Result<(), Refusal> {
        self.hold_more(more, Ask { now, is_alone: true })
    }

    fn hold_more(&mut self, more: Usd, ask: Ask) -> Result<(), Refusal> {
        if !self.windows.is_empty() {
            self.left = self.treasury.extend(&self.windows, more, ask)?;
        }
        self.hold.amount += more;
        Ok(())
    }

    /// Says that the first byte is about to leave: from here on a lost guard counts in full.
    pub fn mark_sent(&mut self) {
        self.is_sent = true;
    }

    /// Charges what the attempt cost.
    pub fn settle(mut self, amount: Usd) {
        self.close(amount);
    }

    /// Gives the hold back; nothing was used.
    pub fn release(mut self) {
        self.close(Usd::ZERO);
    }

    fn close(&mut self, amount: Usd) {
        if !self.windows.is_empty() {
            self.treasury.close(&self.windows, self.hold.amount, amount);
            self.windows.clear();
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.close(if self.is_sent { self.hold.amount } else { Usd::ZERO });
    }
}
