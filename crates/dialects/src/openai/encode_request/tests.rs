//! Requests worded: what a client of the same dialect wrote comes back, and what is lost is named.

use events::Dialect;
use serde_json::{Value, json};

use super::*;
use crate::openai::decode;

fn target(model: &str, drop_params: bool) -> Target<'_> {
    Target { dialect: Dialect::OpenaiChat, model, max_output_tokens: None, drop_params }
}

fn worded(body: &Value, drop_params: bool) -> Result<(Value, Vec<String>), RequestError> {
    let body = body.to_string();
    let encoded = encode(&decode::request(&body).unwrap(), &target("other", drop_params))?;
    Ok((serde_json::from_slice(&encoded.body.whole()).unwrap(), encoded.dropped))
}

#[test]
fn a_request_survives_the_neutral_chat() {
    let body = json!({
        "model": "other",
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": [
                {"type": "text", "text": "what is this"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
                {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="}},
            ]},
            {"role": "assistant", "content": null, "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"a\":1}"},
                    "extra_content": {"google": {"thought_signature": "c2ln"}}},
                {"id": "c2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
            ]},
            {"role": "tool", "tool_call_id": "c1", "content": "one"},
            {"role": "tool", "tool_call_id": "c2", "content": "two"},
            {"role": "assistant", "content": "done"},
        ],
        "tools": [{"type": "function", "function": {
            "name": "f", "description": "d", "parameters": {"type": "object"}, "strict": true}}],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "parallel_tool_calls": false,
        "response_format": {"type": "json_schema", "json_schema": {
            "name": "n", "description": "d", "schema": {"type": "object"}, "strict": true}},
        "reasoning_effort": "xhigh",
        "max_tokens": 7,
        "temperature": 0.50,
        "top_p": 1,
        "stop": ["x"],
        "stream": true,
        "stream_options": {"include_usage": true},
        "user": "u",
        "seed": 5,
        "frequency_penalty": 0.5,
        "service_tier": "flex",
        "verbosity": "low",
    });
    assert_eq!(worded(&body, false).unwrap(), (body, vec![]));
}

#[test]
fn the_limit_goes_where_the_model_takes_it_and_policy_lowers_it() {
    for (model, name) in [("gpt-x", "max_completion_tokens"), ("llama", "max_tokens")] {
        let body = r#"{"messages":[{"role":"user","content":"x"}],"max_tokens":90}"#;
        let limited = Target { max_output_tokens: Some(9), ..target(model, false) };
        let encoded = encode(&decode::request(body).unwrap(), &limited).unwrap();
        let out: Value = serde_json::from_slice(&encoded.body.whole()).unwrap();
        assert_eq!((&out[name], encoded.max_output_tokens), (&json!(9), Some(9)));
    }
}

#[test]
fn pictures_a_tool_returned_follow_all_results() {
    let picture = json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}});
    let body = json!({"messages": [
        {"role": "user", "content": "x"},
        {"role": "assistant", "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "see"}, picture]},
        {"role": "tool", "tool_call_id": "c2", "content": null},
        {"role": "user", "content": "go on"},
    ]});
    let (out, _) = worded(&body, false).unwrap();
    assert_eq!(out["messages"][1]["tool_calls"][0]["function"]["arguments"], "{}");
    assert_eq!(
        out["messages"].as_array().unwrap()[2..],
        [
            json!({"role": "tool", "tool_call_id": "c1", "content": "see"}),
            json!({"role": "tool", "tool_call_id": "c2", "content": ""}),
            json!({"role": "user", "content": [picture]}),
            json!({"role": "user", "content": "go on"}),
        ]
    );
}

#[test]
fn what_cannot_be_said_is_refused_or_named() {
    let message = json!({"role": "user", "content": "x"});
    for (more, param) in [
        (json!({"top_k": 5}), "top_k"),
        (json!({"logit_bias": {"1": 1}}), "logit_bias"),
        (json!({"service_tier": "standard_only"}), "service_tier"),
        (json!({"stop": ["1", "2", "3", "4", "5"]}), "stop"),
        (json!({"tools": [{"type": "web_search"}]}), "tools[0]"),
    ] {
        let mut body = json!({"messages": [message]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(worded(&body, false).unwrap_err().param(), Some(param));
        assert_eq!(worded(&body, true).unwrap().1, [param]);
    }
    let thinking = json!({"messages": [message, {"role": "assistant", "content": "y",
        "thinking_blocks": [{"type": "thinking", "thinking": "t", "signature": "s"}]}]});
    let (out, dropped) = worded(&thinking, false).unwrap();
    assert_eq!(dropped, ["messages[].thinking"]);
    assert_eq!(out["messages"][1], json!({"role": "assistant", "content": "y"}));
    for (body, param) in [
        (json!({"messages": [message], "n": 2}), "n"),
        (json!({"messages": [message], "tool_choice": "required"}), "tool_choice"),
        (json!({"messages": [{"role": "user", "content": []}]}), "messages"),
    ] {
        assert_eq!(worded(&body, true).unwrap_err().param(), Some(param), "{body}");
    }
}
