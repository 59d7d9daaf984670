//! What an answer that is passed on as it is tells of its usage, read beside the way: whatever dialect
//! it is in, plain, as events or as frames, in memory that does not grow with it.
//!
//! Nothing here changes a byte, and what is not understood is no error: then nothing is told.

use bytes::Bytes;
use events::{Dialect, Meter, Meters};

use crate::error::{StreamError, UpstreamError};
use crate::json::{Members, Object, plain_text};
use crate::openai;
use crate::operations::OpenaiOperation;
use crate::reply::{Facts, ReplyContext, Usage};
use crate::sse::{Event, Framer, WHOLE_EVENT_BYTES_MAX, without_bom};
use crate::stream::StreamTranscoder;
use crate::usage_words::{self, Place, Told, ceiling};

/// Members of a plain answer that matter.
const WANTED: &[&str] = &[
    "usage",
    "usageMetadata",
    "meta",
    "model",
    "modelVersion",
    "id",
    "responseId",
    "service_tier",
    "duration",
];
/// Types of the events that end a stream.
const ENDS: [&str; 5] =
    ["message_stop", "message-end", "response.completed", "response.incomplete", "response.failed"];

/// Reads one answer.
pub struct AnswerMeter {
    hint: Dialect,
    operation: Option<OpenaiOperation>,
    reading: Reading,
    facts: Facts,
    /// Usage as the stream's start told it, where later events tell the rest.
    begun: Option<String>,
    is_done: bool,
    /// Whether an event has been seen that is no error.
    has_begun: bool,
    failed: Option<UpstreamError>,
}

/// How the answer is read.
enum Reading {
    /// Not at all: it is no text that could tell usage, or was too large for it.
    Nothing,
    /// As JSON, whole.
    Whole(Members),
    /// As server-sent events.
    Events { framer: Framer, pending: Vec<u8>, is_first: bool },
    /// As the frames of one cloud.
    Frames(Box<StreamTranscoder>),
}

impl AnswerMeter {
    /// Reads an answer of this media type. `hint` is the dialect its provider is known to speak, for
    /// words that two dialects share; `operation` is what was asked for, where it is known.
    pub fn new(hint: Dialect, operation: Option<OpenaiOperation>, content_type: &str) -> Self {
        let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let reading = match kind.as_str() {
            "text/event-stream" => {
                Reading::Events { framer: Framer::default(), pending: Vec::new(), is_first: true }
            }
            "application/vnd.amazon.eventstream" => {
                let (from, to) = (Dialect::BedrockConverse, Dialect::OpenaiChat);
                let context = ReplyContext::unpriced();
                Reading::Frames(Box::new(StreamTranscoder::new(from, to, context)))
            }
            // Lines of JSON are answers of many requests: their sum is nobody's usage.
            "application/json" => Reading::Whole(Members::new(WANTED, "data")),
            _ => Reading::Nothing,
        };
        let facts = Facts::default();
        Self {
            hint,
            operation,
            reading,
            facts,
            begun: None,
            is_done: false,
            has_begun: false,
            failed: None,
        }
    }

    /// Takes the next bytes.
    pub fn push(&mut self, chunk: &Bytes) {
        match &mut self.reading {
            Reading::Nothing => {}
            Reading::Whole(members) => members.push(chunk),
            Reading::Frames(stream) => {
                let pushed = stream.push(chunk);
                self.has_begun |= pushed.as_ref().is_ok_and(|told| !told.is_empty());
                if let Some(error) = pushed.err().or_else(|| stream.failure().cloned()) {
                    if let StreamError::Upstream(error) = error {
                        self.failed = Some(error);
                    }
                    self.facts = stream.facts().clone();
                    self.reading = Reading::Nothing;
                }
            }
            Reading::Events { pending, .. } => {
                pending.extend_from_slice(chunk);
                if pending.len() > WHOLE_EVENT_BYTES_MAX {
                    self.reading = Reading::Nothing;
                }
                self.events();
            }
        }
    }

    /// Whether a stream has said that it is complete.
    pub fn is_done(&self) -> bool {
        match &self.reading {
            Reading::Frames(stream) => stream.is_done(),
            _ => self.is_done,
        }
    }

    /// The error a stream told in the place of an answer, or in its course.
    pub const fn failed(&self) -> Option<&UpstreamError> {
        self.failed.as_ref()
    }

    /// Whether a stream has told anything but an error.
    pub const fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Memory that holds what is not yet a whole event, bytes; at most 64 MiB, as an event has at most 32.
    pub fn held_bytes(&self) -> usize {
        match &self.reading {
            Reading::Events { pending, .. } => pending.capacity(),
            Reading::Frames(stream) => stream.held_bytes(),
            Reading::Nothing | Reading::Whole(_) => 0,
        }
    }

    /// Reads no further, for want of memory. What was told until now stays, but is not all of it.
    pub fn stop(&mut self) {
        let mut facts = self.facts();
        facts.usage = None;
        self.facts = facts;
        self.reading = Reading::Nothing;
    }

