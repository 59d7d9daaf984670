//! Message content, which both formats allow as a text or as a list of typed parts.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::dice::mix_text;
use crate::prompt::{Lifetime, Prompt};
use crate::refusal::Refusal;
use crate::tokens::IMAGE_TOKENS;

/// Bytes of a picture that tell it from others.
const IDENTITY_BYTES: usize = 512;

/// One typed part of a message.
#[derive(Debug, Deserialize)]
pub(super) struct Part<'a> {
    /// Its type.
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    /// Text, for those that have it.
    #[serde(borrow)]
    pub(super) text: Option<&'a RawValue>,
    /// What a tool returned, or a document holds.
    #[serde(borrow)]
    pub(super) content: Option<&'a RawValue>,
    /// Arguments of a tool's call.
    #[serde(borrow)]
    pub(super) input: Option<&'a RawValue>,
    /// Whether the prompt up to here is to be cached.
    pub(super) cache_control: Option<CacheControl>,
}

/// A mark in the prompt.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct CacheControl {
    ttl: Option<String>,
}

impl CacheControl {
    /// How long to keep the prefix.
    pub(super) fn lifetime(&self) -> Lifetime {
        if self.ttl.as_deref() == Some("1h") { Lifetime::OneHour } else { Lifetime::FiveMinutes }
    }
}

/// What the last message of a conversation says about the answer wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Hints {
    /// It mentions a tool.
    pub(super) mentions_tool: bool,
    /// It mentions doing things in parallel.
    pub(super) mentions_parallel: bool,
}

impl Hints {
    /// Notes what a text of the user mentions.
    pub(super) fn note(&mut self, text: &str) {
        self.mentions_tool |= text.contains("tool") || text.contains("Tool");
        self.mentions_parallel |= text.contains("parallel");
    }
}

/// The text of a raw JSON value: decoded when it is a string, else as written.
pub(super) fn text_of(raw: &RawValue) -> Cow<'_, str> {
    let json = raw.get();
    match json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(plain) if !plain.contains('\\') => Cow::Borrowed(plain),
        Some(_) => serde_json::from_str::<String>(json).map_or(Cow::Borrowed(json), Cow::Owned),
        None => Cow::Borrowed(json),
    }
}

/// The parts of a content that is a list; `None` when it is a text.
pub(super) fn parts_of(raw: &RawValue) -> Result<Option<Vec<Part<'_>>>, Refusal> {
    match raw.get().as_bytes().first() {
        Some(b'"') => Ok(None),
        Some(b'[') => serde_json::from_str(raw.get())
            .map(Some)
            .map_err(|error| Refusal::invalid(format!("Invalid content: {error}"))),
        _ => Err(Refusal::invalid("Invalid content: expected a string or an array of parts.")),
    }
}

/// Adds a picture, recording or file of any size.
pub(super) fn attach(prompt: &mut Prompt, raw: &str) {
    let beginning = &raw[..raw.floor_char_boundary(IDENTITY_BYTES)];
    let length = u64::try_from(raw.len()).unwrap_or(u64::MAX);
    prompt.fixed(IMAGE_TOKENS, mix_text(length, beginning));
}
