//! What the spool holds: an intent before the first byte leaves, and one frame that settles it, with
//! others before it where the attempt was billed on further models.

mod wire;

use serde::{Deserialize, Serialize};
use units::{BudgetId, RequestId, UnixMicros, Usd};

use crate::UsageEvent;

pub use wire::OPENED_LAYOUTS;

/// One record of the spool. On disk each variant has a number for every layout an event ever had, so
/// that what an older build wrote is read for ever (`frame/wire.rs`).
#[derive(Debug, Clone, PartialEq)]
pub enum Frame {
    /// An attempt is about to be sent; what it may cost is held.
    Opened(Box<Intent>),
    /// An attempt is over: the record and the money in one frame, so that they cannot disagree.
    Settled(Box<UsageEvent>, Vec<Settlement>),
    /// What an attempt that is about to settle used on another model than the one that answered: a
    /// record of its own, written before the one that settles the attempt.
    Beside(Box<UsageEvent>, Vec<Settlement>),
}

/// All that accounting needs to know of an attempt if the process dies before it settles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// The event as it would read if nothing more were learned: interrupted, estimated, at the
    /// reserved amount.
    pub event: UsageEvent,
    /// What is held of each budget.
    pub held: Vec<Settlement>,
}

impl Intent {
    /// The attempt this intent belongs to.
    pub fn attempt(&self) -> (RequestId, u16) {
        self.event.attempt()
    }

    /// Takes what a record beside it accounts for away from what it holds, down to nothing, so that
    /// an attempt that never settles does not count it again.
    pub fn account(&mut self, amount: Usd) {
        let left = |held: Usd| held.saturating_sub_to_zero(amount);
        for settlement in &mut self.held {
            settlement.amount = left(settlement.amount);
        }
        let cost = &mut self.event.cost;
        for known in [&mut cost.list, &mut cost.contract, &mut cost.billed].into_iter().flatten() {
            *known = left(*known);
        }
    }
}

/// An amount charged to one budget in one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    /// The budget.
    pub budget_id: BudgetId,
    /// First instant of the budget's window.
    pub window_start: UnixMicros,
    /// What was charged.
    pub amount: Usd,
}
