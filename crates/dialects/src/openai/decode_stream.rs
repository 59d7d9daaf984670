//! A streamed answer of this dialect read into neutral steps.

use std::borrow::Cow;

use events::FinishReason;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::message::{Answer, CallBody, Said};
use super::native::note_finish;
use super::signature::signature;
use super::sources::{Lists, Marks};
use super::{annotations, error, usage};
use crate::chat::{Citation, StreamEvent};
use crate::error::StreamError;
use crate::json::{List, Object, Text};
use crate::own::label;
use crate::reply::Facts;
use crate::request::without_position;
use crate::sse::Event;
use crate::wire::{StreamDecoder, event_text};

/// Calls one answer may hold; vendors allow 128 tools.
const CALLS_MAX: usize = 1_024;

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow)]
    choices: Option<List<ChoiceBody<'a>>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    x_groq: Option<&'a RawValue>,
    #[serde(borrow)]
    service_tier: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    citations: Option<&'a RawValue>,
    #[serde(borrow)]
    search_results: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ChoiceBody<'a> {
    #[serde(borrow)]
    delta: Option<Answer<'a>>,
    #[serde(borrow)]
    finish_reason: Option<Text<'a>>,
}

/// One stream.
#[derive(Default)]
pub(super) struct ChunkDecoder {
    tier: Option<String>,
    /// Usage stood where the dialect puts it, so that copies elsewhere no longer count.
    has_usage: bool,
    is_finished: bool,
    calls: Vec<OpenCall>,
    /// The text told, looked through for marks of sources.
    marks: Marks,
    /// The sources they count.
    lists: Lists,
    /// Annotations told sources, so that marks no longer count.
    is_annotated: bool,
}

/// A call whose arguments are arriving.
struct OpenCall {
    /// Where the provider counts it.
    index: u64,
    id: String,
    /// It has had no arguments yet. More calls may begin before it gets them.
    is_bare: bool,
}

impl ChunkDecoder {
    fn note(&mut self, chunk: &Chunk<'_>, facts: &mut Facts) {
        if facts.id.is_none() {
            facts.id = label(chunk.id);
        }
        if facts.model.is_none() {
            facts.model = label(chunk.model);
        }
        self.lists.note(chunk.citations, chunk.search_results);
        if let Some(tier) = label(chunk.service_tier) {
            self.tier = Some(tier);
        }
        // The latest report replaces the one before: reports are cumulative, or the only one.
        if let Some(usage) = chunk.usage.and_then(|raw| usage::read(raw.get(), self.tier.clone())) {
            facts.usage = Some(usage);
            self.has_usage = true;
        } else if !self.has_usage {
            let copy = chunk.x_groq.and_then(|raw| Object::scan(raw.get())?.get("usage"));
            let usage = copy.and_then(|json| usage::read(json, self.tier.clone()));
            facts.usage = usage.or(facts.usage.take());
        }
    }

