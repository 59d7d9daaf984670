//! Budgets: where each stands over all gateways, where it is heading, and how one was spent.

mod course;
pub(crate) mod row;

use askama::Template;
use axum::extract::State;
use axum::response::Html;
use serde::Deserialize;
use units::BudgetId;

use super::layout::{Layout, Section};
use super::{Asked, rendered};
use crate::ConsoleState;
use crate::access::Session;
use crate::budgets::{BudgetStatus, LeaseStatus};
use crate::error::ConsoleError;
use crate::markup::{Money, Stamp};
use crate::permission::Permission;
use crate::session::SignedIn;
use course::Course;
use policy::WhenAlone;
use row::{BudgetRow, Projection};

/// What may be asked of the page.
#[derive(Debug, Deserialize)]
pub(crate) struct BudgetsQuery {
    /// The budget to show in full; by default the one with the least left.
    budget: Option<BudgetId>,
}

#[derive(Template)]
#[template(path = "budgets.html")]
struct BudgetsPage {
    layout: Layout,
    lines: Vec<Line>,
    chosen: Option<Chosen>,
}

/// A budget in the table.
struct Line {
    row: BudgetRow,
    window: &'static str,
    projection: Projection,
    is_chosen: bool,
}

/// The budget shown in full.
struct Chosen {
    row: BudgetRow,
    window: &'static str,
    started: Stamp,
    projection: Projection,
    overshoot: Money,
    /// What each gateway may spend beyond its lease when it is alone; `None` refuses.
    exposure: Option<Money>,
    leases: Vec<LeaseRow>,
    /// `None` when the ledger could not be read.
    course: Option<Course>,
}

/// What a gateway process holds.
struct LeaseRow {
    node: String,
    epoch: String,
    granted: Money,
    settled: Money,
    reserved: Money,
    unspent: Money,
    reported: Stamp,
    expires: Stamp,
}

/// Shows the budgets.
pub(crate) async fn show(
    State(state): State<ConsoleState>,
    SignedIn(session): SignedIn,
    Asked(query): Asked<BudgetsQuery>,
) -> Result<Html<String>, ConsoleError> {
    session.demand(Permission::ReadBudgets)?;
    let budgets = visible(&state, &session).await?;
    let chosen = match query.budget {
        Some(id) => {
            let found = budgets.iter().find(|budget| budget.id == id);
            Some(found.ok_or(ConsoleError::NotFound("budget"))?)
        }
        // The first of those with the least left.
        None => budgets.iter().rev().max_by_key(|budget| budget.amounts.used_per_mille()),
    };
    let chosen_id = chosen.map(|budget| budget.id);
    let line = |budget: &BudgetStatus| Line {
        row: BudgetRow::of(budget, &state.moments()),
        window: row::window_title(budget.window),
        projection: Projection::of(budget, &state),
        is_chosen: Some(budget.id) == chosen_id,
    };
    let chosen = match chosen {
        Some(budget) => Some(Chosen::of(&state, &session, budget).await?),
        None => None,
    };
    rendered(&BudgetsPage {
        layout: Layout::new(&state, &session, Section::Budgets, "Budgets".to_owned()),
        lines: budgets.iter().map(line).collect(),
        chosen,
    })
}

/// The budgets a session may see: those of its team, or all.
pub(crate) async fn visible(
    state: &ConsoleState,
    session: &Session,
) -> Result<Vec<BudgetStatus>, ConsoleError> {
    let mut budgets = state.sources.budgets.status().await?;
    budgets.retain(|budget| session.sees(budget.team.as_ref().map(units::Slug::as_str)));
    Ok(budgets)
}

impl Chosen {
    async fn of(
        state: &ConsoleState,
        session: &Session,
        budget: &BudgetStatus,
    ) -> Result<Self, ConsoleError> {
        let moments = state.moments();
        let lease = |lease: &LeaseStatus| LeaseRow {
            node: lease.node.clone(),
            epoch: lease.epoch.clone(),
            granted: Money(lease.granted),
            settled: Money(lease.settled),
            reserved: Money(lease.reserved),
            unspent: Money(lease.unspent()),
            reported: moments.stamp(lease.reported_at),
            expires: moments.stamp(lease.expires_at),
        };
        let course = match Course::read(state, session, budget).await {
            Ok(course) => Some(course),
            // Where a budget stands does not come from the ledger and is worth showing without it.
            Err(ConsoleError::Ledger(error)) => {
                tracing::warn!(%error, budget = %budget.id, "course of a budget not read");
                None
            }
            Err(error) => return Err(error),
        };
        Ok(Self {
            row: BudgetRow::of(budget, &moments),
            window: row::window_title(budget.window),
            started: moments.stamp(budget.window_start),
            projection: Projection::of(budget, state),
            overshoot: Money(budget.amounts.overshoot),
            exposure: match budget.when_alone {
                WhenAlone::Refuse => None,
                WhenAlone::Spend { exposure } => Some(Money(exposure)),
            },
            leases: budget.leases.iter().map(lease).collect(),
            course,
        })
    }
}
