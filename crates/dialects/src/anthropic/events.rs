//! Streamed answers as this dialect words them, for providers of other dialects.

use std::borrow::Cow;

use serde::Serialize;

use super::calls::{Call, Nesting, Queue};
use super::citations::CitationBody;
use super::encode::{Message, stop_reason};
use super::seal::seal;
use super::usage_body::Counts;
use crate::chat::{Citation, StreamEvent};
use crate::json::{append, text_of};
use crate::reply::{Facts, ReplyContext};
use crate::wire::StreamEncoder;

/// One stream. Blocks come one after the other.
pub(super) struct BlockEncoder {
    context: ReplyContext,
    has_begun: bool,
    has_calls: bool,
    /// Position of the next block.
    next: u32,
    open: Option<Open>,
    waiting: Queue,
}

/// The block that is being told; its position is the one before `next`.
enum Open {
    Text,
    Thinking { is_signed: bool },
    Call { index: u32, nesting: Nesting },
}

/// A block as it begins.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Start<'a> {
    Text { text: &'static str },
    Thinking { thinking: &'static str, signature: &'static str },
    RedactedThinking { data: &'a str },
    ToolUse { id: &'a str, name: &'a str, input: Empty },
}

#[derive(Serialize)]
struct Empty {}

#[derive(Serialize)]
struct Stop<'a> {
    stop_reason: &'a str,
    stop_sequence: Option<&'a str>,
}

impl BlockEncoder {
    pub(super) fn new(context: ReplyContext) -> Self {
        Self {
            context,
            has_begun: false,
            has_calls: false,
            next: 0,
            open: None,
            waiting: Queue::default(),
        }
    }

