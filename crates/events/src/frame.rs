//! What the spool holds: an intent before the first byte leaves, and one frame that settles it.

mod wire;

use serde::{Deserialize, Serialize};
use units::{BudgetId, RequestId, UnixMicros, Usd};

use crate::UsageEvent;

/// One record of the spool. On disk each variant has a number for every layout an event ever had, so
/// that what an older build wrote is read for ever (`frame/wire.rs`).
#[derive(Debug, Clone, PartialEq)]
pub enum Frame {
    /// An attempt is about to be sent; what it may cost is held.
    Opened(Box<Intent>),
    /// An attempt is over: the record and the money in one frame, so that they cannot disagree.
    Settled(Box<UsageEvent>, Vec<Settlement>),
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
        (self.event.ids.request_id, self.event.ids.attempt)
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
