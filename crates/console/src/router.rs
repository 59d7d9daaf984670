//! Every address the console answers.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::error::ConsoleError;
use crate::{ConsoleState, assets, guard, headers, pages, problem};

/// Largest accepted body, bytes: forms hold a token and little else.
const BODY_BYTES_MAX: usize = 16 * 1024;

/// The console's router. The outermost layers run for every answer, errors and assets included.
pub fn router(state: ConsoleState) -> Router {
    Router::new()
        .route("/", get(pages::overview::show))
        .route("/statements", get(pages::statements::show))
        .route("/statements/team/{team}/{document}", get(pages::statement::show))
        .route("/login", get(pages::login::explain))
        .route("/login/{token}", get(pages::login::offer).post(pages::login::accept))
        .route("/logout", post(pages::login::leave))
        .route("/assets/{hash}/{name}", get(assets::serve))
        .route("/healthz", get(pages::health::alive))
        .route("/readyz", get(pages::health::ready))
        .fallback(nothing_here)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(from_fn_with_state(state.clone(), guard::same_origin))
        .layer(from_fn_with_state(state.clone(), problem::present))
        .layer(from_fn_with_state(state.clone(), headers::secure))
        .with_state(state)
}

async fn nothing_here() -> ConsoleError {
    ConsoleError::NotFound("page")
}
