//! What recordings of Amazon Bedrock say, read the plain way.

use serde_json::Value;

use crate::expected::Said;

/// A plain answer.
pub(crate) fn of_plain(body: &Value) -> Said {
    let mut said = Said::default();
    for block in body["output"]["message"]["content"].as_array().into_iter().flatten() {
        said.text.push_str(block["text"].as_str().unwrap_or_default());
        let shown = &block["reasoningContent"]["reasoningText"]["text"];
        said.reasoning.push_str(shown.as_str().unwrap_or_default());
        let call = &block["toolUse"];
        if call.is_object() && call["type"] != "server_tool_use" {
            let name = call["name"].as_str().unwrap_or_default().to_owned();
            said.calls.insert(said.calls.len() as u64, (name, call["input"].to_string()));
        }
    }
    said.finish = finish(&body["stopReason"]);
    said.tokens = tokens(&body["usage"]);
    said
}

/// A stream: frames of a length, headers and a payload.
pub(crate) fn of_stream(mut stream: &[u8]) -> Said {
    let mut said = Said::default();
    let mut blocks = std::collections::BTreeMap::new();
    let number = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().unwrap()) as usize;
    while !stream.is_empty() {
        let (length, headers) = (number(&stream[..4]), number(&stream[4..8]));
        let event: Value = serde_json::from_slice(&stream[12 + headers..length - 4]).unwrap();
        stream = &stream[length..];
        let call = &event["start"]["toolUse"];
        if call.is_object() && call["type"] != "server_tool_use" {
            let index = said.calls.len() as u64;
            blocks.insert(event["contentBlockIndex"].as_u64(), index);
            let name = call["name"].as_str().unwrap_or_default().to_owned();
            said.calls.insert(index, (name, String::new()));
        }
        let delta = &event["delta"];
        said.text.push_str(delta["text"].as_str().unwrap_or_default());
        said.reasoning.push_str(delta["reasoningContent"]["text"].as_str().unwrap_or_default());
        let index = blocks.get(&event["contentBlockIndex"].as_u64());
        if let Some(index) = index.filter(|_| delta["toolUse"].is_object()) {
            let piece = delta["toolUse"]["input"].as_str().unwrap_or_default();
            said.calls.entry(*index).or_default().1.push_str(piece);
        }
        said.finish = finish(&event["stopReason"]).or(said.finish);
        said.tokens = tokens(&event["usage"]).or(said.tokens);
        said.is_complete |= event["usage"].is_object();
    }
    said
}

fn tokens(usage: &Value) -> Option<(u64, u64)> {
    let count = |key: &str| usage[key].as_u64().unwrap_or(0);
    let input =
        count("inputTokens") + count("cacheReadInputTokens") + count("cacheWriteInputTokens");
    usage.is_object().then(|| (input, count("outputTokens")))
}

fn finish(reason: &Value) -> Option<String> {
    let reason = match reason.as_str()? {
        "max_tokens" | "model_context_window_exceeded" => "length",
        "tool_use" => "tool_calls",
        "guardrail_intervened" | "content_filtered" => "content_filter",
        _ => "stop",
    };
    Some(reason.to_owned())
}
