//! The responses format: plain, streamed, tools, sealed reasoning, refusals; and embeddings.

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use simulator::{Simulator, text_tokens};

use crate::client::{events_of, joined, json_of, start};

fn post(simulator: &Simulator, path: &str, body: &Value) -> RequestBuilder {
    let url = format!("{}{path}", simulator.base_url());
    Client::new().post(url).bearer_auth("sk-test").json(body)
}

fn responses(simulator: &Simulator, body: &Value) -> RequestBuilder {
    post(simulator, "/responses", body)
}

fn ask(model: &str, text: &str, more: Value) -> Value {
    let mut body = json!({"model": model, "input": text});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

fn weather() -> Value {
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    json!([
        {"type": "web_search"},
        {"type": "function", "name": "weather", "parameters": schema, "strict": true},
        {"type": "function", "name": "forecast", "parameters": schema, "strict": false},
    ])
}

#[tokio::test]
async fn a_plain_response_counts_what_it_says() {
    let simulator = start().await;
    let body = ask("gpt-5.4", "hello there you", json!({"instructions": "be brief"}));
    let (status, answer) = json_of(responses(&simulator, &body)).await;
    assert_eq!((status.as_u16(), &answer["status"]), (200, &json!("completed")));
    let text = answer["output"][0]["content"][0]["text"].as_str().unwrap();
    let usage = &answer["usage"];
    assert_eq!(usage["input_tokens"], 3 + 4 + 2 + 4);
    assert_eq!(usage["output_tokens"], text_tokens(text));
    assert_eq!(usage["total_tokens"], 13 + text_tokens(text));
    let (_, count) = json_of(post(&simulator, "/responses/input_tokens", &body)).await;
    assert_eq!(count, json!({"object": "response.input_tokens", "input_tokens": 13}));
    let as_chat = simulator.bill();
    assert_eq!(as_chat.models["gpt-5.4"].requests, 1);
}

#[tokio::test]
async fn a_stream_tells_the_same_response_as_a_plain_reply() {
    let simulator = start().await;
    let schema = json!({"type": "object", "properties": {"näme": {"type": "string"}}});
    let table = [
        json!({}),
        json!({"max_output_tokens": 16}),
        json!({"tools": weather(), "tool_choice": "required"}),
        json!({"tools": weather(), "tool_choice": "auto"}),
        json!({"text": {"format": {"type": "json_schema", "name": "n", "schema": schema}}}),
        json!({"reasoning": {"effort": "low"}}),
        json!({"reasoning": {"effort": "low", "summary": "auto"}}),
    ];
    for more in table {
        let mut body = ask("gpt-5.4", "use tools in parallel, please", more);
        let (_, plain) = json_of(responses(&simulator, &body)).await;
        body["stream"] = true.into();
        let response = responses(&simulator, &body).send().await.unwrap();
        let (events, is_whole) = events_of(response).await;
        assert!(is_whole);
        let events: Vec<Value> =
            events.iter().map(|data| serde_json::from_str(data).unwrap()).collect();
        let numbers: Vec<_> =
            events.iter().map(|event| event["sequence_number"].as_u64().unwrap()).collect();
        assert!(numbers.into_iter().eq(0..events.len() as u64));
        assert_eq!(events[0]["type"], "response.created");
        let last = events.last().unwrap();
        assert_eq!(last["type"], format!("response.{}", plain["status"].as_str().unwrap()));
        assert_eq!(last["response"]["usage"], plain["usage"], "{body}");
        let output = plain["output"].as_array().unwrap();
        assert_eq!(last["response"]["output"].as_array().unwrap().len(), output.len());
        for (index, item) in output.iter().enumerate() {
            let own: Vec<Value> =
                events.iter().filter(|event| event["output_index"] == index).cloned().collect();
            assert_eq!(own[0]["type"], "response.output_item.added");
            assert_eq!(own.last().unwrap()["item"]["type"], item["type"]);
            let said = ["/content/0/text", "/summary/0/text", "/arguments"]
                .into_iter()
                .find_map(|pointer| item.pointer(pointer)?.as_str());
            assert_eq!(joined(&own, "/delta"), said.unwrap_or_default(), "{body}");
        }
    }
}

#[tokio::test]
async fn a_tool_is_called_and_its_result_taken_with_the_reasoning_that_led_to_it() {
    let simulator = start().await;
    let mut body = ask("gpt-5.4", "use the tool", json!({"tools": weather()}));
    body["reasoning"] = json!({"effort": "low", "summary": "auto"});
    let (_, answer) = json_of(responses(&simulator, &body)).await;
    let output = answer["output"].as_array().unwrap();
    assert_eq!(
        (&output[0]["type"], &output[1]["type"]),
        (&json!("reasoning"), &json!("function_call"))
    );
    let result =
        json!({"type": "function_call_output", "call_id": output[1]["call_id"], "output": "sunny"});
    let user = json!({"role": "user", "content": "use the tool"});
    body["input"] = json!([user, output[0], output[1], result]);
    let (status, answer) = json_of(responses(&simulator, &body)).await;
    assert_eq!(status, 200, "{answer}");
    let kinds: Vec<_> =
        answer["output"].as_array().unwrap().iter().map(|item| &item["type"]).collect();
    assert_eq!(kinds, ["reasoning", "message"]);
    body["input"][1]["encrypted_content"] = "tollgate.signed:x".into();
    let (status, error) = json_of(responses(&simulator, &body)).await;
    assert_eq!(status, 400);
    assert_eq!(error["error"]["code"], "invalid_encrypted_content");
}

#[tokio::test]
async fn bad_requests_are_refused_in_the_providers_shape() {
    let simulator = start().await;
    let orphan = json!([{"type": "function_call_output", "call_id": "c", "output": "x"}]);
    let table = [
        (json!({"input": "x"}), "Missing required parameter", json!("model")),
        (json!({"model": "m"}), "Missing required parameter", json!("input")),
        (
            json!({"model": "m", "input": "x", "max_output_tokens": 1}),
            "below minimum",
            json!("max_output_tokens"),
        ),
        (
            json!({"model": "m", "input": "x", "previous_response_id": "gone"}),
            "not found",
            json!("previous_response_id"),
        ),
        (
            json!({"model": "m", "input": [{"role": "robot", "content": "x"}]}),
            "Invalid value: 'robot'",
            json!("input[0]"),
        ),
        (
            json!({"model": "m", "input": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}),
            "Invalid value: 'text'",
            json!("input[0]"),
        ),
        (json!({"model": "m", "input": orphan}), "No tool call found", json!("input[0]")),
        (
            json!({"model": "m", "input": "x", "tool_choice": "required"}),
            "must be specified with 'tools'",
            json!("tool_choice"),
        ),
        (
            json!({"model": "gpt-5", "input": "x", "reasoning": {"effort": "vast"}}),
            "Invalid value: 'vast'",
            json!("reasoning.effort"),
        ),
    ];
    for (body, told, param) in table {
        let (status, error) = json_of(responses(&simulator, &body)).await;
        assert_eq!((status.as_u16(), &error["error"]["param"]), (400, &param), "{error}");
        assert!(error["error"]["message"].as_str().unwrap().contains(told), "{error}");
    }
    let failing = ask("gpt-5.4+sse_error", "x", json!({"stream": true}));
    let (events, _) = events_of(responses(&simulator, &failing).send().await.unwrap()).await;
    let error: Value = serde_json::from_str(&events[0]).unwrap();
    assert_eq!((&error["type"], &error["code"]), (&json!("error"), &json!("server_error")));
}

#[tokio::test]
async fn embeddings_are_the_same_for_the_same_text_in_the_form_the_model_knows() {
    let simulator = start().await;
    let body = |model: &str, format: &str| json!({"model": model, "input": ["one two", "three"], "encoding_format": format, "dimensions": 3});
    let ask = async |model, format| {
        json_of(post(&simulator, "/embeddings", &body(model, format))).await.1
    };
    let floats = ask("text-embedding-3-small", "float").await;
    assert_eq!(floats["usage"], json!({"prompt_tokens": 3, "total_tokens": 3}));
    assert_eq!(floats["data"][1]["embedding"].as_array().unwrap().len(), 3);
    assert!(ask("text-embedding-3-small", "base64").await["data"][0]["embedding"].is_string());
    assert_eq!(ask("local-embedder", "base64").await["data"], floats["data"]);
    assert_eq!(simulator.bill().models["text-embedding-3-small"].input_tokens, 6);
    let (status, error) = json_of(post(&simulator, "/embeddings", &json!({"model": "m"}))).await;
    assert_eq!((status.as_u16(), &error["error"]["param"]), (400, &json!("input")));
    let failing = post(&simulator, "/embeddings", &body("m+status=503", "float"));
    assert_eq!(json_of(failing).await.0, 503);
}
