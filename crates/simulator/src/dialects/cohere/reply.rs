//! A plain answer, and the pieces of it that streams repeat.

use serde_json::{Value, json};

use super::Cohere;
use crate::answer::{Answer, Choice, Finish, Part, PartKind};
use crate::cited::{CITED_PASSAGE, CITED_TITLE, CITED_URL, CITED_WORDS};
use crate::dialects::{Wire, to_json};

/// Tokens of the instructions the provider puts before every prompt: counted, read from its cache and
/// not billed.
const PREAMBLE_TOKENS: u64 = 496;

/// The body of a plain answer.
pub(super) fn encode(answer: &Answer) -> Vec<u8> {
    let Some(choice) = answer.choices.first() else {
        return Vec::new();
    };
    let mut message = json!({"role": "assistant"});
    let mut content = Vec::new();
    let mut calls = Vec::new();
    for part in &choice.parts {
        match &part.kind {
            PartKind::Thinking if has_calls(choice) => {
                message["tool_plan"] = part.text.as_str().into()
            }
            PartKind::Thinking => {
                content.push(json!({"type": "thinking", "thinking": part.text}));
            }
            PartKind::Text => {
                if let Some(citation) = citation(part, content.len()) {
                    message["citations"] = json!([citation]);
                }
                content.push(json!({"type": "text", "text": part.text}));
            }
            PartKind::Tool(name) => {
                let function = json!({"name": name, "arguments": part.text});
                let id = call_id(name, answer.serial, calls.len());
                calls.push(json!({"id": id, "type": "function", "function": function}));
            }
        }
    }
    if !content.is_empty() {
        message["content"] = content.into();
    }
    if !calls.is_empty() {
        message["tool_calls"] = calls.into();
    }
    let mut body = json!({
        "id": Cohere::answer_id(answer.serial),
        "finish_reason": finish_reason(&choice.finish),
        "message": message,
    });
    if answer.tells_usage {
        body["usage"] = usage(answer);
    }
    to_json(&body)
}

/// The source of a part that stands at a place of the content.
pub(super) fn citation(part: &Part, content_index: usize) -> Option<Value> {
    let (start, end) = part.citation()?.chars;
    let document = json!({
        "id": "doc_0", "title": CITED_TITLE, "url": CITED_URL, "snippet": CITED_PASSAGE,
    });
    Some(json!({
        "start": start, "end": end, "text": CITED_WORDS,
        "sources": [{"type": "document", "id": "doc_0", "document": document}],
        "content_index": content_index, "type": "TEXT_CONTENT",
    }))
}

/// Whether an answer calls tools: its reasoning is then told as a plan.
pub(super) fn has_calls(choice: &Choice) -> bool {
    choice.parts.iter().any(|part| matches!(part.kind, PartKind::Tool(_)))
}

/// The id of an answer's `index`th call.
pub(super) fn call_id(name: &str, serial: u64, index: usize) -> String {
    format!("{name}_{serial:016x}{index:02x}")
}

/// What is billed, and beside it what was counted.
pub(super) fn usage(answer: &Answer) -> Value {
    let usage = &answer.usage;
    json!({
        "billed_units": {
            "input_tokens": usage.prompt_tokens(), "output_tokens": usage.output_tokens,
        },
        "tokens": {
            "input_tokens": usage.prompt_tokens() + PREAMBLE_TOKENS,
            "output_tokens": usage.output_tokens + 2,
        },
        "cached_tokens": PREAMBLE_TOKENS,
    })
}

/// Why an answer ended, in the format's words.
pub(super) const fn finish_reason(finish: &Finish) -> &'static str {
    match finish {
        Finish::Stop => "COMPLETE",
        Finish::StopSequence(_) => "STOP_SEQUENCE",
        Finish::Length => "MAX_TOKENS",
        Finish::ToolCalls => "TOOL_CALL",
    }
}
