use bytes::Bytes;
use events::Dialect;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::request::{Encoded, RequestError, Target};

fn encode(body: &Value, drop_params: bool) -> Result<Encoded, RequestError> {
    let target = Target {
        dialect: Dialect::CohereChat,
        model: "command-x",
        max_output_tokens: Some(500),
        drop_params,
    };
    crate::encode_request(Dialect::OpenaiChat, &Bytes::from(body.to_string()), &target)
}

fn worded(body: &Value) -> (Value, Vec<String>) {
    let encoded = encode(body, false).unwrap();
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
fn a_conversation_keeps_its_roles() {
    let (body, dropped) = worded(&with(json!({
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                {"type": "image_url", "image_url": {"url": "https://x/y.png"}}]},
            {"role": "assistant", "content": "I look.", "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}},
                {"id": "c2", "type": "function", "function": {"name": "f", "arguments": ""}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "30"},
            {"role": "tool", "tool_call_id": "c2", "content": "31"},
            {"role": "user", "content": "So?"}],
        "max_tokens": 900, "temperature": 0.5, "top_p": 1, "stop": "END", "seed": 7,
        "frequency_penalty": 0.5, "reasoning_effort": "low", "stream": true,
        "tools": [{"type": "function", "function": {"name": "f", "description": "F.", "strict": true, "parameters": {"type": "object"}}}],
        "tool_choice": "required",
        "response_format": {"type": "json_schema", "json_schema": {"name": "City", "schema": {"type": "object"}}}
    })));
    assert_eq!(
        body,
        json!({
            "model": "command-x", "stream": true,
            "messages": [
                {"role": "system", "content": [{"type": "text", "text": "Be brief."}]},
                {"role": "user", "content": [{"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                    {"type": "image_url", "image_url": {"url": "https://x/y.png"}}]},
                {"role": "assistant", "content": [{"type": "text", "text": "I look."}], "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"}},
                    {"id": "c2", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
                {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "30"}]},
                {"role": "tool", "tool_call_id": "c2", "content": [{"type": "text", "text": "31"}]},
                {"role": "user", "content": [{"type": "text", "text": "So?"}]}],
            "tools": [{"type": "function", "function": {"name": "f", "description": "F.", "parameters": {"type": "object"}}}],
            "strict_tools": true, "tool_choice": "REQUIRED",
            "response_format": {"type": "json_object", "json_schema": {"type": "object"}},
            "thinking": {"type": "enabled", "token_budget": 250},
            "max_tokens": 500, "temperature": 0.5, "p": 0.99, "stop_sequences": ["END"], "seed": 7, "frequency_penalty": 0.5
        })
    );
    assert_eq!(dropped, Vec::<String>::new());
}

#[test]
fn one_tool_is_chosen_by_offering_no_other() {
    let tools = json!([{"type": "function", "function": {"name": "f"}}, {"type": "function", "function": {"name": "g"}}]);
    let named = json!({"type": "function", "function": {"name": "g"}});
    let (body, _) = worded(&with(json!({"tools": tools, "tool_choice": named})));
    assert_eq!(body["tool_choice"], "REQUIRED");
    assert_eq!(body["tools"].as_array().unwrap().len(), 1);
    assert_eq!(body["tools"][0]["function"]["name"], "g");
    for (choice, told) in [("none", json!("NONE")), ("auto", Value::Null)] {
        let (body, _) = worded(&with(json!({"tools": tools, "tool_choice": choice})));
        assert_eq!((&body["tool_choice"], body["tools"].as_array().unwrap().len()), (&told, 2));
    }
    let unknown = json!({"type": "function", "function": {"name": "h"}});
    let error = encode(&with(json!({"tools": tools, "tool_choice": unknown})), false).unwrap_err();
    assert_eq!(error.param(), Some("tool_choice"));
}

#[test]
fn what_cannot_be_carried_is_refused_by_name_or_dropped_by_name() {
    let file = json!([{"role": "user", "content": [{"type": "text", "text": "Hi"},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA"}}]}]);
    for (members, param) in [
        (json!({"messages": file}), "messages[0].content"),
        (json!({"presence_penalty": -1}), "presence_penalty"),
        (json!({"logprobs": true}), "logprobs"),
        (json!({"service_tier": "flex"}), "service_tier"),
        (
            json!({"parallel_tool_calls": false, "tools": [{"type": "function", "function": {"name": "f"}}]}),
            "parallel_tool_calls",
        ),
    ] {
        let body = with(members);
        let error = encode(&body, false).unwrap_err();
        assert_eq!((error.code(), error.param()), ("unsupported_parameter", Some(param)), "{body}");
        assert_eq!(encode(&body, true).unwrap().dropped, [param], "{body}");
    }
    // Where no tool may be called, there are no calls to have one at a time.
    let tools = json!([{"type": "function", "function": {"name": "f"}}]);
    let none = json!({"parallel_tool_calls": false, "tools": tools, "tool_choice": "none"});
    let (body, dropped) = worded(&with(none));
    assert_eq!((body["tool_choice"].as_str(), dropped.len()), (Some("NONE"), 0));
    let (_, dropped) = worded(&with(json!({"user": "u"})));
    assert_eq!(dropped, ["user"]);
}

#[test]
fn no_reasoning_is_said_to_be_none() {
    let (body, _) = worded(&with(json!({"reasoning_effort": "none"})));
    assert_eq!(body["thinking"], json!({"type": "disabled"}));
}

proptest! {
    #[test]
    fn no_conversation_panics(text in "\\PC{0,20}", id in "\\PC{0,20}", p in any::<f64>()) {
        let body = with(json!({"messages": [
            {"role": "user", "content": text, "name": id},
            {"role": "assistant", "content": text, "tool_calls": [{"id": id, "type": "function", "function": {"name": text, "arguments": text}}]},
            {"role": "tool", "tool_call_id": id, "content": text}], "top_p": p}));
        let _ = encode(&body, true);
    }
}
