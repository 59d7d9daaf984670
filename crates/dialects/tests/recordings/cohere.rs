//! What recordings of Cohere say, read the plain way.

use serde_json::Value;

use crate::expected::Said;

/// A plain answer. What it is billed by is what counts.
pub(crate) fn of_plain(body: &Value) -> Said {
    let mut said = Said::default();
    let message = &body["message"];
    said.reasoning.push_str(message["tool_plan"].as_str().unwrap_or_default());
    for block in message["content"].as_array().into_iter().flatten() {
        said.text.push_str(block["text"].as_str().unwrap_or_default());
        said.reasoning.push_str(block["thinking"].as_str().unwrap_or_default());
    }
    for (index, call) in message["tool_calls"].as_array().into_iter().flatten().enumerate() {
        let member = |key: &str| call["function"][key].as_str().unwrap_or_default().to_owned();
        said.calls.insert(index as u64, (member("name"), member("arguments")));
    }
    end(&mut said, body);
    said
}

/// One event of a stream.
pub(crate) fn note(said: &mut Said, event: &Value) {
    let message = &event["delta"]["message"];
    said.text.push_str(message["content"]["text"].as_str().unwrap_or_default());
    said.reasoning.push_str(message["content"]["thinking"].as_str().unwrap_or_default());
    said.reasoning.push_str(message["tool_plan"].as_str().unwrap_or_default());
    let function = &message["tool_calls"]["function"];
    if let Some(name) = function["name"].as_str() {
        said.calls.insert(said.calls.len() as u64, (name.to_owned(), String::new()));
    }
    if let Some(mut call) = said.calls.last_entry() {
        call.get_mut().1.push_str(function["arguments"].as_str().unwrap_or_default());
    }
    if event["type"] == "message-end" {
        end(said, &event["delta"]);
        said.is_complete = true;
    }
}

fn end(said: &mut Said, told: &Value) {
    let finish = match told["finish_reason"].as_str().unwrap_or_default() {
        "MAX_TOKENS" => "length",
        "TOOL_CALL" => "tool_calls",
        "ERROR" | "TIMEOUT" => "error",
        _ => "stop",
    };
    said.finish = Some(finish.to_owned());
    let billed = &told["usage"]["billed_units"];
    let count = |key: &str| billed[key].as_u64().unwrap_or(0);
    said.tokens = billed.is_object().then(|| (count("input_tokens"), count("output_tokens")));
}
