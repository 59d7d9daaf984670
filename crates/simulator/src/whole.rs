//! What operations that are answered at once have in common, such as embeddings: chats are answered by
//! [`crate::respond`].

use axum::body::{Bytes, to_bytes};
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::Response;
use serde_json::Value;

use crate::desk::Desk;
use crate::dialects::{Wire, to_json};
use crate::rate::Allowance;
use crate::refusal::Refusal;
use crate::respond::{BODY_BYTES_MAX, authorise, refuse, respond, script_of};
use crate::script::Script;

/// The head and the body of a request whose key is known.
pub(crate) async fn received<W: Wire>(
    desk: &Desk,
    request: Request,
) -> Result<(Parts, Bytes), Refusal> {
    let (parts, body) = request.into_parts();
    authorise::<W>(desk, &parts.headers)?;
    let body = to_bytes(body, BODY_BYTES_MAX).await;
    Ok((parts, body.map_err(|_| Refusal::new(413, "Request exceeds the maximum size"))?))
}

/// The model without its script, and the script in force unless it is an error.
pub(crate) fn model_of(
    desk: &Desk,
    name: &str,
    headers: &HeaderMap,
) -> Result<(String, Script), Refusal> {
    let (model, script) = script_of(desk, name, headers)?;
    match script.status {
        Some(status) => Err(Refusal::new(status, format!("Simulated error {status}"))
            .retry_after(script.retry_after_s)),
        None => Ok((model, script)),
    }
}

/// A body as an answer.
pub(crate) fn answer(body: &Value) -> Response {
    respond(200, "application/json", to_json(body))
}

/// The answer or the refusal, with the headers every answer has.
pub(crate) fn dressed<W: Wire>(
    desk: &Desk,
    serial: u64,
    answered: Result<Response, Refusal>,
) -> Response {
    let mut response = answered.unwrap_or_else(|refusal| refuse::<W>(&refusal, serial));
    let now = desk.options.clock.now();
    W::dress(response.headers_mut(), serial, &Allowance::GENEROUS, now);
    response
}
