//! Models that end, over the API.

use axum::Json;
use axum::extract::State;
use finops::WhatIfLine;
use lake::ModelHolder;
use serde::Serialize;
use utoipa::ToSchema;

use super::what_if::Estimated;
use crate::ConsoleState;
use crate::api::money::Money;
use crate::api::paging::PageQuery;
use crate::endings::{Ending, Endings};
use crate::error::ConsoleError;
use crate::pages::Asked;
use crate::permission::Permission;
use crate::session::SignedIn;

/// A model in use or routed to that ends.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct ModelRetiring {
    /// Provider, as the configuration calls it.
    provider: String,
    /// Model, as it is sent there.
    model: String,
    /// The first day (UTC) it is not served any more.
    #[schema(format = Date)]
    retires_on: String,
    /// Days until then; zero or less once it is over.
    days_left: i32,
    /// The model its provider names in its stead.
    replacement: Option<String>,
    /// Who says so: an address, or `the price book`.
    source: String,
    /// The routes that lead there.
    routes: Vec<String>,
    /// Calls of the last 30 days.
    calls: u64,
    /// What they cost.
    cost: Money,
    /// What the same calls would have cost on the replacement; null where that is not known.
    on_replacement: Option<Estimated>,
    /// Who made them, the dearest first; null without the permission to see keys.
    keys: Option<Vec<KeyRetiring>>,
}

/// Use of one key by one route.
#[derive(Debug, Serialize, ToSchema)]
struct KeyRetiring {
    /// The key; null for usage without one.
    key: Option<String>,
    /// Team that pays.
    team: Option<String>,
    /// Route; null where the model was asked for by its own name.
    route: Option<String>,
    /// Calls.
    calls: u64,
    /// What they cost.
    cost: Money,
}

/// A page of models that end.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct RetiringList {
    /// The first to end first.
    items: Vec<ModelRetiring>,
    /// Where the next page begins; null at the end.
    next_cursor: Option<String>,
}

/// Lists models in use that end
///
/// With the routes and keys that use them, and what their replacements would have cost.
#[utoipa::path(
    get, path = "/api/v1/prices/retiring", tag = "prices", params(PageQuery),
    responses((status = 200, body = RetiringList)),
    security(("bearer" = []), ("cookie" = []))
)]
pub(in crate::api) async fn list(
    State(state): State<ConsoleState>,
    SignedIn(session): SignedIn,
    Asked(page): Asked<PageQuery>,
) -> Result<Json<RetiringList>, ConsoleError> {
    session.demand(Permission::ReadCosts)?;
    page.limit()?;
    let found = Endings::read(&state, &session).await?;
    let found = Box::pin(found.with_use(&state, &session)).await?;
    let name = |ending: &Ending| format!("{}/{}", ending.provider, ending.model);
    let (items, next_cursor) = page.cut(found.models, name)?;
    let has_keys = session.may(Permission::ReadKeys);
    let items = items.into_iter().map(|ending| ModelRetiring::of(ending, has_keys)).collect();
    Ok(Json(RetiringList { items, next_cursor }))
}

impl ModelRetiring {
    fn of(ending: Ending, has_keys: bool) -> Self {
        let is_known = |line: &&WhatIfLine| line.unknown == 0 && line.requests > 0;
        Self {
            retires_on: ending.retires_on.to_string(),
            days_left: ending.days_left,
            calls: ending.used.as_ref().map_or(0, |used| used.calls),
            cost: ending.cost().into(),
            on_replacement: ending.on_replacement.as_ref().filter(is_known).map(Estimated::of),
            keys: has_keys.then(|| ending.holders.iter().map(KeyRetiring::of).collect()),
            provider: ending.provider,
            model: ending.model,
            replacement: ending.replacement,
            source: ending.source,
            routes: ending.routes,
        }
    }
}

impl KeyRetiring {
    fn of(holder: &ModelHolder) -> Self {
        Self {
            key: holder.key.map(|key| key.to_string()),
            team: holder.team.clone(),
            route: holder.route.clone(),
            calls: holder.used.calls,
            cost: holder.used.cost.into(),
        }
    }
}
