//! What a recording of Google's says, read the plain way.

use serde_json::Value;

use crate::expected::Said;

/// Adds what one answer, or one event of a stream, says.
pub(crate) fn note(said: &mut Said, body: &Value) {
    let candidate = &body["candidates"][0];
    for part in candidate["content"]["parts"].as_array().into_iter().flatten() {
        let text = part["text"].as_str().unwrap_or_default();
        match part["thought"].as_bool() {
            Some(true) => said.reasoning.push_str(text),
            _ => said.text.push_str(text),
        }
        let call = &part["functionCall"];
        if call.is_object() {
            let name = call["name"].as_str().unwrap_or_default().to_owned();
            said.calls.insert(said.calls.len() as u64, (name, call["args"].to_string()));
        }
    }
    let blocked = body["promptFeedback"]["blockReason"].as_str().map(|_| "SAFETY");
    let finish = candidate["finishReason"].as_str().or(blocked).map(|native| match native {
        "STOP" if said.calls.is_empty() => "stop",
        "STOP" => "tool_calls",
        "MAX_TOKENS" => "length",
        "SAFETY" => "content_filter",
        _ => "error",
    });
    if let Some(finish) = finish {
        said.finish = Some(finish.to_owned());
        said.is_complete = true;
    }
    let usage = &body["usageMetadata"];
    if usage.is_object() {
        let count = |key: &str| usage[key].as_u64().unwrap_or(0);
        said.tokens = Some((
            count("promptTokenCount") + count("toolUsePromptTokenCount"),
            count("candidatesTokenCount") + count("thoughtsTokenCount"),
        ));
        // The last report's own sum holds all of it.
        if said.is_complete {
            let sum = said.tokens.map(|(input, output)| input + output);
            assert_eq!(sum, usage["totalTokenCount"].as_u64());
        }
    }
}
