//! What stands between a request and a change: the origin of its page, and its form's token.

use axum::Form;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, RawForm, Request, State};
use axum::http::Method;
use axum::http::header::{CONTENT_TYPE, HeaderMap, ORIGIN};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use subtle::ConstantTimeEq;

use crate::ConsoleState;
use crate::access::Session;
use crate::error::ConsoleError;
use crate::session::SignedIn;

/// The header a program sends its session's form token in when it uses the session's cookie.
pub(crate) const CSRF_HEADER: &str = "x-csrf-token";

/// Refuses whatever may change something unless a page of this console asked for it.
pub(crate) async fn same_origin(
    State(state): State<ConsoleState>,
    request: Request,
    next: Next,
) -> Response {
    let is_own = origin(request.headers()).is_some_and(|origin| is_ours(&state, origin));
    if is_safe(request.method()) || is_own {
        next.run(request).await
    } else {
        ConsoleError::WrongOrigin.into_response()
    }
}

/// Lets programs in: the session's token as a bearer token, or the session's cookie. What a cookie
/// alone would change also needs the session's form token, since browsers send cookies by themselves.
pub(crate) async fn program(
    State(state): State<ConsoleState>,
    mut request: Request,
    next: Next,
) -> Response {
    match session_of(&state, &mut request).await {
        Ok(session) => {
            request.extensions_mut().insert(SignedIn(session));
            next.run(request).await
        }
        Err(error) => error.into_response(),
    }
}

async fn session_of(state: &ConsoleState, request: &mut Request) -> Result<Session, ConsoleError> {
    if let Some(token) = bearer(request.headers()) {
        return SignedIn::with_token(state, token).await.map(|SignedIn(session)| session);
    }
    let SignedIn(session) = SignedIn::with_cookie(state, request.headers()).await?;
    if is_safe(request.method()) {
        return Ok(session);
    }
    if origin(request.headers()).is_some_and(|origin| !is_ours(state, origin)) {
        return Err(ConsoleError::WrongOrigin);
    }
    let sent = request.headers().get(CSRF_HEADER).map(|token| token.as_bytes());
    if sent.is_some_and(|sent| is_token_of(&session, sent)) {
        Ok(session)
    } else {
        Err(ConsoleError::WrongFormToken)
    }
}

/// The token after `Bearer`, whatever the case of the word.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(axum::http::header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

fn origin(headers: &HeaderMap) -> Option<&str> {
    // What is no text is no origin of ours.
    headers.get(ORIGIN).map(|origin| origin.to_str().unwrap_or_default())
}

fn is_ours(state: &ConsoleState, origin: &str) -> bool {
    state.settings.public_url.accepts(origin)
}

fn is_token_of(session: &Session, sent: &[u8]) -> bool {
    bool::from(sent.ct_eq(session.csrf.expose().as_bytes()))
}

/// A form sent from within a session, its token checked. Every handler that changes something for a
/// signed-in user takes this instead of [`SignedIn`].
#[derive(Debug)]
pub(crate) struct Confirmed<F>(pub(crate) Session, pub(crate) F);

/// A form with nothing but its token.
#[derive(Debug, Deserialize)]
pub(crate) struct NoFields {}

#[derive(Deserialize)]
struct FormToken {
    csrf: String,
}

impl<F: DeserializeOwned> FromRequest<ConsoleState> for Confirmed<F> {
    type Rejection = ConsoleError;

    async fn from_request(request: Request, state: &ConsoleState) -> Result<Self, ConsoleError> {
        let (mut parts, body) = request.into_parts();
        let SignedIn(session) = SignedIn::from_request_parts(&mut parts, state).await?;
        let RawForm(body) = RawForm::from_request(Request::from_parts(parts, body), state).await?;
        let FormToken { csrf } = parsed(body.clone()).await?;
        if !is_token_of(&session, csrf.as_bytes()) {
            return Err(ConsoleError::WrongFormToken);
        }
        Ok(Self(session, parsed(body).await?))
    }
}

/// The fields of a form's body; those not asked for are ignored.
async fn parsed<F: DeserializeOwned>(body: Bytes) -> Result<F, ConsoleError> {
    let form = Request::post("/").header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    let form = form.body(Body::from(body)).map_err(|e| ConsoleError::Malformed(e.to_string()))?;
    let Form(fields) = Form::<F>::from_request(form, &()).await?;
    Ok(fields)
}