    /// What the answer told so far.
    pub fn facts(&self) -> Facts {
        match &self.reading {
            Reading::Frames(stream) => stream.facts().clone(),
            Reading::Whole(members) => self.of_whole(members),
            Reading::Nothing | Reading::Events { .. } => self.facts.clone(),
        }
    }

    /// Reads the whole events there are.
    fn events(&mut self) {
        let Reading::Events { framer, pending, is_first } = &mut self.reading else { return };
        let (mut events, mut start) = (Vec::new(), 0);
        while let Some(length) = framer.find(pending.get(start..).unwrap_or_default()) {
            framer.consume();
            let raw = pending.get(start..start + length).unwrap_or_default();
            let raw = if std::mem::take(is_first) { without_bom(raw) } else { raw };
            if let Some(event) = Event::parse(raw) {
                events.push(event.data.into_owned());
            }
            start += length;
        }
        pending.drain(..start);
        for data in events {
            self.event(&data);
        }
    }

    fn event(&mut self, data: &[u8]) {
        if data.trim_ascii() == b"[DONE]" {
            self.is_done = true;
            return;
        }
        let Ok(text) = std::str::from_utf8(data) else { return };
        let Some(event) = Object::scan(text) else { return };
        match error_in(&event, text) {
            Some(error) => self.failed = self.failed.take().or(Some(error)),
            None => self.has_begun |= self.failed.is_none(),
        }
        self.is_done |= event.text("type").is_some_and(|kind| ENDS.contains(&kind.as_str()));
        self.name(|name| event.get(name));
        for parent in ["message", "response"] {
            if let Some(child) = event.child(parent) {
                self.name(|name| child.get(name));
            }
        }
        if let Some((json, place)) = usage_words::find(|name| event.get(name)) {
            let tier = event.text("service_tier");
            self.told(json, place, tier);
        }
    }

    /// What the answer is called, the first name of each kind.
    fn name<'a>(&mut self, get: impl Fn(&str) -> Option<&'a str>) {
        let text = |names: [&str; 2]| names.into_iter().find_map(|name| plain_text(get(name)?));
        if self.facts.model.is_none() {
            self.facts.model = text(["model", "modelVersion"]);
        }
        if self.facts.id.is_none() {
            self.facts.id = text(["id", "responseId"]);
        }
    }

    /// The latest report replaces the one before; where it tells only what is new, in its members.
    fn told(&mut self, json: &str, place: Place, tier: Option<String>) {
        let merged = self.begun.as_deref().and_then(|begun| usage_words::over(begun, json));
        let json = if place == Place::Start { json } else { merged.as_deref().unwrap_or(json) };
        if let Some((usage, extra)) = self.usage(json, tier) {
            self.facts.usage = Some(usage);
            self.facts.extra = extra;
            self.facts.is_usage_partial = place == Place::Start;
        }
        if place == Place::Start {
            self.begun = Some(json.to_owned());
        }
    }

    fn usage(&self, json: &str, tier: Option<String>) -> Option<Told> {
        let draws = self.operation.is_some_and(OpenaiOperation::draws);
        let (mut usage, extra) = usage_words::read(json, self.hint)?;
        if draws && !usage_words::splits_output(json) {
            // What comes out of these is pictures, unless it is said to be text.
            let pictures = usage.meters.get(Meter::OutputText);
            usage.meters.set(Meter::OutputText, 0);
            usage.meters.add(Meter::OutputImage, pictures);
        }
        usage.service_tier = usage.service_tier.or(tier);
        Some((usage, extra))
    }

    fn of_whole(&self, members: &Members) -> Facts {
        let text =
            |names: [&str; 2]| names.into_iter().find_map(|name| plain_text(members.get(name)?));
        let told = usage_words::find(|name| members.get(name));
        let tier = members.get("service_tier").and_then(plain_text);
        let (usage, extra) = told.and_then(|(json, _)| self.usage(json, tier)).unzip();
        Facts {
            usage: usage.or_else(|| self.counted(members)),
            extra: extra.unwrap_or_default(),
            model: text(["model", "modelVersion"]),
            id: text(["id", "responseId"]),
            ..Facts::default()
        }
    }

    /// What can be counted in an answer that tells no usage: pictures, seconds.
    fn counted(&self, members: &Members) -> Option<Usage> {
        let seconds = members.get("duration").and_then(ceiling);
        let meters = match self.operation? {
            operation if operation.draws() => Meters::NONE.with(Meter::Images, members.items()),
            OpenaiOperation::Transcriptions | OpenaiOperation::Translations => {
                Meters::NONE.with(Meter::AudioSeconds, seconds?)
            }
            _ => Meters::NONE,
        };
        (!meters.is_empty()).then(|| Usage { meters, ..Usage::default() })
    }
}

/// The error an event tells: as a member, as its whole, or of the response it ends.
fn error_in(event: &Object<'_>, text: &str) -> Option<UpstreamError> {
    let told = |object: &Object<'_>| object.get("error").map(openai::error::read);
    match event.text("type").as_deref() {
        Some("response.failed") => told(&event.child("response")?),
        Some("error") => told(event).or_else(|| Some(openai::error::read(text))),
        _ => told(event),
    }
}

#[cfg(test)]
mod tests;
