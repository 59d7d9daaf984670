//! Writing answers to the client: complete ones in one piece, errors in the client's dialect.

mod headers;
pub(crate) mod names;

use std::time::Duration;

use bytes::Bytes;
use events::{CacheState, Dialect};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use pingora_core::protocols::http::{HttpTask, ServerSession};
use pingora_http::ResponseHeader;
use pingora_timeout::timeout;

use crate::failure::Failure;
use crate::ledger::Ledger;

pub(crate) use headers::Headers;

/// How long what a refused client still sends is read and thrown away.
const LINGER_TIME_MAX: Duration = Duration::from_secs(1);

/// The headers every answer carries.
pub(crate) fn base_headers(ledger: &Ledger) -> Headers {
    let mut headers = Headers::default();
    headers.push(&names::REQUEST_ID, ledger.request_id);
    headers.push(&names::ATTEMPTS, ledger.attempts);
    if ledger.cache != CacheState::Off {
        headers.push(&names::CACHE, ledger.cache.as_str().to_ascii_uppercase());
    }
    headers
}

/// Writes a complete answer in one call; `false` when the client has left.
pub(crate) async fn write(
    down: &mut ServerSession,
    status: u16,
    content_type: &'static str,
    headers: Headers,
    body: Bytes,
) -> bool {
    let Ok(status) = StatusCode::from_u16(status) else { return false };
    let (mut head, ()) = Response::new(()).into_parts();
    head.status = status;
    // Room for those here and for what the connection adds.
    head.headers.reserve(headers.len() + 4);
    head.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    head.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.move_to(&mut head.headers);
    let header = Box::new(ResponseHeader::from(head));
    let tasks = vec![HttpTask::Header(header, body.is_empty()), HttpTask::Body(Some(body), true)];
    down.response_duplex_vec(tasks).await.is_ok()
}

/// Writes a failure as the client's dialect tells errors.
pub(crate) async fn fail(
    down: &mut ServerSession,
    ledger: &Ledger,
    dialect: Dialect,
    failure: &Failure,
) -> bool {
    let mut headers = base_headers(ledger);
    if let Some(seconds) = failure.retry_after_s {
        headers.push(&RETRY_AFTER, seconds);
    }
    // SDKs retry by themselves; they are told where that would be of no use.
    headers.push(&names::SHOULD_RETRY, failure.retry_helps());
    let body = dialects::encode_error(dialect, &failure.body(ledger.request_id.to_string()));
    // What is left of an unread body would be taken for the next request.
    let is_unread = !down.is_body_done();
    if is_unread {
        down.set_keepalive(None);
    }
    let is_written = write(down, failure.status, "application/json", headers, body).await;
    if is_unread && is_written {
        linger(down).await;
    }
    is_written
}

/// Reads on for a moment: a connection closed over unread bytes is reset, and the reset may overtake
/// the answer.
async fn linger(down: &mut ServerSession) {
    let rest = async { while let Ok(Some(_)) = down.read_request_body().await {} };
    // Whoever still sends after this has had the time to read the answer.
    let _ = timeout(LINGER_TIME_MAX, rest).await;
}
