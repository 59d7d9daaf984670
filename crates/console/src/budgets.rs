//! The state of budgets as the gateway holds it; implemented where the gateway is wired.

use units::{UnixMicros, Usd};

/// Where one budget stands in its present window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetStatus {
    /// The budget's name.
    pub name: String,
    /// The team it caps; `None` for a wider budget.
    pub team: Option<String>,
    /// The most that may be spent in the window.
    pub limit: Usd,
    /// Settled spend.
    pub spent: Usd,
    /// Held for requests under way.
    pub reserved: Usd,
    /// First instant of the window.
    pub window_start: UnixMicros,
    /// When the next window starts.
    pub resets_at: UnixMicros,
}

/// Tells where every budget stands. Must answer from memory: pages call it while rendering.
pub trait BudgetBoard: Send + Sync {
    /// Every budget, in the order to show.
    fn status(&self) -> Vec<BudgetStatus>;
}

/// The board of a console that runs without a gateway.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoBudgets;

impl BudgetBoard for NoBudgets {
    fn status(&self) -> Vec<BudgetStatus> {
        Vec::new()
    }
}
