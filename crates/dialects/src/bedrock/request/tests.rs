use bytes::Bytes;
use events::Dialect;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::request::{Encoded, RequestError, Target};

const MODEL: &str = "us.anthropic.claude-x-v1:0";

fn encode(from: Dialect, body: &Value, drop_params: bool) -> Result<Encoded, RequestError> {
    let target = Target {
        dialect: Dialect::BedrockConverse,
        model: MODEL,
        max_output_tokens: Some(500),
        drop_params,
    };
    crate::encode_request(from, &Bytes::from(body.to_string()), &target)
}

fn worded(body: &Value) -> (Value, Vec<String>) {
    let encoded = encode(Dialect::OpenaiChat, body, false).unwrap();
    (serde_json::from_slice(&encoded.body.whole()).unwrap(), encoded.dropped)
}

fn with(mut body: Value) -> Value {
    if body.get("messages").is_none() {
        body["messages"] = json!([{"role": "user", "content": "Hi"}]);
    }
    body["model"] = json!("m");
    body
}

#[test]
fn a_conversation_is_told_in_blocks() {
    let (body, dropped) = worded(&with(json!({
        "messages": [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [
                {"type": "text", "text": "What is this?", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                {"type": "file", "file": {"filename": "q3.pdf", "file_data": "data:application/pdf;base64,BBBB"}}]},
            {"role": "assistant", "content": "I look.", "tool_calls": [
                {"id": "c:1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}},
                {"id": "c/2", "type": "function", "function": {"name": "g", "arguments": ""}}]},
            {"role": "tool", "tool_call_id": "c:1", "content": "30"},
            {"role": "tool", "tool_call_id": "c/2", "content": ""},
            {"role": "user", "content": "So?"}],
        "max_tokens": 900, "temperature": 0.5, "top_p": 0.9, "top_k": 40, "stop": ["END"],
        "user": "u-1", "service_tier": "flex", "reasoning_effort": "high",
        "tools": [{"type": "function", "function": {"name": "f", "description": "F.", "strict": true,
            "parameters": {"type": "object"}}}, {"type": "function", "function": {"name": "g"}}],
        "tool_choice": "required",
        "response_format": {"type": "json_schema", "json_schema": {"name": "City", "schema": {"type": "object"}}}
    })));
    assert_eq!(
        body,
        json!({
            "messages": [
                {"role": "user", "content": [
                    {"text": "What is this?"},
                    {"cachePoint": {"type": "default", "ttl": "1h"}},
                    {"image": {"format": "png", "source": {"bytes": "AAAA"}}},
                    {"document": {"format": "pdf", "name": "q3", "source": {"bytes": "BBBB"}}}]},
                {"role": "assistant", "content": [
                    {"text": "I look."},
                    {"toolUse": {"toolUseId": "c:1", "name": "f", "input": {"a": 1}}},
                    {"toolUse": {"toolUseId": "c_2", "name": "g", "input": {}}}]},
                {"role": "user", "content": [
                    {"toolResult": {"toolUseId": "c:1", "content": [{"text": "30"}], "status": "success"}},
                    {"toolResult": {"toolUseId": "c_2", "content": [], "status": "success"}},
                    {"text": "So?"}]}],
            "system": [{"text": "Be brief."}],
            "inferenceConfig": {"maxTokens": 500, "temperature": 0.5, "topP": 0.9, "stopSequences": ["END"]},
            "toolConfig": {"tools": [
                    {"toolSpec": {"name": "f", "description": "F.", "strict": true, "inputSchema": {"json": {"type": "object"}}}},
                    {"toolSpec": {"name": "g", "inputSchema": {"json": {"type": "object", "properties": {}}}}}],
                "toolChoice": {"any": {}}},
            "outputConfig": {"effort": "high", "textFormat": {"type": "json_schema",
                "structure": {"jsonSchema": {"schema": "{\"type\":\"object\"}", "name": "City"}}}},
            "serviceTier": {"type": "flex"},
            "additionalModelRequestFields": {"top_k": 40},
            "requestMetadata": {"user": "u-1"}
        })
    );
    assert_eq!(dropped, Vec::<String>::new());
}

#[test]
fn reasoning_goes_back_as_it_came() {
    let body = json!({"model": "m", "max_tokens": 10, "messages": [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
            {"type": "redacted_thinking", "data": "Etk"},
            {"type": "tool_use", "id": "t1", "name": "f", "input": {}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t1", "content": "no", "is_error": true}]}],
        "tools": [{"name": "f", "input_schema": {"type": "object"}, "cache_control": {"type": "ephemeral"}}]});
    let encoded = encode(Dialect::AnthropicMessages, &body, false).unwrap();
    let told: Value = serde_json::from_slice(&encoded.body.whole()).unwrap();
    assert_eq!(
        told["messages"][1]["content"],
        json!([
            {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "c2ln"}}},
            {"reasoningContent": {"redactedContent": "RXRr"}},
            {"toolUse": {"toolUseId": "t1", "name": "f", "input": {}}}])
    );
    assert_eq!(told["messages"][2]["content"][0]["toolResult"]["status"], "error");
    assert_eq!(told["toolConfig"]["tools"][1], json!({"cachePoint": {"type": "default"}}));
}

#[test]
fn no_tool_may_be_called_means_that_none_is_told() {
    let tools = json!([{"type": "function", "function": {"name": "f"}}]);
    let (body, _) = worded(&with(json!({"tools": tools, "tool_choice": "none"})));
    assert_eq!(body.get("toolConfig"), None);
    for (choice, told) in [
        (json!("auto"), json!({"auto": {}})),
        (json!("required"), json!({"any": {}})),
        (json!({"type": "function", "function": {"name": "f"}}), json!({"tool": {"name": "f"}})),
    ] {
        let (body, _) = worded(&with(json!({"tools": tools, "tool_choice": choice})));
        assert_eq!(body["toolConfig"]["toolChoice"], told);
    }
    // What was called must stay declared.
    let called = with(json!({"tools": tools, "tool_choice": "none", "messages": [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "1"}]}));
    let error = encode(Dialect::OpenaiChat, &called, false).unwrap_err();
    assert_eq!(error.param(), Some("tool_choice"));
    let encoded = encode(Dialect::OpenaiChat, &called, true).unwrap();
    assert_eq!(encoded.dropped, ["tool_choice"]);
}

