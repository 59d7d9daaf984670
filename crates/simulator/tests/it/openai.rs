//! OpenAI's dialect.

use serde_json::{Value, json};
use simulator::{json_tokens, text_tokens};

use crate::client::{ask, events_of, joined, json_of, openai, parsed, start};

fn weather() -> Value {
    let function = |name: &str| {
        json!({"type": "function", "function": {"name": name, "parameters": {
            "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]
        }}})
    };
    json!([function("weather"), function("forecast")])
}

#[tokio::test]
async fn a_plain_answer_has_the_providers_shape_and_the_same_text_for_the_same_prompt() {
    let simulator = start().await;
    let body = ask("gpt-5.4", "how are you", json!({}));
    let response = openai(&simulator, &body).send().await.unwrap();
    for header in ["x-request-id", "openai-version", "x-ratelimit-remaining-requests"] {
        assert!(response.headers().contains_key(header), "{header}");
    }
    let first: Value = response.json().await.unwrap();
    let (_, second) = json_of(openai(&simulator, &body)).await;
    assert_eq!(first["object"], "chat.completion");
    assert_eq!(first["model"], "gpt-5.4");
    assert_eq!(first["choices"][0]["finish_reason"], "stop");
    assert_eq!(first["choices"][0]["message"]["role"], "assistant");
    assert_eq!(first["choices"], second["choices"]);
    assert_ne!(first["id"], second["id"]);
    let text = first["choices"][0]["message"]["content"].as_str().unwrap();
    let usage = &first["usage"];
    assert_eq!(usage["prompt_tokens"], 3 + 4);
    assert_eq!(usage["completion_tokens"], text_tokens(text));
    assert_eq!(usage["total_tokens"], 7 + text_tokens(text));
    assert_eq!(usage["prompt_tokens_details"], json!({"cached_tokens": 0, "audio_tokens": 0}));
    assert_eq!(usage["completion_tokens_details"]["reasoning_tokens"], 0);
}

#[tokio::test]
async fn a_stream_tells_the_same_answer_and_usage_as_a_plain_reply() {
    let simulator = start().await;
    let table = [
        json!({"n": 2}),
        json!({"max_tokens": 5}),
        json!({"tools": weather(), "tool_choice": "required"}),
        json!({"response_format": {"type": "json_schema", "json_schema": {"schema": {
            "type": "object", "properties": {"näme": {"type": "string"}, "n": {"type": "integer"}}
        }}}}),
        json!({"reasoning_effort": "low"}),
    ];
    for more in table {
        let mut body = ask("gpt-5.4", "answer in parallel, please", more);
        let (_, plain) = json_of(openai(&simulator, &body)).await;
        body["stream"] = true.into();
        body["stream_options"] = json!({"include_usage": true});
        let (events, is_whole) = events_of(openai(&simulator, &body).send().await.unwrap()).await;
        assert!(is_whole);
        assert_eq!(events.last().map(String::as_str), Some("[DONE]"));
        let events = parsed(&events);
        let usage = events.last().unwrap();
        assert_eq!((&usage["choices"], &usage["usage"]), (&json!([]), &plain["usage"]), "{body}");
        assert!(events[..events.len() - 1].iter().all(|event| event["usage"].is_null()));
        for (index, choice) in plain["choices"].as_array().unwrap().iter().enumerate() {
            let own: Vec<Value> = events
                .iter()
                .filter(|event| event["choices"][0]["index"] == index)
                .cloned()
                .collect();
            assert_eq!(own[0]["choices"][0]["delta"]["role"], "assistant");
            let text = joined(&own, "/choices/0/delta/content");
            assert_eq!(text, choice["message"]["content"].as_str().unwrap_or_default(), "{body}");
            let calls = joined(&own, "/choices/0/delta/tool_calls/0/function/arguments");
            let told: String = choice["message"]["tool_calls"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|call| call["function"]["arguments"].as_str().unwrap())
                .collect();
            assert_eq!(calls, told);
            let last = &own.last().unwrap()["choices"][0];
            assert_eq!(last["finish_reason"], choice["finish_reason"]);
        }
    }
}

#[tokio::test]
async fn usage_is_streamed_only_to_those_who_ask() {
    let simulator = start().await;
    let body = ask("gpt-5.4", "hello", json!({"stream": true}));
    let (events, _) = events_of(openai(&simulator, &body).send().await.unwrap()).await;
    assert!(parsed(&events).iter().all(|event| event.get("usage").is_none()));
}

