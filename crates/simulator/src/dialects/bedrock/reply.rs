//! A plain answer, and the pieces of it that streams repeat.

use serde_json::{Value, json};

use super::{thought_signature, tool_use_id};
use crate::answer::{Answer, Finish, PartKind};
use crate::cited::{CITED_PASSAGE, CITED_TITLE, CITED_URL};
use crate::dialects::to_json;

/// The body of a plain answer.
pub(super) fn encode(answer: &Answer) -> Vec<u8> {
    let Some(choice) = answer.choices.first() else {
        return Vec::new();
    };
    let blocks: Vec<Value> = choice
        .parts
        .iter()
        .enumerate()
        .map(|(index, part)| match &part.kind {
            PartKind::Thinking => json!({"reasoningContent": {"reasoningText": {
                "text": part.text, "signature": thought_signature(answer.serial),
            }}}),
            PartKind::Text if part.citation().is_some() => json!({"citationsContent": {
                "content": [{"text": part.text}], "citations": [source(answer)],
            }}),
            PartKind::Text => json!({"text": part.text}),
            // Arguments cut by the token limit are no object any more: the input stays empty.
            PartKind::Tool(name) => json!({"toolUse": {
                "toolUseId": tool_use_id(answer.serial, index),
                "name": name,
                "input": serde_json::from_str::<Value>(&part.text).unwrap_or(json!({})),
            }}),
        })
        .collect();
    let mut body = json!({
        "metrics": {"latencyMs": 1},
        "output": {"message": {"role": "assistant", "content": blocks}},
        "stopReason": stop_reason(&choice.finish),
        "serviceTier": {"type": answer.tier},
    });
    if answer.tells_usage {
        body["usage"] = usage(answer);
    }
    to_json(&body)
}

/// The page, or the document, a block rests on.
pub(super) fn source(answer: &Answer) -> Value {
    if let Some(document) = &answer.document {
        let end = CITED_PASSAGE.chars().count();
        return json!({
            "title": document.name,
            "sourceContent": [{"text": CITED_PASSAGE}],
            "location": {"documentChar": {"documentIndex": document.index, "start": 0, "end": end}},
        });
    }
    json!({
        "title": CITED_TITLE,
        "sourceContent": [{"text": CITED_PASSAGE}],
        "location": {"web": {"url": CITED_URL, "domain": "tolls.example"}},
    })
}

/// The usage.
pub(super) fn usage(answer: &Answer) -> Value {
    let usage = &answer.usage;
    let mut told = json!({
        "inputTokens": usage.input_tokens,
        "outputTokens": usage.output_tokens,
        "totalTokens": usage.prompt_tokens() + usage.output_tokens,
        "serverToolUsage": {},
    });
    if usage.cache_read_tokens + usage.cache_write_tokens > 0 {
        told["cacheReadInputTokens"] = usage.cache_read_tokens.into();
        told["cacheWriteInputTokens"] = usage.cache_write_tokens.into();
    }
    let hour = usage.cache_write_1h_tokens;
    let minutes = usage.cache_write_tokens.saturating_sub(hour);
    let details: Vec<Value> = [("1h", hour), ("5m", minutes)]
        .into_iter()
        .filter(|(_, tokens)| *tokens > 0)
        .map(|(ttl, tokens)| json!({"ttl": ttl, "inputTokens": tokens}))
        .collect();
    if !details.is_empty() {
        told["cacheDetails"] = details.into();
    }
    told
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
