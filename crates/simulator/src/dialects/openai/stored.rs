//! What providers keep for their clients: files and batches, of both providers that have them.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::Method;
use axum::response::Response;
use bytes::Bytes;
use serde_json::{Value, json};

use super::OpenAi;
use crate::desk::Desk;
use crate::dialects::anthropic::Anthropic;
use crate::dialects::batches;
use crate::refusal::Refusal;
use crate::respond::respond;
use crate::whole::{self, dressed, received};

/// What is told.
enum Told {
    Object(Value),
    File(&'static str, Bytes),
}

/// Answers any request for a file or a batch.
pub(crate) async fn serve(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    let serial = desk.serial();
    let is_other = request.headers().contains_key("anthropic-version");
    let answered = answer(&desk, request, serial, is_other).await.map(|told| match told {
        Told::Object(value) => whole::answer(&value),
        Told::File(kind, bytes) => respond(200, kind, bytes),
    });
    match is_other {
        true => dressed::<Anthropic>(&desk, serial, answered),
        false => dressed::<OpenAi>(&desk, serial, answered),
    }
}

async fn answer(
    desk: &Desk,
    request: Request,
    serial: u64,
    is_other: bool,
) -> Result<Told, Refusal> {
    let (parts, body) = match is_other {
        true => received::<Anthropic>(desk, request).await?,
        false => received::<OpenAi>(desk, request).await?,
    };
    // The one character of an id that clients may write in two ways.
    let path = parts.uri.path().trim_start_matches("/v1/").replace("%2D", "-");
    let segments: Vec<&str> = path.split('/').collect();
    let asked = || serde_json::from_slice::<Value>(&body).unwrap_or_default();
    let is_made = parts.method == Method::POST;
    match (&segments[..], is_other) {
        (["files", id, "content"], _) => {
            let found = desk.kept.files.get(id);
            // As the vendor names every file, whatever is in it.
            let told = found.map(|bytes| Told::File("application/octet-stream", bytes));
            told.ok_or_else(|| Refusal::new(404, "No such File object"))
        }
        (["files"], true) if is_made => Ok(Told::Object(json!({
            "id": format!("file_{serial:016x}"), "type": "file", "filename": "a.txt",
            "mime_type": "text/plain", "size_bytes": body.len(),
            "created_at": "2026-01-01T00:00:00Z", "downloadable": false,
        }))),
        (["files"], false) if is_made => {
            let id = format!("file-{serial:016x}");
            let file = batches::uploaded(&parts, &body);
            let object = file_object(&id, file.len());
            desk.kept.files.put(id, file);
            Ok(Told::Object(object))
        }
        (["files", rest @ ..], _) => Ok(Told::Object(file(desk, &parts.method, rest))),
        (["batches"], _) if is_made => batches::of_file(desk, &parts, &asked()).map(Told::Object),
        (["messages", "batches"], _) if is_made => {
            batches::of_requests(desk, &parts, &asked()).map(Told::Object)
        }
        (["messages", "batches", id, "results"], _) => {
            let found = desk.kept.results.get(id);
            let told = found.map(|bytes| Told::File("application/binary", bytes));
            told.ok_or_else(|| Refusal::new(404, format!("Batch {id} not found")))
        }
        (["batches", id, rest @ ..] | ["messages", "batches", id, rest @ ..], _) => {
            batch(desk, id, rest).map(Told::Object)
        }
        _ => Err(Refusal::new(404, "not found")),
    }
}

fn file_object(id: &str, bytes: usize) -> Value {
    json!({"id": id, "object": "file", "bytes": bytes, "created_at": 0,
           "filename": "batch.jsonl", "purpose": "batch", "status": "processed"})
}

fn file(desk: &Desk, method: &Method, rest: &[&str]) -> Value {
    let bytes = |id: &str| desk.kept.files.get(id).map_or(0, |file| file.len());
    match rest {
        [id, ..] if *method == Method::DELETE => {
            json!({"id": id, "object": "file", "deleted": true})
        }
        [id, ..] => file_object(id, bytes(id)),
        [] => json!({"object": "list", "data": [file_object("file-1", 0)], "has_more": false}),
    }
}

fn batch(desk: &Desk, id: &str, rest: &[&str]) -> Result<Value, Refusal> {
    let missing = || Refusal::new(404, format!("No batch found with id '{id}'"));
    let mut batch = desk.kept.batches.get(id).ok_or_else(missing)?;
    if rest.first() == Some(&"cancel") {
        let status = if batch["type"].is_null() { "status" } else { "processing_status" };
        batch[status] = if status == "status" { "cancelling" } else { "canceling" }.into();
    }
    Ok(batch)
}
