//! Cohere's chat and reranking of version 2.

mod embed;
mod events;
mod reply;
mod request;
mod rerank;

use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use serde_json::json;
use units::UnixMicros;

use super::{Purpose, Wire, request_id, set, set_static, to_json};
use crate::answer::Answer;
use crate::ask::Ask;
use crate::dice::scramble;
use crate::rate::Allowance;
use crate::refusal::Refusal;

pub(crate) use embed::embed;
pub(crate) use rerank::rerank;

/// The format.
pub(crate) struct Cohere;

impl Wire for Cohere {
    type Events = events::ChatEvents;
    const STEP_TOKENS: u64 = 2;

    fn credential(headers: &HeaderMap) -> Option<&str> {
        headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ").map(str::trim)
    }

    fn unauthorised(key: Option<&str>) -> Refusal {
        match key {
            Some(_) => Refusal::new(401, "invalid api token"),
            None => Refusal::new(401, "no api key supplied"),
        }
    }

    fn read(_: &Parts, body: &[u8], _: Purpose) -> Result<Ask, Refusal> {
        request::read(body)
    }

    fn refuse(refusal: &Refusal, serial: u64) -> Vec<u8> {
        to_json(&json!({"id": Self::answer_id(serial), "message": refusal.message}))
    }

    fn dress(headers: &mut HeaderMap, serial: u64, allowance: &Allowance, _: UnixMicros) {
        set(headers, "x-request-id", &request_id(serial));
        set(headers, "x-trial-endpoint-call-limit", &allowance.limit.to_string());
        set(headers, "x-trial-endpoint-call-remaining", &allowance.remaining.to_string());
        set_static(headers, "access-control-expose-headers", "X-Debug-Trace-ID");
    }

    fn answer_id(serial: u64) -> String {
        let low = scramble(serial);
        format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            serial >> 32,
            (serial >> 16) & 0xffff,
            serial & 0xfff,
            low & 0xfff,
            low >> 16,
        )
    }

    fn reply(answer: &Answer) -> Vec<u8> {
        reply::encode(answer)
    }

    fn events(answer: &Answer) -> Self::Events {
        events::ChatEvents::of(answer)
    }
}
