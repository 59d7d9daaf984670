//! The admin API under `/api/v1`: the pages' things for programs, described by its own document.
//!
//! Errors are problems (RFC 9457), lists are pages behind a cursor, money is a decimal string with its
//! currency, and a change may carry an `Idempotency-Key`. It must never know templates.

mod alerts;
mod budgets;
mod keys;
mod money;
mod once;
mod paging;
mod prices;
mod session;
mod statements;

use axum::Router;
use axum::extract::FromRequest;
use axum::middleware::from_fn_with_state;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::ConsoleError;
use crate::{ConsoleState, guard};

/// A JSON body, parsed into its type or refused with the reason.
#[derive(Debug, FromRequest)]
#[from_request(via(axum::Json), rejection(ConsoleError))]
struct Sent<T>(T);

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tollgate admin API",
        description = "Keys, budgets, incidents and statements of one installation, for programs.\n\n\
            Sign in with a session's token, either as `Authorization: Bearer TOKEN` or in the \
            session's cookie. With the cookie, what changes something must also carry the session's \
            `X-CSRF-Token` (see `GET /api/v1/session`). A session sees what its role and team allow: \
            403 names the role that is missing, and what belongs to another team is not found.\n\n\
            Errors are `application/problem+json` with a stable `type`. Lists take `limit` and \
            `cursor` and give `next_cursor` while there is more. A POST may carry an \
            `Idempotency-Key`: sent again by the same session within ten minutes it gets the first \
            answer, marked `Idempotent-Replayed`; costing changes nothing and takes none. Money is a decimal string with its currency; \
            instants are RFC 3339 in UTC."
    ),
    tags(
        (name = "session", description = "Who is asking."),
        (name = "keys", description = "Virtual keys of the gateway."),
        (name = "budgets", description = "Hard limits and where they stand."),
        (name = "alerts", description = "Incidents, and the deliveries that told of them."),
        (name = "prices", description = "The price book in force, what usage costs by it and would elsewhere, what providers report, and models that end or have no price."),
        (name = "statements", description = "What each team used in a month.")
    ),
    modifiers(&Security)
)]
struct Described;

/// How programs sign in.
struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_default();
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        let cookie = ApiKey::Cookie(ApiKeyValue::new("tollgate_session"));
        components.add_security_scheme("cookie", SecurityScheme::ApiKey(cookie));
    }
}

/// The API's routes, and the document that describes them.
pub(crate) fn routes(state: &ConsoleState) -> (Router<ConsoleState>, Document) {
    let (router, mut document) = OpenApiRouter::with_openapi(Described::openapi())
        .routes(routes!(session::show))
        .routes(routes!(keys::list, keys::create))
        .routes(routes!(keys::show))
        .routes(routes!(keys::rotate))
        .routes(routes!(keys::revoke))
        .routes(routes!(budgets::list))
        .routes(routes!(alerts::incidents))
        .routes(routes!(alerts::incident))
        .routes(routes!(alerts::acknowledge))
        .routes(routes!(alerts::deliveries))
        .routes(routes!(alerts::replay))
        .routes(routes!(prices::list))
        .routes(routes!(prices::what_if::show))
        .routes(routes!(prices::retiring::list))
        .routes(routes!(prices::drift::list))
        .routes(routes!(prices::unpriced::list))
        .routes(routes!(statements::list))
        .routes(routes!(statements::show))
        .layer(from_fn_with_state(state.clone(), once::replay))
        .merge(prices::costing())
        .split_for_parts();
    document.info.version = env!("CARGO_PKG_VERSION").to_owned();
    let router = router.layer(from_fn_with_state(state.clone(), guard::program));
    (router, document)
}
