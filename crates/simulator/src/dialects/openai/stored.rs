//! What providers keep for their clients: files and batches, of both providers that have them. Nothing
//! is really kept: an id is good for whatever is asked of it.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use serde_json::{Value, json};

use super::OpenAi;
use crate::desk::Desk;
use crate::dialects::anthropic::Anthropic;
use crate::dialects::{Wire, to_json};
use crate::rate::Allowance;
use crate::refusal::Refusal;
use crate::respond::{BODY_BYTES_MAX, authorise, refuse, respond};

const JSON: &str = "application/json";
/// Lines of every file of results.
const LINES: usize = 3_000;

/// Answers any request for a file or a batch.
pub(crate) async fn serve(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    let serial = desk.serial();
    let is_other = request.headers().contains_key("anthropic-version");
    let answered = answer(&desk, request, serial, is_other).await;
    let now = desk.options.clock.now();
    let dress = |headers: &mut HeaderMap| match is_other {
        true => Anthropic::dress(headers, serial, &Allowance::GENEROUS, now),
        false => OpenAi::dress(headers, serial, &Allowance::GENEROUS, now),
    };
    let mut response = match answered {
        Ok(response) => response,
        Err(refusal) if is_other => refuse::<Anthropic>(&refusal, serial),
        Err(refusal) => refuse::<OpenAi>(&refusal, serial),
    };
    dress(response.headers_mut());
    response
}

async fn answer(
    desk: &Desk,
    request: Request,
    serial: u64,
    is_other: bool,
) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    match is_other {
        true => authorise::<Anthropic>(desk, &parts.headers)?,
        false => authorise::<OpenAi>(desk, &parts.headers)?,
    }
    let body = to_bytes(body, BODY_BYTES_MAX)
        .await
        .map_err(|_| Refusal::new(413, "Request exceeds the maximum size"))?;
    let path = parts.uri.path().trim_start_matches("/v1/").to_owned();
    let segments: Vec<&str> = path.split('/').collect();
    let answer = match (&segments[..], is_other) {
        (["files", rest @ ..], false) => file(&parts.method, rest, (serial, body.len())),
        (["files", ..], true) => json!({
            "id": format!("file_{serial:016x}"), "type": "file", "filename": "a.txt",
            "mime_type": "text/plain", "size_bytes": body.len(),
            "created_at": "2026-01-01T00:00:00Z", "downloadable": false,
        }),
        (["batches", rest @ ..], _) => batch(rest, serial, &body)?,
        (["messages", "batches", rest @ ..], _) => message_batch(rest, serial),
        _ => return Err(Refusal::new(404, "not found")),
    };
    let is_content = matches!(segments.last(), Some(&"content" | &"results"));
    let answer = if is_content { results() } else { respond(200, JSON, to_json(&answer)) };
    Ok(answer)
}

fn file(method: &Method, rest: &[&str], (serial, bytes): (u64, usize)) -> Value {
    let object = |id: &str| {
        json!({"id": id, "object": "file", "bytes": bytes, "created_at": 0,
               "filename": "batch.jsonl", "purpose": "batch", "status": "processed"})
    };
    match rest {
        [] if *method == Method::GET => {
            json!({"object": "list", "data": [object("file-1")], "has_more": false})
        }
        [] => object(&format!("file-{serial:016x}")),
        [id, ..] if *method == Method::DELETE => {
            json!({"id": id, "object": "file", "deleted": true})
        }
        [id, ..] => object(id),
    }
}

fn batch(rest: &[&str], serial: u64, body: &[u8]) -> Result<Value, Refusal> {
    let (id, status) = match rest {
        [] => (format!("batch_{serial:016x}"), "validating"),
        [id] => ((*id).to_owned(), "completed"),
        [id, ..] => ((*id).to_owned(), "cancelling"),
    };
    let asked: Value = serde_json::from_slice(body).unwrap_or_default();
    if rest.is_empty() && asked["input_file_id"].is_null() {
        return Err(Refusal::invalid("input_file_id is required").about("input_file_id"));
    }
    Ok(json!({
        "id": id, "object": "batch", "endpoint": "/v1/chat/completions", "created_at": 0,
        "completion_window": "24h", "status": status, "input_file_id": asked["input_file_id"],
        "output_file_id": "file-out",
    }))
}

fn message_batch(rest: &[&str], serial: u64) -> Value {
    let id = rest.first().map_or_else(|| format!("msgbatch_{serial:016x}"), |id| (*id).to_owned());
    json!({
        "id": id, "type": "message_batch", "processing_status": "ended",
        "request_counts": {"processing": 0, "succeeded": 1, "errored": 0, "canceled": 0, "expired": 0},
        "created_at": "2026-01-01T00:00:00Z", "expires_at": "2026-01-02T00:00:00Z",
        "results_url": format!("https://batches.invalid/{id}/results"),
    })
}

/// A file that is long enough to arrive in pieces.
fn results() -> Response {
    let line = |n: usize| {
        let answer =
            json!({"model": "gpt-5.4", "usage": {"prompt_tokens": 3, "completion_tokens": 2}});
        format!("{}\n", json!({"custom_id": format!("line-{n}"), "response": {"body": answer}}))
    };
    respond(200, "application/jsonl", Body::from((0..LINES).map(line).collect::<String>()))
}
