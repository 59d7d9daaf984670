//! Prices over the API: the book in force, and the cost of whatever is sent.

pub(super) mod drift;
pub(super) mod retiring;
pub(super) mod unpriced;
pub(super) mod what_if;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderMap};
use axum::response::{IntoResponse, Response};
use pricing::life::Lifecycle;
use pricing::{ModelEntry, PriceBook, PriceContext, RateInForce};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use units::UnixMicros;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::paging::PageQuery;
use crate::ConsoleState;
use crate::error::ConsoleError;
use crate::pages::{Asked, prices};
use crate::permission::Permission;
use crate::problem::Problem;
use crate::session::SignedIn;

/// Most that is costed at once, bytes.
const COST_BYTES_MAX: usize = 1 << 20;
/// Most lines costed at once.
const COST_LINES_MAX: usize = 1_000;
const JSON: &str = "application/json";
const LINES: &str = "application/x-ndjson";

/// Which models to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PricesQuery {
    /// Of this provider only, by any of its names.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    provider: String,
    /// Only models with this in their id.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    model: String,
}

/// A model and its prices now, for a plain request with the shortest of prompts.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ModelPriced {
    /// Provider in the price book.
    provider: String,
    /// Model in the price book.
    model: String,
    /// Prices in force; empty where there are none now.
    rates: Vec<RateShown>,
    /// First day (UTC) it is not served any more, where its provider told one.
    #[schema(format = Date)]
    retires_on: Option<String>,
    /// The model its provider names in its stead.
    replacement: Option<String>,
}

/// One price.
#[derive(Debug, Serialize, ToSchema)]
struct RateShown {
    /// What it is of, such as `input` or `cache_read`.
    key: &'static str,
    /// Exact US dollars for `per` units, before the factor.
    usd: String,
    /// How many units it is for, a whole number.
    per: String,
    /// What it is multiplied by; null is by nothing.
    factor: Option<String>,
    /// `embedded`, `imported`, `operator` or `contract`.
    layer: &'static str,
    /// Name, version and kind of the layer.
    source: String,
}

/// A page of models.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PriceList {
    /// Name of exactly these prices.
    price_version: String,
    /// By provider, in the order of the book.
    items: Vec<ModelPriced>,
    /// Where the next page begins; null at the end.
    next_cursor: Option<String>,
}

/// What is to be costed. What else the object holds comes back as it is.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `finops` reads, and is never made")]
struct CostAsked {
    /// Who bills, by any of its names; told by the model's name where it is left out.
    provider: Option<String>,
    /// The model; may be left out where the usage names it.
    model: Option<String>,
    /// Start of the request: RFC 3339, a day (UTC), or a count since 1970; the present by default.
    at: Option<String>,
    /// The provider's own usage object.
    #[schema(value_type = Option<Object>)]
    usage: Option<()>,
    /// Its dialect: `openai`, `responses`, `anthropic`, `gemini`, `bedrock`, `cohere`; told by its names
    /// where it is left out.
    dialect: Option<String>,
    /// Quantities by meter, in place of `usage`.
    #[schema(value_type = Option<Object>)]
    meters: Option<()>,
    /// `service_tier`, `processing`, `speed`, `inference_geo` and what else selects prices.
    #[schema(value_type = Option<Object>)]
    context: Option<()>,
}

/// The same object with its cost, or with `error` in place of one.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `finops` writes, and is never made")]
struct Costed {
    /// Exact US dollars at the prices in force, contracts included.
    cost_usd: Option<String>,
    /// The same without contracts.
    list_usd: Option<String>,
    /// `meter`, `quantity`, `key`, `rate`, `per`, `amount` and `source` of every part.
    #[schema(value_type = Option<Vec<Object>>)]
    lines: Option<()>,
    /// Quantities without a price, by meter; they add nothing.
    #[schema(value_type = Option<Object>)]
    unpriced: Option<()>,
    /// Provider in the price book.
    provider_id: Option<String>,
    /// Model in the price book.
    model_id: Option<String>,
    /// Name of exactly these prices.
    price_version: String,
    /// Why there is no cost.
    error: Option<String>,
}

/// What is costed: without `Idempotency-Key`, since it changes nothing, and with room for more.
pub(super) fn costing() -> OpenApiRouter<ConsoleState> {
    OpenApiRouter::new().routes(routes!(cost)).layer(DefaultBodyLimit::max(COST_BYTES_MAX))
}

