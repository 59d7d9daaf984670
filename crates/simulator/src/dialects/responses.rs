//! OpenAI's responses. Key, headers and errors are those of the vendor's other format.

mod events;
mod reply;
mod request;

use axum::http::HeaderMap;
use axum::http::request::Parts;
use serde_json::json;
use units::UnixMicros;

use super::openai::OpenAi;
use super::{Purpose, Wire, to_json};
use crate::answer::Answer;
use crate::ask::Ask;
use crate::rate::Allowance;
use crate::refusal::Refusal;

/// What sealed reasoning begins with here; anything else was sealed elsewhere.
const SEAL: &str = "gAAAAsimulated";

/// The format.
pub(crate) struct Responses;

impl Wire for Responses {
    type Events = events::ResponseEvents;
    const STEP_TOKENS: u64 = 1;

    fn credential(headers: &HeaderMap) -> Option<&str> {
        OpenAi::credential(headers)
    }

    fn unauthorised(key: Option<&str>) -> Refusal {
        OpenAi::unauthorised(key)
    }

    fn read(_: &Parts, body: &[u8], purpose: Purpose) -> Result<Ask, Refusal> {
        request::read(body, purpose)
    }

    fn refuse(refusal: &Refusal, serial: u64) -> Vec<u8> {
        OpenAi::refuse(refusal, serial)
    }

    fn dress(headers: &mut HeaderMap, serial: u64, allowance: &Allowance, now: UnixMicros) {
        OpenAi::dress(headers, serial, allowance, now);
    }

    fn counted(tokens: u64) -> Vec<u8> {
        to_json(&json!({"object": "response.input_tokens", "input_tokens": tokens}))
    }

    fn answer_id(serial: u64) -> String {
        format!("resp_{serial:016x}")
    }

    fn reply(answer: &Answer) -> Vec<u8> {
        to_json(&reply::response(answer, reply::status(answer)))
    }

    fn events(answer: &Answer) -> Self::Events {
        events::ResponseEvents::of(answer)
    }
}
