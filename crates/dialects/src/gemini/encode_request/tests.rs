//! Requests worded for the provider, told in a client's words so that every step in between counts.

use bytes::Bytes;
use events::Dialect;
use serde_json::{Value, json};

use super::*;
use crate::dispatch::encode_request;

fn target(model: &str, drop_params: bool) -> Target<'_> {
    Target { dialect: Dialect::GeminiGenerate, model, max_output_tokens: Some(100), drop_params }
}

fn sent(body: Value, model: &str) -> Value {
    let body = Bytes::from(body.to_string());
    let encoded = encode_request(Dialect::OpenaiChat, &body, &target(model, false)).unwrap();
    serde_json::from_slice(&encoded.body.whole()).unwrap()
}

fn with(more: Value) -> Value {
    let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
    for (key, value) in more.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

#[test]
fn a_whole_conversation_is_said() {
    let body = json!({"model": "m", "temperature": 0.5, "top_p": 1, "stop": ["x"], "seed": 7,
        "max_completion_tokens": 50, "reasoning_effort": "high", "service_tier": "flex",
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": [
                {"type": "text", "text": "look"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                {"type": "image_url", "image_url": {"url": "https://x.example/y.webp?z=1"}},
                {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,BBBB"}}]},
            {"role": "assistant", "content": "calling", "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"n\":1}"},
                 "extra_content": {"google": {"thought_signature": "c2ln"}}},
                {"id": "c2", "type": "function", "function": {"name": "g", "arguments": ""}}]},
            {"role": "tool", "tool_call_id": "c2", "content": "two"},
            {"role": "tool", "tool_call_id": "c1", "content": "{\"one\":1}"},
            {"role": "user", "content": "and?"}],
        "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "array"}}}});
    let expected = json!({
        "systemInstruction": {"parts": [{"text": "be brief"}]},
        "contents": [
            {"role": "user", "parts": [
                {"text": "look"},
                {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
                {"fileData": {"mimeType": "image/webp", "fileUri": "https://x.example/y.webp?z=1"}},
                {"inlineData": {"mimeType": "application/pdf", "data": "BBBB"}}]},
            {"role": "model", "parts": [
                {"text": "calling"},
                {"functionCall": {"id": "c1", "name": "f", "args": {"n": 1}}, "thoughtSignature": "c2ln"},
                {"functionCall": {"id": "c2", "name": "g", "args": {}}}]},
            {"role": "user", "parts": [
                {"functionResponse": {"id": "c2", "name": "g", "response": {"output": "two"}}},
                {"functionResponse": {"id": "c1", "name": "f", "response": {"one": 1}}},
                {"text": "and?"}]}],
        "tools": [{"functionDeclarations": [{"name": "f", "description": "d", "parametersJsonSchema": {"type": "object"}}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
        "generationConfig": {"temperature": 0.5, "topP": 1, "seed": 7, "maxOutputTokens": 50, "stopSequences": ["x"],
            "responseMimeType": "application/json", "responseJsonSchema": {"type": "array"},
            "thinkingConfig": {"thinkingLevel": "HIGH", "includeThoughts": true}},
        "serviceTier": "flex"
    });
    assert_eq!(sent(body, "gemini-3-pro-preview"), expected);
}

#[test]
fn reasoning_is_told_as_each_generation_takes_it() {
    for (model, effort, config) in [
        ("gemini-3-flash-preview", "none", json!({"thinkingLevel": "MINIMAL"})),
        ("gemini-3-flash-preview", "low", json!({"thinkingLevel": "LOW", "includeThoughts": true})),
        ("gemini-2.5-flash", "none", json!({"thinkingBudget": 0})),
        ("gemini-2.5-pro", "none", json!({"thinkingBudget": 128})),
        ("gemini-2.5-pro", "max", json!({"thinkingBudget": 32768, "includeThoughts": true})),
        ("gemini-2.0-flash", "none", Value::Null),
    ] {
        let told = sent(with(json!({"reasoning_effort": effort})), model);
        assert_eq!(told["generationConfig"]["thinkingConfig"], config, "{model} {effort}");
    }
}

#[test]
fn a_call_of_another_model_carries_the_word_for_an_unknown_signature() {
    let body = with(json!({"messages": [
        {"role": "user", "content": "go"},
        {"role": "assistant", "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            {"id": "b", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "a", "content": [
            {"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}]},
        {"role": "tool", "tool_call_id": "b", "content": ""}]}));
    let newer = sent(body.clone(), "gemini-3-flash-preview");
    let parts = &newer["contents"][1]["parts"];
    assert_eq!(parts[0]["thoughtSignature"], "skip_thought_signature_validator");
    assert_eq!(parts[1]["thoughtSignature"], Value::Null);
    let results = &newer["contents"][2]["parts"];
    assert_eq!(results[0]["functionResponse"]["parts"][0]["inlineData"]["data"], "AA");
    let older = sent(body, "gemini-2.5-flash");
    assert_eq!(older["contents"][1]["parts"][0]["thoughtSignature"], Value::Null);
    // Older models take pictures beside the results only, and results come first.
    let parts = older["contents"][2]["parts"].as_array().unwrap();
    assert!(parts[0]["functionResponse"].is_object() && parts[1]["functionResponse"].is_object());
    assert_eq!(parts[2]["inlineData"]["data"], "AA");
}

#[test]
fn signed_reasoning_goes_back_only_where_it_came_from() {
    let history = |signature: &str| {
        with(json!({"messages": [
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": "said", "thinking_blocks": [
                {"type": "thinking", "thinking": "r", "signature": signature}]},
            {"role": "user", "content": "on"}]}))
    };
    let own = sent(history("gemini:c2ln"), "gemini-3-flash-preview");
    assert_eq!(
        own["contents"][1]["parts"],
        json!([{"thought": true, "text": "r", "thoughtSignature": "c2ln"}, {"text": "said"}])
    );
    let foreign = sent(history("EqQBCg=="), "gemini-3-flash-preview");
    assert_eq!(foreign["contents"][1]["parts"], json!([{"text": "said"}]));
}

#[test]
fn what_cannot_be_carried_is_refused_or_dropped_by_name() {
    for (more, param) in [
        (json!({"n": 2}), "n"),
        (json!({"logprobs": true}), "logprobs"),
        (json!({"service_tier": "scale"}), "service_tier"),
        (json!({"stop": ["1", "2", "3", "4", "5", "6"]}), "stop"),
        (
            json!({"tools": [{"type": "function", "function": {"name": "f"}}], "parallel_tool_calls": false}),
            "parallel_tool_calls",
        ),
        (
            json!({"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}, {"role": "user", "content": "x"}]}),
            "messages[0].content",
        ),
    ] {
        let body = Bytes::from(with(more).to_string());
        let of = |drop| encode_request(Dialect::OpenaiChat, &body, &target("gemini-2.5-pro", drop));
        assert_eq!(of(false).unwrap_err().param(), Some(param));
        if param != "n" {
            assert_eq!(of(true).unwrap().dropped, [param]);
        }
    }
    let body = Bytes::from(with(json!({"reasoning_effort": "low"})).to_string());
    let error = encode_request(Dialect::OpenaiChat, &body, &target("gemini-2.0-flash", false));
    assert_eq!(error.unwrap_err().param(), Some("reasoning_effort"));
}

#[test]
fn the_lower_of_both_limits_is_sent_and_told() {
    for (asked, limit) in
        [(json!({"max_tokens": 7}), 7), (json!({"max_tokens": 700}), 100), (json!({}), 100)]
    {
        let body = Bytes::from(with(asked).to_string());
        let encoded = encode_request(Dialect::OpenaiChat, &body, &target("g", false)).unwrap();
        let told: Value = serde_json::from_slice(&encoded.body.whole()).unwrap();
        assert_eq!(told["generationConfig"]["maxOutputTokens"], limit);
        assert_eq!(encoded.max_output_tokens, Some(limit));
    }
}