/// Lists models and their prices
#[utoipa::path(
    get, path = "/api/v1/prices", tag = "prices", params(PricesQuery, PageQuery),
    responses((status = 200, body = PriceList)),
    security(("bearer" = []), ("cookie" = []))
)]
pub(super) async fn list(
    State(state): State<ConsoleState>,
    SignedIn(session): SignedIn,
    Asked(query): Asked<PricesQuery>,
    Asked(page): Asked<PageQuery>,
) -> Result<Json<PriceList>, ConsoleError> {
    session.demand(Permission::ReadCosts)?;
    let (book, now) = (state.prices()?.book(), state.now());
    let found = prices::find(&book, &query.provider, &query.model);
    let found = found.ok_or(ConsoleError::NotFound("provider"))?;
    let name = |model: &ModelEntry<'_>| format!("{}/{}", model.provider_id(), model.id());
    let (models, next_cursor) = page.cut(found, name)?;
    let life = Lifecycle::of_book(&book)?;
    Ok(Json(PriceList {
        price_version: book.version().to_owned(),
        items: models.iter().map(|model| ModelPriced::of(model, &life, now)).collect(),
        next_cursor,
    }))
}

/// Costs usage
///
/// One JSON object, or JSON lines: at most 1 MiB and 1,000 lines. What cannot be costed comes back with
/// `error`, and the other lines with their cost.
#[utoipa::path(
    post, path = "/api/v1/prices/cost", tag = "prices",
    request_body(content((CostAsked = "application/json"), (String = "application/x-ndjson"))),
    responses((
        status = 200, description = "In the form it was sent: one object, or as many lines.",
        content((Costed = "application/json"), (String = "application/x-ndjson"))
    )),
    security(("bearer" = []), ("cookie" = []))
)]
async fn cost(
    State(state): State<ConsoleState>,
    SignedIn(session): SignedIn,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ConsoleError> {
    session.demand(Permission::ReadCosts)?;
    let book = state.prices()?.book();
    let is_lines = are_lines(&headers)?;
    let body = body?;
    let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&body);
    if body.trim_ascii().is_empty() {
        let detail = "The body is empty: send one JSON object, or JSON lines.";
        return Err(ConsoleError::Malformed(detail.to_owned()));
    }
    if !is_lines && is_one(body) {
        let answer = costed(&book, body.trim_ascii(), state.now());
        return Ok(([(CONTENT_TYPE, JSON)], answer).into_response());
    }
    let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    if lines.clone().nth(COST_LINES_MAX).is_some() {
        let detail = "At most 1,000 lines are costed at once: send the rest in another request.";
        return Err(Problem { detail: detail.to_owned(), ..Problem::too_large() }.into());
    }
    let now = state.now();
    let mut answer = String::new();
    for line in lines {
        answer.push_str(&costed(&book, line, now));
        answer.push('\n');
    }
    Ok(([(CONTENT_TYPE, LINES)], answer).into_response())
}

fn costed(book: &PriceBook, line: &[u8], now: UnixMicros) -> String {
    match std::str::from_utf8(line) {
        Ok(line) => finops::cost_line(book, line, now),
        Err(_) => r#"{"error":"the line is not UTF-8"}"#.to_owned(),
    }
}

/// Whether JSON lines were announced, rather than JSON.
fn are_lines(headers: &HeaderMap) -> Result<bool, ConsoleError> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case(JSON) {
        return Ok(false);
    }
    if kind.eq_ignore_ascii_case(LINES) {
        return Ok(true);
    }
    let detail = format!("Send `Content-Type: {JSON}` or `{LINES}`.");
    let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    Err(Problem { status, ..Problem::malformed(detail) }.into())
}

/// Whether a body is one JSON value, over however many lines, and not several. What does not even begin
/// as JSON is one that is wrong.
fn is_one(body: &[u8]) -> bool {
    let mut values = serde_json::Deserializer::from_slice(body).into_iter::<IgnoredAny>();
    !matches!(values.next(), Some(Ok(_))) || values.next().is_none()
}

impl ModelPriced {
    fn of(model: &ModelEntry<'_>, life: &Lifecycle, now: UnixMicros) -> Self {
        let life = life.of(model.provider_id(), model.id());
        let rates = model.rates_at(now, &PriceContext::NONE, 0);
        Self {
            provider: model.provider_id().to_owned(),
            model: model.id().to_owned(),
            rates: rates.iter().map(RateShown::of).collect(),
            retires_on: life.and_then(|life| life.retires_on).map(|day| day.to_string()),
            replacement: life.and_then(|life| life.replacement.clone()),
        }
    }
}

impl RateShown {
    fn of(rate: &RateInForce) -> Self {
        let text = rate.rate.to_string();
        Self {
            key: rate.key.as_str(),
            usd: text.split(' ').next().unwrap_or_default().to_owned(),
            per: rate.rate.per().to_string(),
            factor: (!rate.factor.is_one()).then(|| rate.factor.to_string()),
            layer: rate.source.kind.as_str(),
            source: rate.source.to_string(),
        }
    }
}
