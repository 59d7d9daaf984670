//! What a request asks for is found again in the neutral chat, or refused by name.

use bytes::Bytes;
use events::Dialect;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::chat::{Content, Image};
use crate::dispatch::encode_request;
use crate::request::Target;

fn target(model: &str, drop_params: bool) -> Target<'_> {
    Target { dialect: Dialect::OpenaiChat, model, max_output_tokens: None, drop_params }
}

/// The request as an OpenAI provider receives it, and what was dropped.
fn sent(body: &Value, drop_params: bool) -> Result<(Value, Vec<String>), RequestError> {
    let body = Bytes::from(body.to_string());
    let encoded = encode_request(Dialect::AnthropicMessages, &body, &target("gpt-x", drop_params))?;
    Ok((serde_json::from_slice(&encoded.body.whole()).unwrap(), encoded.dropped))
}

/// A conversation with everything that can be carried.
fn full() -> Value {
    json!({
        "model": "alias", "max_tokens": 100, "stream": true, "temperature": 0.5, "top_p": 0.9,
        "stop_sequences": ["END"], "metadata": {"user_id": "u1"}, "service_tier": "auto", "speed": "standard",
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        "thinking": {"type": "adaptive", "display": "summarized"},
        "output_config": {"effort": "medium", "format": {"type": "json_schema", "schema": {"type": "object"}}},
        "tools": [{"name": "f", "description": "d", "input_schema": {"type": "object"}, "strict": true, "eager_input_streaming": true},
            {"type": "custom", "name": "g", "input_schema": {"type": "object"}}],
        "tool_choice": {"type": "any", "disable_parallel_tool_use": true},
        "messages": [
            {"role": "user", "content": [
                {"type": "text", "text": "look"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
                {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}},
                {"type": "document", "title": "a.pdf", "source": {"type": "base64", "media_type": "application/pdf", "data": "BBBB"}}]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
                {"type": "redacted_thinking", "data": "b3Bh"},
                {"type": "redacted_thinking", "data": "tollgate.call:Z2Vt"},
                {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}},
                {"type": "tool_use", "id": "t2", "name": "g", "input": {}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": "one"},
                {"type": "tool_result", "tool_use_id": "t2", "is_error": true, "content": [{"type": "text", "text": "no"}]},
                {"type": "text", "text": "go on"}]},
            {"role": "system", "content": "Now be long."},
            {"role": "user", "content": "why"}]
    })
}

