//! `Idempotency-Key`: a change asked for twice is made once.
//!
//! Successes are remembered in this process for ten minutes, at most 64 a session; what failed changed
//! nothing and may be asked again.

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::ConsoleState;
use crate::error::ConsoleError;
use crate::problem::Problem;
use crate::replay::{Begun, Fingerprint, Remembered, Ticket};
use crate::router::BODY_BYTES_MAX;
use crate::session::SignedIn;

/// The header.
const HEADER: &str = "idempotency-key";
/// Longest key, bytes.
const KEY_BYTES_MAX: usize = 128;
/// Largest answer remembered, bytes; ours are a few hundred.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Answers again what was answered, or lets the request through and remembers its answer.
pub(super) async fn replay(
    State(state): State<ConsoleState>,
    request: Request,
    next: Next,
) -> Response {
    let asked = request.method() == Method::POST && request.headers().contains_key(HEADER);
    if !asked {
        return next.run(request).await;
    }
    match begin(&state, request).await {
        Ok((request, Begun::Fresh(ticket))) => {
            let response = next.run(request).await;
            remembered(ticket, response).await
        }
        Ok((_, Begun::Answered(answer))) => answer.into_response(),
        Ok((_, Begun::UnderWay)) => {
            let detail = "The first request with this Idempotency-Key is still under way.";
            Problem::conflict(detail.to_owned()).into_response()
        }
        Ok((_, Begun::Other)) => reused().into_response(),
        Err(error) => error.into_response(),
    }
}

async fn begin(state: &ConsoleState, request: Request) -> Result<(Request, Begun), ConsoleError> {
    let (parts, body) = request.into_parts();
    let session = parts.extensions.get::<SignedIn>().ok_or(ConsoleError::NotSignedIn)?.0.id;
    let key = key_of(&parts.headers)?.to_owned();
    let too_large = |_| ConsoleError::from(Problem::too_large());
    let body = to_bytes(body, BODY_BYTES_MAX).await.map_err(too_large)?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(parts.uri.path().as_bytes()).update(&[0]).update(&body);
    let fingerprint: Fingerprint = *hasher.finalize().as_bytes();
    let begun = state.replays.begin((session, &key), fingerprint, state.now());
    Ok((Request::from_parts(parts, Body::from(body)), begun))
}

fn key_of(headers: &HeaderMap) -> Result<&str, ConsoleError> {
    let key = headers.get(HEADER).and_then(|key| key.to_str().ok()).unwrap_or_default();
    let fits = !key.is_empty() && key.len() <= KEY_BYTES_MAX;
    let refused = || {
        let detail =
            format!("Idempotency-Key: write 1 to {KEY_BYTES_MAX} visible ASCII characters");
        ConsoleError::Malformed(detail)
    };
    if fits { Ok(key) } else { Err(refused()) }
}

async fn remembered(ticket: Ticket, response: Response) -> Response {
    if !response.status().is_success() {
        return response;
    }
    let (parts, body) = response.into_parts();
    match to_bytes(body, ANSWER_BYTES_MAX).await {
        Ok(body) => {
            ticket.keep(Remembered::new(parts.status, &parts.headers, body.clone()));
            Response::from_parts(parts, Body::from(body))
        }
        Err(error) => {
            tracing::error!(%error, "an answer was too large to be remembered");
            Problem::of_status(axum::http::StatusCode::INTERNAL_SERVER_ERROR).into_response()
        }
    }
}

fn reused() -> Problem {
    Problem {
        status: axum::http::StatusCode::UNPROCESSABLE_ENTITY,
        kind: "idempotency-key-reused",
        title: "This Idempotency-Key stands for another request",
        detail: "A key names one request: the same address and body. Use a new one.".to_owned(),
        errors: Vec::new(),
    }
}
