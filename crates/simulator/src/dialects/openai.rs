//! OpenAI's chat completions.

pub(crate) mod embeddings;
mod events;
pub(crate) mod media;
pub(crate) mod realtime;
mod reply;
mod request;
pub(crate) mod stored;

use std::io::Write;

use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use serde_json::{Value, json};
use units::UnixMicros;

pub(super) use reply::page;
pub(super) use request::{bills_cache_writes, thinking_of, tier_of};

use super::{Purpose, Wire, request_id, set, set_static, to_json};
use crate::answer::Answer;
use crate::ask::Ask;
use crate::rate::Allowance;
use crate::refusal::Refusal;

/// What the format ends a stream with an error in.
pub(super) const SERVER_ERROR: &str =
    "The server had an error while processing your request. Sorry about that!";

/// The format.
pub(crate) struct OpenAi;

impl Wire for OpenAi {
    type Events = events::ChunkEvents;
    const STEP_TOKENS: u64 = 1;

    fn credential(headers: &HeaderMap) -> Option<&str> {
        headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ").map(str::trim)
    }

    fn unauthorised(key: Option<&str>) -> Refusal {
        let Some(key) = key.filter(|key| !key.is_empty()) else {
            return Refusal::new(
                401,
                "You didn't provide an API key. You need to provide your API key in an \
                 Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
            );
        };
        let shown: String = key.chars().take(3).collect();
        Refusal::new(401, format!("Incorrect API key provided: {shown}***."))
            .coded("invalid_api_key")
    }

    fn read(_: &Parts, body: &[u8], _: Purpose) -> Result<Ask, Refusal> {
        request::read(body)
    }

    fn refuse(refusal: &Refusal, _: u64) -> Vec<u8> {
        to_json(&json!({ "error": {
            "message": refusal.message,
            "type": error_type(refusal.status),
            "param": refusal.param,
            "code": refusal.code.or(code_of(refusal.status)),
        }}))
    }

    fn dress(headers: &mut HeaderMap, serial: u64, allowance: &Allowance, _: UnixMicros) {
        set(headers, "x-request-id", &request_id(serial));
        set_static(headers, "openai-organization", "simulated");
        set_static(headers, "openai-processing-ms", "1");
        set_static(headers, "openai-version", "2020-10-01");
        set_static(headers, "x-ratelimit-limit-tokens", "30000000");
        set_static(headers, "x-ratelimit-remaining-tokens", "29999000");
        set_static(headers, "x-ratelimit-reset-tokens", "2ms");
        if *allowance == Allowance::GENEROUS {
            set_static(headers, "x-ratelimit-limit-requests", "10000");
            set_static(headers, "x-ratelimit-remaining-requests", "9999");
            set_static(headers, "x-ratelimit-reset-requests", "6ms");
            return;
        }
        set(headers, "x-ratelimit-limit-requests", &allowance.limit.to_string());
        set(headers, "x-ratelimit-remaining-requests", &allowance.remaining.to_string());
        set(headers, "x-ratelimit-reset-requests", &format!("{}ms", allowance.reset_ms));
        if allowance.is_exceeded {
            set(headers, "retry-after-ms", &allowance.reset_ms.to_string());
        }
    }

    fn answer_id(serial: u64) -> String {
        format!("chatcmpl-{serial:016x}")
    }

    fn reply(answer: &Answer) -> Vec<u8> {
        reply::encode(answer)
    }

    fn events(answer: &Answer) -> Self::Events {
        events::ChunkEvents::of(answer)
    }
}

/// The list of models, in the format's shape.
pub(crate) fn models<'a>(names: impl Iterator<Item = &'a str>, created_s: i64) -> Value {
    let entries: Vec<Value> = names
        .map(|id| json!({"id": id, "object": "model", "created": created_s, "owned_by": "simulator"}))
        .collect();
    json!({"object": "list", "data": entries})
}

fn error_type(status: u16) -> &'static str {
    match status {
        429 => "requests",
        500.. => "server_error",
        _ => "invalid_request_error",
    }
}

const fn code_of(status: u16) -> Option<&'static str> {
    match status {
        429 => Some("rate_limit_exceeded"),
        404 => Some("model_not_found"),
        _ => None,
    }
}

/// The id of the `index`th tool call of an answer's choice.
pub(super) fn call_id(serial: u64, choice: usize, index: usize) -> String {
    format!("call_{serial:016x}{choice:04x}{index:04x}")
}

/// The object that tells usage.
fn write_usage(out: &mut Vec<u8>, answer: &Answer) {
    let usage = &answer.usage;
    let prompt = usage.prompt_tokens();
    // Writing to memory cannot fail.
    let _ = write!(
        out,
        "{{\"prompt_tokens\":{prompt},\"completion_tokens\":{},\"total_tokens\":{},\
         \"prompt_tokens_details\":{{\"cached_tokens\":{},\"audio_tokens\":0",
        usage.output_tokens,
        prompt + usage.output_tokens,
        usage.cache_read_tokens
    );
    if request::bills_cache_writes(&answer.model) {
        let _ = write!(out, ",\"cache_write_tokens\":{}", usage.cache_write_tokens);
    }
    let _ = write!(
        out,
        "}},\"completion_tokens_details\":{{\"reasoning_tokens\":{},\"audio_tokens\":0,\
         \"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}}}}",
        usage.reasoning_tokens
    );
}
