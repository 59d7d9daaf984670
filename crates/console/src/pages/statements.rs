//! The index of statements: teams by months.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State;
use axum::response::Html;
use serde::Deserialize;
use units::{BillingPeriod, Slug};

use super::layout::{Layout, Section};
use super::{Asked, rendered};
use crate::error::ConsoleError;
use crate::ledger::StatementEntry;
use crate::markup::Money;
use crate::permission::Permission;
use crate::session::SignedIn;
use crate::{ConsoleState, moments};

/// Months side by side: as many as fit on a page in print.
const MONTHS: usize = 6;

/// What may be asked of the index.
#[derive(Debug, Deserialize)]
pub(crate) struct StatementsQuery {
    /// The newest month to show; the present one by default.
    until: Option<BillingPeriod>,
}

#[derive(Template)]
#[template(path = "statements.html")]
struct StatementsPage {
    layout: Layout,
    months: Vec<Month>,
    rows: Vec<Row>,
    /// Per month; `None` without usage.
    totals: Vec<Option<Money>>,
    grand_total: Money,
    has_unpriced: bool,
    earlier: BillingPeriod,
    later: Option<BillingPeriod>,
}

struct Month {
    title: String,
    is_running: bool,
}

struct Row {
    team: Option<String>,
    cells: Vec<Option<Cell>>,
    total: Money,
}

struct Cell {
    cost: Money,
    /// Where the statement is; `None` for what belongs to no team.
    link: Option<String>,
    month: String,
    has_unpriced: bool,
}

/// Shows the index.
pub(crate) async fn show(
    State(state): State<ConsoleState>,
    SignedIn(session): SignedIn,
    Asked(query): Asked<StatementsQuery>,
) -> Result<Html<String>, ConsoleError> {
    session.demand(Permission::ReadCosts)?;
    let current = state.current_period();
    let last = query.until.unwrap_or(current).min(current);
    let periods = months_until(last);
    let first = periods.first().copied().unwrap_or(last);
    let index = state.sources.ledger.statement_index(first, last, session.team());
    let entries = state.read(index).await?;
    let totals = periods.iter().map(|period| total_of(&entries, *period));
    let later = advanced(last, MONTHS).min(current);
    rendered(&StatementsPage {
        layout: Layout::new(&state, &session, Section::Statements, "Statements".to_owned()),
        months: periods.iter().map(|period| Month::of(*period, current)).collect(),
        rows: rows(&entries, &periods),
        totals: totals.collect(),
        grand_total: Money(entries.iter().map(|entry| entry.cost).sum()),
        has_unpriced: entries.iter().any(|entry| entry.unpriced_calls > 0),
        earlier: first.previous(),
        later: (last < current).then_some(later),
    })
}

impl Month {
    fn of(period: BillingPeriod, current: BillingPeriod) -> Self {
        Self { title: moments::month_short(period), is_running: period == current }
    }
}

fn months_until(last: BillingPeriod) -> Vec<BillingPeriod> {
    let mut periods: Vec<BillingPeriod> =
        std::iter::successors(Some(last), |period| Some(period.previous())).take(MONTHS).collect();
    periods.reverse();
    periods
}

fn advanced(period: BillingPeriod, months: usize) -> BillingPeriod {
    (0..months).fold(period, |period, _| period.next())
}

fn total_of(entries: &[StatementEntry], period: BillingPeriod) -> Option<Money> {
    let costs = entries.iter().filter(|entry| entry.period == period).map(|entry| entry.cost);
    costs.reduce(|a, b| a + b).map(Money)
}

/// One row per team in the order of names, what has no team last.
fn rows(entries: &[StatementEntry], periods: &[BillingPeriod]) -> Vec<Row> {
    let mut teams: BTreeMap<(bool, &Option<String>), Vec<&StatementEntry>> = BTreeMap::new();
    for entry in entries {
        teams.entry((entry.team.is_none(), &entry.team)).or_default().push(entry);
    }
    let row = |(_, team): (bool, &Option<String>), entries: &[&StatementEntry]| Row {
        team: team.clone(),
        cells: periods
            .iter()
            .map(|period| entries.iter().find(|entry| entry.period == *period))
            .map(|entry| entry.map(|entry| Cell::of(entry)))
            .collect(),
        total: Money(entries.iter().map(|entry| entry.cost).sum()),
    };
    teams.into_iter().map(|(team, entries)| row(team, &entries)).collect()
}

impl Cell {
    fn of(entry: &StatementEntry) -> Self {
        Self {
            cost: Money(entry.cost),
            link: entry.team.as_deref().and_then(|team| statement_path(team, entry.period)),
            month: moments::month_title(entry.period),
            has_unpriced: entry.unpriced_calls > 0,
        }
    }
}

/// Where a team's statement is. History may hold names that are no slug; those have no page.
pub(super) fn statement_path(team: &str, period: BillingPeriod) -> Option<String> {
    team.parse::<Slug>().ok().map(|team| format!("/statements/team/{team}/{period}"))
}
