//! Logging in with a one-time link, and out again.
//!
//! Opening the link only shows a button: programs that preview links must not use it up.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum_extra::extract::cookie::CookieJar;

use super::layout::Layout;
use super::rendered;
use crate::ConsoleState;
use crate::error::ConsoleError;
use crate::guard::{Confirmed, NoFields};
use crate::session;

/// Longer texts are no login token, bytes.
const TOKEN_BYTES_MAX: usize = 128;

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    layout: Layout,
}

/// Tells how to log in.
pub(crate) async fn explain() -> ConsoleError {
    ConsoleError::NotSignedIn
}

/// Offers to use the link; looks nothing up, so that it neither spends nor confirms one. The form
/// posts to the page's own address, which spares the page from repeating the token.
pub(crate) async fn offer(
    State(state): State<ConsoleState>,
    Path(_token): Path<String>,
) -> Result<Html<String>, ConsoleError> {
    rendered(&LoginPage { layout: Layout::outside(&state, "Sign in".to_owned()) })
}

/// Uses the link up and opens a session.
pub(crate) async fn accept(
    State(state): State<ConsoleState>,
    Path(token): Path<String>,
    jar: CookieJar,
) -> Result<Response, ConsoleError> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(ConsoleError::LinkSpent);
    }
    let session = state.sources.access.log_in(&token).await?.ok_or(ConsoleError::LinkSpent)?;
    let cookie = session::cookie(&state.settings.public_url, session.expose().to_owned());
    tracing::info!("console session opened");
    Ok((jar.add(cookie), Redirect::to("/")).into_response())
}

/// Ends the session and forgets its cookie.
pub(crate) async fn leave(
    State(state): State<ConsoleState>,
    jar: CookieJar,
    Confirmed(session, NoFields {}): Confirmed<NoFields>,
) -> Result<Response, ConsoleError> {
    state.sources.access.log_out(session.id).await?;
    let jar = jar.remove(session::cookie(&state.settings.public_url, String::new()));
    Ok((jar, Redirect::to("/login")).into_response())
}
