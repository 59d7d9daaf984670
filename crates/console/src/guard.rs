//! What stands between a request and a change: the origin of its page, and its form's token.

use axum::Form;
use axum::extract::{FromRequest, FromRequestParts, Request, State};
use axum::http::Method;
use axum::http::header::ORIGIN;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use subtle::ConstantTimeEq;

use crate::ConsoleState;
use crate::error::ConsoleError;
use crate::session::SignedIn;

/// Refuses whatever may change something unless a page of this console asked for it.
pub(crate) async fn same_origin(
    State(state): State<ConsoleState>,
    request: Request,
    next: Next,
) -> Response {
    let is_safe = matches!(*request.method(), Method::GET | Method::HEAD);
    let origin = request.headers().get(ORIGIN).and_then(|origin| origin.to_str().ok());
    if is_safe || origin.is_some_and(|origin| state.settings.public_url.accepts(origin)) {
        next.run(request).await
    } else {
        ConsoleError::WrongOrigin.into_response()
    }
}

/// A form sent from within a session, its token checked. Every handler that changes something for a
/// signed-in user takes this instead of [`SignedIn`].
#[derive(Debug)]
pub(crate) struct Confirmed(pub(crate) SignedIn);

#[derive(Deserialize)]
struct FormToken {
    csrf: String,
}

impl FromRequest<ConsoleState> for Confirmed {
    type Rejection = ConsoleError;

    async fn from_request(request: Request, state: &ConsoleState) -> Result<Self, ConsoleError> {
        let (mut parts, body) = request.into_parts();
        let signed_in = SignedIn::from_request_parts(&mut parts, state).await?;
        let request = Request::from_parts(parts, body);
        let Form(form) = Form::<FormToken>::from_request(request, state).await?;
        if bool::from(form.csrf.as_bytes().ct_eq(signed_in.0.csrf.expose().as_bytes())) {
            Ok(Self(signed_in))
        } else {
            Err(ConsoleError::WrongFormToken)
        }
    }
}
