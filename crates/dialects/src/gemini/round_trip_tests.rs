//! The law of translation: a request worded for this dialect and read back as a client's of it says
//! what it said.

use bytes::Bytes;
use events::Dialect;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::dispatch::encode_request;
use crate::request::Target;

fn encoded(from: Dialect, to: Dialect, body: &Value) -> Value {
    let body = Bytes::from(body.to_string());
    let target = Target {
        dialect: to,
        model: "gemini-2.5-pro",
        max_output_tokens: None,
        drop_params: false,
    };
    let encoded = encode_request(from, &body, &target).unwrap();
    assert_eq!(encoded.dropped, Vec::<String>::new());
    serde_json::from_slice(&encoded.body.whole()).unwrap()
}

/// A request in OpenAI's words, through this dialect and back.
fn there_and_back(body: &Value) -> (Value, Value) {
    let there = encoded(Dialect::OpenaiChat, Dialect::GeminiGenerate, body);
    let straight = encoded(Dialect::OpenaiChat, Dialect::AnthropicMessages, body);
    let back = encoded(Dialect::GeminiGenerate, Dialect::AnthropicMessages, &there);
    (straight, back)
}

fn text() -> impl Strategy<Value = String> {
    "[a-z {}\":é\n]{1,20}[a-z]"
}

fn message(at: usize) -> impl Strategy<Value = Vec<Value>> {
    let user = text().prop_map(|text| vec![json!({"role": "user", "content": text})]);
    let picture = ("[A-Za-z0-9]{4,8}", text()).prop_map(|(data, text)| {
        let url = format!("data:image/png;base64,{data}");
        vec![json!({"role": "user", "content": [
            {"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": url}}]})]
    });
    let called = (text(), text(), any::<bool>()).prop_map(move |(argument, result, is_object)| {
        let (one, two) = (format!("call_{at}a"), format!("call_{at}b"));
        let result = if is_object { json!({"r": result}).to_string() } else { result };
        let call = |id: &str, name: &str, arguments: Value| {
            json!({"id": id, "type": "function",
            "function": {"name": name, "arguments": arguments.to_string()}})
        };
        vec![
            json!({"role": "assistant", "content": "calling", "tool_calls": [
                call(&one, "f", json!({"a": argument})), call(&two, "g", json!({}))]}),
            json!({"role": "tool", "tool_call_id": one, "content": result}),
            json!({"role": "tool", "tool_call_id": two, "content": "done"}),
        ]
    });
    prop_oneof![user, picture, called]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_said_survives_this_dialect(
        system in prop::option::of(text()),
        messages in (0_usize..6).prop_flat_map(|count| (0..count).map(message).collect::<Vec<_>>()),
        limit in prop::option::of(1_u64..9999),
        choice in prop::option::of(prop_oneof![Just(json!("auto")), Just(json!("required")), Just(json!("none")),
            Just(json!({"type": "function", "function": {"name": "g"}}))]),
        format in prop::option::of(Just(json!({"type": "json_schema", "json_schema": {"name": "n",
            "schema": {"type": "object", "properties": {"q": {"type": ["string", "null"]}}}}}))),
        stop in prop::collection::vec("[a-z]{1,5}", 0..4),
    ) {
        let mut all: Vec<Value> = system.map(|text| json!({"role": "system", "content": text})).into_iter().collect();
        all.push(json!({"role": "user", "content": "begin"}));
        all.extend(messages.concat());
        let mut body = json!({"model": "m", "messages": all, "stop": stop, "temperature": 0.25, "top_p": 0.5,
            "tools": [{"type": "function", "function": {"name": "f", "description": "d",
                "parameters": {"type": "object", "properties": {"a": {"type": "string"}}}}},
                {"type": "function", "function": {"name": "g", "parameters": {"type": "object"}}}]});
        if let Some(limit) = limit { body["max_tokens"] = json!(limit); }
        if let Some(choice) = choice { body["tool_choice"] = choice; }
        if let Some(format) = format { body["response_format"] = format; }
        let (straight, back) = there_and_back(&body);
        // A function named alone is the only one worth telling.
        if body["tool_choice"].is_object() {
            prop_assert_eq!(&back["tool_choice"], &straight["tool_choice"]);
            prop_assert_eq!(&back["messages"], &straight["messages"]);
        } else {
            prop_assert_eq!(back, straight);
        }
    }
}