#[tokio::test]
async fn max_tokens_ends_an_answer_exactly() {
    let simulator = start().await;
    for tokens in [1_u64, 2, 7, 11] {
        for name in ["max_tokens", "max_completion_tokens"] {
            let mut body = ask("gpt-5.4", "hello", json!({}));
            body[name] = tokens.into();
            let (_, answer) = json_of(openai(&simulator, &body)).await;
            assert_eq!(answer["usage"]["completion_tokens"], tokens);
            assert_eq!(answer["choices"][0]["finish_reason"], "length");
            let text = answer["choices"][0]["message"]["content"].as_str().unwrap();
            assert_eq!(text_tokens(text), tokens);
        }
    }
    let body = ask("o3", "hello", json!({"max_completion_tokens": 40}));
    let (_, answer) = json_of(openai(&simulator, &body)).await;
    assert_eq!(answer["usage"]["completion_tokens"], 40);
    assert_eq!(answer["usage"]["completion_tokens_details"]["reasoning_tokens"], 40);
    assert_eq!(answer["choices"][0]["message"]["content"], "");
}

#[tokio::test]
async fn a_stop_sequence_ends_an_answer_before_it() {
    let simulator = start().await;
    let (_, whole) = json_of(openai(&simulator, &ask("m", "hello", json!({})))).await;
    let whole = whole["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
    let stop = whole.split(' ').nth(3).unwrap();
    let (_, cut) = json_of(openai(&simulator, &ask("m", "hello", json!({"stop": [stop]})))).await;
    let text = cut["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(whole.starts_with(text) && !text.contains(stop));
    assert_eq!(cut["choices"][0]["finish_reason"], "stop");
    assert_eq!(cut["usage"]["completion_tokens"], text_tokens(text));
}

#[tokio::test]
async fn tools_are_called_when_required_named_or_mentioned() {
    let simulator = start().await;
    let call = |text: &'static str, choice: Value| {
        let mut body = ask("gpt-5.4", text, json!({"tools": weather()}));
        if !choice.is_null() {
            body["tool_choice"] = choice;
        }
        body
    };
    let named = json!({"type": "function", "function": {"name": "forecast"}});
    let table = [
        (call("hello", Value::Null), vec![]),
        (call("use the tool", Value::Null), vec!["weather"]),
        (call("use the tool", json!("none")), vec![]),
        (call("hello", json!("required")), vec!["weather"]),
        (call("hello", named), vec!["forecast"]),
        (call("use tools in parallel", Value::Null), vec!["weather", "forecast"]),
    ];
    for (body, names) in table {
        let (_, answer) = json_of(openai(&simulator, &body)).await;
        let message = &answer["choices"][0]["message"];
        let calls = message["tool_calls"].as_array().cloned().unwrap_or_default();
        let called: Vec<&str> =
            calls.iter().map(|call| call["function"]["name"].as_str().unwrap()).collect();
        assert_eq!(called, names, "{body}");
        let mut tokens = 0;
        for call in &calls {
            let arguments = call["function"]["arguments"].as_str().unwrap();
            let parsed: Value = serde_json::from_str(arguments).unwrap();
            assert!(parsed["city"].is_string());
            tokens += json_tokens(arguments);
        }
        if !calls.is_empty() {
            assert_eq!(answer["choices"][0]["finish_reason"], "tool_calls");
            assert_eq!(answer["usage"]["completion_tokens"], tokens);
            assert!(message["content"].is_null());
        }
    }
    let mut returned = call("use the tool", Value::Null);
    let messages = returned["messages"].as_array_mut().unwrap();
    messages.push(json!({"role": "assistant", "content": null, "tool_calls": [{"id": "c", "type":
        "function", "function": {"name": "weather", "arguments": "{}"}}]}));
    messages.push(json!({"role": "tool", "tool_call_id": "c", "content": "a tool says sunny"}));
    let (_, answer) = json_of(openai(&simulator, &returned)).await;
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
}

#[tokio::test]
async fn pictures_are_taken_at_a_fixed_size() {
    let simulator = start().await;
    let content = json!([
        {"type": "text", "text": "what is this"},
        {"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{}", "A".repeat(9000))}}
    ]);
    let body = json!({"model": "gpt-5.4", "messages": [{"role": "user", "content": content}]});
    let (_, answer) = json_of(openai(&simulator, &body)).await;
    assert_eq!(answer["usage"]["prompt_tokens"], 4 + 3 + 85);
}