    fn delta<'e>(
        &mut self,
        delta: &Answer<'e>,
        facts: &mut Facts,
        steps: &mut Vec<StreamEvent<'e>>,
    ) -> Result<(), StreamError> {
        for said in delta.said() {
            match said {
                Said::Text(text) => {
                    facts.output.push(&text);
                    self.marks.read(&text);
                    steps.push(StreamEvent::Text(text));
                }
                Said::Thinking(text) => {
                    facts.output.push(&text);
                    steps.push(StreamEvent::Thinking(text));
                }
            }
        }
        if delta.refusal().is_some() {
            facts.finish_reason = Some(FinishReason::ContentFilter);
        }
        for block in delta.blocks() {
            steps.extend(block.data.map(|data| StreamEvent::RedactedThinking(data.0)));
            let signature = block.signature.map(|text| text.0).filter(|text| !text.is_empty());
            steps.extend(signature.map(StreamEvent::ThinkingSignature));
        }
        let citations = annotations::read_all(delta.annotations, 0, self.marks.said());
        self.is_annotated |= !citations.is_empty();
        cite(citations, steps);
        for call in delta.calls() {
            self.call(call, facts, steps)?;
        }
        Ok(())
    }

    /// A piece of a call. A new id begins a new call even under an index already seen: some servers
    /// count every call as the first.
    fn call<'e>(
        &mut self,
        piece: CallBody<'e>,
        facts: &mut Facts,
        steps: &mut Vec<StreamEvent<'e>>,
    ) -> Result<(), StreamError> {
        let Some(function) = piece.function else { return Ok(()) };
        let told = piece.index;
        let id = piece.id.map(|id| id.0).filter(|id| !id.is_empty());
        let open = match told {
            Some(index) => self.calls.iter().rposition(|call| call.index == index),
            None => self.calls.len().checked_sub(1),
        };
        let is_same = |at: &usize| id.as_ref().is_none_or(|id| self.calls[*at].id == id.as_ref());
        let at = match open.filter(is_same) {
            Some(at) => at,
            None => {
                let at = self.calls.len();
                if at == CALLS_MAX {
                    return Err(StreamError::Garbage("it holds more calls than any answer".into()));
                }
                let id = id.unwrap_or_else(|| Cow::Owned(format!("call_{at}")));
                let index = told.unwrap_or(at as u64);
                self.calls.push(OpenCall { index, id: id.as_ref().to_owned(), is_bare: true });
                let name = function.name.as_ref().map_or(Cow::Borrowed(""), |name| name.0.clone());
                facts.output.push(&name);
                let signature = piece.extra_content.and_then(signature);
                steps.push(StreamEvent::ToolCall { index: at_most(at), id, name, signature });
                at
            }
        };
        let json = function.arguments();
        if !json.is_empty() {
            self.calls[at].is_bare = false;
            facts.output.push(&json);
            steps.push(StreamEvent::ToolArguments { index: at_most(at), json });
        }
        Ok(())
    }

    /// A call that got no arguments by the end has none: `{}`.
    fn complete(&mut self, steps: &mut Vec<StreamEvent<'_>>) {
        for (at, call) in self.calls.iter_mut().enumerate() {
            if std::mem::take(&mut call.is_bare) {
                let json = Cow::Borrowed("{}");
                steps.push(StreamEvent::ToolArguments { index: at_most(at), json });
            }
        }
    }
}

fn cite(citations: Vec<Citation>, steps: &mut Vec<StreamEvent<'_>>) {
    let citations = citations.into_iter().map(Box::new);
    steps.extend(citations.map(StreamEvent::Citation));
}

/// The neutral index of a call; there are at most [`CALLS_MAX`].
fn at_most(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

impl StreamDecoder for ChunkDecoder {
    fn decode<'e>(
        &mut self,
        event: &'e Event<'_>,
        facts: &mut Facts,
        steps: &mut Vec<StreamEvent<'e>>,
    ) -> Result<(), StreamError> {
        let data = event.data.trim_ascii();
        if data == b"[DONE]" {
            // Usage follows the reason a model stopped for, so that the stop is told once both are
            // known.
            self.complete(steps);
            if !self.is_annotated {
                cite(self.marks.citations(&self.lists.sources()), steps);
            }
            if self.is_finished {
                steps.push(StreamEvent::Finish);
            }
            steps.push(StreamEvent::Done);
            return Ok(());
        }
        if data.is_empty() {
            steps.push(StreamEvent::KeepAlive);
            return Ok(());
        }
        let garbage = |what: &str| StreamError::Garbage(what.to_owned());
        let json = event_text(data)?;
        let chunk: Chunk<'e> =
            serde_json::from_str(json).map_err(|e| garbage(&without_position(&e)))?;
        if let Some(member) = chunk.error {
            return Err(error::read(member.get()).into());
        }
        if event.name == Some("error") {
            return Err(error::read(json).into());
        }
        self.note(&chunk, facts);
        // One answer is all a translated request asks for.
        let Some(choice) = chunk.choices.and_then(|choices| choices.0.into_iter().next()) else {
            return Ok(());
        };
        if let Some(delta) = &choice.delta {
            self.delta(delta, facts, steps)?;
        }
        if let Some(native) = choice.finish_reason.filter(|reason| !reason.0.is_empty()) {
            let refused = facts.finish_reason == Some(FinishReason::ContentFilter);
            note_finish(facts, native.as_str());
            if refused {
                facts.finish_reason = Some(FinishReason::ContentFilter);
            }
            self.is_finished = true;
        }
        Ok(())
    }
}
