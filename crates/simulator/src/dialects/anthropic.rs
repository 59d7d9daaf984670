//! Anthropic's messages.

mod events;
mod reply;
mod request;

use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use serde_json::{Value, json};
use units::UnixMicros;

use super::{Purpose, Wire, request_id, set, set_static, to_json};
use crate::answer::Answer;
use crate::ask::Ask;
use crate::rate::Allowance;
use crate::refusal::Refusal;

/// The format.
pub(crate) struct Anthropic;

impl Wire for Anthropic {
    type Events = events::BlockEvents;
    const STEP_TOKENS: u64 = 3;
    const CUTS_CITATIONS: bool = true;

    fn credential(headers: &HeaderMap) -> Option<&str> {
        if let Some(key) = headers.get("x-api-key") {
            return key.to_str().ok();
        }
        headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ").map(str::trim)
    }

    fn unauthorised(key: Option<&str>) -> Refusal {
        match key {
            Some(_) => Refusal::new(401, "invalid x-api-key"),
            None => Refusal::new(401, "x-api-key header is required"),
        }
    }

    fn read(parts: &Parts, body: &[u8], purpose: Purpose) -> Result<Ask, Refusal> {
        request::read(&parts.headers, body, purpose)
    }

    fn refuse(refusal: &Refusal, serial: u64) -> Vec<u8> {
        to_json(&error_value(error_type(refusal.status), &refusal.message, serial))
    }

    fn dress(headers: &mut HeaderMap, serial: u64, allowance: &Allowance, now: UnixMicros) {
        set(headers, "request-id", &request_id(serial));
        set_static(headers, "anthropic-organization-id", "simulated");
        set_static(headers, "anthropic-ratelimit-tokens-limit", "30000000");
        set_static(headers, "anthropic-ratelimit-tokens-remaining", "29999000");
        set_static(headers, "anthropic-ratelimit-input-tokens-limit", "20000000");
        set_static(headers, "anthropic-ratelimit-input-tokens-remaining", "19999000");
        set_static(headers, "anthropic-ratelimit-output-tokens-limit", "10000000");
        set_static(headers, "anthropic-ratelimit-output-tokens-remaining", "9999000");
        set(headers, "anthropic-ratelimit-requests-limit", &allowance.limit.to_string());
        set(headers, "anthropic-ratelimit-requests-remaining", &allowance.remaining.to_string());
        let reset = now.plus_micros(i64::from(allowance.reset_ms) * 1000).get();
        let reset = UnixMicros::new(reset.div_euclid(1_000_000) * 1_000_000).to_string();
        set(headers, "anthropic-ratelimit-requests-reset", &reset);
        set(headers, "anthropic-ratelimit-tokens-reset", &reset);
        set(headers, "anthropic-ratelimit-input-tokens-reset", &reset);
        set(headers, "anthropic-ratelimit-output-tokens-reset", &reset);
    }

    fn answer_id(serial: u64) -> String {
        format!("msg_{serial:016x}")
    }

    fn reply(answer: &Answer) -> Vec<u8> {
        reply::encode(answer)
    }

    fn events(answer: &Answer) -> Self::Events {
        events::BlockEvents::of(answer)
    }
}

/// The list of models, in the format's shape.
pub(crate) fn models<'a>(names: impl Iterator<Item = &'a str>, created: UnixMicros) -> Value {
    let created = created.to_string();
    let entries: Vec<Value> = names
        .map(|id| {
            json!({
                "type": "model",
                "id": id,
                "display_name": id,
                "created_at": created,
                "lifecycle": "active",
            })
        })
        .collect();
    let end = |entry: Option<&Value>| entry.map(|entry| entry["id"].clone());
    let (first, last) = (end(entries.first()), end(entries.last()));
    json!({"data": entries, "has_more": false, "first_id": first, "last_id": last})
}

/// Whether a request without a path of its own speaks this format.
pub(crate) fn is_spoken(headers: &HeaderMap) -> bool {
    headers.contains_key("x-api-key") || headers.contains_key("anthropic-version")
}

const fn error_type(status: u16) -> &'static str {
    match status {
        400 => "invalid_request_error",
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        503 | 529 => "overloaded_error",
        504 => "timeout_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}

fn error_value(kind: &str, message: &str, serial: u64) -> Value {
    json!({
        "type": "error",
        "error": {"type": kind, "message": message},
        "request_id": request_id(serial),
    })
}

/// The id of the `index`th block of an answer when it is a tool call.
fn tool_use_id(serial: u64, index: usize) -> String {
    format!("toolu_{serial:016x}{index:04x}")
}

/// A signature of the right look over reasoning nobody can check.
fn signature(serial: u64) -> String {
    format!("ErUBCkYIBxgCIkD{serial:016x}{:016x}==", crate::dice::scramble(serial))
}
