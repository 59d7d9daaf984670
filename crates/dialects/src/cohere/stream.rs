//! A streamed answer of this dialect read into neutral steps.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::reply::{BlockBody, CallBody, note_finish};
use super::{citations, usage};
use crate::chat::{StreamEvent, chars_told};
use crate::error::{StreamError, UpstreamError, from_member};
use crate::json::Text;
use crate::reply::Facts;
use crate::request::without_position;
use crate::sse::Event;
use crate::wire::{StreamDecoder, event_text, text};

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    delta: Option<DeltaBody<'a>>,
    /// Words of an error outside the protocol.
    #[serde(borrow)]
    message: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct DeltaBody<'a> {
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    finish_reason: Option<Text<'a>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// What a step adds. The members are told one at a time here, not in lists.
#[derive(Deserialize)]
struct StepBody<'a> {
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_plan: Option<Text<'a>>,
    #[serde(borrow)]
    tool_calls: Option<&'a RawValue>,
    #[serde(borrow)]
    citations: Option<&'a RawValue>,
}

/// Blocks of content whose beginnings are kept; answers have two.
const BLOCKS_MAX: usize = 1_024;

/// One stream. Calls come one after the other, so that only the open one is remembered.
#[derive(Default)]
pub(super) struct ChatDecoder {
    calls: u32,
    open: Option<OpenCall>,
    /// Characters of text told.
    said: usize,
    /// Where each block of the content begins in it, at most [`BLOCKS_MAX`].
    bases: Vec<usize>,
}

/// A call whose arguments are arriving.
struct OpenCall {
    index: u32,
    has_pieces: bool,
}

impl ChatDecoder {
    fn step<'e>(
        &mut self,
        kind: &str,
        message: &'e str,
        facts: &mut Facts,
        steps: &mut Vec<StreamEvent<'e>>,
    ) -> Result<(), StreamError> {
        let garbage = |error: &serde_json::Error| StreamError::Garbage(without_position(error));
        let step: StepBody<'e> = serde_json::from_str(message).map_err(|e| garbage(&e))?;
        match kind {
            "citation-start" => {
                let told = step.citations.map_or("", RawValue::get);
                let cited = citations::read(told, &self.bases).into_iter();
                steps.extend(cited.map(|citation| StreamEvent::Citation(Box::new(citation))));
            }
            "content-start" | "content-delta" => {
                if kind == "content-start" && self.bases.len() < BLOCKS_MAX {
                    self.bases.push(self.said);
                }
                // Some content-starts tell an empty list.
                let content = step.content.filter(|raw| raw.get().starts_with('{'));
                let Some(raw) = content else { return Ok(()) };
                let block: BlockBody<'e> =
                    serde_json::from_str(raw.get()).map_err(|e| garbage(&e))?;
                text(block.thinking, facts, steps, StreamEvent::Thinking);
                text(block.text, facts, steps, StreamEvent::Text);
            }
            "tool-plan-delta" => text(step.tool_plan, facts, steps, StreamEvent::Thinking),
            _ => {
                let calls = step.tool_calls.filter(|raw| raw.get().starts_with('{'));
                let Some(raw) = calls else { return Ok(()) };
                let call: CallBody<'e> =
                    serde_json::from_str(raw.get()).map_err(|e| garbage(&e))?;
                self.call(kind, call, facts, steps);
            }
        }
        Ok(())
    }

    fn call<'e>(
        &mut self,
        kind: &str,
        call: CallBody<'e>,
        facts: &mut Facts,
        steps: &mut Vec<StreamEvent<'e>>,
    ) {
        let function = call.function.unwrap_or_default();
        if kind == "tool-call-start" {
            self.call_end(facts, steps);
            let index = self.calls;
            self.calls = self.calls.saturating_add(1);
            self.open = Some(OpenCall { index, has_pieces: false });
            let name = function.name.unwrap_or_default().0;
            facts.output.push(&name);
            let id = call.id.unwrap_or_default().0;
            steps.push(StreamEvent::ToolCall { index, id, name, signature: None });
        }
        let Some(open) = &mut self.open else { return };
        let piece = function.arguments.unwrap_or_default();
        open.has_pieces |= !piece.0.is_empty();
        let index = open.index;
        text(Some(piece), facts, steps, |json| StreamEvent::ToolArguments { index, json });
    }

    /// A call that got no arguments has none, which is an empty object.
    fn call_end(&mut self, facts: &mut Facts, steps: &mut Vec<StreamEvent<'_>>) {
        if let Some(call) = self.open.take().filter(|call| !call.has_pieces) {
            facts.output.push("{}");
            let json = Cow::Borrowed("{}");
            steps.push(StreamEvent::ToolArguments { index: call.index, json });
        }
    }

    fn message_end(
        &mut self,
        delta: DeltaBody<'_>,
        facts: &mut Facts,
        steps: &mut Vec<StreamEvent<'_>>,
    ) -> Result<(), StreamError> {
        self.call_end(facts, steps);
        let usage = delta.usage.and_then(|raw| usage::read(raw.get()));
        facts.usage = usage.or(facts.usage.take());
        let native = delta.finish_reason.unwrap_or_default();
        note_finish(facts, native.as_str());
        if let Some(error) = delta.error {
            let status = if native.as_str() == "TIMEOUT" { 504 } else { 500 };
            return Err(from_member(status, error.get()).into());
        }
        steps.extend([StreamEvent::Finish, StreamEvent::Done]);
        Ok(())
    }
}

impl StreamDecoder for ChatDecoder {
    fn decode<'e>(
        &mut self,
        event: &'e Event<'_>,
        facts: &mut Facts,
        steps: &mut Vec<StreamEvent<'e>>,
    ) -> Result<(), StreamError> {
        let data = event.data.trim_ascii();
        if data.is_empty() || data == b"[DONE]" {
            return Ok(());
        }
        let garbage = |what: &str| StreamError::Garbage(what.to_owned());
        let json = event_text(data)?;
        let body: Body<'e> =
            serde_json::from_str(json).map_err(|e| garbage(&without_position(&e)))?;
        let kind = body.kind.as_ref().map(Text::as_str);
        match (kind, body.delta) {
            (Some("message-start"), _) => facts.id = body.id.map(|text| text.0.into_owned()),
            (Some("message-end"), Some(delta)) => self.message_end(delta, facts, steps)?,
            (Some("tool-call-end"), _) => self.call_end(facts, steps),
            (
                Some(
                    kind @ ("content-start" | "content-delta" | "tool-plan-delta"
                    | "tool-call-start" | "tool-call-delta" | "citation-start"),
                ),
                Some(delta),
            ) => {
                if let Some(message) = delta.message {
                    self.step(kind, message.get(), facts, steps)?;
                }
            }
            (None, _) => {
                let Some(words) = body.message else {
                    return Err(garbage("an event without a type"));
                };
                let error: UpstreamError = from_member(500, words.get());
                return Err(error.into());
            }
            // Ends of contents and of citations, and kinds to come are no reason to end an answer.
            _ => {}
        }
        self.said += chars_told(steps);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
