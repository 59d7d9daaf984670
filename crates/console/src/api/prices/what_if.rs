//! What-if over the API: the page's question and answer.

use axum::Json;
use axum::extract::State;
use finops::WhatIfLine;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::drift::terms;
use crate::ConsoleState;
use crate::access::Session;
use crate::api::money::{Money, instant};
use crate::comparison::{CompareAsked, Compared, Terms, compare};
use crate::error::ConsoleError;
use crate::explore::{By, Condition, Dimension};
use crate::pages::Asked;
use crate::permission::Permission;
use crate::session::SignedIn;
use crate::span::Preset;

/// Which traffic, and what to price it as. Without `models` each call stays where it was, on other terms.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct WhatIfQuery {
    /// First day, such as `2026-11-01`; the first of last month by default.
    #[param(format = Date)]
    from: Option<String>,
    /// Last day; today by default, and the last of last month where `from` is left out too.
    #[param(format = Date)]
    to: Option<String>,
    /// Traffic of this team only.
    team: Option<String>,
    /// Traffic of this project only.
    project: Option<String>,
    /// Traffic of this key only.
    key: Option<String>,
    /// Traffic to this provider only, as the configuration calls it.
    provider: Option<String>,
    /// Traffic to this model only.
    model: Option<String>,
    /// Models to price it on, such as `openai/gpt-5.4`, separated by commas; four at most.
    models: Option<String>,
    /// Service tier, such as `flex`; as recorded by default.
    tier: Option<String>,
    /// `batch`; as recorded by default.
    processing: Option<String>,
    /// Share of text input read from a cache, per cent, 0 for nothing; as recorded by default.
    #[param(maximum = 100)]
    cached: Option<u8>,
}

/// What some calls would have cost.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Estimated {
    /// At the expected number of tokens.
    expected: Money,
    /// At the fewest tokens the band of measured ratios allows.
    low: Money,
    /// At the most.
    high: Money,
    /// Tokens are counted as they were, so that the three are one.
    is_exact: bool,
    /// Input and output tokens as they were counted.
    tokens: u64,
    /// The same as they would be counted: expected, fewest and most.
    tokens_there: [u64; 3],
}

/// Calls of one model, or all of them.
#[derive(Debug, Serialize, ToSchema)]
struct LineShown {
    /// Provider they went to; null in a total.
    provider: Option<String>,
    /// Model they went to; null in a total.
    model: Option<String>,
    /// Calls.
    calls: u64,
    /// What was billed for those with a known cost.
    billed: Money,
    /// Calls without a known cost: in `would_cost`, and not in `billed`.
    unpriced_calls: u64,
    /// What they would have cost.
    would_cost: Estimated,
    /// Calls the alternative has no price for: in `billed`, and not in `would_cost`.
    unknown_calls: u64,
    /// Some prompts may fall into another price tier when their tokens are converted.
    may_cross_tier: bool,
}

/// One alternative.
#[derive(Debug, Serialize, ToSchema)]
struct AlternativeShown {
    /// `openai/gpt-5.4, batch`.
    title: String,
    /// Provider in the price book; null where calls stay where they were.
    provider: Option<String>,
    /// Model in the price book.
    model: Option<String>,
    /// All calls.
    total: LineShown,
    /// By provider and model they went to.
    lines: Vec<LineShown>,
}

/// What traffic cost, and would have cost.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct WhatIfShown {
    /// First instant of the traffic.
    #[schema(format = DateTime)]
    from: String,
    /// First instant after it.
    #[schema(format = DateTime)]
    to: String,
    /// Name of exactly the prices used.
    price_version: String,
    /// Instant whose prices were used.
    #[schema(format = DateTime)]
    priced_at: String,
    /// In the order of `models`.
    alternatives: Vec<AlternativeShown>,
}

/// Prices recorded traffic on other models or terms
#[utoipa::path(
    get, path = "/api/v1/prices/what-if", tag = "prices", params(WhatIfQuery),
    responses((status = 200, body = WhatIfShown)),
    security(("bearer" = []), ("cookie" = []))
)]
pub(in crate::api) async fn show(
    State(state): State<ConsoleState>,
    SignedIn(session): SignedIn,
    Asked(query): Asked<WhatIfQuery>,
) -> Result<Json<WhatIfShown>, ConsoleError> {
    session.demand(Permission::ReadCosts)?;
    let asked = query.asked(&state, &session)?;
    let found = compare(&state, &asked).await?;
    Ok(Json(WhatIfShown {
        from: instant(asked.span.from),
        to: instant(asked.span.to),
        price_version: found.version,
        priced_at: instant(found.at),
        alternatives: found.alternatives.into_iter().map(AlternativeShown::of).collect(),
    }))
}

impl WhatIfQuery {
    fn asked(self, state: &ConsoleState, session: &Session) -> Result<CompareAsked, ConsoleError> {
        let wrong = ConsoleError::Malformed;
        let zone = &state.settings.zone;
        let days = terms(self.from.unwrap_or_default(), self.to.unwrap_or_default());
        let days = days.days(zone.date_of(state.now()), Preset::LastMonth).map_err(wrong)?;
        let beyond = || wrong("Those days are beyond the calendar.".to_owned());
        let scope = [
            (Dimension::Team, self.team),
            (Dimension::Project, self.project),
            (Dimension::Key, self.key),
            (Dimension::Provider, self.provider),
            (Dimension::Model, self.model),
        ];
        let condition = |(dimension, value): (Dimension, Option<String>)| {
            let values = vec![Some(value?)];
            Some(Condition { by: By::Dimension(dimension), is_excluded: false, values })
        };
        if self.cached.is_some_and(|share| share > 100) {
            return Err(wrong("cached: write 0 to 100".to_owned()));
        }
        let models = self.models.unwrap_or_default();
        let models = models.split(',').map(str::trim).filter(|name| !name.is_empty());
        Ok(CompareAsked {
            span: days.span(zone).ok_or_else(beyond)?,
            team: session.team().cloned(),
            conditions: scope.into_iter().filter_map(condition).collect(),
            models: models.map(str::to_owned).collect(),
            terms: Terms { tier: self.tier, processing: self.processing, cached: self.cached },
        })
    }
}

impl AlternativeShown {
    fn of(compared: Compared) -> Self {
        let (provider, model) = compared.model.unzip();
        Self {
            title: compared.title,
            provider,
            model,
            total: LineShown::of(&compared.answer.total),
            lines: compared.answer.lines.iter().map(LineShown::of).collect(),
        }
    }
}

impl LineShown {
    fn of(line: &WhatIfLine) -> Self {
        Self {
            provider: line.provider.clone(),
            model: line.model.clone(),
            calls: line.requests,
            billed: line.billed.into(),
            unpriced_calls: line.unpriced,
            would_cost: Estimated::of(line),
            unknown_calls: line.unknown,
            may_cross_tier: line.may_cross_tier,
        }
    }
}

impl Estimated {
    pub(super) fn of(line: &WhatIfLine) -> Self {
        let (cost, count) = (line.would_cost, line.would_count);
        Self {
            expected: cost.expected.into(),
            low: cost.low.into(),
            high: cost.high.into(),
            is_exact: line.is_exact,
            tokens: line.tokens,
            tokens_there: [count.expected, count.low, count.high],
        }
    }
}
