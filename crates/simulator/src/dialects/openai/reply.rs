//! A plain chat completion.

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{OpenAi, call_id, write_usage};
use crate::answer::{Answer, Choice, Finish, Part, PartKind};
use crate::cited::{CITED_TITLE, CITED_URL, Citation};
use crate::dialects::{Wire, to_json};

#[derive(Serialize)]
struct Completion<'a> {
    id: String,
    object: &'static str,
    created: i64,
    model: &'a str,
    choices: Vec<ChoiceShape<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Box<RawValue>>,
    service_tier: &'static str,
    system_fingerprint: &'static str,
}

#[derive(Serialize)]
struct ChoiceShape<'a> {
    index: usize,
    message: MessageShape<'a>,
    logprobs: Option<()>,
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct MessageShape<'a> {
    role: &'static str,
    content: Option<&'a str>,
    refusal: Option<()>,
    annotations: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<CallShape<'a>>,
}

#[derive(Serialize)]
struct CallShape<'a> {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    function: FunctionShape<'a>,
}

#[derive(Serialize)]
struct FunctionShape<'a> {
    name: &'a str,
    arguments: &'a str,
}

/// The body of a plain answer.
pub(super) fn encode(answer: &Answer) -> Vec<u8> {
    let usage = answer.tells_usage.then(|| {
        let mut out = Vec::with_capacity(320);
        write_usage(&mut out, answer);
        String::from_utf8(out).ok().and_then(|json| RawValue::from_string(json).ok())
    });
    to_json(&Completion {
        id: OpenAi::answer_id(answer.serial),
        object: "chat.completion",
        created: answer.created_s,
        model: &answer.model,
        choices: (0..).zip(&answer.choices).map(|(i, c)| shape(answer.serial, i, c)).collect(),
        usage: usage.flatten(),
        service_tier: answer.tier,
        system_fingerprint: "fp_simulated",
    })
}

/// Why a choice ended, in the format's words.
pub(super) const fn finish_reason(finish: &Finish) -> &'static str {
    match finish {
        Finish::Stop | Finish::StopSequence(_) => "stop",
        Finish::Length => "length",
        Finish::ToolCalls => "tool_calls",
    }
}

/// The sources of a part.
pub(super) fn annotations(part: &Part) -> Vec<Value> {
    let annotation = |citation| json!({"type": "url_citation", "url_citation": page(citation)});
    part.citation().map(annotation).into_iter().collect()
}

/// A page and the characters that rest on it, as the chat and responses word it.
pub(in crate::dialects) fn page(citation: Citation) -> Value {
    let (start, end) = citation.chars;
    json!({"start_index": start, "end_index": end, "url": CITED_URL, "title": CITED_TITLE})
}

fn shape(serial: u64, index: usize, choice: &Choice) -> ChoiceShape<'_> {
    let mut message = MessageShape {
        role: "assistant",
        content: None,
        refusal: None,
        annotations: Vec::new(),
        tool_calls: Vec::new(),
    };
    for part in &choice.parts {
        match &part.kind {
            PartKind::Text => {
                message.content = Some(&part.text);
                message.annotations = annotations(part);
            }
            PartKind::Tool(name) => message.tool_calls.push(CallShape {
                id: call_id(serial, index, message.tool_calls.len()),
                kind: "function",
                function: FunctionShape { name, arguments: &part.text },
            }),
            // The format has no place for reasoning text.
            PartKind::Thinking => {}
        }
    }
    if message.tool_calls.is_empty() && message.content.is_none() {
        message.content = Some("");
    }
    let finish_reason = finish_reason(&choice.finish);
    ChoiceShape { index, message, logprobs: None, finish_reason }
}
