//! A streamed answer of this dialect read into neutral steps.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::blob::opened;
use super::citations;
use super::reply::{is_own, note_model, note_stop};
use super::usage::Terms;
use crate::chat::{CITATIONS_MAX, Citation, Span, StreamEvent, chars_told};
use crate::error::StreamError;
use crate::json::Text;
use crate::reply::Facts;
use crate::request::without_position;
use crate::sse::Event;
use crate::wire::{StreamDecoder, event_text, text};

/// Calls that may be open at once.
const OPEN_MAX: usize = 1_000;

/// Any event; each kind has some of these members. The padding is skipped.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(default)]
    content_block_index: u64,
    #[serde(borrow)]
    start: Option<StartBody<'a>>,
    #[serde(borrow)]
    delta: Option<DeltaBody<'a>>,
    #[serde(borrow)]
    stop_reason: Option<Text<'a>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    service_tier: Option<&'a RawValue>,
    #[serde(borrow)]
    performance_config: Option<&'a RawValue>,
    #[serde(borrow)]
    trace: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StartBody<'a> {
    #[serde(borrow)]
    tool_use: Option<CallBody<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CallBody<'a> {
    #[serde(borrow)]
    tool_use_id: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeltaBody<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    tool_use: Option<InputBody<'a>>,
    #[serde(borrow)]
    reasoning_content: Option<ReasoningBody<'a>>,
    #[serde(borrow)]
    citation: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct InputBody<'a> {
    #[serde(borrow)]
    input: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReasoningBody<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    signature: Option<Text<'a>>,
    #[serde(borrow)]
    redacted_content: Option<Text<'a>>,
}

/// One stream.
#[derive(Default)]
pub(super) struct ConverseDecoder {
    open: Vec<OpenCall>,
    calls: u32,
    /// Characters of text told, and where the open block begins.
    said: usize,
    base: usize,
    /// Sources of the open block.
    cited: Vec<Citation>,
    has_stopped: bool,
    is_done: bool,
}

/// A call whose arguments are arriving.
struct OpenCall {
    block: u64,
    index: u32,
    has_pieces: bool,
}

impl ConverseDecoder {
    fn block_start<'e>(
        &mut self,
        body: Body<'e>,
        facts: &mut Facts,
        steps: &mut Vec<StreamEvent<'e>>,
    ) -> Result<(), StreamError> {
        let Some(call) = body.start.and_then(|start| start.tool_use) else { return Ok(()) };
        if is_own(call.kind.as_ref()) {
            return Ok(());
        }
        if self.open.len() == OPEN_MAX {
            return Err(StreamError::Garbage("too many calls are open".to_owned()));
        }
        let index = self.calls;
        self.calls = self.calls.saturating_add(1);
        self.open.push(OpenCall { block: body.content_block_index, index, has_pieces: false });
        let name = call.name.unwrap_or_default().0;
        facts.output.push(&name);
        let id = call.tool_use_id.unwrap_or_default().0;
        steps.push(StreamEvent::ToolCall { index, id, name, signature: None });
        Ok(())
    }

    fn block_delta<'e>(
        &mut self,
        block: u64,
        delta: DeltaBody<'e>,
        facts: &mut Facts,
        steps: &mut Vec<StreamEvent<'e>>,
    ) {
        text(delta.text, facts, steps, StreamEvent::Text);
        let citation = delta.citation.filter(|_| self.cited.len() < CITATIONS_MAX);
        self.cited.extend(citation.and_then(|raw| citations::read(raw, Span::default())));
        if let Some(input) = delta.tool_use.and_then(|call| call.input)
            && let Some(call) = self.open.iter_mut().find(|call| call.block == block)
        {
            call.has_pieces |= !input.0.is_empty();
            let index = call.index;
            text(Some(input), facts, steps, |json| StreamEvent::ToolArguments { index, json });
        }
        let Some(reasoning) = delta.reasoning_content else { return };
        text(reasoning.text, facts, steps, StreamEvent::Thinking);
        let redacted = reasoning.redacted_content.filter(|text| !text.0.is_empty());
        steps.extend(redacted.map(|text| StreamEvent::RedactedThinking(opened(text.0))));
        let signature = reasoning.signature.filter(|text| !text.0.is_empty());
        steps.extend(signature.map(|text| StreamEvent::ThinkingSignature(text.0)));
    }

    /// A call that got no arguments has none, which is an empty object.
    fn block_stop(&mut self, block: u64, facts: &mut Facts, steps: &mut Vec<StreamEvent<'_>>) {
        // The whole block is what rests on its sources.
        let span = Span::new(self.base, self.said);
        let has_text = std::mem::replace(&mut self.base, self.said) < self.said;
        let cited = std::mem::take(&mut self.cited).into_iter();
        steps.extend(cited.map(|c| StreamEvent::Citation(Box::new(Citation { span, ..c }))));
        steps.extend(has_text.then_some(StreamEvent::TextEnd));
        let Some(at) = self.open.iter().position(|call| call.block == block) else { return };
        let call = self.open.swap_remove(at);
        if !call.has_pieces {
            facts.output.push("{}");
            let json = Cow::Borrowed("{}");
            steps.push(StreamEvent::ToolArguments { index: call.index, json });
        }
    }

    fn done(&mut self, steps: &mut Vec<StreamEvent<'_>>) {
        if self.has_stopped && !self.is_done {
            self.is_done = true;
            steps.push(StreamEvent::Done);
        }
    }
}

impl StreamDecoder for ConverseDecoder {
    fn decode<'e>(
        &mut self,
        event: &'e Event<'_>,
        facts: &mut Facts,
        steps: &mut Vec<StreamEvent<'e>>,
    ) -> Result<(), StreamError> {
        let garbage = |what: &str| StreamError::Garbage(what.to_owned());
        let name = event.name.unwrap_or_default();
        let is_known = matches!(
            name,
            "contentBlockStart"
                | "contentBlockDelta"
                | "contentBlockStop"
                | "messageStop"
                | "metadata"
        );
        // `messageStart` says nothing, and kinds to come are no reason to end an answer.
        if !is_known {
            return Ok(());
        }
        let json = event_text(&event.data)?;
        let mut body: Body<'e> =
            serde_json::from_str(json).map_err(|e| garbage(&without_position(&e)))?;
        let block = body.content_block_index;
        match name {
            "contentBlockStart" => self.block_start(body, facts, steps)?,
            "contentBlockDelta" => {
                let delta = body.delta.take().ok_or_else(|| garbage("a step without a delta"))?;
                self.block_delta(block, delta, facts, steps);
            }
            "contentBlockStop" => self.block_stop(block, facts, steps),
            "messageStop" => {
                note_stop(facts, body.stop_reason.as_ref().map_or("", Text::as_str));
                self.has_stopped = true;
                steps.push(StreamEvent::Finish);
            }
            // The usage comes last of all, behind the end of the message.
            _ => {
                note_model(facts, body.trace.map(RawValue::get));
                let terms = Terms {
                    usage: body.usage.map(RawValue::get),
                    tier: body.service_tier.map(RawValue::get),
                    performance: body.performance_config.map(RawValue::get),
                };
                facts.usage = terms.read().or(facts.usage.take());
                self.done(steps);
            }
        }
        self.said += chars_told(steps);
        Ok(())
    }

    fn end(&mut self, _: &mut Facts, steps: &mut Vec<StreamEvent<'_>>) {
        // A message that was told whole is one, even if its usage never came.
        self.done(steps);
    }
}

#[cfg(test)]
mod tests;
