//! Budgets over the API.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::money::{Money, instant};
use super::paging::PageQuery;
use crate::ConsoleState;
use crate::budgets::{BudgetStatus, LeaseStatus};
use crate::error::ConsoleError;
use crate::pages::{Asked, budgets};
use crate::permission::Permission;
use crate::session::SignedIn;

/// A budget in its present window, over all gateways.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BudgetShown {
    /// `bud_…`.
    id: String,
    /// Its name.
    name: String,
    /// Whose spending counts: `organisation`, `team:search`, `model:gpt-5.4`, …
    scope: String,
    /// `day`, `week`, `month`, `quarter` or `year`.
    window: &'static str,
    /// First instant of the window.
    #[schema(format = DateTime)]
    window_start: String,
    /// When the next window starts.
    #[schema(format = DateTime)]
    resets_at: String,
    /// The most that may be spent.
    limit: Money,
    /// Settled spend.
    spent: Money,
    /// Held for requests under way.
    reserved: Money,
    /// What is left to spend.
    left: Money,
    /// By how much answers have cost more than was held for them.
    overshoot: Money,
    /// What gateways hold.
    leases: Vec<LeaseShown>,
}

/// What one gateway process holds.
#[derive(Debug, Serialize, ToSchema)]
struct LeaseShown {
    /// The gateway.
    node: String,
    /// Its process.
    epoch: String,
    /// Granted in this window.
    granted: Money,
    /// Settled of it.
    settled: Money,
    /// Held of it for requests under way.
    reserved: Money,
    /// When it last reported.
    #[schema(format = DateTime)]
    reported_at: String,
    /// When the grant ends unless it reports again.
    #[schema(format = DateTime)]
    expires_at: String,
}

/// A page of budgets.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BudgetList {
    /// In the order of the configuration.
    items: Vec<BudgetShown>,
    /// Where the next page begins; null at the end.
    next_cursor: Option<String>,
}

/// Lists budgets and where they stand
#[utoipa::path(
    get, path = "/api/v1/budgets", tag = "budgets", params(PageQuery),
    responses((status = 200, body = BudgetList)),
    security(("bearer" = []), ("cookie" = []))
)]
pub(super) async fn list(
    State(state): State<ConsoleState>,
    SignedIn(session): SignedIn,
    Asked(page): Asked<PageQuery>,
) -> Result<Json<BudgetList>, ConsoleError> {
    session.demand(Permission::ReadBudgets)?;
    let seen = budgets::visible(&state, &session).await?;
    let (items, next_cursor) = page.cut(seen, |budget| budget.id.to_string())?;
    Ok(Json(BudgetList { items: items.iter().map(BudgetShown::of).collect(), next_cursor }))
}

impl BudgetShown {
    fn of(budget: &BudgetStatus) -> Self {
        let amounts = &budget.amounts;
        Self {
            id: budget.id.to_string(),
            name: budget.name.clone(),
            scope: budget.scope.to_string(),
            window: budget.window.name(),
            window_start: instant(budget.window_start),
            resets_at: instant(budget.resets_at),
            limit: amounts.limit.into(),
            spent: amounts.spent.into(),
            reserved: amounts.reserved.into(),
            left: amounts.left().into(),
            overshoot: amounts.overshoot.into(),
            leases: budget.leases.iter().map(LeaseShown::of).collect(),
        }
    }
}

impl LeaseShown {
    fn of(lease: &LeaseStatus) -> Self {
        Self {
            node: lease.node.clone(),
            epoch: lease.epoch.clone(),
            granted: lease.granted.into(),
            settled: lease.settled.into(),
            reserved: lease.reserved.into(),
            reported_at: instant(lease.reported_at),
            expires_at: instant(lease.expires_at),
        }
    }
}
