//! Streamed answers as this dialect words them, for providers of other dialects: named events, each
//! with its number, and the whole answer once more at the end.

use serde::Serialize;
use serde_json::value::RawValue;

use super::annotations::annotation;
use super::encode_reply::{ItemBody, PartBody, SummaryBody, append_response, item_id, status};
use super::reasoning::{seal_call, seal_redacted, seal_signature};
use crate::chat::{Citation, Span, StreamEvent, chars};
use crate::json::{append, text_of};
use crate::reply::{Facts, ReplyContext};
use crate::wire::StreamEncoder;

/// Text kept of an answer to be told once more at its end, bytes: several times the longest output
/// any vendor documents. What is beyond it was told in the deltas only.
const KEPT_BYTES_MAX: usize = 8 << 20;

/// One stream.
pub(super) struct ResponseEncoder {
    context: ReplyContext,
    sequence: u64,
    /// Items that are complete, as JSON.
    done: Vec<String>,
    open: Open,
    /// Calls that are not complete: arguments of several may arrive in turns.
    calls: Vec<OpenCall>,
    kept_bytes: usize,
    is_started: bool,
    /// Characters of text told, and where the open message begins.
    said: usize,
    base: usize,
}

/// The item that arrives, beside calls.
enum Open {
    Nothing,
    Message { id: String, text: String, annotations: Vec<Box<RawValue>> },
    Reasoning { id: String, text: String, has_part: bool },
}

struct OpenCall {
    /// Index in the neutral chat.
    index: u32,
    output_index: usize,
    id: String,
    call_id: String,
    name: String,
    arguments: String,
}

impl ResponseEncoder {
    pub(super) fn new(context: ReplyContext) -> Self {
        Self {
            context,
            sequence: 0,
            done: Vec::new(),
            open: Open::Nothing,
            calls: Vec::new(),
            kept_bytes: 0,
            is_started: false,
            said: 0,
            base: 0,
        }
    }

    /// One event: its kind, its number, and what `members` appends (each with a leading comma).
    fn event(&mut self, out: &mut Vec<u8>, kind: &str, members: impl FnOnce(&mut Vec<u8>)) {
        for piece in ["event: ", kind, "\ndata: {\"type\":\"", kind, "\",\"sequence_number\":"] {
            out.extend_from_slice(piece.as_bytes());
        }
        append(out, &self.sequence);
        self.sequence += 1;
        members(out);
        out.extend_from_slice(b"}\n\n");
    }