#[test]
fn everything_that_can_be_carried_is_in_the_neutral_chat() {
    let body = full().to_string();
    let request = request(&body).unwrap();
    let roles: Vec<Role> = request.turns.iter().map(|turn| turn.role).collect();
    let (system, user, assistant, tool) = (Role::System, Role::User, Role::Assistant, Role::Tool);
    assert_eq!(roles, [system, user, assistant, tool, tool, user, system, user]);
    assert!(request.turns[0].parts[0].cache_control.is_some());
    let first: Vec<_> = request.turns[1].parts.iter().map(|part| &part.content).collect();
    assert!(matches!(first[1], Content::Image(Image::Data { data: Cow::Borrowed("AAAA"), .. })));
    assert!(matches!(first[2], Content::Image(Image::Url(url)) if url == "https://x/y.png"));
    assert!(matches!(first[3], Content::Document { title: Some(title), .. } if title == "a.pdf"));
    let said: Vec<_> = request.turns[2].parts.iter().map(|part| &part.content).collect();
    assert!(matches!(said[0], Content::Thinking { signature, .. } if signature == "c2ln"));
    assert!(matches!(said[1], Content::RedactedThinking(data) if data == "b3Bh"));
    assert!(
        matches!(said[2], Content::ToolCall { arguments, signature: Some(signature), .. } if arguments == r#"{"a":1}"# && signature == "Z2Vt")
    );
    assert!(matches!(said[3], Content::ToolCall { signature: None, .. }));
    assert_eq!(said.len(), 4);
    let failed = &request.turns[4].parts[0].content;
    assert!(
        matches!(failed, Content::ToolResult { is_error: true, parts, .. } if parts.len() == 1)
    );
    assert_eq!((request.effort, request.user.as_deref()), (Some(Effort::Medium), Some("u1")));
    assert_eq!(
        (&request.tool_choice, request.parallel_tool_calls),
        (&ToolChoice::Required, Some(false))
    );
    assert!(request.tools[0].strict && request.tools.len() == 2);
    assert!(
        matches!(&request.format, ResponseFormat::JsonSchema(format) if format.strict == Some(true))
    );
    assert_eq!(request.sampling.temperature.map(RawValue::get), Some("0.5"));
    assert_eq!(request.sampling.stop, ["END"]);
    assert!(request.rest.is_empty() && request.hints.is_empty(), "{:?}", request.rest);
}

#[test]
fn what_is_decoded_encodes_to_the_same_request_of_this_dialect() {
    let mut body = full();
    body["temperature"] = Value::Null;
    body["top_p"] = Value::Null;
    let text = body.to_string();
    let neutral = request(&text).unwrap();
    let target = Target { dialect: Dialect::AnthropicMessages, ..target("claude-opus-4-8", false) };
    let encoded = super::super::request::encode(&neutral, &target).unwrap();
    let out: Value = serde_json::from_slice(&encoded.body.whole()).unwrap();
    for member in
        ["max_tokens", "stream", "stop_sequences", "metadata", "tool_choice", "output_config"]
    {
        assert_eq!(out[member], body[member], "{member}");
    }
    assert_eq!(out["thinking"], json!({"type": "adaptive"}));
    assert_eq!(out["system"][0], body["system"][0]);
    // The seal of a call goes to the provider that made it; a later instruction joins the others.
    let mut messages = body["messages"].clone();
    messages[1]["content"].as_array_mut().unwrap().remove(2);
    messages[2]["content"][0]["content"] = json!([{"type": "text", "text": "one"}]);
    messages[2]["content"].as_array_mut().unwrap().push(json!({"type": "text", "text": "why"}));
    for at in 0..3 {
        assert_eq!(out["messages"][at], messages[at], "message {at}");
    }
    assert_eq!(out["system"][1]["text"], "Now be long.");
}

#[test]
fn a_request_reaches_a_provider_of_another_dialect_whole() {
    let (out, dropped) = sent(&full(), false).unwrap();
    assert_eq!((&out["model"], &out["stream"]), (&json!("gpt-x"), &json!(true)));
    assert_eq!(out["messages"][0]["content"], "Be brief.");
    assert_eq!(out["tool_choice"], "required");
    assert_eq!(out["parallel_tool_calls"], false);
    assert_eq!(out["reasoning_effort"], "medium");
    assert_eq!(out["response_format"]["json_schema"]["schema"], json!({"type": "object"}));
    assert_eq!(out["tools"][1]["function"]["name"], "g");
    assert!(!dropped.iter().any(|name| name == "tools"), "{dropped:?}");
}

#[test]
fn what_cannot_be_carried_is_refused_by_name_or_dropped_by_name() {
    let body = |members: Value| {
        let mut body =
            json!({"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]});
        for (key, value) in members.as_object().unwrap() {
            body[key] = value.clone();
        }
        body
    };
    let content = |block: Value| {
        body(
            json!({"messages": [{"role": "user", "content": [block, {"type": "text", "text": "x"}]}]}),
        )
    };
    for (request, param) in [
        (
            body(json!({"tools": [{"type": "web_search_20250305", "name": "web_search"}]})),
            "tools[0]",
        ),
        (body(json!({"container": "c"})), "container"),
        (body(json!({"mcp_servers": [{"type": "url"}]})), "mcp_servers"),
        (body(json!({"speed": "fast"})), "speed"),
        (body(json!({"inference_geo": "us"})), "inference_geo"),
        (body(json!({"output_config": {"task_budget": {}}})), "output_config.task_budget"),
        (
            content(json!({"type": "image", "source": {"type": "file", "file_id": "f"}})),
            "messages[0].content",
        ),
        (
            content(json!({"type": "document", "source": {"type": "url", "url": "u"}})),
            "messages[0].content",
        ),
        (
            content(
                json!({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}),
            ),
            "messages[0].content",
        ),
        (
            content(
                json!({"type": "document", "citations": {"enabled": true}, "source": {"type": "text", "media_type": "text/plain", "data": "t"}}),
            ),
            "messages[0].content[0].citations",
        ),
    ] {
        let error = sent(&request, false).unwrap_err();
        assert_eq!(
            (error.code(), error.param()),
            ("unsupported_parameter", Some(param)),
            "{request}"
        );
        let (_, dropped) = sent(&request, true).unwrap();
        assert!(dropped.iter().any(|name| name == param), "{param}: {dropped:?}");
    }
    let (_, dropped) = sent(
        &body(
            json!({"context_management": {"edits": []}, "metadata": {"user_id": "u".repeat(65)}}),
        ),
        false,
    )
    .unwrap();
    assert_eq!(dropped, ["context_management", "metadata.user_id"]);
}

#[test]
fn documents_of_text_are_text() {
    let body = json!({"model": "m", "messages": [{"role": "user", "content": [
        {"type": "document", "title": "T", "cache_control": {"type": "ephemeral"}, "source": {"type": "text", "media_type": "text/plain", "data": "words"}},
        {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "a"}, {"type": "image", "source": {"type": "url", "url": "https://x"}}]}},
        {"type": "search_result", "title": "S", "source": "https://s", "content": [{"type": "text", "text": "found"}], "citations": {"enabled": false}}]}]})
    .to_string();
    let request = request(&body).unwrap();
    let texts: Vec<_> = request.turns[0]
        .parts
        .iter()
        .map(|part| match &part.content {
            Content::Text(text) => (text.as_ref(), part.cache_control.is_some()),
            Content::Image(_) => ("image", false),
            other => panic!("{other:?}"),
        })
        .collect();
    let expected = ["T", "words", "a", "image", "S", "https://s", "found"];
    assert_eq!(texts, expected.map(|text| (text, text == "words")));
    assert!(request.rest.is_empty());
}

