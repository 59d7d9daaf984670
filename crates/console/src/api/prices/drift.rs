//! Reported against computed cost, over the API.

use axum::Json;
use axum::extract::State;
use finops::{CostDrift, cost_drift};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::ConsoleState;
use crate::api::money::Money;
use crate::api::paging::PageQuery;
use crate::error::ConsoleError;
use crate::pages::Asked;
use crate::pages::prices::drift::{read, verdict_word};
use crate::pages::terms::Terms;
use crate::permission::Permission;
use crate::session::SignedIn;

/// Which days.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct DaysQuery {
    /// First day, such as `2026-11-01`; the last 30 days by default.
    #[serde(default)]
    #[param(value_type = Option<String>, format = Date)]
    from: String,
    /// Last day; today by default.
    #[serde(default)]
    #[param(value_type = Option<String>, format = Date)]
    to: String,
}

/// One model on one day.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct DriftShown {
    /// The day, UTC.
    #[schema(format = Date)]
    day: String,
    /// Provider, as the configuration calls it.
    provider: Option<String>,
    /// Model as sent to the provider.
    model: Option<String>,
    /// Calls whose answer named a cost.
    calls: u64,
    /// Those of them whose cost by the price book is unknown.
    unpriced_calls: u64,
    /// What the provider named.
    reported: Money,
    /// What was billed by the price book, corrections included.
    computed: Money,
    /// Reported less computed.
    difference: Money,
    /// `agrees` within 0.1 % of what was reported, `differs`, or `unpriced` where nothing compares.
    verdict: &'static str,
}

/// A page of days of models.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct DriftList {
    /// By day, provider and model.
    items: Vec<DriftShown>,
    /// Where the next page begins; null at the end.
    next_cursor: Option<String>,
}

/// Compares reported with computed cost
///
/// By day and model, for providers that name a cost in their answers.
#[utoipa::path(
    get, path = "/api/v1/prices/drift", tag = "prices", params(DaysQuery, PageQuery),
    responses((status = 200, body = DriftList)),
    security(("bearer" = []), ("cookie" = []))
)]
pub(in crate::api) async fn list(
    State(state): State<ConsoleState>,
    SignedIn(session): SignedIn,
    Asked(days): Asked<DaysQuery>,
    Asked(page): Asked<PageQuery>,
) -> Result<Json<DriftList>, ConsoleError> {
    session.demand(Permission::ReadCosts)?;
    page.limit()?;
    let (_, costs) = read(&state, &session, &terms(days.from, days.to)).await?;
    let (items, next_cursor) = page.cut(cost_drift(costs), name)?;
    let items = items.into_iter().map(DriftShown::of).collect();
    Ok(Json(DriftList { items, next_cursor }))
}

/// Days as pages are asked for them; without a first day those that are shown when nothing is asked.
pub(super) fn terms(from: String, to: String) -> Terms {
    let range = if from.is_empty() && to.is_empty() { "" } else { "dates" };
    Terms { range: range.to_owned(), from, to, ..Terms::default() }
}

/// Tells a line from all others.
fn name(drift: &CostDrift) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "\0".to_owned());
    let cost = &drift.cost;
    format!("{}/{}/{}", cost.day, text(&cost.provider), text(&cost.model))
}

impl DriftShown {
    fn of(drift: CostDrift) -> Self {
        let cost = drift.cost;
        Self {
            day: cost.day.to_string(),
            provider: cost.provider,
            model: cost.model,
            calls: cost.requests,
            unpriced_calls: cost.unpriced,
            reported: cost.reported.into(),
            computed: cost.computed.into(),
            difference: drift.delta.into(),
            verdict: verdict_word(drift.verdict),
        }
    }
}
