//! The session's token, in a cookie or given by a program: how a request shows who sent it.

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};

use crate::access::Session;
use crate::error::ConsoleError;
use crate::{ConsoleState, PublicUrl};

/// Longer values are no token of ours and not worth looking up, bytes.
const TOKEN_BYTES_MAX: usize = 128;

/// Proof that the request belongs to a session. Every page but login and health asks for it first.
#[derive(Debug, Clone)]
pub(crate) struct SignedIn(pub(crate) Session);

impl FromRequestParts<ConsoleState> for SignedIn {
    type Rejection = ConsoleError;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &ConsoleState,
    ) -> Result<Self, ConsoleError> {
        match parts.extensions.get::<Self>() {
            Some(signed_in) => Ok(signed_in.clone()),
            None => Self::with_cookie(state, &parts.headers).await,
        }
    }
}

impl SignedIn {
    /// Whoever the session's cookie belongs to.
    pub(crate) async fn with_cookie(
        state: &ConsoleState,
        headers: &HeaderMap,
    ) -> Result<Self, ConsoleError> {
        let jar = CookieJar::from_headers(headers);
        let cookie = jar.get(cookie_name(&state.settings.public_url));
        let token = cookie.map(|cookie| cookie.value()).ok_or(ConsoleError::NotSignedIn)?;
        Self::with_token(state, token).await
    }

    /// Whoever a session's token belongs to.
    pub(crate) async fn with_token(
        state: &ConsoleState,
        token: &str,
    ) -> Result<Self, ConsoleError> {
        if token.is_empty() || token.len() > TOKEN_BYTES_MAX {
            return Err(ConsoleError::NotSignedIn);
        }
        let session = state.sources.access.session(token).await?;
        session
            .filter(|session| state.now() < session.expires_at)
            .map(Self)
            .ok_or(ConsoleError::NotSignedIn)
    }
}

/// The cookie with this value. It has no lifetime of its own: the browser drops it when it closes,
/// the store when the session ends. `Lax`, so that a link in a chat opens signed in.
pub(crate) fn cookie(public_url: &PublicUrl, value: String) -> Cookie<'static> {
    Cookie::build((cookie_name(public_url), value))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(public_url.is_https())
        .build()
}

/// Over TLS the prefix makes browsers refuse the cookie from anything but this very host.
fn cookie_name(public_url: &PublicUrl) -> &'static str {
    if public_url.is_https() { "__Host-tollgate_session" } else { "tollgate_session" }
}
