//! The budgets as the console shows them, read from the gateway's memory.

use std::sync::Arc;

use console::{BudgetBoard, BudgetStatus};
use policy::Treasury;
use units::Clock;

/// The treasury behind the console's board.
pub(super) struct Board {
    pub(super) treasury: Arc<Treasury>,
    pub(super) clock: Arc<dyn Clock>,
}

impl BudgetBoard for Board {
    fn status(&self) -> Vec<BudgetStatus> {
        let shown = |status: policy::BudgetStatus| BudgetStatus {
            team: status.scope.strip_prefix("team:").map(str::to_owned),
            name: status.name,
            limit: status.limit,
            spent: status.spent,
            reserved: status.reserved,
            window_start: status.window_start,
            resets_at: status.resets_at,
        };
        self.treasury.status(self.clock.now()).into_iter().map(shown).collect()
    }
}
