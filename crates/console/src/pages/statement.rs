//! A team's monthly statement, as page and as CSV: both write the same compiled statement.

use askama::Template;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use finops::{Adjustment, Coverage, Figures, ROUNDING_NOTE, Statement, StatementLine, UNTAGGED};
use units::{BillingPeriod, Slug, Usd};

use super::layout::{Layout, Section};
use super::rendered;
use crate::access::Session;
use crate::amount::{Amount, ExactDifference, Unit};
use crate::error::ConsoleError;
use crate::figures::{counted, percent};
use crate::ledger::MonthWindow;
use crate::markup::{Count, ExactMoney, Money, Stamp};
use crate::permission::Permission;
use crate::session::SignedIn;
use crate::{ConsoleState, moments};

#[derive(Template)]
#[template(path = "statement.html")]
struct StatementPage {
    layout: Layout,
    heading: Heading,
    sections: Vec<FeatureSection>,
    total: FigureCells,
    /// `None` where no price was corrected.
    corrections: Option<Corrections>,
    notes: Notes,
    csv: String,
}

/// Whose statement, of when, and how final.
struct Heading {
    team: String,
    month: String,
    days: String,
    is_draft: bool,
    made_at: Stamp,
    coverage: Vec<(&'static str, String)>,
}

/// The lines of one feature.
struct FeatureSection {
    feature: Option<String>,
    lines: Vec<LineRow>,
    subtotal: FigureCells,
}

struct LineRow {
    customer: Option<String>,
    figures: FigureCells,
}

/// A row's figures as cells.
struct FigureCells {
    requests: Count,
    input_tokens: Count,
    output_tokens: Count,
    exact: ExactMoney,
    rounded: Money,
    is_unpriced: bool,
}

/// What corrected prices changed, from what was recorded to the total.
struct Corrections {
    recorded: ExactMoney,
    rows: Vec<CorrectionRow>,
    adjusted: ExactDifference,
    restated: ExactMoney,
}

/// One model's calls, priced anew.
struct CorrectionRow {
    model: Option<String>,
    version_before: Option<String>,
    version_after: Option<String>,
    attempts: Count,
    /// `None` where the calls had no price.
    before: Option<ExactMoney>,
    after: ExactMoney,
    difference: ExactDifference,
}

/// What a reader must know to trust the figures.
struct Notes {
    unpriced: Option<String>,
    rounding: &'static str,
    rounding_effect: ExactMoney,
    price_versions: Vec<String>,
    /// `None` where it is not known: version 0 is the empty table and has no statements.
    table_version: Option<Count>,
    id: String,
    digest: String,
}

/// Shows the statement, or hands it out as CSV when the document's name ends so.
pub(crate) async fn show(
    State(state): State<ConsoleState>,
    SignedIn(session): SignedIn,
    path: Result<Path<(Slug, String)>, PathRejection>,
) -> Result<Response, ConsoleError> {
    session.demand(Permission::ReadCosts)?;
    let Path((team, document)) = path.map_err(|_| ConsoleError::NotFound("statement"))?;
    session.demand_sight(Some(team.as_str()), "statement")?;
    let (month, is_csv) =
        document.strip_suffix(".csv").map_or((document.as_str(), false), |month| (month, true));
    let period = month.parse().map_err(|_| ConsoleError::NotFound("statement"))?;
    let statement = state.read(state.sources.ledger.statement(&team, period)).await?;
    let statement = statement.ok_or(ConsoleError::NotFound("statement"))?;
    if is_csv { csv(&statement) } else { page(&state, &session, &statement) }
}

fn csv(statement: &Statement) -> Result<Response, ConsoleError> {
    let scope = &statement.scope;
    // A slug and a period hold nothing that would need quoting here.
    let name = format!("statement-{}-{}.csv", scope.team, scope.period);
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    Ok((headers, statement.to_csv()?).into_response())
}

fn page(
    state: &ConsoleState,
    session: &Session,
    statement: &Statement,
) -> Result<Response, ConsoleError> {
    let scope = &statement.scope;
    let heading = Heading::of(state, statement);
    let title = format!("Statement of {}, {}", heading.team, heading.month);
    let page = StatementPage {
        layout: Layout::new(state, session, Section::Statements, title),
        heading,
        sections: sections(statement),
        total: FigureCells::of(&statement.totals.figures, statement.totals.cost_displayed),
        corrections: Corrections::of(statement),
        notes: Notes::of(statement),
        csv: format!("/statements/team/{}/{}.csv", scope.team, scope.period),
    };
    Ok(rendered(&page)?.into_response())
}

impl Heading {
    fn of(state: &ConsoleState, statement: &Statement) -> Self {
        let period = statement.scope.period;
        let window = MonthWindow::new(period, &state.settings.zone, statement.basis.generated_at);
        Self {
            team: statement.scope.team.to_string(),
            month: moments::month_title(period),
            days: days_of(period),
            is_draft: !window.is_over(),
            made_at: state.moments().stamp(statement.basis.generated_at),
            coverage: coverage(&statement.coverage),
        }
    }
}

/// `1 Nov 2026 to 30 Nov 2026`.
fn days_of(period: BillingPeriod) -> String {
    let first = period.first_day();
    let last = period.next().first_day().yesterday().unwrap_or(first);
    format!("{} to {}", moments::day_long(first), moments::day_long(last))
}

fn coverage(coverage: &Coverage) -> Vec<(&'static str, String)> {
    let shares = [
        ("of requests priced", coverage.priced_requests_per_mille),
        ("of cost with a feature", coverage.feature_cost_per_mille),
        ("of cost with a customer", coverage.customer_cost_per_mille),
    ];
    shares.into_iter().filter_map(|(name, share)| Some((name, percent(share?)))).collect()
}

/// Features with their lines. Both come in the same order, a feature's lines together.
fn sections(statement: &Statement) -> Vec<FeatureSection> {
    let lines = statement.lines.chunk_by(|a, b| a.feature == b.feature);
    let sections = statement.features.iter().zip(lines).map(|(feature, lines)| FeatureSection {
        feature: feature.feature.clone(),
        lines: lines.iter().map(LineRow::of).collect(),
        subtotal: FigureCells::of(&feature.figures, feature.cost_displayed),
    });
    sections.collect()
}

impl LineRow {
    fn of(line: &StatementLine) -> Self {
        let figures = FigureCells::of(&line.figures, line.cost_displayed);
        Self { customer: line.customer.clone(), figures }
    }
}

impl FigureCells {
    fn of(figures: &Figures, displayed: Usd) -> Self {
        Self {
            requests: Count(figures.requests),
            input_tokens: Count(figures.input_tokens),
            output_tokens: Count(figures.output_tokens),
            exact: ExactMoney(figures.cost),
            rounded: Money(displayed),
            is_unpriced: figures.unpriced_requests > 0,
        }
    }
}

impl Corrections {
    fn of(statement: &Statement) -> Option<Self> {
        (!statement.adjustments.is_empty()).then(|| Self {
            recorded: ExactMoney(statement.recorded()),
            rows: statement.adjustments.iter().map(CorrectionRow::of).collect(),
            adjusted: exact_difference(statement.adjusted()),
            restated: ExactMoney(statement.totals.figures.cost),
        })
    }
}

impl CorrectionRow {
    fn of(adjustment: &Adjustment) -> Self {
        let had_price = adjustment.version_before.is_some();
        Self {
            model: adjustment.model.clone(),
            version_before: adjustment.version_before.clone(),
            version_after: adjustment.version_after.clone(),
            attempts: Count(adjustment.attempts),
            before: had_price.then_some(ExactMoney(adjustment.before)),
            after: ExactMoney(adjustment.after),
            difference: exact_difference(adjustment.difference()),
        }
    }
}

fn exact_difference(change: Usd) -> ExactDifference {
    ExactDifference(Amount { digits: change.pico(), unit: Unit::Usd })
}

impl Notes {
    fn of(statement: &Statement) -> Self {
        let totals = &statement.totals;
        let unpriced = totals.figures.unpriced_requests;
        let version = statement.basis.table_version;
        Self {
            unpriced: (unpriced > 0).then(|| counted(unpriced, "request")),
            rounding: ROUNDING_NOTE,
            rounding_effect: ExactMoney(totals.cost_displayed - totals.figures.cost),
            price_versions: statement.basis.price_versions.clone(),
            table_version: (version > 0).then_some(Count(version)),
            id: statement.id.to_string(),
            digest: statement.digest.clone(),
        }
    }
}
