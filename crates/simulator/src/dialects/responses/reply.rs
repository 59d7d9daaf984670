//! A response object and the items of its output.

use serde_json::{Value, json};

use super::{Responses, SEAL};
use crate::answer::{Answer, Choice, Finish, Part, PartKind};
use crate::dialects::Wire;
use crate::dialects::openai::{bills_cache_writes, call_id, page};

/// How the answer ended.
pub(super) fn status(answer: &Answer) -> &'static str {
    match answer.choices.first().map(|choice| &choice.finish) {
        Some(Finish::Length) => "incomplete",
        _ => "completed",
    }
}

/// The response at a status; what an unfinished one has put out is not told in it.
pub(super) fn response(answer: &Answer, status: &str) -> Value {
    let is_over = status != "in_progress";
    let output = answer.choices.first().filter(|_| is_over).map(|choice| output(answer, choice));
    json!({
        "id": Responses::answer_id(answer.serial),
        "object": "response",
        "created_at": answer.created_s,
        "status": status,
        "background": false,
        "completed_at": (status == "completed").then_some(answer.created_s),
        "error": null,
        "incomplete_details":
            (status == "incomplete").then(|| json!({"reason": "max_output_tokens"})),
        "instructions": null,
        "max_output_tokens": null,
        "model": answer.model,
        "output": output.unwrap_or_default(),
        "parallel_tool_calls": true,
        "previous_response_id": null,
        "reasoning": {"effort": null, "summary": null},
        "service_tier": if is_over { answer.tier } else { "auto" },
        "store": false,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}, "verbosity": "medium"},
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": (is_over && answer.tells_usage).then(|| usage(answer)),
        "user": null,
        "metadata": {},
    })
}

fn usage(answer: &Answer) -> Value {
    let usage = &answer.usage;
    let input = usage.prompt_tokens();
    let mut details = json!({"cached_tokens": usage.cache_read_tokens});
    if bills_cache_writes(&answer.model) {
        details["cache_write_tokens"] = usage.cache_write_tokens.into();
    }
    json!({
        "input_tokens": input,
        "input_tokens_details": details,
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": input + usage.output_tokens,
    })
}

fn output(answer: &Answer, choice: &Choice) -> Vec<Value> {
    let hidden = (choice.hidden_tokens > 0).then(|| reasoning(answer, 0, None));
    let parts = (0..choice.parts.len()).map(|part| item(answer, part));
    hidden.into_iter().chain(parts).collect()
}

/// Where a part stands in the output: behind reasoning that is not shown.
pub(super) fn output_index(answer: &Answer, part: usize) -> usize {
    let has_hidden = answer.choices.first().is_some_and(|choice| choice.hidden_tokens > 0);
    part + usize::from(has_hidden)
}

/// The id of the item at a place of the output.
pub(super) fn item_id(answer: &Answer, prefix: &str, output_index: usize) -> String {
    format!("{prefix}_{:016x}{output_index:04x}", answer.serial)
}

/// The prefix of a part's id.
pub(super) const fn prefix(part: &Part) -> &'static str {
    match part.kind {
        PartKind::Thinking => "rs",
        PartKind::Text => "msg",
        PartKind::Tool(_) => "fc",
    }
}

/// An item of reasoning.
pub(super) fn reasoning(answer: &Answer, output_index: usize, text: Option<&str>) -> Value {
    let summary: Vec<Value> = text.map(summary_part).into_iter().collect();
    json!({
        "id": item_id(answer, "rs", output_index),
        "type": "reasoning",
        "summary": summary,
        "encrypted_content": format!("{SEAL}{:016x}{output_index:04x}", answer.serial),
    })
}

/// A part of a summary.
pub(super) fn summary_part(text: &str) -> Value {
    json!({"type": "summary_text", "text": text})
}

/// A part of a message as far as it was told.
pub(super) fn text_part(text: &str, annotations: &[Value]) -> Value {
    json!({"type": "output_text", "text": text, "annotations": annotations, "logprobs": []})
}

/// The sources of a part.
pub(super) fn annotations(part: &Part) -> Vec<Value> {
    let annotation = |citation| {
        let mut told = page(citation);
        told["type"] = "url_citation".into();
        told
    };
    part.citation().map(annotation).into_iter().collect()
}

/// The item of a part, complete.
pub(super) fn item(answer: &Answer, part: usize) -> Value {
    let told = &answer.choices[0].parts[part];
    let text = told.text.as_str();
    let mut item = opening(answer, part);
    match told.kind {
        PartKind::Thinking => item["summary"] = json!([summary_part(text)]),
        PartKind::Text => item["content"] = json!([text_part(text, &annotations(told))]),
        PartKind::Tool(_) => item["arguments"] = text.into(),
    }
    if item["status"].is_string() {
        item["status"] = "completed".into();
    }
    item
}

/// The item of a part before anything of it was told.
pub(super) fn opening(answer: &Answer, part: usize) -> Value {
    let at = output_index(answer, part);
    let opened = &answer.choices[0].parts[part];
    let id = item_id(answer, prefix(opened), at);
    match &opened.kind {
        PartKind::Thinking => reasoning(answer, at, None),
        PartKind::Text => json!({
            "id": id, "type": "message", "status": "in_progress", "role": "assistant", "content": []
        }),
        PartKind::Tool(name) => json!({
            "id": id, "type": "function_call", "status": "in_progress", "arguments": "",
            "call_id": call_id(answer.serial, 0, at), "name": name
        }),
    }
}
