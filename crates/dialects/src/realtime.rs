//! OpenAI's realtime sessions: what of their events matters to whoever meters and caps them.
//!
//! Events of both sides are JSON texts that name their `type`. They pass a gateway as they are; this
//! file only reads them, and must never know how they are framed or what they cost.
//! Source: the types of OpenAI's Python SDK 3.54, read 2026-11-23.

mod usage;

use std::borrow::Cow;

use events::{FinishReason, Meter, Meters};
use memchr::memmem;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::json::Object;
use crate::reply::Usage;

/// What a browser's key follows in the name of a subprotocol it offers, as it can send no header
/// (OpenAI's guide to realtime over WebSocket, read 2026-11-23).
pub const REALTIME_KEY_PROTOCOL: &str = "openai-insecure-api-key.";

/// Bytes of base64 of a second of the audio that models speak: 24,000 samples of 16 bits.
const SPOKEN_BYTES_PER_S: u64 = 64_000;
/// Tokens of a second a model speaks (one each 50 ms; a second that is heard has half as many).
const SPOKEN_TOKENS_PER_S: u64 = 20;
/// Bytes of text taken for a token where only an estimate is wanted.
const TEXT_BYTES_PER_TOKEN: u64 = 4;

/// What an event of the provider says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RealtimeServerEvent {
    /// How the session is set up from now on.
    Session {
        /// Longest answer, tokens; `None` when it is not limited.
        max_output_tokens: Option<u64>,
        /// The model that writes down what is heard; `None` when nobody does.
        transcription: Option<String>,
    },
    /// A piece of audio is complete and part of the conversation.
    Committed,
    /// It was written down by the model for it, or could not be; what that used, where it is told.
    Transcribed(Option<Box<Usage>>),
    /// A response has begun.
    Began,
    /// A part of a response; what it holds by estimate.
    Output(Box<Meters>),
    /// A response has ended, whatever way.
    Done(Box<RealtimeDone>),
    /// Something the client asked for was refused.
    Refused,
    /// Anything else.
    Other,
}

/// The end of a response.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RealtimeDone {
    /// The provider's id of the response.
    pub id: Option<String>,
    /// What it used, by the provider's figures; `None` where it tells none.
    pub usage: Option<Usage>,
    /// Why it ended; `None` where it was cancelled.
    pub finish_reason: Option<FinishReason>,
}

/// What an event of the client does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RealtimeClientEvent {
    /// What it leads to.
    pub effect: RealtimeEffect,
    /// The limit it sets to answers, tokens; `u64::MAX` takes any limit away, `None` leaves it.
    pub max_output_tokens: Option<u64>,
    /// It brings text that it does not hold: a stored prompt, tools of another server.
    pub is_open_ended: bool,
}

/// What an event of the client leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RealtimeEffect {
    /// A response is asked for.
    Response,
    /// Audio is heard, to which the model may respond by itself.
    Audio,
    /// Nothing that is billed before something else asks for a response.
    Quiet,
    /// Unknown, and so it may be anything.
    Unknown,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default, borrow)]
    session: Option<&'a RawValue>,
    #[serde(default, borrow)]
    response: Option<&'a RawValue>,
    #[serde(default, borrow)]
    usage: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "length")]
    delta: u64,
}

/// Reads an event of the provider; text that is none is `Other`.
pub fn read_realtime_server_event(json: &str) -> RealtimeServerEvent {
    let Ok(event) = serde_json::from_str::<Event<'_>>(json) else {
        return RealtimeServerEvent::Other;
    };
    match event.kind.as_ref() {
        "session.created" | "session.updated" => {
            let limit = event.session.and_then(|session| limit_of(session.get()));
            RealtimeServerEvent::Session {
                max_output_tokens: limit.filter(|max| *max < u64::MAX),
                transcription: event.session.and_then(|session| transcriber(session.get())),
            }
        }
        "input_audio_buffer.committed" => RealtimeServerEvent::Committed,
        "conversation.item.input_audio_transcription.completed" => {
            let usage = event.usage.and_then(|usage| usage::transcript(usage.get()));
            RealtimeServerEvent::Transcribed(usage.map(Box::new))
        }
        "conversation.item.input_audio_transcription.failed" => {
            RealtimeServerEvent::Transcribed(None)
        }
        "response.created" => RealtimeServerEvent::Began,
        "response.done" => {
            let done = event.response.and_then(|response| done(response.get()));
            RealtimeServerEvent::Done(Box::new(done.unwrap_or_default()))
        }
        "response.output_audio.delta" | "response.audio.delta" => {
            let tokens = event.delta.saturating_mul(SPOKEN_TOKENS_PER_S) / SPOKEN_BYTES_PER_S;
            RealtimeServerEvent::Output(Box::new(
                Meters::NONE.with(Meter::OutputAudio, tokens.max(1)),
            ))
        }
        kind if kind.starts_with("response.") && kind.ends_with(".delta") => {
            let tokens = event.delta.div_ceil(TEXT_BYTES_PER_TOKEN);
            RealtimeServerEvent::Output(Box::new(Meters::NONE.with(Meter::OutputText, tokens)))
        }
        "error" => RealtimeServerEvent::Refused,
        _ => RealtimeServerEvent::Other,
    }
}

