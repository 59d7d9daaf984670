//! Anthropic's dialect.

use serde_json::{Value, json};
use simulator::text_tokens;

use crate::client::{anthropic, ask, events_of, joined, json_of, parsed, start};

fn tools() -> Value {
    let tool = |name: &str| {
        json!({"name": name, "input_schema": {
            "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]
        }})
    };
    json!([tool("weather"), tool("forecast")])
}

fn limited(text: &str, more: Value) -> Value {
    let mut body = ask("claude-sonnet-5-5", text, more);
    if body["max_tokens"].is_null() {
        body["max_tokens"] = 4096.into();
    }
    body
}

#[tokio::test]
async fn a_plain_message_has_the_providers_shape() {
    let simulator = start().await;
    let request = anthropic(&simulator, &limited("how are you", json!({})));
    let response = request.send().await.unwrap();
    for header in ["request-id", "anthropic-ratelimit-requests-reset"] {
        assert!(response.headers().contains_key(header), "{header}");
    }
    let message: Value = response.json().await.unwrap();
    assert_eq!(message["type"], "message");
    assert_eq!(message["stop_reason"], "end_turn");
    let text = message["content"][0]["text"].as_str().unwrap();
    assert_eq!(
        message["usage"],
        json!({
            "input_tokens": 7,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "output_tokens": text_tokens(text),
            "output_tokens_details": {"thinking_tokens": 0},
            "service_tier": "standard",
            "inference_geo": "global",
        })
    );
}

#[tokio::test]
async fn a_stream_tells_the_same_message_as_a_plain_reply() {
    let simulator = start().await;
    let table = [
        json!({}),
        json!({"max_tokens": 5}),
        json!({"thinking": {"type": "adaptive"}}),
        json!({"tools": tools(), "tool_choice": {"type": "any"}}),
        json!({"output_config": {"format": {"type": "json_schema", "schema": {
            "type": "object", "properties": {"a": {"type": "boolean"}}
        }}}}),
    ];
    for more in table {
        let mut body = limited("answer in parallel, please", more);
        let (_, plain) = json_of(anthropic(&simulator, &body)).await;
        body["stream"] = true.into();
        let request = anthropic(&simulator, &body);
        let (events, is_whole) = events_of(request.send().await.unwrap()).await;
        assert!(is_whole);
        let events = parsed(&events);
        assert_eq!(events[0]["type"], "message_start");
        assert_eq!(events.last().unwrap()["type"], "message_stop");
        let usage = &events[0]["message"]["usage"];
        assert_eq!(usage["input_tokens"], plain["usage"]["input_tokens"]);
        assert_eq!(usage["output_tokens"], 1);
        let delta = &events[events.len() - 2];
        assert_eq!(delta["usage"]["output_tokens"], plain["usage"]["output_tokens"], "{body}");
        assert_eq!(delta["delta"]["stop_reason"], plain["stop_reason"]);
        for (index, block) in plain["content"].as_array().unwrap().iter().enumerate() {
            let own: Vec<Value> =
                events.iter().filter(|event| event["index"] == index).cloned().collect();
            assert_eq!(own[0]["content_block"]["type"], block["type"]);
            assert_eq!(own.last().unwrap()["type"], "content_block_stop");
            match block["type"].as_str().unwrap() {
                "text" => assert_eq!(joined(&own, "/delta/text"), block["text"]),
                "thinking" => {
                    assert_eq!(joined(&own, "/delta/thinking"), block["thinking"]);
                    assert!(!joined(&own, "/delta/signature").is_empty());
                }
                _ => {
                    let input: Value =
                        serde_json::from_str(&joined(&own, "/delta/partial_json")).unwrap();
                    assert_eq!(input, block["input"]);
                }
            }
        }
    }
}

#[tokio::test]
async fn thinking_is_part_of_the_output() {
    let simulator = start().await;
    let body = limited("hello", json!({"thinking": {"type": "enabled", "budget_tokens": 1024}}));
    let (_, message) = json_of(anthropic(&simulator, &body)).await;
    let thinking = text_tokens(message["content"][0]["thinking"].as_str().unwrap());
    let text = text_tokens(message["content"][1]["text"].as_str().unwrap());
    assert_eq!(message["usage"]["output_tokens"], thinking + text);
    assert_eq!(message["usage"]["output_tokens_details"]["thinking_tokens"], thinking);
    assert_eq!(simulator.bill().total().reasoning_tokens, thinking);
}

