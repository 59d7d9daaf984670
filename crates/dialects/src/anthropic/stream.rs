//! A streamed answer of this dialect read into neutral steps.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::citations;
use super::reply::{BlockBody, error, note_stop};
use super::usage::Tally;
use crate::chat::{CITATIONS_MAX, Citation, Span, StreamEvent, chars_told};
use crate::error::StreamError;
use crate::json::Text;
use crate::reply::Facts;
use crate::request::without_position;
use crate::sse::Event;
use crate::wire::{StreamDecoder, event_text, text};

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    message: Option<MessageBody<'a>>,
    #[serde(borrow)]
    content_block: Option<BlockBody<'a>>,
    #[serde(borrow)]
    delta: Option<DeltaBody<'a>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct MessageBody<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    model: Option<Text<'a>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct DeltaBody<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    thinking: Option<Text<'a>>,
    #[serde(borrow)]
    signature: Option<Text<'a>>,
    #[serde(borrow)]
    partial_json: Option<Text<'a>>,
    #[serde(borrow)]
    citation: Option<&'a RawValue>,
    #[serde(borrow)]
    stop_reason: Option<Text<'a>>,
}

/// One stream. Blocks come one after the other, so that only the open one is remembered.
#[derive(Default)]
pub(super) struct MessageDecoder {
    tally: Tally,
    call: Option<OpenCall>,
    calls: u32,
    /// Characters of text told, and where the open block begins.
    said: usize,
    base: usize,
    /// Sources of the open block, which tells them before or behind its text.
    cited: Vec<Citation>,
}

/// A call of a tool whose arguments are arriving.
struct OpenCall {
    index: u32,
    /// Arguments told at the start, for providers that send no pieces.
    whole: String,
    has_pieces: bool,
}

impl MessageDecoder {
    fn block_start<'e>(
        &mut self,
        block: BlockBody<'e>,
        facts: &mut Facts,
        steps: &mut Vec<StreamEvent<'e>>,
    ) {
        self.call = None;
        self.base = self.said;
        self.cited = citations::read_all(block.citations, Span::default());
        match block.kind.as_str() {
            "text" => text(block.text, facts, steps, StreamEvent::Text),
            "thinking" => text(block.thinking, facts, steps, StreamEvent::Thinking),
            "redacted_thinking" => {
                steps.extend(block.data.map(|data| StreamEvent::RedactedThinking(data.0)));
            }
            "tool_use" => {
                let index = self.calls;
                self.calls = self.calls.saturating_add(1);
                let whole = block.input.map_or("{}", RawValue::get).to_owned();
                self.call = Some(OpenCall { index, whole, has_pieces: false });
                let name = block.name.unwrap_or_default().0;
                facts.output.push(&name);
                let id = block.id.unwrap_or_default().0;
                steps.push(StreamEvent::ToolCall { index, id, name, signature: None });
            }
            // The provider's own tools and their results.
            _ => {}
        }
    }

    fn block_delta<'e>(
        &mut self,
        delta: DeltaBody<'e>,
        facts: &mut Facts,
        steps: &mut Vec<StreamEvent<'e>>,
    ) {
        let kind = delta.kind.as_ref().map_or("", Text::as_str);
        match kind {
            "text_delta" => text(delta.text, facts, steps, StreamEvent::Text),
            "thinking_delta" => text(delta.thinking, facts, steps, StreamEvent::Thinking),
            "signature_delta" => {
                let signature = delta.signature.filter(|text| !text.0.is_empty());
                steps.extend(signature.map(|text| StreamEvent::ThinkingSignature(text.0)));
            }
            "input_json_delta" => {
                let Some(call) = &mut self.call else { return };
                let piece = delta.partial_json.unwrap_or_default();
                call.has_pieces |= !piece.0.is_empty();
                let index = call.index;
                let wrap = |json| StreamEvent::ToolArguments { index, json };
                text(Some(piece), facts, steps, wrap);
            }
            "citations_delta" if self.cited.len() < CITATIONS_MAX => {
                let citation = delta.citation.and_then(|raw| citations::read(raw, Span::default()));
                self.cited.extend(citation);
            }
            // What may come.
            _ => {}
        }
    }

    /// A call that got no pieces has the arguments told at its start, none meaning `{}`.
    fn block_stop<'e>(&mut self, facts: &mut Facts, steps: &mut Vec<StreamEvent<'e>>) {
        if let Some(call) = self.call.take().filter(|call| !call.has_pieces) {
            facts.output.push(&call.whole);
            let json = Cow::Owned(call.whole);
            steps.push(StreamEvent::ToolArguments { index: call.index, json });
        }
        // The whole block is what rests on its sources.
        let span = Span::new(self.base, self.said);
        let cited = std::mem::take(&mut self.cited).into_iter();
        steps.extend(cited.map(|c| StreamEvent::Citation(Box::new(Citation { span, ..c }))));
        steps.extend((self.base < self.said).then_some(StreamEvent::TextEnd));
    }

    fn message_start(&mut self, message: MessageBody<'_>, facts: &mut Facts) {
        facts.id = message.id.map(|text| text.0.into_owned());
        facts.model = message.model.map(|text| text.0.into_owned());
        if let Some(usage) = message.usage {
            self.tally.report(usage.get(), facts);
            // Output is only begun: what the start tells of it is no total.
            facts.is_usage_partial = true;
        }
    }
}

impl StreamDecoder for MessageDecoder {
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
        match body.kind.as_str() {
            "message_start" => {
                let message = body.message.ok_or_else(|| garbage("a start without a message"))?;
                self.message_start(message, facts);
            }
            "content_block_start" => {
                let block = body.content_block.ok_or_else(|| garbage("a start without a block"))?;
                self.block_start(block, facts, steps);
            }
            "content_block_delta" => {
                let delta = body.delta.ok_or_else(|| garbage("a step without a delta"))?;
                self.block_delta(delta, facts, steps);
            }
            "content_block_stop" => self.block_stop(facts, steps),
            "message_delta" => {
                if let Some(usage) = body.usage {
                    self.tally.report(usage.get(), facts);
                    facts.is_usage_partial = false;
                }
                if let Some(native) = body.delta.and_then(|delta| delta.stop_reason) {
                    note_stop(facts, native.as_str());
                    steps.push(StreamEvent::Finish);
                }
            }
            "message_stop" => steps.push(StreamEvent::Done),
            "ping" => steps.push(StreamEvent::KeepAlive),
            "error" => return Err(error(json).into()),
            // Kinds to come are no reason to end an answer.
            _ => {}
        }
        self.said += chars_told(steps);
        Ok(())
    }
}
