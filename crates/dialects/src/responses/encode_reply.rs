//! Plain answers as this dialect words them: a response object, and the items of its output.

use events::FinishReason;
use serde::Serialize;
use serde_json::value::RawValue;

use super::annotations::annotation;
use super::reasoning::{seal_call, seal_redacted, seal_signature};
use super::usage::UsageBody;
use crate::chat::{ChatReply, Citation, OutputPart, chars};
use crate::json::append;
use crate::reply::{Facts, ReplyContext};

/// One item of an output.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ItemBody<'a> {
    Message {
        id: &'a str,
        status: &'a str,
        role: &'static str,
        content: &'a [PartBody<'a>],
    },
    Reasoning {
        id: &'a str,
        summary: &'a [SummaryBody<'a>],
        #[serde(skip_serializing_if = "Option::is_none")]
        encrypted_content: Option<&'a str>,
    },
    FunctionCall {
        id: &'a str,
        status: &'a str,
        call_id: &'a str,
        name: &'a str,
        arguments: &'a str,
    },
}

/// Text of a message.
#[derive(Serialize)]
pub(super) struct PartBody<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    pub(super) text: &'a str,
    annotations: &'a [Box<RawValue>],
    logprobs: [(); 0],
}

impl<'a> PartBody<'a> {
    pub(super) fn new(text: &'a str, annotations: &'a [Box<RawValue>]) -> Self {
        Self { kind: "output_text", text, annotations, logprobs: [] }
    }
}

/// A part of a summary of reasoning.
#[derive(Serialize)]
pub(super) struct SummaryBody<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    text: &'a str,
}

impl<'a> SummaryBody<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { kind: "summary_text", text }
    }
}

/// How an answer ended, as its status.
pub(super) fn status(facts: &Facts) -> &'static str {
    match facts.finish_reason {
        Some(FinishReason::Length | FinishReason::ContentFilter) => "incomplete",
        Some(FinishReason::Error) => "failed",
        _ => "completed",
    }
}

/// The id of an answer, which clients expect to begin so.
pub(super) fn response_id(facts: &Facts) -> String {
    let id = facts.id.as_deref().unwrap_or_default();
    if id.starts_with("resp_") { id.to_owned() } else { format!("resp_{id}") }
}

/// The id of the item at a place of the output.
pub(super) fn item_id(prefix: &str, facts: &Facts, output_index: usize) -> String {
    let id = facts.id.as_deref().unwrap_or_default();
    format!("{prefix}_{}_{output_index}", id.strip_prefix("resp_").unwrap_or(id))
}

/// The model name a client sees.
fn shown_model<'a>(facts: &'a Facts, context: &'a ReplyContext) -> &'a str {
    context.model_shown.as_deref().or(facts.model.as_deref()).unwrap_or_default()
}

/// The members every response begins with.
#[derive(Serialize)]
struct Head<'a> {
    id: &'a str,
    object: &'static str,
    created_at: u64,
    status: &'a str,
    background: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed_at: Option<u64>,
    error: Option<ErrorBody>,
    incomplete_details: Option<Incomplete>,
    instructions: Option<()>,
    max_output_tokens: Option<u64>,
    model: &'a str,
}

#[derive(Serialize)]
struct ErrorBody {
    code: &'static str,
    message: &'static str,
}

#[derive(Serialize)]
struct Incomplete {
    reason: &'static str,
}

/// Members that repeat what was asked, which the answer does not know.
const TAIL: &str = r#","parallel_tool_calls":true,"previous_response_id":null,"reasoning":{"effort":null,"summary":null},"store":false,"temperature":null,"text":{"format":{"type":"text"}},"tool_choice":"auto","tools":[],"top_p":null,"truncation":"disabled","metadata":{}"#;

