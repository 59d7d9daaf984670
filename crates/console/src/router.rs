//! Every address the console answers.

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use axum::{Extension, Router};

use crate::error::ConsoleError;
use crate::{ConsoleState, api, assets, gateways, guard, headers, pages, problem, theme};

/// Largest accepted body but for gateways' reports, bytes: forms and keys are small.
pub(crate) const BODY_BYTES_MAX: usize = 16 * 1024;

/// The console's router. The outermost layers run for every answer, errors and assets included.
pub fn router(state: ConsoleState) -> Router {
    let (api, document) = api::routes(&state);
    let document = Arc::new(document);
    pages()
        .layer(from_fn_with_state(state.clone(), guard::same_origin))
        .merge(api)
        .merge(gateways::routes(&state))
        .fallback(nothing_here)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(Extension(document))
        .layer(from_fn_with_state(state.clone(), problem::present))
        .layer(from_fn_with_state(state.clone(), headers::secure))
        .with_state(state)
}

/// What browsers open.
fn pages() -> Router<ConsoleState> {
    Router::new()
        .route("/", get(pages::overview::show))
        .route("/statements", get(pages::statements::show))
        .route("/statements/team/{team}/{document}", get(pages::statement::show))
        .route("/explore", get(pages::explore::show))
        .route("/explore/{file}", get(pages::explore::download))
        .route("/requests", get(pages::requests::show))
        .route("/requests/{id}", get(pages::request::show))
        .route("/alerts", get(pages::alerts::show))
        .route("/alerts/{id}", get(pages::alerts::show_incident))
        .route("/alerts/{id}/acknowledge", post(pages::alerts::acknowledge))
        .route("/alerts/{id}/expected", post(pages::alerts::expect))
        .route("/alerts/deliveries/{id}/replay", post(pages::alerts::replay))
        .route("/alerts/channels/{name}/test", post(pages::alerts::test))
        .route("/budgets", get(pages::budgets::show))
        .route("/prices", get(pages::prices::show))
        .route("/prices/what-if", get(pages::prices::what_if::show))
        .route("/prices/what-if.csv", get(pages::prices::what_if::download))
        .route("/prices/retiring", get(pages::prices::retiring::show))
        .route("/prices/drift", get(pages::prices::drift::show))
        .route("/prices/drift.csv", get(pages::prices::drift::download))
        .route("/keys", get(pages::keys::list).post(pages::keys::change::create))
        .route("/keys/new", get(pages::keys::form::show))
        .route("/keys/{id}", get(pages::keys::show))
        .route("/keys/{id}/rotate", post(pages::keys::change::rotate))
        .route("/keys/{id}/revoke", post(pages::keys::change::revoke))
        .route("/docs", get(pages::docs::show))
        .route("/openapi.json", get(pages::docs::document))
        .route("/login", get(pages::login::explain))
        .route("/login/{token}", get(pages::login::offer).post(pages::login::accept))
        .route("/logout", post(pages::login::leave))
        .route("/assets/{hash}/{name}", get(assets::serve))
        .route(theme::ADDRESS, get(theme::style))
        .route("/theme", post(theme::choose))
        .route("/healthz", get(pages::health::alive))
        .route("/readyz", get(pages::health::ready))
}

async fn nothing_here() -> ConsoleError {
    ConsoleError::NotFound("page")
}
