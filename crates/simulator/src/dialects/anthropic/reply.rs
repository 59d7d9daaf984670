//! A plain message, and the pieces of it that streams repeat.

use serde_json::{Value, json};

use super::{Anthropic, signature, tool_use_id};
use crate::answer::{Advice, Answer, Finish, Part, PartKind};
use crate::bill::Quantities;
use crate::cited::{CITED_PASSAGE, CITED_TITLE, CITED_URL};
use crate::dialects::{Wire, to_json};

/// The body of a plain answer.
pub(super) fn encode(answer: &Answer) -> Vec<u8> {
    let Some(choice) = answer.choices.first() else {
        return Vec::new();
    };
    let mut message = envelope(answer);
    let advice = advice_blocks(answer).into_iter();
    let parts = (0..).zip(&choice.parts).map(|(i, part)| block(answer, i, part));
    message["content"] = advice.chain(parts).collect();
    message["stop_reason"] = stop_reason(&choice.finish).into();
    message["stop_sequence"] = stop_sequence(&choice.finish);
    if answer.tells_usage {
        message["usage"] = usage(answer, answer.usage.output_tokens);
        message["usage"]["output_tokens_details"] =
            json!({"thinking_tokens": answer.usage.reasoning_tokens});
        if let Some(iterations) = iterations(answer) {
            message["usage"]["iterations"] = iterations;
        }
    }
    to_json(&message)
}

/// A message before anything was written.
pub(super) fn envelope(answer: &Answer) -> Value {
    json!({
        "model": answer.model,
        "id": Anthropic::answer_id(answer.serial),
        "type": "message",
        "role": "assistant",
        "content": [],
        "stop_reason": null,
        "stop_sequence": null,
    })
}

/// The usage, with `output_tokens` as told so far.
pub(super) fn usage(answer: &Answer, output_tokens: u64) -> Value {
    let usage = &answer.usage;
    let written_5m = usage.cache_write_tokens.saturating_sub(usage.cache_write_1h_tokens);
    json!({
        "input_tokens": usage.input_tokens,
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cache_read_tokens,
        "cache_creation": {
            "ephemeral_5m_input_tokens": written_5m,
            "ephemeral_1h_input_tokens": usage.cache_write_1h_tokens,
        },
        "output_tokens": output_tokens,
        "service_tier": answer.tier,
        "inference_geo": "global",
    })
}

/// The calls of the advisor and what it said, which come before the answer.
pub(super) fn advice_blocks(answer: &Answer) -> Vec<Value> {
    let blocks = |(index, advice): (usize, &Advice)| {
        let id = format!("srvtoolu_{:016x}{index:04x}", answer.serial);
        let said = json!({"type": "advisor_result", "text": advice.text, "stop_reason": null});
        [
            json!({"type": "server_tool_use", "id": id, "name": "advisor", "input": {}}),
            json!({"type": "advisor_tool_result", "tool_use_id": id, "content": said}),
        ]
    };
    answer.advice.iter().enumerate().flat_map(blocks).collect()
}

/// The samplings of an answer, one after the other, where they are of more than one model. What the
/// advisor used is told here alone.
pub(super) fn iterations(answer: &Answer) -> Option<Value> {
    let sampling = |kind: &str, model: &str, usage: &Quantities| {
        json!({
            "type": kind,
            "model": model,
            "input_tokens": usage.input_tokens,
            "cache_creation_input_tokens": usage.cache_write_tokens,
            "cache_read_input_tokens": usage.cache_read_tokens,
            "cache_creation": {
                "ephemeral_5m_input_tokens": usage.cache_write_tokens - usage.cache_write_1h_tokens,
                "ephemeral_1h_input_tokens": usage.cache_write_1h_tokens,
            },
            "output_tokens": usage.output_tokens,
        })
    };
    let advice = answer.advice.iter();
    let mut told: Vec<Value> =
        advice.map(|advice| sampling("advisor_message", &advice.model, &advice.usage)).collect();
    let has_advice = !told.is_empty();
    told.push(sampling("message", &answer.model, &answer.usage));
    has_advice.then_some(Value::Array(told))
}

/// A block before its text.
pub(super) fn empty_block(answer: &Answer, index: usize, part: &Part) -> Value {
    match &part.kind {
        PartKind::Thinking => json!({"type": "thinking", "thinking": "", "signature": ""}),
        PartKind::Text if part.citation().is_some() => {
            json!({"type": "text", "text": "", "citations": []})
        }
        PartKind::Text => json!({"type": "text", "text": ""}),
        PartKind::Tool(name) => json!({
            "type": "tool_use",
            "id": tool_use_id(answer.serial, index),
            "name": name,
            "input": {},
            "caller": {"type": "direct"},
        }),
    }
}

/// The page, or the document, a block rests on.
pub(super) fn source(answer: &Answer) -> Value {
    if let Some(document) = &answer.document {
        return json!({
            "type": "char_location", "cited_text": CITED_PASSAGE, "document_index": document.index,
            "document_title": document.name, "file_id": null, "start_char_index": 0,
            "end_char_index": CITED_PASSAGE.chars().count(),
        });
    }
    json!({
        "type": "web_search_result_location", "cited_text": CITED_PASSAGE, "url": CITED_URL,
        "title": CITED_TITLE, "encrypted_index": "Eo8BCioIAhgBIiQ",
    })
}

/// Why an answer ended, in the format's words.
pub(super) const fn stop_reason(finish: &Finish) -> &'static str {
    match finish {
        Finish::Stop => "end_turn",
        Finish::StopSequence(_) => "stop_sequence",
        Finish::Length => "max_tokens",
        Finish::ToolCalls => "tool_use",
    }
}

/// The stop sequence that ended the answer, or null.
pub(super) fn stop_sequence(finish: &Finish) -> Value {
    match finish {
        Finish::StopSequence(stop) => Value::from(stop.as_str()),
        _ => Value::Null,
    }
}

fn block(answer: &Answer, index: usize, part: &Part) -> Value {
    let mut block = empty_block(answer, index, part);
    match part.kind {
        PartKind::Thinking => {
            block["thinking"] = part.text.as_str().into();
            block["signature"] = signature(answer.serial).into();
        }
        PartKind::Text => {
            block["text"] = part.text.as_str().into();
            if part.citation().is_some() {
                block["citations"] = json!([source(answer)]);
            }
        }
        // Arguments cut by the token limit are no object any more: the input stays empty.
        PartKind::Tool(_) => block["input"] = serde_json::from_str(&part.text).unwrap_or(json!({})),
    }
    block
}