/// Appends a response object. `output` is the JSON of its items; what the client asked for is not
/// repeated, since the answer does not know it.
pub(super) fn append_response(
    out: &mut Vec<u8>,
    status: &str,
    output: &[String],
    facts: &Facts,
    context: &ReplyContext,
) {
    let is_ended = status != "in_progress";
    let reason = match facts.finish_reason {
        Some(FinishReason::Length) => "max_output_tokens",
        _ => "content_filter",
    };
    let failure =
        ErrorBody { code: "server_error", message: "the model stopped because of an error" };
    let start = out.len();
    append(
        out,
        &Head {
            id: &response_id(facts),
            object: "response",
            created_at: context.created_unix_s,
            status,
            background: false,
            completed_at: (status == "completed").then_some(context.created_unix_s),
            error: (status == "failed").then_some(failure),
            incomplete_details: (status == "incomplete").then_some(Incomplete { reason }),
            instructions: None,
            max_output_tokens: None,
            model: shown_model(facts, context),
        },
    );
    // The object goes on.
    if out.len() > start {
        out.pop();
    }
    out.extend_from_slice(b",\"output\":[");
    out.extend_from_slice(output.join(",").as_bytes());
    out.push(b']');
    out.extend_from_slice(TAIL.as_bytes());
    let usage = facts.usage.as_ref().filter(|_| is_ended);
    if let Some(tier) = usage.and_then(|usage| usage.service_tier.as_deref()) {
        out.extend_from_slice(b",\"service_tier\":");
        append(out, tier);
    }
    if let Some(native) = facts.native_finish_reason.as_deref().filter(|_| is_ended) {
        out.extend_from_slice(b",\"native_finish_reason\":");
        append(out, native);
    }
    out.extend_from_slice(b",\"usage\":");
    match usage {
        Some(usage) => append(out, &UsageBody::new(&usage.meters, (context.cost)(usage))),
        None => out.extend_from_slice(b"null"),
    }
    out.push(b'}');
}

/// The items of an output, as JSON. Neighbouring texts are one message, as in a stream, where
/// nothing tells them apart.
#[derive(Default)]
struct Items<'a> {
    done: Vec<String>,
    text: String,
    thinking: Option<String>,
    facts: Option<&'a Facts>,
    citations: &'a [Citation],
    /// Characters of text told in items before.
    said: usize,
}

impl Items<'_> {
    fn id(&self, prefix: &str) -> String {
        self.facts.map(|facts| item_id(prefix, facts, self.done.len())).unwrap_or_default()
    }

    fn push(&mut self, item: &ItemBody<'_>) {
        self.done.push(crate::json::text_of(item));
    }

    fn close_text(&mut self) {
        if self.text.is_empty() {
            return;
        }
        let (id, text) = (self.id("msg"), std::mem::take(&mut self.text));
        let (base, length) = (self.said, chars(&text));
        self.said += length;
        let cited = self.citations.iter();
        let annotations: Vec<_> =
            cited.filter_map(|c| annotation(c, c.span.within(base, length)?)).collect();
        let content = &[PartBody::new(&text, &annotations)];
        self.push(&ItemBody::Message { id: &id, status: "completed", role: "assistant", content });
    }

    /// Reasoning ends with its seal, or where something else begins.
    fn close_thinking(&mut self, seal: Option<&str>) {
        let text = self.thinking.take();
        if text.is_none() && seal.is_none() {
            return;
        }
        let (id, text) = (self.id("rs"), text.unwrap_or_default());
        let summary = [SummaryBody::new(&text)];
        let summary = if text.is_empty() { &summary[..0] } else { &summary[..] };
        self.push(&ItemBody::Reasoning { id: &id, summary, encrypted_content: seal });
    }
}

pub(super) fn reply(reply: &ChatReply<'_>, facts: &Facts, context: &ReplyContext) -> Vec<u8> {
    let mut items = Items { facts: Some(facts), citations: &reply.citations, ..Items::default() };
    for part in &reply.parts {
        match part {
            OutputPart::Text(text) => {
                items.close_thinking(None);
                items.text.push_str(text);
                continue;
            }
            _ => items.close_text(),
        }
        match part {
            OutputPart::Text(_) => {}
            OutputPart::Thinking { text, signature } => {
                if !text.is_empty() {
                    items.thinking.get_or_insert_default().push_str(text);
                }
                if let Some(signature) = signature {
                    items.close_thinking(Some(&seal_signature(signature)));
                }
            }
            OutputPart::RedactedThinking(data) => {
                items.close_thinking(None);
                items.close_thinking(Some(&seal_redacted(data)));
            }
            OutputPart::ToolCall { id: call_id, name, arguments, signature } => {
                items.close_thinking(signature.as_deref().map(seal_call).as_deref());
                let id = items.id("fc");
                let status = "completed";
                items.push(&ItemBody::FunctionCall { id: &id, status, call_id, name, arguments });
            }
        }
    }
    items.close_thinking(None);
    items.close_text();
    let mut out = Vec::new();
    append_response(&mut out, status(facts), &items.done, facts, context);
    out
}