    /// The start waits for the first content, so that a provider that fails before saying anything
    /// can still be replaced by another.
    fn begin(&mut self, facts: &Facts, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.has_begun, true) {
            out.extend_from_slice(
                b"event: message_start\ndata: {\"type\":\"message_start\",\"message\":",
            );
            append(out, &Message::begun(facts, &self.context));
            out.extend_from_slice(b"}\n\n");
        }
    }

    fn open(&mut self, open: Open, start: &Start<'_>, out: &mut Vec<u8>) {
        self.close(out);
        let head = format!(
            "event: content_block_start\ndata: {{\"type\":\"content_block_start\",\"index\":{},\"content_block\":",
            self.next
        );
        out.extend_from_slice(head.as_bytes());
        append(out, start);
        out.extend_from_slice(b"}\n\n");
        self.next = self.next.saturating_add(1);
        self.open = Some(open);
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if self.open.take().is_some() {
            let stop = format!(
                "event: content_block_stop\ndata: {{\"type\":\"content_block_stop\",\"index\":{}}}\n\n",
                self.next.saturating_sub(1)
            );
            out.extend_from_slice(stop.as_bytes());
        }
    }

    /// More of the open block.
    fn delta(&self, (kind, member): (&str, &str), text: &str, out: &mut Vec<u8>) {
        let head = format!(
            "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":{},\"delta\":{{\"type\":\"{kind}\",\"{member}\":",
            self.next.saturating_sub(1)
        );
        out.extend_from_slice(head.as_bytes());
        append(out, text);
        out.extend_from_slice(b"}}\n\n");
    }

    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        self.end_calls(out);
        if !matches!(self.open, Some(Open::Text)) {
            self.open(Open::Text, &Start::Text { text: "" }, out);
        }
        self.delta(("text_delta", "text"), text, out);
    }

    /// A source of the open text. Behind the end of its block there is nothing to tell it with.
    fn citation(&self, citation: &Citation, out: &mut Vec<u8>) {
        if !matches!(self.open, Some(Open::Text)) {
            return;
        }
        let event = format!(
            "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":{},\"delta\":{{\"type\":\"citations_delta\",\"citation\":{}}}}}\n\n",
            self.next.saturating_sub(1),
            text_of(&CitationBody::new(citation))
        );
        out.extend_from_slice(event.as_bytes());
    }

    fn text_end(&mut self, out: &mut Vec<u8>) {
        if matches!(self.open, Some(Open::Text)) {
            self.close(out);
        }
    }

    /// The block for more reasoning: a signature ends the one it signs.
    fn thinking(&mut self, is_signature: bool, out: &mut Vec<u8>) {
        self.end_calls(out);
        if !matches!(self.open, Some(Open::Thinking { is_signed: false })) {
            let start = Start::Thinking { thinking: "", signature: "" };
            self.open(Open::Thinking { is_signed: is_signature }, &start, out);
        }
        self.open = Some(Open::Thinking { is_signed: is_signature });
    }

    fn redacted(&mut self, data: &str, out: &mut Vec<u8>) {
        self.open(Open::Text, &Start::RedactedThinking { data }, out);
        self.close(out);
    }

    fn call(&mut self, call: Call, out: &mut Vec<u8>) {
        self.has_calls = true;
        let is_incomplete =
            matches!(&self.open, Some(Open::Call { nesting, .. }) if !nesting.is_whole());
        if is_incomplete && !self.waiting.is_full() {
            self.waiting.push(call);
        } else {
            self.end_waiting(out);
            self.open_call(&call, out);
        }
    }

    fn open_call(&mut self, call: &Call, out: &mut Vec<u8>) {
        if let Some(signature) = &call.signature {
            self.redacted(&seal(signature), out);
        }
        let start = Start::ToolUse { id: &call.id, name: &call.name, input: Empty {} };
        self.open(Open::Call { index: call.index, nesting: Nesting::default() }, &start, out);
        if !call.json.is_empty() {
            self.arguments(call.index, &call.json, out);
        }
    }

    fn arguments(&mut self, index: u32, json: &str, out: &mut Vec<u8>) {
        match &mut self.open {
            Some(Open::Call { index: open, nesting }) if *open == index => nesting.push(json),
            _ => return self.waiting.extend(index, json),
        }
        self.delta(("input_json_delta", "partial_json"), json, out);
        let is_whole = matches!(&self.open, Some(Open::Call { nesting, .. }) if nesting.is_whole());
        if is_whole && let Some(next) = self.waiting.pop() {
            self.open_call(&next, out);
        }
    }

    /// Tells every call that still waits, whole.
    fn end_waiting(&mut self, out: &mut Vec<u8>) {
        while let Some(call) = self.waiting.pop() {
            self.open_call(&call, out);
        }
    }

    /// Ends the calls before something else is said.
    fn end_calls(&mut self, out: &mut Vec<u8>) {
        if !self.waiting.is_empty() {
            self.end_waiting(out);
        }
    }

    /// The end waits for the usage, which some providers tell after the reason they stopped.
    fn end(&mut self, facts: &Facts, out: &mut Vec<u8>) {
        self.end_waiting(out);
        self.close(out);
        let stop = Stop { stop_reason: stop_reason(facts, self.has_calls), stop_sequence: None };
        out.extend_from_slice(
            b"event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":",
        );
        append(out, &stop);
        out.extend_from_slice(
            format!(",\"usage\":{}}}\n\n", text_of(&Counts::new(facts))).as_bytes(),
        );
        out.extend_from_slice(b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n");
    }
}

impl StreamEncoder for BlockEncoder {
    fn encode(&mut self, step: &StreamEvent<'_>, facts: &Facts, out: &mut Vec<u8>) {
        if *step == StreamEvent::KeepAlive {
            if self.has_begun {
                out.extend_from_slice(b"event: ping\ndata: {\"type\":\"ping\"}\n\n");
            }
            return;
        }
        self.begin(facts, out);
        match step {
            StreamEvent::Text(text) => self.text(text, out),
            StreamEvent::Citation(citation) => self.citation(citation, out),
            StreamEvent::TextEnd => self.text_end(out),
            StreamEvent::Thinking(text) => {
                self.thinking(false, out);
                self.delta(("thinking_delta", "thinking"), text, out);
            }
            StreamEvent::ThinkingSignature(signature) => {
                self.thinking(true, out);
                self.delta(("signature_delta", "signature"), signature, out);
            }
            StreamEvent::RedactedThinking(data) => {
                self.end_calls(out);
                self.redacted(data, out);
            }
            StreamEvent::ToolCall { index, id, name, signature } => {
                let call = Call {
                    index: *index,
                    id: id.clone().into_owned(),
                    name: name.clone().into_owned(),
                    signature: signature.clone().map(Cow::into_owned),
                    json: String::new(),
                };
                self.call(call, out);
            }
            StreamEvent::ToolArguments { index, json } => self.arguments(*index, json, out),
            StreamEvent::Done => self.end(facts, out),
            StreamEvent::Finish | StreamEvent::KeepAlive => {}
        }
    }
}

#[cfg(test)]
mod tests;
