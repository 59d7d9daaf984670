//! The overview: what this month has cost so far, where it is heading, who spends it on what, and
//! how far the figures can be trusted.

mod rankings;
mod summary;
mod trend;

use askama::Template;
use axum::extract::State;
use axum::response::Html;
use serde::Deserialize;
use units::BillingPeriod;

use super::budgets::row::BudgetRow;
use super::layout::{Layout, Section};
use super::{Asked, budgets, rendered};
use crate::access::Session;
use crate::error::ConsoleError;
use crate::ledger::{MonthWindow, OverviewData, UnpricedModel};
use crate::markup::{Count, Stamp};
use crate::permission::Permission;
use crate::session::SignedIn;
use crate::{ConsoleState, moments};
use rankings::{Name, Ranking};
use summary::Summary;
use trend::Trend;

/// What may be asked of the overview.
#[derive(Debug, Deserialize)]
pub(crate) struct OverviewQuery {
    /// The month to show; the present one by default.
    month: Option<BillingPeriod>,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    layout: Layout,
    months: Months,
    contents: Contents,
    budgets: Budgets,
    freshness: Freshness,
}

/// The month shown and its neighbours.
struct Months {
    title: String,
    is_over: bool,
    until: Stamp,
    earlier: BillingPeriod,
    later: Option<BillingPeriod>,
}

/// What there is to show.
enum Contents {
    /// Nothing recorded lately, this month or the one before.
    NothingYet,
    /// Nothing in this month.
    EmptyMonth,
    /// Figures.
    Figures(Box<Figures>),
}

struct Figures {
    summary: Summary,
    trend: Trend,
    rankings: Vec<Ranking>,
    unpriced: Vec<UnpricedRow>,
}

struct UnpricedRow {
    model: String,
    calls: Count,
    tokens: Count,
}

/// Where budgets stand; none beside a month that is over.
#[derive(Default)]
struct Budgets {
    rows: Vec<BudgetRow>,
    /// They could not be read.
    are_away: bool,
    /// The session may see them in full.
    has_page: bool,
}

struct Freshness {
    received: Option<(Stamp, String)>,
    ingested: Option<Stamp>,
}

/// Shows the overview.
pub(crate) async fn show(
    State(state): State<ConsoleState>,
    SignedIn(session): SignedIn,
    Asked(query): Asked<OverviewQuery>,
) -> Result<Html<String>, ConsoleError> {
    session.demand(Permission::ReadCosts)?;
    let current = state.current_period();
    let period = query.month.unwrap_or(current).min(current);
    let window = MonthWindow::new(period, &state.settings.zone, state.now());
    let data = state.read(state.sources.ledger.overview(&window, session.team())).await?;
    let months = Months::of(&state, &window, current);
    let freshness = Freshness::of(&state, &data);
    let title = format!("Overview, {}", months.title);
    // Budgets are a fact of the present: beside the figures of a past month they would mislead.
    let budgets =
        if period == current { Budgets::read(&state, &session).await } else { Budgets::default() };
    rendered(&OverviewPage {
        layout: Layout::new(&state, &session, Section::Overview, title),
        months,
        contents: Contents::of(&window, data)?,
        budgets,
        freshness,
    })
}

impl Months {
    fn of(state: &ConsoleState, window: &MonthWindow, current: BillingPeriod) -> Self {
        Self {
            title: moments::month_title(window.period),
            is_over: window.is_over(),
            until: state.moments().stamp(window.until),
            earlier: window.period.previous(),
            later: (window.period < current).then(|| window.period.next()),
        }
    }
}

impl Contents {
    fn of(window: &MonthWindow, data: OverviewData) -> Result<Self, ConsoleError> {
        if data.totals.requests == 0 {
            let is_new = data.freshness.received_at.is_none() && data.previous_days.is_empty();
            return Ok(if is_new { Self::NothingYet } else { Self::EmptyMonth });
        }
        Ok(Self::Figures(Box::new(Figures {
            summary: Summary::of(window, &data),
            trend: Trend::of(window, &data)?,
            rankings: Ranking::all(window.period, &data),
            unpriced: data.unpriced.into_iter().map(UnpricedRow::of).collect(),
        })))
    }
}

impl UnpricedRow {
    fn of(model: UnpricedModel) -> Self {
        Self { model: model.model, calls: Count(model.calls), tokens: Count(model.tokens) }
    }
}

impl Budgets {
    /// Where they stand. The month's figures are worth showing without them.
    async fn read(state: &ConsoleState, session: &Session) -> Self {
        let has_page = session.may(Permission::ReadBudgets);
        match budgets::visible(state, session).await {
            Ok(budgets) => {
                let rows = budgets.iter().map(|budget| BudgetRow::of(budget, &state.moments()));
                Self { rows: rows.collect(), are_away: false, has_page }
            }
            Err(error) => {
                tracing::warn!(%error, "budgets not read for the overview");
                Self { rows: Vec::new(), are_away: true, has_page }
            }
        }
    }
}

impl Freshness {
    fn of(state: &ConsoleState, data: &OverviewData) -> Self {
        let (now, moments) = (state.now(), state.moments());
        let received = data.freshness.received_at;
        Self {
            received: received.map(|at| (moments.stamp(at), moments::ago(at, now))),
            ingested: data.freshness.ingested_at.map(|at| moments.stamp(at)),
        }
    }
}
