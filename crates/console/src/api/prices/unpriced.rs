//! The queue of what has no price, over the API.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::ConsoleState;
use crate::api::paging::PageQuery;
use crate::error::ConsoleError;
use crate::pages::Asked;
use crate::pages::prices::queue_span;
use crate::permission::Permission;
use crate::prices::UnpricedUse;
use crate::session::SignedIn;

/// A model with calls that have no price.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct ModelUnpriced {
    /// Provider, as the configuration calls it; null for calls that reached none.
    provider: Option<String>,
    /// Who bills for it, where the price book calls it something else.
    billed_as: Option<String>,
    /// Model as sent to the provider, or as asked for where nothing was sent.
    model: Option<String>,
    /// Attempts whose cost is unknown.
    calls: u64,
    /// Input and output tokens of the model on the days with such calls, priced ones included.
    tokens: u64,
    /// The first of these days, UTC.
    #[schema(format = Date)]
    first_day: String,
    /// The last of them.
    #[schema(format = Date)]
    last_day: String,
}

/// A page of models without a price.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct UnpricedList {
    /// Most called first, of the last 400 days.
    items: Vec<ModelUnpriced>,
    /// Where the next page begins; null at the end.
    next_cursor: Option<String>,
}

/// Lists models with calls that have no price
///
/// Of the last 400 days, those of the session's team alone where it has one.
#[utoipa::path(
    get, path = "/api/v1/prices/unpriced", tag = "prices", params(PageQuery),
    responses((status = 200, body = UnpricedList)),
    security(("bearer" = []), ("cookie" = []))
)]
pub(in crate::api) async fn list(
    State(state): State<ConsoleState>,
    SignedIn(session): SignedIn,
    Asked(page): Asked<PageQuery>,
) -> Result<Json<UnpricedList>, ConsoleError> {
    session.demand(Permission::ReadCosts)?;
    page.limit()?;
    let found = state.prices()?.unpriced(queue_span(state.now()), session.team());
    let (items, next_cursor) = page.cut(state.read(found).await?, name)?;
    let items = items.into_iter().map(ModelUnpriced::of).collect();
    Ok(Json(UnpricedList { items, next_cursor }))
}

/// Tells a model from all others; no provider is called by a NUL.
fn name(used: &UnpricedUse) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "\0".to_owned());
    format!("{}/{}", text(&used.provider), text(&used.model))
}

impl ModelUnpriced {
    fn of(used: UnpricedUse) -> Self {
        Self {
            provider: used.provider,
            billed_as: used.billed_as,
            model: used.model,
            calls: used.requests,
            tokens: used.tokens,
            first_day: used.first_day.to_string(),
            last_day: used.last_day.to_string(),
        }
    }
}