/// Reads an event of the client; text that is none is of unknown effect.
pub fn read_realtime_client_event(json: &str) -> RealtimeClientEvent {
    let none = RealtimeClientEvent {
        effect: RealtimeEffect::Unknown,
        max_output_tokens: None,
        is_open_ended: false,
    };
    let Ok(event) = serde_json::from_str::<Event<'_>>(json) else { return none };
    let settings = event.session.or(event.response).map(RawValue::get);
    let effect = match event.kind.as_ref() {
        "response.create" => RealtimeEffect::Response,
        "input_audio_buffer.append" => RealtimeEffect::Audio,
        "input_audio_buffer.commit" => RealtimeEffect::Unknown,
        "session.update"
        | "response.cancel"
        | "input_audio_buffer.clear"
        | "output_audio_buffer.clear" => RealtimeEffect::Quiet,
        kind if kind.starts_with("conversation.item.") => RealtimeEffect::Quiet,
        _ => RealtimeEffect::Unknown,
    };
    let brings = |what: &str| {
        settings.is_some_and(|json| memmem::find(json.as_bytes(), what.as_bytes()).is_some())
    };
    RealtimeClientEvent {
        effect,
        max_output_tokens: settings.and_then(limit_of),
        is_open_ended: brings("\"prompt\"") || brings("\"mcp\"") || brings("\"item_reference\""),
    }
}

/// The event a client sends to end what the model is saying.
pub const fn realtime_cancel() -> &'static str {
    r#"{"type":"response.cancel"}"#
}

/// An error as the provider tells one within a session. `id` names the event.
pub fn encode_realtime_error(body: &crate::ErrorBody, id: &str) -> String {
    let mut error = serde_json::json!({
        "type": body.kind, "code": body.code, "message": body.message, "param": body.param,
        "event_id": null,
    });
    if let (Some(error), Some(metadata)) = (error.as_object_mut(), &body.metadata) {
        error.insert("metadata".to_owned(), metadata.clone());
    }
    serde_json::json!({ "type": "error", "event_id": id, "error": error }).to_string()
}

/// The limit of answers that settings name: a number, or `inf`.
fn limit_of(json: &str) -> Option<u64> {
    let settings = Object::scan(json)?;
    let names = ["max_output_tokens", "max_response_output_tokens"];
    let value = names.into_iter().find_map(|name| settings.get(name))?;
    Some(value.parse().unwrap_or(u64::MAX))
}

/// The model that settings name to write down what is heard, in the words of both versions.
fn transcriber(json: &str) -> Option<String> {
    let settings = Object::scan(json)?;
    let inside = settings.child("audio").and_then(|audio| audio.child("input"));
    let current = inside.as_ref().and_then(|input| input.child("transcription"));
    let before = settings.child("input_audio_transcription");
    current.or(before)?.text("model").filter(|model| !model.is_empty())
}

fn done(json: &str) -> Option<RealtimeDone> {
    let response = Object::scan(json)?;
    let reason = response.child("status_details").and_then(|details| details.text("reason"));
    let has_calls = response.get("output").is_some_and(|items| items.contains("\"function_call\""));
    let finish_reason = match (response.text("status").as_deref(), reason.as_deref()) {
        (Some("completed"), _) if has_calls => Some(FinishReason::ToolCalls),
        (Some("completed"), _) => Some(FinishReason::Stop),
        (Some("incomplete"), Some("content_filter")) => Some(FinishReason::ContentFilter),
        (Some("incomplete"), _) => Some(FinishReason::Length),
        (Some("failed"), _) => Some(FinishReason::Error),
        _ => None,
    };
    Some(RealtimeDone {
        id: response.text("id"),
        usage: response.get("usage").and_then(usage::read),
        finish_reason,
    })
}

/// How long a text is, in bytes; anything else has no length.
fn length<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Delta<'a> {
        Text(#[serde(borrow)] Cow<'a, str>),
        Other(IgnoredAny),
    }
    Ok(match Delta::deserialize(deserializer)? {
        Delta::Text(text) => text.len() as u64,
        Delta::Other(_) => 0,
    })
}

#[cfg(test)]
mod tests;