#[test]
fn the_way_of_thinking_becomes_an_effort() {
    let effort = |members: &str| {
        let body =
            format!(r#"{{"model":"m","messages":[{{"role":"user","content":"x"}}]{members}}}"#);
        request(&body).unwrap().effort
    };
    for (members, expected) in [
        ("", None),
        (r#","thinking":{"type":"disabled"}"#, Some(Effort::None)),
        (r#","thinking":{"type":"adaptive"}"#, None),
        (
            r#","thinking":{"type":"adaptive"},"output_config":{"effort":"xhigh"}"#,
            Some(Effort::Xhigh),
        ),
        (r#","output_config":{"effort":"low"}"#, Some(Effort::Low)),
        (r#","thinking":{"type":"enabled","budget_tokens":1024}"#, Some(Effort::Low)),
        (r#","thinking":{"type":"enabled","budget_tokens":4096}"#, Some(Effort::Medium)),
        (r#","thinking":{"type":"enabled","budget_tokens":31999}"#, Some(Effort::High)),
        (
            r#","output_config":{"effort":"max"},"thinking":{"type":"enabled","budget_tokens":4096}"#,
            Some(Effort::Max),
        ),
    ] {
        assert_eq!(effort(members), expected, "{members}");
    }
}

#[test]
fn automatic_caching_marks_the_last_part() {
    let body = r#"{"cache_control":{"type":"ephemeral"},"model":"m","messages":[{"role":"user","content":"x"}]}"#;
    assert!(request(body).unwrap().turns[0].parts[0].cache_control.is_some());
}

#[test]
fn a_bad_request_says_which_parameter() {
    for (members, code, param) in [
        ("", "missing_required_parameter", "messages"),
        (r#","messages":[]"#, "invalid_value", "messages"),
        (r#","messages":[{"role":"robot","content":"x"}]"#, "invalid_value", "messages[0].role"),
        (r#","messages":[{"role":"user"}]"#, "missing_required_parameter", "messages[0].content"),
        (
            r#","messages":[{"role":"user","content":[{"text":"x"}]}]"#,
            "missing_required_parameter",
            "messages[0].content[0].type",
        ),
        (
            r#","messages":[{"role":"user","content":[7]}]"#,
            "invalid_value",
            "messages[0].content[0]",
        ),
        (
            r#","messages":[{"role":"user","content":[{"type":"tool_result"}]}]"#,
            "missing_required_parameter",
            "messages[0].content[0].tool_use_id",
        ),
        (
            r#","messages":[{"role":"user","content":[{"type":"image"}]}]"#,
            "missing_required_parameter",
            "messages[0].content[0].source",
        ),
        (r#","tools":[{"description":"d"}]"#, "missing_required_parameter", "tools[0].name"),
        (r#","tool_choice":{"type":"tool"}"#, "missing_required_parameter", "tool_choice.name"),
        (r#","temperature":"hot""#, "invalid_value", "temperature"),
        (r#","output_config":{"effort":"heroic"}"#, "invalid_value", "output_config.effort"),
    ] {
        let error = request(&format!(r#"{{"model":"m"{members}}}"#)).map(|_| ()).unwrap_err();
        assert_eq!((error.code(), error.param()), (code, Some(param)), "{members}");
    }
}

#[test]
fn blocks_nest_no_deeper_than_the_dialect_says() {
    let mut block = r#"{"type":"text","text":"x"}"#.to_owned();
    for _ in 0..2_000 {
        block = format!(r#"{{"type":"tool_result","tool_use_id":"t","content":[{block}]}}"#);
    }
    let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":[{block}]}}]}}"#);
    let request = request(&body).unwrap();
    let Content::ToolResult { parts, .. } = &request.turns[0].parts[0].content else { panic!() };
    assert!(matches!(&parts[0].content, Content::Other(kind) if kind == "tool_result"));
}

proptest! {
    #[test]
    fn no_body_panics(body in "[{}\\[\\]\",:a-z0-9 é\\\\]{0,120}") {
        let _ = request(&body);
    }

    #[test]
    fn no_member_panics(
        key in prop_oneof![Just("messages"), Just("system"), Just("tools"), Just("tool_choice"), Just("thinking"), Just("output_config"), Just("metadata"), Just("cache_control")],
        value in prop_oneof![Just("[{\"type\":\"text\"}]"), Just("{\"type\":{}}"), Just("[[]]"), Just("[{\"role\":\"user\",\"content\":[{\"type\":\"document\",\"source\":7}]}]"), Just("7"), Just("\"x\""), Just("[null]"), Just("{\"enabled\":1}")],
    ) {
        let _ = request(&format!(r#"{{"model":"m","messages":[{{"role":"user","content":"x"}}],"{key}":{value}}}"#));
    }
}
