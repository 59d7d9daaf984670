//! Batches of either vendor, done as soon as they are made: every request is answered and billed once,
//! and what became of it is a line of results.

use axum::http::request::Parts;
use bytes::Bytes;
use serde_json::{Value, json};

use super::anthropic::Anthropic;
use super::openai::OpenAi;
use super::responses::Responses;
use super::{Purpose, Wire, request_id};
use crate::answer::{self, Answer, Circumstances};
use crate::bill::BilledRequest;
use crate::desk::Desk;
use crate::refusal::Refusal;
use crate::respond::script_of;

/// Most requests of a batch.
const REQUESTS_MAX: usize = 100_000;

/// A request that was answered, and its answer's body.
struct Answered {
    answer: Answer,
    body: Value,
}

/// Makes a batch of a file's lines, and the files of its results.
pub(crate) fn of_file(desk: &Desk, parts: &Parts, asked: &Value) -> Result<Value, Refusal> {
    let serial = desk.serial();
    let input = asked["input_file_id"].as_str().unwrap_or_default();
    if input.is_empty() {
        return Err(Refusal::invalid("input_file_id is required").about("input_file_id"));
    }
    let file =
        desk.kept.files.get(input).ok_or_else(|| Refusal::new(404, "No such File object"))?;
    let endpoint = asked["endpoint"].as_str().unwrap_or_default();
    let text = String::from_utf8_lossy(&file);
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    for line in text.lines().filter(|line| !line.trim().is_empty()).take(REQUESTS_MAX) {
        let (line, is_error) = line_of_file(desk, parts, endpoint, line);
        push(if is_error { &mut errors } else { &mut output }, &line);
    }
    let keep = |bytes: Vec<u8>, which: &str| {
        let id = format!("file-{serial:016x}{which}");
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
        if lines > 0 {
            desk.kept.files.put(id.clone(), bytes.into());
        }
        (lines, (lines > 0).then_some(id))
    };
    let (completed, output_file_id) = keep(output, "o");
    let (failed, error_file_id) = keep(errors, "e");
    let id = format!("batch_{serial:016x}");
    let now_s = desk.options.clock.now().get().div_euclid(1_000_000);
    let batch = json!({
        "id": id, "object": "batch", "endpoint": endpoint, "model": "gpt-5.4", "errors": null,
        "input_file_id": input, "completion_window": "24h", "status": "completed",
        "output_file_id": output_file_id, "error_file_id": error_file_id, "created_at": now_s,
        "in_progress_at": now_s, "expires_at": now_s + 86_400, "finalizing_at": now_s,
        "completed_at": now_s, "failed_at": null, "expired_at": null, "cancelling_at": null,
        "cancelled_at": null, "metadata": asked["metadata"],
        "request_counts": {"total": completed + failed, "completed": completed, "failed": failed},
        // The sum of all lines, told with every look at the batch.
        "usage": {"input_tokens": 1_000_000, "input_tokens_details": {"cached_tokens": 0},
                  "output_tokens": 1_000_000, "output_tokens_details": {"reasoning_tokens": 0},
                  "total_tokens": 2_000_000},
    });
    desk.kept.batches.put(id, batch.clone());
    let mut begun = batch;
    begun["status"] = "validating".into();
    for later in ["output_file_id", "error_file_id", "in_progress_at", "completed_at", "usage"] {
        begun[later] = Value::Null;
    }
    Ok(begun)
}

/// What became of one line, and whether that is an error.
fn line_of_file(desk: &Desk, parts: &Parts, endpoint: &str, line: &str) -> (Value, bool) {
    let asked: Value = serde_json::from_str(line).unwrap_or_default();
    let body = asked["body"].to_string();
    let answered = match endpoint {
        "/v1/responses" => answered::<Responses>(desk, parts, body.as_bytes(), None),
        _ => answered::<OpenAi>(desk, parts, body.as_bytes(), None),
    };
    let (serial, status, body) = match answered {
        Ok(Answered { answer, body }) => {
            bill(desk, &answer, line_id(answer.serial));
            (answer.serial, 200, body)
        }
        Err(refusal) => {
            let serial = desk.serial();
            let body = OpenAi::refuse(&refusal, serial);
            (serial, refusal.status, serde_json::from_slice(&body).unwrap_or_default())
        }
    };
    let line = json!({
        "id": line_id(serial), "custom_id": asked["custom_id"],
        "response": {"status_code": status, "request_id": request_id(serial), "body": body},
        "error": null,
    });
    (line, status != 200)
}