#[tokio::test]
async fn limits_and_stop_sequences_end_a_message() {
    let simulator = start().await;
    let (_, short) = json_of(anthropic(&simulator, &limited("hi", json!({"max_tokens": 3})))).await;
    assert_eq!(
        (&short["stop_reason"], &short["usage"]["output_tokens"]),
        (&json!("max_tokens"), &json!(3))
    );
    let (_, whole) = json_of(anthropic(&simulator, &limited("hi", json!({})))).await;
    let text = whole["content"][0]["text"].as_str().unwrap();
    let stop = text.split(' ').nth(4).unwrap();
    let body = limited("hi", json!({"stop_sequences": [stop]}));
    let (_, stopped) = json_of(anthropic(&simulator, &body)).await;
    assert_eq!(stopped["stop_reason"], "stop_sequence");
    assert_eq!(stopped["stop_sequence"], stop);
}

#[tokio::test]
async fn tools_are_called_when_required_named_or_mentioned() {
    let simulator = start().await;
    let table = [
        ("hello", Value::Null, vec![]),
        ("use the tool", Value::Null, vec!["weather"]),
        ("use the tool", json!({"type": "none"}), vec![]),
        ("hello", json!({"type": "any"}), vec!["weather"]),
        ("hello", json!({"type": "tool", "name": "forecast"}), vec!["forecast"]),
        ("tools in parallel", Value::Null, vec!["weather", "forecast"]),
        (
            "tools in parallel",
            json!({"type": "auto", "disable_parallel_tool_use": true}),
            vec!["weather"],
        ),
    ];
    for (text, choice, names) in table {
        let mut body = limited(text, json!({"tools": tools()}));
        if !choice.is_null() {
            body["tool_choice"] = choice;
        }
        let (_, message) = json_of(anthropic(&simulator, &body)).await;
        let calls: Vec<&Value> = message["content"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|block| block["type"] == "tool_use")
            .collect();
        let called: Vec<&str> = calls.iter().map(|call| call["name"].as_str().unwrap()).collect();
        assert_eq!(called, names, "{body}");
        assert!(calls.iter().all(|call| call["input"]["city"].is_string()));
        assert_eq!(message["stop_reason"] == "tool_use", !names.is_empty());
    }
}