#[tokio::test]
async fn a_long_prompt_is_read_from_the_cache_the_second_time() {
    let simulator = start().await;
    let body = ask("gpt-5.4", &"word ".repeat(2000), json!({}));
    let cached = |answer: &Value| answer["usage"]["prompt_tokens_details"]["cached_tokens"].clone();
    assert_eq!(cached(&json_of(openai(&simulator, &body)).await.1), 0);
    assert_eq!(cached(&json_of(openai(&simulator, &body)).await.1), 1920);
    let newer = ask("gpt-5.6-sol", &"word ".repeat(2000), json!({}));
    let (_, written) = json_of(openai(&simulator, &newer)).await;
    assert_eq!(written["usage"]["prompt_tokens_details"]["cache_write_tokens"], 1920);
    assert_eq!(simulator.bill().models["gpt-5.6-sol"].cache_write_tokens, 1920);
    assert_eq!(simulator.bill().models["gpt-5.4"].cache_read_tokens, 1920);
}

#[tokio::test]
async fn bad_requests_are_refused_in_the_providers_shape() {
    let simulator = start().await;
    let user = json!([{"role": "user", "content": "hi"}]);
    let table = [
        (json!({"messages": user}), "you must provide a model", Value::Null),
        (json!({"model": "m"}), "Missing required parameter", json!("messages")),
        (json!({"model": "m", "messages": []}), "empty array", json!("messages")),
        (json!({"model": "m", "messages": "hi"}), "Invalid type", Value::Null),
        (json!({"model": "m", "messages": user, "n": 0}), "Invalid 'n'", json!("n")),
        (
            json!({"model": "m", "messages": user, "max_tokens": 0}),
            "below minimum",
            json!("max_tokens"),
        ),
        (
            json!({"model": "m", "messages": user, "stream_options": {"include_usage": true}}),
            "only allowed when 'stream'",
            json!("stream_options"),
        ),
        (
            json!({"model": "m", "messages": [{"role": "robot", "content": "hi"}]}),
            "Invalid value: 'robot'",
            json!("messages[0].role"),
        ),
        (
            json!({"model": "m", "messages": [{"role": "tool", "content": "hi"}]}),
            "must be a response",
            json!("messages.[0].role"),
        ),
        (
            json!({"model": "m", "messages": user, "tool_choice": "required"}),
            "only allowed when 'tools'",
            json!("tool_choice"),
        ),
        (json!({"model": "m+stats=1", "messages": user}), "`stats` is not a word", json!("model")),
    ];
    for (body, told, param) in table {
        let (status, error) = json_of(openai(&simulator, &body)).await;
        assert_eq!((status.as_u16(), &error["error"]["param"]), (400, &param), "{error}");
        assert_eq!(error["error"]["type"], "invalid_request_error");
        assert!(error["error"]["message"].as_str().unwrap().contains(told), "{error}");
    }
    let broken = openai(&simulator, &json!({})).body("{\"model\":");
    let (status, error) = json_of(broken).await;
    assert_eq!(status, 400);
    assert!(error["error"]["message"].as_str().unwrap().contains("could not parse"));
    assert_eq!(simulator.bill().total().requests, 0);
}

#[tokio::test]
async fn a_wrong_or_missing_key_is_refused() {
    let simulator = start().await;
    let url = format!("{}/chat/completions", simulator.base_url());
    let client = reqwest::Client::new();
    let wrong = client.post(&url).bearer_auth("sk-bad").body("not even json");
    let (status, error) = json_of(wrong).await;
    assert_eq!((status.as_u16(), &error["error"]["code"]), (401, &json!("invalid_api_key")));
    let (status, error) = json_of(client.post(&url)).await;
    assert_eq!(status, 401);
    assert!(error["error"]["message"].as_str().unwrap().contains("didn't provide an API key"));
}

#[tokio::test]
async fn models_are_listed_and_unknown_paths_are_not_found() {
    let simulator = start().await;
    let get = |path: &str| {
        let url = format!("http://{}{path}", simulator.addr());
        reqwest::Client::new().get(url).bearer_auth("sk-test")
    };
    let (_, list) = json_of(get("/v1/models")).await;
    assert_eq!(list["object"], "list");
    assert!(list["data"].as_array().unwrap().iter().any(|model| model["id"] == "gpt-5.4"));
    let (status, error) = json_of(get("/v1/nothing")).await;
    assert_eq!((status.as_u16(), &error["error"]["code"]), (404, &json!("unknown_url")));
}
