//! A plain answer, and what a streamed one shares with it.

use serde_json::{Map, Value, json};

use super::{Gemini, signature, signs};
use crate::answer::{Answer, Choice, Finish, Part, PartKind};
use crate::cited::{CITED_TITLE, CITED_URL, CITED_WORDS};
use crate::dialects::Wire;

/// A whole answer.
pub(super) fn response(answer: &Answer) -> Value {
    let candidates: Vec<Value> = answer
        .choices
        .iter()
        .enumerate()
        .map(|(index, choice)| {
            let parts: Vec<Value> =
                (0..choice.parts.len()).map(|part| part_value(answer, (index, part))).collect();
            let mut told = candidate(index, parts, Some(finish_reason(&choice.finish)));
            ground(&mut told, choice);
            told
        })
        .collect();
    let usage = answer.usage.output_tokens - answer.usage.reasoning_tokens;
    let usage =
        answer.tells_usage.then(|| usage_value(answer, usage, answer.usage.reasoning_tokens));
    frame(answer, candidates, usage)
}

/// Candidates with what stands around them.
pub(super) fn frame(answer: &Answer, candidates: Vec<Value>, usage: Option<Value>) -> Value {
    let mut response = json!({
        "candidates": candidates,
        "modelVersion": answer.model,
        "responseId": <Gemini as Wire>::answer_id(answer.serial),
    });
    if let Some(usage) = usage {
        response["usageMetadata"] = usage;
    }
    response
}

/// One candidate.
pub(super) fn candidate(index: usize, parts: Vec<Value>, finish: Option<&str>) -> Value {
    let mut candidate = json!({"content": {"parts": parts, "role": "model"}, "index": index});
    if let Some(finish) = finish {
        candidate["finishReason"] = Value::from(finish);
    }
    candidate
}

/// Tells what a complete candidate rests on; segments are counted in bytes. No search is told, which would be
/// billed.
pub(super) fn ground(candidate: &mut Value, choice: &Choice) {
    let Some(citation) = choice.parts.iter().find_map(Part::citation) else { return };
    let (start, end) = citation.bytes;
    candidate["groundingMetadata"] = json!({
        "groundingChunks": [{"web": {"uri": CITED_URL, "title": CITED_TITLE}}],
        "groundingSupports": [{
            "segment": {"startIndex": start, "endIndex": end, "text": CITED_WORDS},
            "groundingChunkIndices": [0],
        }],
    });
}

/// A part that is complete.
pub(super) fn part_value(answer: &Answer, (choice, part): (usize, usize)) -> Value {
    let said = &answer.choices[choice];
    let Part { kind, text, .. } = &said.parts[part];
    match kind {
        PartKind::Text => text_value(text, false),
        PartKind::Thinking => text_value(text, true),
        PartKind::Tool(name) => {
            // Arguments cut by the token limit are no object: the provider then tells none.
            let args = serde_json::from_str::<Map<String, Value>>(text).unwrap_or_default();
            let mut value = json!({"functionCall": {"name": name, "args": args}});
            if signs(&answer.model) && is_first_call(said, part) {
                value["thoughtSignature"] = Value::from(signature(answer.serial, choice, part));
            }
            value
        }
    }
}

/// A part, or a piece of one, that is text.
pub(super) fn text_value(text: &str, is_thought: bool) -> Value {
    if is_thought { json!({"text": text, "thought": true}) } else { json!({"text": text}) }
}

fn is_first_call(choice: &Choice, part: usize) -> bool {
    !choice.parts[..part].iter().any(|before| matches!(before.kind, PartKind::Tool(_)))
}

/// Why a choice ended, in the format's words.
pub(super) const fn finish_reason(finish: &Finish) -> &'static str {
    match finish {
        Finish::Stop | Finish::StopSequence(_) | Finish::ToolCalls => "STOP",
        Finish::Length => "MAX_TOKENS",
    }
}

/// Usage with so much output.
pub(super) fn usage_value(answer: &Answer, candidates: u64, thoughts: u64) -> Value {
    let prompt = answer.usage.prompt_tokens();
    let mut usage = json!({
        "promptTokenCount": prompt,
        "totalTokenCount": prompt + candidates + thoughts,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": prompt}],
        "serviceTier": answer.tier,
    });
    let told = [
        ("cachedContentTokenCount", answer.usage.cache_read_tokens),
        ("candidatesTokenCount", candidates),
        ("thoughtsTokenCount", thoughts),
    ];
    for (name, tokens) in told.into_iter().filter(|(_, tokens)| *tokens > 0) {
        usage[name] = Value::from(tokens);
    }
    usage
}
