//! A client's request, read by its own dialect and worded by this one, compared as JSON.

use bytes::Bytes;
use events::Dialect;
use serde_json::{Value, json};

use crate::dispatch::encode_request;
use crate::request::{Encoded, RequestError, Target};

fn encode(body: &Value, model: &str, drop_params: bool) -> Result<Encoded, RequestError> {
    let dialect = Dialect::AnthropicMessages;
    let target = Target { dialect, model, max_output_tokens: None, drop_params };
    encode_request(Dialect::OpenaiChat, &Bytes::from(body.to_string()), &target)
}

fn encoded(body: &Value) -> Value {
    let encoded = encode(body, "claude-opus-4-8", false).unwrap();
    serde_json::from_slice(&encoded.body.whole()).unwrap()
}

/// A request with one user message and these members.
fn with(members: Value) -> Value {
    let mut body = json!({"model": "alias", "messages": [{"role": "user", "content": "hi"}]});
    for (key, value) in members.as_object().unwrap() {
        body[key] = value.clone();
    }
    body
}

#[test]
fn the_smallest_request_gets_a_limit_and_the_targets_model() {
    assert_eq!(
        encoded(&with(json!({}))),
        json!({"model": "claude-opus-4-8", "max_tokens": 32000,
            "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]})
    );
}

#[test]
fn instructions_are_hoisted_and_neighbours_merged() {
    let body = with(json!({"messages": [
        {"role": "system", "content": "a"},
        {"role": "user", "content": "1"},
        {"role": "developer", "content": [{"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}}]},
        {"role": "user", "content": [{"type": "text", "text": "2"}, {"type": "text", "text": "  "}]},
        {"role": "assistant", "content": ""},
        {"role": "assistant", "content": "3"},
    ]}));
    let out = encoded(&body);
    assert_eq!(
        out["system"],
        json!([{"type": "text", "text": "a"}, {"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}}])
    );
    assert_eq!(
        out["messages"],
        json!([
            {"role": "user", "content": [{"type": "text", "text": "1"}, {"type": "text", "text": "2"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "3"}]},
        ])
    );
}

#[test]
fn instructions_alone_become_the_users_turn() {
    let out = encoded(&with(json!({"messages": [{"role": "system", "content": "go"}]})));
    assert_eq!(
        out["messages"],
        json!([{"role": "user", "content": [{"type": "text", "text": "go"}]}])
    );
    assert_eq!(out.get("system"), None);
}

#[test]
fn images_and_files_keep_their_bytes() {
    let out = encoded(&with(json!({"messages": [{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO", "detail": "high"}},
        {"type": "image_url", "image_url": {"url": "https://example.org/a.jpg"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"}},
    ]}]})));
    assert_eq!(
        out["messages"][0]["content"],
        json!([
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}},
            {"type": "image", "source": {"type": "url", "url": "https://example.org/a.jpg"}},
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"}, "title": "a.pdf"},
        ])
    );
}

#[test]
fn calls_and_results_of_tools_are_grouped_as_the_dialect_wants() {
    let call = |id: &str, arguments: &str| json!({"id": id, "type": "function", "function": {"name": "f", "arguments": arguments}});
    let out = encoded(&with(json!({"messages": [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": null, "tool_calls": [call("c1", "{\"a\": 1.0}"), call("c2", "")],
            "thinking_blocks": [{"type": "thinking", "thinking": "t", "signature": "s"}]},
        {"role": "tool", "tool_call_id": "c1", "content": "r1"},
        {"role": "tool", "tool_call_id": "c2", "content": ""},
        {"role": "user", "content": "and?"},
    ]})));
    assert_eq!(
        out["messages"][1]["content"],
        json!([
            {"type": "thinking", "thinking": "t", "signature": "s"},
            {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1.0}},
            {"type": "tool_use", "id": "c2", "name": "f", "input": {}},
        ])
    );
    assert_eq!(
        out["messages"][2],
        json!({"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "r1"}]},
            {"type": "tool_result", "tool_use_id": "c2"},
            {"type": "text", "text": "and?"},
        ]})
    );
}

#[test]
fn ids_of_other_providers_are_respelled_the_same_on_both_sides() {
    let out = encoded(&with(json!({"messages": [
        {"role": "assistant", "tool_calls": [{"id": "functions.f:0", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "functions.f:0", "content": "r"},
    ]})));
    assert_eq!(out["messages"][0]["content"][0]["id"], "functions_f_0");
    assert_eq!(out["messages"][1]["content"][0]["tool_use_id"], "functions_f_0");
}

#[test]
fn tools_and_their_choice_have_counterparts() {
    let tools = json!([{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object", "x": 1e2}, "strict": true}},
        {"type": "function", "function": {"name": "g"}}]);
    let out = encoded(&with(json!({"tools": tools})));
    assert_eq!(
        out["tools"],
        json!([{"name": "f", "description": "d", "input_schema": {"type": "object", "x": 1e2}, "strict": true},
            {"name": "g", "input_schema": {"type": "object", "properties": {}}}])
    );
    for (choice, parallel, expected) in [
        (json!(null), json!(null), json!(null)),
        (json!(null), json!(false), json!({"type": "auto", "disable_parallel_tool_use": true})),
        (json!("auto"), json!(true), json!({"type": "auto"})),
        (json!("none"), json!(false), json!({"type": "none"})),
        (
            json!("required"),
            json!(false),
            json!({"type": "any", "disable_parallel_tool_use": true}),
        ),
        (
            json!({"type": "function", "function": {"name": "f"}}),
            json!(null),
            json!({"type": "tool", "name": "f"}),
        ),
    ] {
        let body =
            with(json!({"tools": tools, "tool_choice": choice, "parallel_tool_calls": parallel}));
        assert_eq!(encoded(&body)["tool_choice"], expected, "{choice} {parallel}");
    }
}

#[test]
fn the_shape_of_the_answer_and_the_rest_have_counterparts() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": false});
    let out = encoded(&with(json!({
        "response_format": {"type": "json_schema", "json_schema": {"name": "x", "strict": true, "schema": schema}},
        "stop": ["END", "STOP"], "user": "u1", "stream": true, "max_tokens": 9, "n": 1, "stream_options": {"include_usage": true},
    })));
    assert_eq!(out["output_config"], json!({"format": {"type": "json_schema", "schema": schema}}));
    assert_eq!(out["stop_sequences"], json!(["END", "STOP"]));
    assert_eq!(
        (&out["metadata"], &out["stream"], &out["max_tokens"]),
        (&json!({"user_id": "u1"}), &json!(true), &json!(9))
    );
    let free = encoded(&with(json!({"response_format": {"type": "json_object"}})));
    assert!(free["system"][0]["text"].as_str().unwrap().contains("JSON object"));
}

#[test]
fn reasoning_follows_the_generation_of_the_model() {
    for (model, effort, max_tokens, thinking, output) in [
        (
            "claude-opus-4-8",
            "xhigh",
            9_999,
            json!({"type": "adaptive"}),
            json!({"effort": "xhigh"}),
        ),
        (
            "claude-opus-4-6",
            "minimal",
            9_999,
            json!({"type": "adaptive"}),
            json!({"effort": "low"}),
        ),
        ("claude-opus-4-8", "none", 9_999, json!({"type": "disabled"}), json!(null)),
        (
            "claude-sonnet-4-5",
            "medium",
            9_999,
            json!({"type": "enabled", "budget_tokens": 4_096}),
            json!(null),
        ),
        (
            "claude-sonnet-4-5",
            "high",
            2_000,
            json!({"type": "enabled", "budget_tokens": 1_999}),
            json!(null),
        ),
        ("claude-sonnet-4-5", "high", 1_000, json!(null), json!(null)),
        ("claude-sonnet-4-5", "none", 9_999, json!(null), json!(null)),
    ] {
        let body = with(json!({"reasoning_effort": effort, "max_completion_tokens": max_tokens}));
        let encoded = encode(&body, model, false).unwrap();
        let out: Value = serde_json::from_slice(&encoded.body.whole()).unwrap();
        assert_eq!(
            (&out["thinking"], &out["output_config"]),
            (&thinking, &output),
            "{model} {effort}"
        );
        assert_eq!(
            encoded.dropped == ["reasoning_effort"],
            max_tokens == 1_000,
            "{model} {effort}"
        );
    }
}

#[test]
fn sampling_is_pinned_to_the_older_version_or_dropped_and_named() {
    let body = with(json!({"temperature": 0.20, "top_p": 1.0, "top_k": 5}));
    let older = encode(&body, "claude-sonnet-4-5", false).unwrap();
    let out = String::from_utf8(older.body.whole().to_vec()).unwrap();
    assert!(out.contains(r#""temperature":0.2,"top_p":1.0,"top_k":5"#), "{out}");
    assert_eq!(older.headers, [("anthropic-version", "2023-06-01".to_owned())]);
    let newer = encode(&body, "claude-opus-4-8", false).unwrap();
    assert_eq!(newer.dropped, ["temperature", "top_k"]);
    assert_eq!(newer.headers, [("anthropic-version", "2026-10-21".to_owned())]);
    let out: Value = serde_json::from_slice(&newer.body.whole()).unwrap();
    assert_eq!((out.get("temperature"), out.get("top_p"), out.get("top_k")), (None, None, None));
}

#[test]
fn what_cannot_be_carried_is_refused_by_name_or_dropped_by_name() {
    let audio = json!([{"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "input_audio", "input_audio": {}}]}]);
    let tiff = json!([{"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "image_url", "image_url": {"url": "data:image/tiff;base64,AA"}}]}]);
    for (members, param) in [
        (json!({"seed": 7}), "seed"),
        (json!({"logit_bias": {"1": 2}}), "logit_bias"),
        (json!({"frequency_penalty": 0.5}), "frequency_penalty"),
        (json!({"logprobs": true}), "logprobs"),
        (json!({"x_new": 1}), "x_new"),
        (json!({"stop": [" "]}), "stop"),
        (json!({"tools": [{"type": "web_search"}]}), "tools[0]"),
        (json!({"messages": audio}), "messages[0].content"),
        (json!({"messages": tiff}), "messages[0].content"),
        (json!({"response_format": {"type": "grammar"}}), "response_format"),
    ] {
        let error = encode(&with(members.clone()), "claude-opus-4-8", false).unwrap_err();
        assert_eq!(
            (error.code(), error.param()),
            ("unsupported_parameter", Some(param)),
            "{error}"
        );
        let dropped = encode(&with(members), "claude-opus-4-8", true).unwrap().dropped;
        assert_eq!(dropped, [param]);
    }
    let hot = encode(&with(json!({"temperature": 1.5})), "claude-3-5-haiku-latest", true).unwrap();
    assert_eq!(hot.dropped, ["temperature"]);
    for (members, param) in [
        (json!({"n": 2}), "n"),
        (json!({"tool_choice": "required"}), "tool_choice"),
        (json!({"messages": [{"role": "user", "content": " "}]}), "messages"),
    ] {
        assert_eq!(
            encode(&with(members), "claude-opus-4-8", true).unwrap_err().param(),
            Some(param)
        );
    }
}

#[test]
fn what_asks_for_nothing_is_no_reason_to_refuse() {
    let body = with(
        json!({"frequency_penalty": 0, "presence_penalty": 0.0, "logit_bias": {}, "logprobs": false,
        "store": false, "service_tier": "auto", "seed": null, "metadata": {"feature": "x"}, "session_id": "s", "modalities": ["text"]}),
    );
    let encoded = encode(&body, "claude-opus-4-8", false).unwrap();
    assert_eq!(encoded.dropped, Vec::<String>::new());
}

#[test]
fn the_gateways_limit_lowers_the_clients_and_stands_in_for_it() {
    let limited = |body: &Value, limit| {
        let dialect = Dialect::AnthropicMessages;
        let target = Target {
            dialect,
            model: "claude-opus-4-8",
            max_output_tokens: Some(limit),
            drop_params: false,
        };
        encode_request(Dialect::OpenaiChat, &Bytes::from(body.to_string()), &target)
            .unwrap()
            .max_output_tokens
    };
    assert_eq!(limited(&with(json!({})), 100), Some(100));
    assert_eq!(limited(&with(json!({"max_tokens": 50})), 100), Some(50));
    assert_eq!(limited(&with(json!({"max_tokens": 500})), 100), Some(100));
}

#[test]
fn arguments_that_are_no_object_are_the_clients_fault() {
    let body = with(json!({"messages": [{"role": "assistant", "content": null,
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "oops"}}]}]}));
    let error = encode(&body, "claude-opus-4-8", true).unwrap_err();
    assert_eq!(error.param(), Some("messages[0].tool_calls[].function.arguments"));
}