    /// The start waits for the first content, so that a provider that fails before saying anything
    /// can still be replaced by another.
    fn start(&mut self, facts: &Facts, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.is_started, true) {
            return;
        }
        for kind in ["response.created", "response.in_progress"] {
            self.response(out, kind, "in_progress", facts);
        }
    }

    fn response(&mut self, out: &mut Vec<u8>, kind: &str, status: &str, facts: &Facts) {
        let context = self.context.clone();
        let output = std::mem::take(&mut self.done);
        self.event(out, kind, |out| {
            out.extend_from_slice(b",\"response\":");
            append_response(out, status, &output, facts, &context);
        });
        self.done = output;
    }

    /// Where the next item stands in the output.
    fn next_index(&self) -> usize {
        self.done.len() + self.calls.len() + usize::from(!matches!(self.open, Open::Nothing))
    }

    /// As much of a text as may still be kept.
    fn keep<'t>(&mut self, text: &'t str) -> &'t str {
        let room = KEPT_BYTES_MAX.saturating_sub(self.kept_bytes);
        let kept = &text[..text.floor_char_boundary(room)];
        self.kept_bytes += kept.len();
        kept
    }

    fn item_event(&mut self, out: &mut Vec<u8>, kind: &str, at: usize, item: &str) {
        self.event(out, kind, |out| {
            member(out, "output_index", &at);
            out.extend_from_slice(b",\"item\":");
            out.extend_from_slice(item.as_bytes());
        });
    }

    fn text(&mut self, piece: &str, facts: &Facts, out: &mut Vec<u8>) {
        if !matches!(self.open, Open::Message { .. }) {
            self.close_all(None, out);
            self.open_message(facts, out);
        }
        let kept = self.keep(piece);
        let at = self.done.len();
        self.said += chars(piece);
        let Open::Message { id, text, .. } = &mut self.open else { return };
        text.push_str(kept);
        let id = id.clone();
        self.event(out, "response.output_text.delta", |out| {
            place(out, &id, at);
            out.extend_from_slice(b",\"content_index\":0");
            member(out, "delta", piece);
            out.extend_from_slice(b",\"logprobs\":[]");
        });
    }

    fn open_message(&mut self, facts: &Facts, out: &mut Vec<u8>) {
        let at = self.done.len();
        let id = item_id("msg", facts, at);
        let item = text_of(&ItemBody::Message {
            id: &id,
            status: "in_progress",
            role: "assistant",
            content: &[],
        });
        self.item_event(out, "response.output_item.added", at, &item);
        self.event(out, "response.content_part.added", |out| {
            place(out, &id, at);
            out.extend_from_slice(b",\"content_index\":0");
            member(out, "part", &PartBody::new("", &[]));
        });
        self.open = Open::Message { id, text: String::new(), annotations: Vec::new() };
        self.base = self.said;
    }

    /// A source of the open message. One of text before it, or of none, has no place to be told at.
    fn citation(&mut self, citation: &Citation, out: &mut Vec<u8>) {
        let (at, base) = (self.done.len(), self.base);
        let Open::Message { id, annotations, .. } = &mut self.open else { return };
        let Some(start) = citation.span.start.checked_sub(base) else { return };
        let span = Span::new(start, citation.span.end.saturating_sub(base));
        let Some(json) = annotation(citation, span) else { return };
        let (id, index) = (id.clone(), annotations.len());
        annotations.push(json.clone());
        self.event(out, "response.output_text.annotation.added", |out| {
            place(out, &id, at);
            out.extend_from_slice(b",\"content_index\":0");
            member(out, "annotation_index", &index);
            member(out, "annotation", &json);
        });
    }

    fn thinking(&mut self, piece: &str, facts: &Facts, out: &mut Vec<u8>) {
        self.open_reasoning(facts, out);
        let kept = self.keep(piece);
        let at = self.done.len();
        let Open::Reasoning { id, text, has_part } = &mut self.open else { return };
        let is_first = !std::mem::replace(has_part, true);
        text.push_str(kept);
        let id = id.clone();
        if is_first {
            self.event(out, "response.reasoning_summary_part.added", |out| {
                place(out, &id, at);
                out.extend_from_slice(b",\"summary_index\":0");
                member(out, "part", &SummaryBody::new(""));
            });
        }
        self.event(out, "response.reasoning_summary_text.delta", |out| {
            place(out, &id, at);
            out.extend_from_slice(b",\"summary_index\":0");
            member(out, "delta", piece);
        });
    }

    fn open_reasoning(&mut self, facts: &Facts, out: &mut Vec<u8>) {
        if matches!(self.open, Open::Reasoning { .. }) {
            return;
        }
        self.close_all(None, out);
        let at = self.done.len();
        let id = item_id("rs", facts, at);
        let item = text_of(&ItemBody::Reasoning { id: &id, summary: &[], encrypted_content: None });
        self.item_event(out, "response.output_item.added", at, &item);
        self.open = Open::Reasoning { id, text: String::new(), has_part: false };
    }

    /// An item of reasoning that holds nothing but a seal, or the end of the one that is open.
    fn seal(&mut self, seal: &str, facts: &Facts, out: &mut Vec<u8>) {
        self.open_reasoning(facts, out);
        self.close_all(Some(seal), out);
    }

    fn call(&mut self, step: &StreamEvent<'_>, facts: &Facts, out: &mut Vec<u8>) {
        let StreamEvent::ToolCall { index, id: call_id, name, signature } = step else { return };
        if let Some(signature) = signature {
            self.seal(&seal_call(signature), facts, out);
        }
        self.close_open(None, out);
        let output_index = self.next_index();
        let id = item_id("fc", facts, output_index);
        let call = OpenCall {
            index: *index,
            output_index,
            id,
            call_id: call_id.as_ref().to_owned(),
            name: name.as_ref().to_owned(),
            arguments: String::new(),
        };
        let item = call.item("in_progress");
        self.item_event(out, "response.output_item.added", output_index, &item);
        self.calls.push(call);
    }

    fn arguments(&mut self, index: u32, json: &str, out: &mut Vec<u8>) {
        let kept = self.keep(json);
        let Some(call) = self.calls.iter_mut().rfind(|call| call.index == index) else { return };
        call.arguments.push_str(kept);
        let (id, at) = (call.id.clone(), call.output_index);
        self.event(out, "response.function_call_arguments.delta", |out| {
            place(out, &id, at);
            member(out, "delta", json);
        });
    }

    fn close_all(&mut self, seal: Option<&str>, out: &mut Vec<u8>) {
        self.close_open(seal, out);
        self.close_calls(out);
    }

    fn close_open(&mut self, seal: Option<&str>, out: &mut Vec<u8>) {
        match std::mem::replace(&mut self.open, Open::Nothing) {
            Open::Nothing => {}
            Open::Message { id, text, annotations } => {
                self.close_message(&id, &PartBody::new(&text, &annotations), out);
            }
            Open::Reasoning { id, text, has_part } => {
                let at = self.done.len();
                let summary = [SummaryBody::new(&text)];
                let summary = if has_part { &summary[..] } else { &summary[..0] };
                if has_part {
                    self.close_summary(&id, &text, out);
                }
                let item = ItemBody::Reasoning { id: &id, summary, encrypted_content: seal };
                self.item_done(at, text_of(&item), out);
            }
        }
    }

    fn close_message(&mut self, id: &str, part: &PartBody<'_>, out: &mut Vec<u8>) {
        let at = self.done.len();
        self.event(out, "response.output_text.done", |out| {
            place(out, id, at);
            out.extend_from_slice(b",\"content_index\":0");
            member(out, "text", part.text);
            out.extend_from_slice(b",\"logprobs\":[]");
        });
        self.event(out, "response.content_part.done", |out| {
            place(out, id, at);
            out.extend_from_slice(b",\"content_index\":0");
            member(out, "part", part);
        });
        let content = std::slice::from_ref(part);
        let item = ItemBody::Message { id, status: "completed", role: "assistant", content };
        self.item_done(at, text_of(&item), out);
    }

    fn close_summary(&mut self, id: &str, text: &str, out: &mut Vec<u8>) {
        let at = self.done.len();
        self.event(out, "response.reasoning_summary_text.done", |out| {
            place(out, id, at);
            out.extend_from_slice(b",\"summary_index\":0");
            member(out, "text", text);
        });
        self.event(out, "response.reasoning_summary_part.done", |out| {
            place(out, id, at);
            out.extend_from_slice(b",\"summary_index\":0");
            member(out, "part", &SummaryBody::new(text));
        });
    }

    fn close_calls(&mut self, out: &mut Vec<u8>) {
        for call in std::mem::take(&mut self.calls) {
            self.event(out, "response.function_call_arguments.done", |out| {
                place(out, &call.id, call.output_index);
                member(out, "name", call.name.as_str());
                member(out, "arguments", call.arguments.as_str());
            });
            self.item_done(call.output_index, call.item("completed"), out);
        }
    }

    fn item_done(&mut self, at: usize, item: String, out: &mut Vec<u8>) {
        self.item_event(out, "response.output_item.done", at, &item);
        self.done.push(item);
    }
}

