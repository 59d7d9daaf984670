//! Statements over the API: the same compiled document as the page and its CSV.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use finops::{Adjustment, Coverage, FeatureSubtotal, Scope, Statement, StatementLine, Totals};
use serde::{Deserialize, Serialize};
use units::{BillingPeriod, Slug};
use utoipa::{IntoParams, ToSchema};

use super::money::{Money, instant};
use super::paging::PageQuery;
use crate::ConsoleState;
use crate::error::ConsoleError;
use crate::ledger::StatementEntry;
use crate::pages::Asked;
use crate::permission::Permission;
use crate::session::SignedIn;

/// Months listed unless asked otherwise.
const MONTHS_USUAL: usize = 6;
/// Most months listed at once.
const MONTHS_MAX: usize = 36;

/// Which statements to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct StatementsQuery {
    /// First month, such as `2026-06`; five months before the last by default.
    #[param(value_type = Option<String>)]
    from: Option<BillingPeriod>,
    /// Last month; the present one by default.
    #[param(value_type = Option<String>)]
    until: Option<BillingPeriod>,
}

/// A team's month.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StatementListed {
    /// The team.
    team: String,
    /// The month.
    period: String,
    /// Exact priced cost.
    cost: Money,
    /// Calls whose cost is unknown; the cost leaves them out.
    unpriced_calls: u64,
    /// The month is not over: the figures still change.
    is_draft: bool,
    /// Where the whole statement is.
    href: String,
}

/// A page of statements.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StatementList {
    /// Newest month first, teams by name.
    items: Vec<StatementListed>,
    /// Where the next page begins; null at the end.
    next_cursor: Option<String>,
}

/// A whole statement. Amounts are exact decimal strings in its currency; those named `…_displayed` are
/// the rounded ones that add up.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StatementShown {
    /// ISO 4217 code of every amount.
    currency: &'static str,
    /// Id, the same for every draft of this team and month.
    id: String,
    /// `organisation`, `team`, `period` and the `zone` it is cut in.
    #[schema(value_type = Object)]
    scope: Scope,
    /// One per feature and customer: names, quantities, `cost` and `cost_displayed`.
    #[schema(value_type = Vec<Object>)]
    lines: Vec<StatementLine>,
    /// One subtotal per feature.
    #[schema(value_type = Vec<Object>)]
    features: Vec<FeatureSubtotal>,
    /// All lines together.
    #[schema(value_type = Object)]
    totals: Totals,
    /// What corrected prices changed since the usage was recorded, all of it in `totals` already: `model`,
    /// `version_before`, `version_after`, `attempts`, and the cost `before` and `after`.
    #[schema(value_type = Vec<Object>)]
    adjustments: Vec<Adjustment>,
    /// How much is explained, thousandths.
    #[schema(value_type = Object)]
    coverage: Coverage,
    /// What it was computed from.
    basis: BasisShown,
    /// `blake3:` and a hash: equal digests mean equal figures.
    digest: String,
}

/// What a statement was computed from.
#[derive(Debug, Serialize, ToSchema)]
struct BasisShown {
    /// When.
    #[schema(format = DateTime)]
    generated_at: String,
    /// Version of the usage table.
    table_version: u64,
    /// Price books the usage was priced with.
    price_versions: Vec<String>,
}

impl StatementShown {
    fn of(statement: Statement) -> Self {
        let basis = statement.basis;
        Self {
            currency: "USD",
            id: statement.id.to_string(),
            scope: statement.scope,
            lines: statement.lines,
            features: statement.features,
            totals: statement.totals,
            adjustments: statement.adjustments,
            coverage: statement.coverage,
            basis: BasisShown {
                generated_at: instant(basis.generated_at),
                table_version: basis.table_version,
                price_versions: basis.price_versions,
            },
            digest: statement.digest,
        }
    }
}

/// Lists statements
#[utoipa::path(
    get, path = "/api/v1/statements", tag = "statements", params(StatementsQuery, PageQuery),
    responses((status = 200, body = StatementList)),
    security(("bearer" = []), ("cookie" = []))
)]
pub(super) async fn list(
    State(state): State<ConsoleState>,
    SignedIn(session): SignedIn,
    Asked(query): Asked<StatementsQuery>,
    Asked(page): Asked<PageQuery>,
) -> Result<Json<StatementList>, ConsoleError> {
    session.demand(Permission::ReadCosts)?;
    page.limit()?;
    let current = state.current_period();
    let last = query.until.unwrap_or(current).min(current);
    let usual = || before(last, MONTHS_USUAL - 1);
    let first = query.from.unwrap_or_else(usual).min(last);
    if first < before(last, MONTHS_MAX - 1) {
        return Err(ConsoleError::Malformed(format!("from: at most {MONTHS_MAX} months at once")));
    }
    let index = state.sources.ledger.statement_index(first, last, session.team());
    let entries = state.read(index).await?;
    let mut items: Vec<StatementListed> =
        entries.into_iter().filter_map(|entry| listed(entry, current)).collect();
    items.sort_by(|a, b| b.period.cmp(&a.period).then_with(|| a.team.cmp(&b.team)));
    let (items, next_cursor) = page.cut(items, |item| format!("{}/{}", item.period, item.team))?;
    Ok(Json(StatementList { items, next_cursor }))
}

/// Shows one statement
#[utoipa::path(
    get, path = "/api/v1/statements/team/{team}/{period}", tag = "statements",
    params(
        ("team" = String, Path, description = "The team."),
        ("period" = String, Path, description = "The month, such as `2026-11`.")
    ),
    responses((status = 200, body = StatementShown), (status = 404)),
    security(("bearer" = []), ("cookie" = []))
)]
pub(super) async fn show(
    State(state): State<ConsoleState>,
    SignedIn(session): SignedIn,
    path: Result<Path<(Slug, BillingPeriod)>, PathRejection>,
) -> Result<Json<StatementShown>, ConsoleError> {
    session.demand(Permission::ReadCosts)?;
    let none = || ConsoleError::NotFound("statement");
    let Path((team, period)) = path.map_err(|_| none())?;
    session.demand_sight(Some(team.as_str()), "statement")?;
    let statement = state.read(state.sources.ledger.statement(&team, period)).await?;
    let statement = statement.ok_or_else(none)?;
    Ok(Json(StatementShown::of(statement)))
}

/// A statement there is a document of: what has no team, or a name that is no slug, has none.
fn listed(entry: StatementEntry, current: BillingPeriod) -> Option<StatementListed> {
    let team: Slug = entry.team?.parse().ok()?;
    Some(StatementListed {
        href: format!("/api/v1/statements/team/{team}/{}", entry.period),
        team: team.into(),
        period: entry.period.to_string(),
        cost: entry.cost.into(),
        unpriced_calls: entry.unpriced_calls,
        is_draft: entry.period == current,
    })
}

fn before(period: BillingPeriod, months: usize) -> BillingPeriod {
    (0..months).fold(period, |period, _| period.previous())
}
