//! The budgets as the console shows them: over all gateways, with the leases each holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use console::{BoardError, BudgetAmounts, BudgetBoard, BudgetStatus, LeaseStatus};
use policy::{Budget, Lease, LeaseState, Scope};
use store::Leases;
use units::{BudgetId, Clock, UnixMicros};

use super::publisher::Published;

/// The authority and its books behind the console's board.
pub(super) struct Board {
    pub(super) authority: Arc<finops::Authority>,
    pub(super) leases: Arc<dyn Leases>,
    pub(super) published: Published,
    pub(super) clock: Arc<dyn Clock>,
}

#[async_trait]
impl BudgetBoard for Board {
    async fn status(&self) -> Result<Vec<BudgetStatus>, BoardError> {
        let now = self.clock.now();
        let failed = |error: &dyn std::fmt::Display| BoardError(error.to_string());
        let statuses = self.authority.status(now).await.map_err(|error| failed(&error))?;
        let since = statuses.iter().map(|status| status.window_start).min().unwrap_or(now);
        let books = self.leases.open_windows(since).await.map_err(|error| failed(&error))?;
        let mut leases: BTreeMap<(BudgetId, UnixMicros), Vec<Lease>> = books
            .into_iter()
            .map(|books| ((books.budget, books.window_start), books.leases))
            .collect();
        let document = Arc::clone(&self.published.borrow());
        let shown = |status: policy::BudgetStatus| {
            let budget = document.budgets.iter().find(|budget| budget.id == status.id)?;
            let held = leases.remove(&(status.id, status.window_start)).unwrap_or_default();
            Some(shown(status, budget, held))
        };
        Ok(statuses.into_iter().filter_map(shown).collect())
    }
}

fn shown(status: policy::BudgetStatus, budget: &Budget, held: Vec<Lease>) -> BudgetStatus {
    let open = held.into_iter().filter(|lease| lease.state == LeaseState::Open);
    BudgetStatus {
        id: status.id,
        name: status.name,
        team: team_of(&budget.scope),
        scope: budget.scope.clone(),
        window: status.window,
        window_start: status.window_start,
        resets_at: status.resets_at,
        amounts: BudgetAmounts {
            limit: status.limit,
            spent: status.spent,
            reserved: status.reserved,
            overshoot: status.overshoot,
        },
        leases: open.map(lease).collect(),
        when_alone: budget.when_alone,
    }
}

/// The one team that all spending of a scope belongs to.
pub(super) fn team_of(scope: &Scope) -> Option<units::Slug> {
    match scope {
        Scope::Team(team) => Some(team.clone()),
        _ => None,
    }
}

fn lease(lease: Lease) -> LeaseStatus {
    LeaseStatus {
        node: lease.node,
        epoch: lease.epoch,
        granted: lease.granted,
        settled: lease.settled,
        reserved: lease.reserved,
        reported_at: lease.reported_at,
        expires_at: lease.expires_at,
    }
}