/// Makes a batch of the requests of a body.
pub(crate) fn of_requests(desk: &Desk, parts: &Parts, asked: &Value) -> Result<Value, Refusal> {
    let serial = desk.serial();
    let Some(requests) = asked["requests"].as_array().filter(|requests| !requests.is_empty())
    else {
        return Err(Refusal::invalid("requests: Field required").about("requests"));
    };
    let (mut lines, mut succeeded) = (Vec::new(), 0);
    // Results come in any order, but that of the requests.
    for request in requests.iter().rev().take(REQUESTS_MAX) {
        let body = request["params"].to_string();
        let result = match answered::<Anthropic>(desk, parts, body.as_bytes(), Some("batch")) {
            Ok(Answered { answer, body }) => {
                bill(desk, &answer, Anthropic::answer_id(answer.serial));
                succeeded += 1;
                json!({"type": "succeeded", "message": body})
            }
            Err(refusal) => {
                let body = Anthropic::refuse(&refusal, desk.serial());
                let error: Value = serde_json::from_slice(&body).unwrap_or_default();
                json!({"type": "errored", "error": error})
            }
        };
        push(&mut lines, &json!({"custom_id": request["custom_id"], "result": result}));
    }
    let id = format!("msgbatch_{serial:016x}");
    desk.kept.results.put(id.clone(), lines.into());
    let now = desk.options.clock.now();
    let batch = json!({
        "id": id, "type": "message_batch", "processing_status": "ended",
        "request_counts": {"processing": 0, "succeeded": succeeded,
                           "errored": requests.len() - succeeded, "canceled": 0, "expired": 0},
        "ended_at": now.to_string(), "created_at": now.to_string(),
        "expires_at": now.plus_micros(86_400_000_000).to_string(),
        "archived_at": null, "cancel_initiated_at": null,
        "results_url": format!("https://batches.invalid/v1/messages/batches/{id}/results"),
    });
    desk.kept.batches.put(id, batch.clone());
    let mut begun = batch;
    begun["processing_status"] = "in_progress".into();
    begun["results_url"] = Value::Null;
    begun["ended_at"] = Value::Null;
    Ok(begun)
}

/// Answers one request of a batch.
fn answered<W: Wire>(
    desk: &Desk,
    parts: &Parts,
    body: &[u8],
    tier: Option<&'static str>,
) -> Result<Answered, Refusal> {
    let mut ask = W::read(parts, body, Purpose::Answer)?;
    let (model, script) = script_of(desk, &ask.model, &parts.headers)?;
    if let Some(status) = script.status {
        return Err(Refusal::new(status, format!("Simulated error {status}")));
    }
    ask.tier = tier.unwrap_or(ask.tier);
    let now = desk.options.clock.now();
    let input = desk.prefixes.serve(ask.cache, &model, &ask.prompt, now);
    let around = Circumstances {
        seed: desk.options.seed,
        words: desk.options.answer_words.clone(),
        script: &script,
        cuts_citations: W::CUTS_CITATIONS,
        serial: desk.serial(),
        created_s: now.get().div_euclid(1_000_000),
    };
    let answer = answer::compose(&ask, &model, input, &around);
    let body = serde_json::from_slice(&W::reply(&answer)).unwrap_or_default();
    Ok(Answered { answer, body })
}

fn bill(desk: &Desk, answer: &Answer, id: String) {
    let owed = |model: &str, quantities| BilledRequest {
        id: id.clone(),
        request_id: request_id(answer.serial),
        model: model.to_owned(),
        is_complete: true,
        quantities,
    };
    desk.ledger.add(owed(&answer.model, answer.usage));
    for advice in &answer.advice {
        desk.ledger.add(owed(&advice.model, advice.usage));
    }
}

fn line_id(serial: u64) -> String {
    format!("batch_req_{serial:016x}")
}

fn push(lines: &mut Vec<u8>, line: &Value) {
    lines.extend_from_slice(line.to_string().as_bytes());
    lines.push(b'\n');
}

/// The file of a form, or the body itself where it is none.
pub(crate) fn uploaded(parts: &Parts, body: &Bytes) -> Bytes {
    let kind = parts.headers.get(axum::http::header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let boundary = kind.split_once("boundary=").map(|(_, rest)| rest.trim_matches('"'));
    let file = boundary.and_then(|boundary| {
        let end = format!("\r\n--{boundary}");
        let named = find(body, b"filename=")?;
        let start = named + find(body.get(named..)?, b"\r\n\r\n")? + 4;
        let length = find(body.get(start..)?, end.as_bytes())?;
        Some(body.slice(start..start + length))
    });
    file.unwrap_or_else(|| body.clone())
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}
