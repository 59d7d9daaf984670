//! The laws of requests: what is worded for one dialect and read back as a client's of it says what it
//! said, whichever dialect stands between; and nothing unknown is lost between equals.

use bytes::Bytes;
use dialects::{PathModel, Target, encode_request_at};
use events::Dialect;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::bodies::CLIENTS;

/// A model every dialect takes for one that reasons, takes pictures and follows schemas.
fn model_of(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::OpenaiChat | Dialect::OpenaiResponses => "gpt-5.4",
        Dialect::AnthropicMessages => "claude-opus-5",
        Dialect::GeminiGenerate => "gemini-3-pro",
        Dialect::BedrockConverse | Dialect::CohereChat => "m",
    }
}

fn worded(from: Dialect, to: Dialect, body: &Value) -> Value {
    let body = Bytes::from(body.to_string());
    let at = PathModel::parse("/v1beta/models/m:generateContent", None)
        .filter(|_| from == Dialect::GeminiGenerate);
    let target =
        Target { dialect: to, model: model_of(to), max_output_tokens: None, drop_params: false };
    let encoded = encode_request_at(from, at.as_ref(), &body, &target)
        .unwrap_or_else(|error| panic!("{from} to {to}: {error} in {body:?}"));
    assert_eq!(encoded.dropped, Vec::<String>::new(), "{from} to {to}");
    serde_json::from_slice(&encoded.body.whole()).unwrap()
}

fn text() -> impl Strategy<Value = String> {
    "[a-z {}\":é\n]{1,20}[a-z]"
}

/// Messages that every dialect has words for.
fn message(at: usize) -> impl Strategy<Value = Vec<Value>> {
    let user = text().prop_map(|text| vec![json!({"role": "user", "content": text})]);
    let picture = ("[A-Za-z0-9]{4,8}", text()).prop_map(|(data, text)| {
        let url = format!("data:image/png;base64,{data}");
        vec![json!({"role": "user", "content": [
            {"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": url}}]})]
    });
    let called = (text(), text()).prop_map(move |(argument, result)| {
        let (one, two) = (format!("call_{at}a"), format!("call_{at}b"));
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
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_said_survives_every_dialect_in_between(
        system in prop::option::of(text()),
        messages in (0_usize..6).prop_flat_map(|count| (0..count).map(message).collect::<Vec<_>>()),
        limit in 16_u64..9999,
        choice in prop::option::of(prop_oneof![Just(json!("auto")), Just(json!("required"))]),
        format in prop::option::of(Just(json!({"type": "json_schema", "json_schema": {"name": "n", "strict": true,
            "schema": {"type": "object", "properties": {"q": {"type": ["string", "null"]}}}}}))),
    ) {
        let mut all: Vec<Value> = system.map(|text| json!({"role": "system", "content": text})).into_iter().collect();
        all.push(json!({"role": "user", "content": "begin"}));
        all.extend(messages.concat());
        let mut body = json!({"model": "m", "messages": all, "max_tokens": limit,
            "tools": [{"type": "function", "function": {"name": "f", "description": "d",
                "parameters": {"type": "object", "properties": {"a": {"type": "string"}}}}},
                {"type": "function", "function": {"name": "g", "parameters": {"type": "object"}}}]});
        if let Some(choice) = choice { body["tool_choice"] = choice; }
        if let Some(format) = format { body["response_format"] = format; }
        for between in [Dialect::AnthropicMessages, Dialect::OpenaiResponses, Dialect::GeminiGenerate] {
            // Both make one turn of neighbours, as some that stand in between do.
            for to in [Dialect::AnthropicMessages, Dialect::GeminiGenerate] {
                if to == between { continue; }
                let straight = worded(Dialect::OpenaiChat, to, &body);
                let there = worded(Dialect::OpenaiChat, between, &body);
                prop_assert_eq!(worded(between, to, &there), straight, "through {} to {}", between, to);
            }
        }
    }

    #[test]
    fn unknown_members_of_a_request_survive_between_equals(
        value in prop_oneof![Just("1.0"), Just("-0"), Just("1e5"), Just("\"\\u00e9\\/\""), Just("[ 1 ,2]"), Just("{\"b\":1, \"a\":{}}")],
        name in "x_[a-z]{1,8}",
        limit in prop::option::of(1_u64..99),
        pad in prop_oneof![Just(0_usize), Just(100_000)],
    ) {
        let pad = "p".repeat(pad);
        for dialect in CLIENTS {
            let inner = format!("\"{name}\" : {value} ");
            let body = match dialect {
                Dialect::OpenaiChat => format!(r#"{{ {inner},"model":"m","max_completion_tokens":100,"messages":[{{"role":"user","content":"{pad}",{inner}}}],"z":{value}}}"#),
                Dialect::AnthropicMessages => format!(r#"{{ {inner},"model":"m","max_tokens":100,"messages":[{{"role":"user","content":"{pad}",{inner}}}],"z":{value}}}"#),
                Dialect::OpenaiResponses => format!(r#"{{ {inner},"model":"m","max_output_tokens":100,"input":[{{"role":"user","content":"{pad}",{inner}}}],"z":{value}}}"#),
                _ => format!(r#"{{ {inner},"contents":[{{"parts":[{{"text":"{pad}",{inner}}}]}}],"generationConfig":{{"maxOutputTokens":100,{inner}}},"z":{value}}}"#),
            };
            let expected = body.replacen("\"m\"", "\"m-2\"", 1).replacen(
                ":100", &format!(":{}", limit.unwrap_or(100)), 1);
            let target = Target { dialect, model: "m-2", max_output_tokens: limit, drop_params: false };
            let encoded = encode_request_at(dialect, None, &Bytes::from(body), &target).unwrap();
            prop_assert_eq!(String::from_utf8(encoded.body.whole().into_owned()).unwrap(), expected);
            prop_assert_eq!(encoded.max_output_tokens, Some(limit.unwrap_or(100)));
        }
    }
}