impl OpenCall {
    fn item(&self, status: &str) -> String {
        text_of(&ItemBody::FunctionCall {
            id: &self.id,
            status,
            call_id: &self.call_id,
            name: &self.name,
            arguments: &self.arguments,
        })
    }
}

/// Appends a member.
fn member<T: Serialize + ?Sized>(out: &mut Vec<u8>, key: &str, value: &T) {
    for piece in [",\"", key, "\":"] {
        out.extend_from_slice(piece.as_bytes());
    }
    append(out, value);
}

/// Appends the members that say which item an event is about.
fn place(out: &mut Vec<u8>, item_id: &str, output_index: usize) {
    member(out, "item_id", item_id);
    member(out, "output_index", &output_index);
}

impl StreamEncoder for ResponseEncoder {
    fn encode(&mut self, step: &StreamEvent<'_>, facts: &Facts, out: &mut Vec<u8>) {
        if *step == StreamEvent::KeepAlive {
            if self.is_started {
                out.extend_from_slice(b": keep-alive\n\n");
            }
            return;
        }
        self.start(facts, out);
        match step {
            StreamEvent::Text(text) => self.text(text, facts, out),
            StreamEvent::Citation(citation) => self.citation(citation, out),
            StreamEvent::Thinking(text) => self.thinking(text, facts, out),
            StreamEvent::ThinkingSignature(signature) => {
                self.seal(&seal_signature(signature), facts, out);
            }
            StreamEvent::RedactedThinking(data) => {
                self.close_all(None, out);
                self.seal(&seal_redacted(data), facts, out);
            }
            StreamEvent::ToolCall { .. } => self.call(step, facts, out),
            StreamEvent::ToolArguments { index, json } => self.arguments(*index, json, out),
            StreamEvent::Done => {
                self.close_all(None, out);
                let status = status(facts);
                self.response(out, &format!("response.{status}"), status, facts);
            }
            // Texts that follow each other are one message; usage may still follow.
            StreamEvent::TextEnd | StreamEvent::Finish | StreamEvent::KeepAlive => {}
        }
    }
}