#[tokio::test]
async fn marked_prefixes_are_written_then_read() {
    let simulator = start().await;
    let system = json!([
        {"type": "text", "text": "word ".repeat(1500), "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    ]);
    let body = limited("a question", json!({"system": system}));
    let (_, first) = json_of(anthropic(&simulator, &body)).await;
    let (_, second) = json_of(anthropic(&simulator, &body)).await;
    assert_eq!(first["usage"]["cache_creation"]["ephemeral_1h_input_tokens"], 1504);
    assert_eq!(first["usage"]["cache_creation_input_tokens"], 1504);
    assert_eq!(first["usage"]["input_tokens"], 6);
    assert_eq!(second["usage"]["cache_read_input_tokens"], 1504);
    assert_eq!(second["usage"]["cache_creation_input_tokens"], 0);
    let bill = simulator.bill().total();
    assert_eq!(
        (bill.cache_write_1h_tokens, bill.cache_read_tokens, bill.input_tokens),
        (1504, 1504, 12)
    );
}

#[tokio::test]
async fn a_prompt_is_counted_as_it_would_be_billed() {
    let simulator = start().await;
    let url = format!("{}/messages/count_tokens", simulator.base_url());
    let mut body = limited("how are you", json!({"tools": tools(), "system": "be kind"}));
    let (_, message) = json_of(anthropic(&simulator, &body)).await;
    body.as_object_mut().unwrap().remove("max_tokens");
    let request = reqwest::Client::new().post(url).bearer_auth("sk-test");
    let request = request.header("anthropic-version", "2026-10-21").json(&body);
    let (status, counted) = json_of(request).await;
    assert_eq!(status, 200);
    assert_eq!(counted, json!({"input_tokens": message["usage"]["input_tokens"]}));
    assert_eq!(simulator.bill().total().requests, 1);
}

#[tokio::test]
async fn bad_requests_are_refused_in_the_providers_shape() {
    let simulator = start().await;
    let user = json!([{"role": "user", "content": "hi"}]);
    let m = "claude-haiku-5-5";
    let table = [
        (json!({"max_tokens": 1, "messages": user}), "model: Field required"),
        (json!({"model": m, "messages": user}), "max_tokens: Field required"),
        (json!({"model": m, "max_tokens": 0, "messages": user}), "max_tokens: Input should be"),
        (json!({"model": m, "max_tokens": 1}), "messages: Field required"),
        (json!({"model": m, "max_tokens": 1, "messages": []}), "at least one message"),
        (
            json!({"model": m, "max_tokens": 1, "messages": [{"role": "tool", "content": "x"}]}),
            "messages.0.role: Input should be 'user', 'assistant' or 'system'",
        ),
        (
            json!({"model": m, "max_tokens": 1, "messages": [{"role": "user", "content": [{"type": "video"}]}]}),
            "messages.0.content: Input tag 'video'",
        ),
        (
            json!({"model": m, "max_tokens": 9, "messages": user, "thinking": {"type": "enabled", "budget_tokens": 9}}),
            "greater than or equal to 1024",
        ),
        (
            json!({"model": m, "max_tokens": 1, "messages": user, "tool_choice": {"type": "any"}}),
            "tool_choice: may only be specified",
        ),
    ];
    for (body, told) in table {
        let (status, error) = json_of(anthropic(&simulator, &body)).await;
        assert_eq!((status.as_u16(), &error["type"]), (400, &json!("error")), "{error}");
        assert_eq!(error["error"]["type"], "invalid_request_error");
        assert!(error["error"]["message"].as_str().unwrap().contains(told), "{error}");
        assert!(error["request_id"].as_str().unwrap().starts_with("req_"));
    }
}

#[tokio::test]
async fn keys_and_versions_are_checked() {
    let simulator = start().await;
    let body = limited("hi", json!({"temperature": 1}));
    let post = || {
        let url = format!("{}/messages", simulator.base_url());
        reqwest::Client::new().post(url).json(&body)
    };
    let (status, error) = json_of(post().header("x-api-key", "sk-bad")).await;
    assert_eq!((status.as_u16(), &error["error"]["type"]), (401, &json!("authentication_error")));
    assert_eq!(json_of(post()).await.0, 401);
    let (status, error) = json_of(post().bearer_auth("sk-test")).await;
    assert_eq!(
        (status.as_u16(), &error["error"]["message"]),
        (400, &json!("anthropic-version: header is required"))
    );
    let (status, _) =
        json_of(post().bearer_auth("k").header("anthropic-version", "2023-06-01")).await;
    assert_eq!(status, 200);
    let (status, error) =
        json_of(post().bearer_auth("k").header("anthropic-version", "2026-10-21")).await;
    assert_eq!(status, 400);
    assert!(error["error"]["message"].as_str().unwrap().contains("temperature"));
}

#[tokio::test]
async fn a_conversation_may_hold_instructions_and_what_the_providers_own_tools_did() {
    let simulator = start().await;
    let mut body = limited("hi", json!({}));
    body["messages"] = json!([
        {"role": "user", "content": [{"type": "search_result", "title": "t", "source": "s", "content": [{"type": "text", "text": "x"}]}]},
        {"role": "assistant", "content": [
            {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "q"}},
            {"type": "web_search_tool_result", "tool_use_id": "s1", "content": []},
            {"type": "text", "text": "a"}]},
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "b"}
    ]);
    assert_eq!(json_of(anthropic(&simulator, &body)).await.0, 200);
    let document = json!({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}});
    body["messages"][1]["content"] = json!([document]);
    let post = |version: &str| {
        let url = format!("{}/messages", simulator.base_url());
        let request = reqwest::Client::new().post(url).bearer_auth("k").json(&body);
        request.header("anthropic-version", version)
    };
    assert_eq!(json_of(post("2023-06-01")).await.0, 200);
    let (status, error) = json_of(post("2026-10-21")).await;
    assert_eq!(status, 400);
    assert!(error["error"]["message"].as_str().unwrap().starts_with("messages.1: document"));
}

#[tokio::test]
async fn consecutive_messages_of_one_role_are_accepted_and_models_are_listed() {
    let simulator = start().await;
    let mut body = limited("hi", json!({}));
    body["messages"] = json!([{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]);
    assert_eq!(json_of(anthropic(&simulator, &body)).await.0, 200);
    let url = format!("{}/models", simulator.base_url());
    let (_, list) = json_of(reqwest::Client::new().get(url).header("x-api-key", "k")).await;
    assert_eq!((&list["has_more"], &list["data"][0]["type"]), (&json!(false), &json!("model")));
}
