//! The books of one budget in one window, as the authority decides over them: what was spent without
//! a lease, and every lease.
//!
//! Invariant, held whenever room is granted: `base + corrections + Σ max(granted, settled) <= limit`.
//! Grants are cumulative and durable before they are told, so that repeats, lost replies and restarts
//! of the authority change nothing. This file must never know who stores the books.

use serde::{Deserialize, Serialize};
use units::{BudgetId, UnixMicros, Usd};

/// The books of one budget in one window. Key: (budget, window_start).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowBooks {
    /// The budget.
    pub budget: BudgetId,
    /// First instant of the window, UTC, cut in the organisation's zone.
    pub window_start: UnixMicros,
    /// Spend of whoever held no lease when the window was opened; `None` until it was summed from
    /// the lake. Nothing is granted before it is known.
    pub base: Option<Usd>,
    /// What reconciliation with the lake added since; may be negative.
    pub corrections: Usd,
    /// Every lease ever opened in the window.
    pub leases: Vec<Lease>,
}

/// What one gateway process may spend of a budget in a window.
/// Key: (budget, window_start, node, epoch).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Node id of the holder.
    pub node: String,
    /// Epoch of the holder's process.
    pub epoch: String,
    /// Counts the changes of `granted`, from 1.
    pub term: u64,
    /// Most the holder may charge in all.
    pub granted: Usd,
    /// Charged so far, as last reported.
    pub settled: Usd,
    /// Spend of the same holder that is part of the window's `base` or `corrections`: what the lake
    /// held of it before the lease was opened. The lake's sum of the holder is `before + settled`.
    pub before: Usd,
    /// Held for requests under way, as last reported.
    pub reserved: Usd,
    /// Sum of what its requests cost beyond what they held, as last reported.
    pub overshoot: Usd,
    /// The holder's next spool sequence, as last reported: every charge of an earlier number is in
    /// `settled`.
    pub next_seq: u64,
    /// When the lease runs out unless the holder reports again, authority's clock.
    pub expires_at: UnixMicros,
    /// When the holder last reported, authority's clock.
    pub reported_at: UnixMicros,
    /// Whether it may still change.
    pub state: LeaseState,
}

/// Whether a lease may still change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeaseState {
    /// Its holder may spend, or may have spent what it has not reported.
    #[default]
    Open,
    /// Its holder is gone and all it spent is in the lake: `granted = settled`.
    Closed,
}

impl WindowBooks {
    /// Books in which nothing was written yet.
    pub fn new(budget: BudgetId, window_start: UnixMicros) -> Self {
        Self { budget, window_start, base: None, corrections: Usd::ZERO, leases: Vec::new() }
    }

    /// Everything charged to the window, as far as is known.
    pub fn spent(&self) -> Usd {
        self.unleased() + self.leases.iter().map(|lease| lease.settled).sum()
    }

    /// Everything that must count against the limit: charged, or promised to someone.
    pub fn committed(&self) -> Usd {
        self.unleased() + self.leases.iter().map(Lease::committed).sum()
    }

    /// The lease of a holder.
    pub fn lease(&self, node: &str, epoch: &str) -> Option<&Lease> {
        self.leases.iter().find(|lease| lease.is_of(node, epoch))
    }

    /// The lease of a holder, to be changed.
    pub fn lease_mut(&mut self, node: &str, epoch: &str) -> Option<&mut Lease> {
        self.leases.iter_mut().find(|lease| lease.is_of(node, epoch))
    }

    fn unleased(&self) -> Usd {
        self.base.unwrap_or_default() + self.corrections
    }
}

impl Lease {
    /// What the lease takes of the limit.
    pub fn committed(&self) -> Usd {
        self.granted.max(self.settled)
    }

    /// Whether the lease is that of a holder.
    pub fn is_of(&self, node: &str, epoch: &str) -> bool {
        self.node == node && self.epoch == epoch
    }

    /// Whether it may still change.
    pub fn is_open(&self) -> bool {
        self.state == LeaseState::Open
    }
}