#[test]
fn what_cannot_be_carried_is_refused_by_name_or_dropped_by_name() {
    let image = json!([{"role": "user", "content": [{"type": "text", "text": "Hi"},
        {"type": "image_url", "image_url": {"url": "https://x/y.png"}}]}]);
    for (members, param) in [
        (json!({"messages": image}), "messages[0].content"),
        (json!({"temperature": 1.5}), "temperature"),
        (json!({"seed": 7}), "seed"),
        (json!({"logit_bias": {"1": 2}}), "logit_bias"),
        (json!({"service_tier": "scale"}), "service_tier"),
        (
            json!({"parallel_tool_calls": false, "tools": [{"type": "function", "function": {"name": "f"}}]}),
            "parallel_tool_calls",
        ),
    ] {
        let body = with(members);
        let error = encode(Dialect::OpenaiChat, &body, false).unwrap_err();
        assert_eq!((error.code(), error.param()), ("unsupported_parameter", Some(param)), "{body}");
        let encoded = encode(Dialect::OpenaiChat, &body, true).unwrap();
        assert_eq!(encoded.dropped, [param], "{body}");
    }
    let error = encode(Dialect::OpenaiChat, &with(json!({"n": 2})), true).unwrap_err();
    assert_eq!(error.param(), Some("n"));
}

#[test]
fn a_free_object_is_asked_for_in_words() {
    let (body, _) = worded(&with(json!({"response_format": {"type": "json_object"}})));
    assert!(body["system"][0]["text"].as_str().unwrap().contains("JSON"));
    assert_eq!(body.get("outputConfig"), None);
}

#[test]
fn ids_of_calls_are_what_the_service_takes_and_stay_apart() {
    let long = |end: &str| format!("{}{end}", "x".repeat(90));
    let call = |id: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": "{}"}});
    let (body, _) = worded(&with(json!({"messages": [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "tool_calls": [call(&long(":0")), call(&long(":1"))]},
        {"role": "tool", "tool_call_id": long(":0"), "content": "1"}]})));
    let id = |block: &Value, member: &str| block[member]["toolUseId"].as_str().unwrap().to_owned();
    let calls = &body["messages"][1]["content"];
    let (first, second) = (id(&calls[0], "toolUse"), id(&calls[1], "toolUse"));
    assert!(first != second && first.len() == 64);
    assert_eq!(first, id(&body["messages"][2]["content"][0], "toolResult"));
}

proptest! {
    #[test]
    fn no_conversation_panics(text in "\\PC{0,20}", id in "\\PC{0,80}", arguments in "\\PC{0,20}") {
        let body = with(json!({"messages": [
            {"role": "user", "content": text, "name": id},
            {"role": "assistant", "content": text, "tool_calls": [{"id": id, "type": "function", "function": {"name": text, "arguments": arguments}}]},
            {"role": "tool", "tool_call_id": id, "content": text}], "user": id}));
        let _ = encode(Dialect::OpenaiChat, &body, true);
    }
}
