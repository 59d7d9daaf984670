//! Writing answers to the client: complete ones in one piece, errors in the client's dialect.

use std::borrow::Cow;

use std::time::Duration;

use bytes::Bytes;
use events::{CacheState, Dialect};
use pingora_core::protocols::http::{HttpTask, ServerSession};
use pingora_http::ResponseHeader;
use pingora_timeout::timeout;

use crate::failure::Failure;
use crate::ledger::Ledger;

/// How long what a refused client still sends is read and thrown away.
const LINGER_TIME_MAX: Duration = Duration::from_secs(1);

/// The header that names what was dropped on the way, separated by commas: parameters of the request that
/// the provider's dialect cannot carry, and of a plain answer the citations the client's cannot.
pub(crate) const DROPPED_PARAMS: &str = "x-tollgate-dropped-params";

/// Headers of an answer.
pub(crate) type Headers = Vec<(Cow<'static, str>, String)>;

/// A header of a fixed name.
pub(crate) fn header(name: &'static str, value: impl ToString) -> (Cow<'static, str>, String) {
    (Cow::Borrowed(name), value.to_string())
}

/// Adds our headers to an answer's. One that cannot stand in a header (a model's name with a line
/// break) is left out.
pub(crate) fn add(answer: &mut ResponseHeader, headers: &Headers) {
    for (name, value) in headers {
        let _ = match name {
            Cow::Borrowed(name) => answer.insert_header(*name, value.as_str()),
            Cow::Owned(name) => answer.insert_header(name.clone(), value.as_str()),
        };
    }
}

/// The headers every answer carries.
pub(crate) fn base_headers(ledger: &Ledger) -> Headers {
    let mut headers = vec![
        header("x-tollgate-request-id", ledger.request_id),
        header("x-tollgate-attempts", ledger.attempts),
    ];
    if ledger.cache != CacheState::Off {
        headers.push(header("x-tollgate-cache", ledger.cache.as_str().to_ascii_uppercase()));
    }
    headers
}

/// Writes a complete answer in one call; `false` when the client has left.
pub(crate) async fn write(
    down: &mut ServerSession,
    status: u16,
    content_type: &str,
    headers: &Headers,
    body: Bytes,
) -> bool {
    let Ok(mut header) = ResponseHeader::build_no_case(status, Some(headers.len() + 3)) else {
        return false;
    };
    let length = header.insert_header("content-length", body.len());
    if length.and(header.insert_header("content-type", content_type.to_owned())).is_err() {
        return false;
    }
    add(&mut header, headers);
    let tasks =
        vec![HttpTask::Header(Box::new(header), body.is_empty()), HttpTask::Body(Some(body), true)];
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
        headers.push(header("retry-after", seconds));
    }
    // SDKs retry by themselves; they are told where that would be of no use.
    headers.push(header("x-should-retry", failure.retry_helps()));
    let body = dialects::encode_error(dialect, &failure.body(ledger.request_id.to_string()));
    // What is left of an unread body would be taken for the next request.
    let is_unread = !down.is_body_done();
    if is_unread {
        down.set_keepalive(None);
    }
    let is_written = write(down, failure.status, "application/json", &headers, body).await;
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
