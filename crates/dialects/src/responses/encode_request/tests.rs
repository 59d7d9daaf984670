//! Requests worded: what a client of the same dialect wrote comes back, and what is lost is named.

use events::Dialect;
use serde_json::{Value, json};

use super::*;
use crate::chat::{Content, Part, Role, Turn};
use crate::responses::decode_request;
use crate::responses::reasoning::pack;

fn worded(body: &Value, model: &str, drop: bool) -> Result<(Value, Vec<String>), RequestError> {
    let target = Target {
        dialect: Dialect::OpenaiResponses,
        model,
        max_output_tokens: None,
        drop_params: drop,
    };
    let body = body.to_string();
    let encoded = encode(&decode_request::request(&body).unwrap(), &target)?;
    Ok((serde_json::from_slice(&encoded.body.whole()).unwrap(), encoded.dropped))
}

#[test]
fn a_request_survives_the_neutral_chat() {
    let body = json!({
        "model": "gpt-5.4",
        "input": [
            {"type": "message", "role": "system", "content": "be brief"},
            {"type": "message", "role": "user", "content": [
                {"type": "input_text", "text": "what is this"},
                {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,AAAA"},
                {"type": "input_image", "detail": "auto", "image_url": "https://x/y.png"},
                {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="},
            ]},
            {"type": "message", "role": "assistant", "content": "let me see"},
            {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{\"a\":1}"},
            {"type": "function_call", "call_id": "c2", "name": "g", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "one"},
            {"type": "function_call_output", "call_id": "c2", "output": [
                {"type": "input_text", "text": "two"},
                {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,AAAA"},
            ]},
            {"type": "message", "role": "assistant", "content": "done"},
        ],
        "store": false,
        "include": ["reasoning.encrypted_content"],
        "stream": true,
        "max_output_tokens": 70,
        "tools": [{"type": "function", "name": "f", "description": "d",
            "parameters": {"type": "object"}, "strict": true}],
        "tool_choice": {"type": "function", "name": "f"},
        "parallel_tool_calls": false,
        "text": {"format": {"type": "json_schema", "name": "n", "description": "d",
            "schema": {"type": "object"}, "strict": true}, "verbosity": "low"},
        "reasoning": {"effort": "xhigh", "summary": "auto"},
        "temperature": 0.50,
        "top_p": 1,
        "service_tier": "flex",
        "user": "u",
    });
    assert_eq!(worded(&body, "gpt-5.4", false).unwrap(), (body, vec![]));
}

#[test]
fn sealed_reasoning_goes_back_where_it_came_from_and_no_other() {
    let turn = |signature: String| Turn {
        role: Role::Assistant,
        parts: vec![
            Part::plain(Content::Thinking { text: "t".into(), signature: signature.into() }),
            Part::plain(Content::Text("x".into())),
        ],
        position: 0,
        has_name: false,
    };
    let target = Target {
        dialect: Dialect::OpenaiResponses,
        model: "o3",
        max_output_tokens: None,
        drop_params: false,
    };
    let own = ChatRequest { turns: vec![turn(pack("rs_1", "gA=="))], ..ChatRequest::default() };
    let encoded = encode(&own, &target).unwrap();
    let out: Value = serde_json::from_slice(&encoded.body.whole()).unwrap();
    assert_eq!(
        out["input"][0],
        json!({"type": "reasoning", "id": "rs_1", "encrypted_content": "gA==",
            "summary": [{"type": "summary_text", "text": "t"}]})
    );
    let foreign = ChatRequest { turns: vec![turn("EsQB".into())], ..ChatRequest::default() };
    let encoded = encode(&foreign, &target).unwrap();
    assert_eq!(encoded.dropped, ["messages[].thinking"]);
}

#[test]
fn the_limit_is_never_below_what_the_vendor_takes_nor_above_policy() {
    for (asked, allowed, told) in [
        (None, None, None),
        (Some(1), None, Some(16)),
        (Some(1), Some(9), Some(9)),
        (Some(90), Some(50), Some(50)),
        (None, Some(50), Some(50)),
    ] {
        assert_eq!(limit(asked, allowed), told);
    }
}

#[test]
fn reasoning_is_asked_for_sealed_where_a_model_reasons() {
    for model in ["gpt-5", "gpt-5.6-luna", "openai/o3-mini", "openai.gpt-6", "o1", "codex-mini"] {
        assert!(reasons(model), "{model}");
    }
    for model in ["gpt-4o", "gpt-5-chat-latest", "deepseek-v4-flash", "omni", "grok-4", ""] {
        assert!(!reasons(model), "{model}");
    }
}

#[test]
fn what_cannot_be_said_is_refused_or_named() {
    for (more, param) in [
        (json!({"tools": [{"type": "web_search"}]}), "tools[0]"),
        (json!({"truncation": "auto"}), "truncation"),
        (json!({"store": true}), "store"),
        (json!({"include": ["message.output_text.logprobs"]}), "include"),
        (json!({"reasoning": {"mode": "pro"}}), "reasoning.mode"),
        (json!({"input": [{"type": "item_reference", "id": "msg_1"}]}), "messages[0].content"),
    ] {
        let mut body = json!({"input": "x", "instructions": "y"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(worded(&body, "m", false).unwrap_err().param(), Some(param), "{body}");
        assert_eq!(worded(&body, "m", true).unwrap().1, [param]);
    }
    let required = json!({"input": "x", "tool_choice": "required"});
    assert_eq!(worded(&required, "m", true).unwrap_err().param(), Some("tool_choice"));
}
