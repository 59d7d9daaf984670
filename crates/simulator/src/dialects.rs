//! The providers' wire formats, as their own servers speak them. Everything that names a provider
//! is below this file.

pub(crate) mod anthropic;
pub(crate) mod batches;
pub(crate) mod bedrock;
pub(crate) mod cohere;
mod content;
pub(crate) mod gemini;
pub(crate) mod openai;
pub(crate) mod responses;

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use units::UnixMicros;

use crate::answer::Answer;
use crate::ask::Ask;
use crate::beats::Beat;
use crate::desk::Desk;
use crate::rate::Allowance;
use crate::refusal::Refusal;

/// What a request is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To be answered.
    Answer,
    /// To have its prompt counted.
    Count,
}

/// One provider's format.
pub(crate) trait Wire: Send + 'static {
    /// How a stream is told.
    type Events: Events;
    /// Tokens of an ordinary text delta.
    const STEP_TOKENS: u64;
    /// Whether a text is cut where what it rests on changes: sources are then those of a whole piece.
    const CUTS_CITATIONS: bool = false;

    /// The key a request carries.
    fn credential(headers: &HeaderMap) -> Option<&str>;
    /// Whether a key opens the door.
    fn admits(desk: &Desk, key: &str) -> bool {
        desk.admits(key)
    }
    /// What a request without a good key is told.
    fn unauthorised(key: Option<&str>) -> Refusal;
    /// Checks what can only be checked over the whole request.
    fn verify(_: &Desk, _: &Parts, _: &[u8]) -> Result<(), Refusal> {
        Ok(())
    }
    /// Reads and validates a request as the provider would.
    fn read(parts: &Parts, body: &[u8], purpose: Purpose) -> Result<Ask, Refusal>;
    /// An error's body.
    fn refuse(refusal: &Refusal, serial: u64) -> Vec<u8>;
    /// Names an error in the headers, where the provider does.
    fn name_error(_: &mut HeaderMap, _: &Refusal) {}
    /// Adds the headers every response of the provider carries.
    fn dress(headers: &mut HeaderMap, serial: u64, allowance: &Allowance, now: UnixMicros);
    /// The answer to a request to count a prompt.
    fn counted(tokens: u64) -> Vec<u8> {
        format!("{{\"input_tokens\":{tokens}}}").into_bytes()
    }
    /// The id of the answer of request `serial`.
    fn answer_id(serial: u64) -> String;
    /// A plain answer's body.
    fn reply(answer: &Answer) -> Vec<u8>;
    /// A stream's encoder.
    fn events(answer: &Answer) -> Self::Events;
}

/// Writes the events of one stream.
pub(crate) trait Events: Send + 'static {
    /// Output tokens the first event already claims.
    const SAID_AT_START: u64;
    /// Media type of the stream.
    const CONTENT_TYPE: &'static str = "text/event-stream; charset=utf-8";

    /// Appends the events of a beat; nothing when the format has none for it.
    fn encode(&mut self, beat: Beat, answer: &Answer, out: &mut Vec<u8>);
    /// Appends the event that tells an error in mid-stream.
    fn error(&self, out: &mut Vec<u8>);
}

/// The id a response header names: `req_` and 16 hexadecimal digits.
pub(crate) fn request_id(serial: u64) -> String {
    format!("req_{serial:016x}")
}

/// Serialises a reply, which cannot fail for the types used here: maps have text keys only.
pub(crate) fn to_json<T: serde::Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

/// Appends a text as a JSON string.
fn quote(out: &mut Vec<u8>, text: &str) {
    let start = out.len();
    if serde_json::to_writer(&mut *out, text).is_err() {
        out.truncate(start);
        out.extend_from_slice(b"\"\"");
    }
}

fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

fn set_static(headers: &mut HeaderMap, name: &'static str, value: &'static str) {
    headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
}

/// Tells whether JSON is broken or merely not what was expected, in the providers' manner.
fn malformed(error: &serde_json::Error) -> Refusal {
    if error.is_data() {
        Refusal::invalid(format!("Invalid type: {error}"))
    } else {
        Refusal::invalid(format!(
            "We could not parse the JSON body of your request. ({error}) The API expects a JSON payload."
        ))
    }
}
