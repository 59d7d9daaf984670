//! Google's format: paths, streams in both framings, tools, reasoning, counts, refusals.

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use simulator::{Simulator, text_tokens};

use crate::client::{events_of, joined, json_of, parsed, start};

fn post(simulator: &Simulator, place: &str, body: &Value) -> RequestBuilder {
    let url = format!("http://{}/{place}", simulator.addr());
    Client::new().post(url).header("x-goog-api-key", "sk-test").json(body)
}

fn ask(text: &str, more: Value) -> Value {
    let mut body = json!({"contents": [{"role": "user", "parts": [{"text": text}]}]});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

fn tools() -> Value {
    json!([{"functionDeclarations": [
        {"name": "weather", "parameters": {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}}},
        {"name": "forecast", "parametersJsonSchema": {"type": "object", "properties": {"city": {"type": "string"}}}}]}])
}

const PLAIN: &str = "v1beta/models/gemini-2.5-flash:generateContent";

#[tokio::test]
async fn an_answer_tells_its_usage_and_is_billed_for_it() {
    let simulator = start().await;
    for version in ["v1", "v1beta"] {
        simulator.reset_bill();
        let place = format!("{version}/models/gemini-2.5-flash:generateContent");
        let (status, answer) = json_of(post(&simulator, &place, &ask("hello", json!({})))).await;
        assert_eq!(status, 200, "{answer}");
        let candidate = &answer["candidates"][0];
        let text = candidate["content"]["parts"][0]["text"].as_str().unwrap();
        let usage = &answer["usageMetadata"];
        assert_eq!(
            (&candidate["finishReason"], &usage["serviceTier"]),
            (&json!("STOP"), &json!("standard"))
        );
        assert_eq!(usage["candidatesTokenCount"], text_tokens(text));
        assert_eq!(usage["totalTokenCount"], 5 + text_tokens(text));
        let bill = simulator.bill();
        let billed = bill.request(answer["responseId"].as_str().unwrap()).unwrap();
        assert_eq!(billed.quantities.output_tokens, text_tokens(text));
        assert_eq!(answer["modelVersion"], "gemini-2.5-flash");
    }
}

#[tokio::test]
async fn events_and_the_array_say_what_the_plain_answer_says() {
    let simulator = start().await;
    let body = ask(
        "hello",
        json!({"generationConfig": {"thinkingConfig": {"thinkingBudget": 20, "includeThoughts": true}}}),
    );
    let (_, plain) = json_of(post(&simulator, PLAIN, &body)).await;
    let stream = "v1/models/gemini-2.5-flash:streamGenerateContent";
    let response = post(&simulator, &format!("{stream}?alt=sse"), &body).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let (events, is_whole) = events_of(response).await;
    assert!(is_whole);
    let events = parsed(&events);
    let response = post(&simulator, stream, &body).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/json; charset=UTF-8");
    let array: Vec<Value> = response.json().await.unwrap();
    let part = "/candidates/0/content/parts/0/text";
    for told in [&events, &array] {
        let all = joined(told, part);
        let parts = &plain["candidates"][0]["content"]["parts"];
        let expected = [&parts[0], &parts[1]].map(|part| part["text"].as_str().unwrap()).concat();
        assert_eq!(all, expected);
        let last = told.last().unwrap();
        assert_eq!(last["usageMetadata"], plain["usageMetadata"]);
        assert_eq!(last["candidates"][0]["finishReason"], "STOP");
        assert_eq!(told[0]["candidates"][0]["content"]["parts"][0]["thought"], true);
        assert!(told.len() > 3);
    }
    assert_eq!(plain["usageMetadata"]["thoughtsTokenCount"], 20);
}

#[tokio::test]
async fn tools_are_called_and_their_signatures_wanted_back() {
    let simulator = start().await;
    let place = "v1beta/models/gemini-3-flash-preview:generateContent";
    let allowed =
        json!({"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["forecast"]}});
    let body = ask("hello", json!({"tools": tools(), "toolConfig": allowed}));
    let (_, answer) = json_of(post(&simulator, place, &body)).await;
    let part = &answer["candidates"][0]["content"]["parts"][0];
    assert_eq!(part["functionCall"]["name"], "forecast");
    assert!(
        part["functionCall"]["args"]["city"].is_string() && part["thoughtSignature"].is_string()
    );

    let body = ask("use tools in parallel", json!({"tools": tools()}));
    let (_, answer) = json_of(post(&simulator, place, &body)).await;
    let content = answer["candidates"][0]["content"].clone();
    assert_eq!(content["parts"].as_array().unwrap().len(), 2);
    let result = |name: &str| json!({"functionResponse": {"name": name, "response": {"output": "a tool says sunny"}}});
    let mut history = body.clone();
    let contents = history["contents"].as_array_mut().unwrap();
    contents.push(content);
    contents.push(json!({"role": "user", "parts": [result("weather"), result("forecast")]}));
    let (status, answer) = json_of(post(&simulator, place, &history)).await;
    assert_eq!(status, 200, "{answer}");
    assert!(answer["candidates"][0]["content"]["parts"][0]["text"].is_string());

    history["contents"][2]["parts"].as_array_mut().unwrap().pop();
    let (status, error) = json_of(post(&simulator, place, &history)).await;
    assert_eq!(status, 400);
    assert!(error["error"]["message"].as_str().unwrap().contains("number of function response"));
    history["contents"][1]["parts"][0]["thoughtSignature"] = Value::Null;
    history["contents"].as_array_mut().unwrap().pop();
    let (status, error) = json_of(post(&simulator, place, &history)).await;
    assert_eq!(status, 400);
    assert!(error["error"]["message"].as_str().unwrap().contains("thought_signature"));
}

#[tokio::test]
async fn structure_limits_and_candidates_are_kept_to() {
    let simulator = start().await;
    let config = json!({"generationConfig": {"responseMimeType": "application/json",
        "responseSchema": {"type": "OBJECT", "properties": {"n": {"type": "INTEGER"}}}}});
    let (_, answer) = json_of(post(&simulator, PLAIN, &ask("hello", config))).await;
    let text = answer["candidates"][0]["content"]["parts"][0]["text"].as_str().unwrap();
    assert!(serde_json::from_str::<Value>(text).unwrap()["n"].is_i64());
    let config = json!({"generation_config": {"max_output_tokens": 3, "candidate_count": 2}});
    let (_, answer) = json_of(post(&simulator, PLAIN, &ask("hello", config))).await;
    assert_eq!(answer["usageMetadata"]["candidatesTokenCount"], 6);
    for index in 0..2 {
        assert_eq!(answer["candidates"][index]["finishReason"], "MAX_TOKENS");
        assert_eq!(answer["candidates"][index]["index"], index);
    }
}

#[tokio::test]
async fn a_long_prompt_is_read_from_the_implicit_cache_the_second_time() {
    let simulator = start().await;
    let body = ask(&"word ".repeat(2000), json!({}));
    let (_, first) = json_of(post(&simulator, PLAIN, &body)).await;
    assert_eq!(first["usageMetadata"]["cachedContentTokenCount"], Value::Null);
    let (_, second) = json_of(post(&simulator, PLAIN, &body)).await;
    assert_eq!(second["usageMetadata"]["cachedContentTokenCount"], 1920);
    assert_eq!(second["usageMetadata"]["promptTokenCount"], 2004);
    assert_eq!(second["usageMetadata"]["cacheTokensDetails"], Value::Null);
}

#[tokio::test]
async fn tokens_are_counted_alone_or_in_a_whole_request() {
    let simulator = start().await;
    let contents = ask("one two three", json!({}));
    let whole = json!({"generateContentRequest": {"model": "models/gemini-2.5-flash", "contents": contents["contents"]}});
    for body in [&contents, &whole] {
        let place = "v1beta/models/gemini-2.5-flash:countTokens";
        let (status, count) = json_of(post(&simulator, place, body)).await;
        assert_eq!((status.as_u16(), &count["totalTokens"]), (200, &json!(7)), "{count}");
    }
    assert_eq!(simulator.bill().total().requests, 0);
}

#[tokio::test]
async fn refusals_have_the_providers_shape() {
    let simulator = start().await;
    let hello = || ask("hello", json!({}));
    for (place, body, status, name, told) in [
        (PLAIN, json!({}), 400, "INVALID_ARGUMENT", "contents is not specified"),
        (
            PLAIN,
            ask("a", json!({"session_id": "s"})),
            400,
            "INVALID_ARGUMENT",
            "Unknown name \"session_id\"",
        ),
        (
            PLAIN,
            json!({"contents": [{"role": "robot", "parts": []}]}),
            400,
            "INVALID_ARGUMENT",
            "valid role",
        ),
        (
            "v1beta/models/gemini-2.5-pro:generateContent",
            ask("a", json!({"generationConfig": {"thinkingConfig": {"thinkingBudget": 0}}})),
            400,
            "INVALID_ARGUMENT",
            "Budget 0",
        ),
        (
            "v1/models/gemini-2.5-flash%2Bstatus%3D503:generateContent",
            hello(),
            503,
            "UNAVAILABLE",
            "Simulated",
        ),
        ("v1/models/gemini-2.5-flash:tune", hello(), 404, "NOT_FOUND", "Method"),
    ] {
        let (seen, error) = json_of(post(&simulator, place, &body)).await;
        assert_eq!((seen.as_u16(), &error["error"]["status"]), (status, &json!(name)), "{error}");
        assert_eq!(error["error"]["code"], status);
        assert!(error["error"]["message"].as_str().unwrap().contains(told), "{error}");
    }
    let limited = "v1/models/gemini-2.5-flash+status=429&retry_after=3:streamGenerateContent";
    let (status, error) = json_of(post(&simulator, limited, &hello())).await;
    assert_eq!(status, 429);
    assert_eq!(error[0]["error"]["details"][0]["retryDelay"], "3s");
    let url = format!("http://{}/{PLAIN}", simulator.addr());
    let (status, error) = json_of(Client::new().post(&url).json(&hello())).await;
    assert_eq!((status.as_u16(), &error["error"]["status"]), (403, &json!("PERMISSION_DENIED")));
    let wrong = Client::new().post(&url).header("x-goog-api-key", "sk-bad").json(&hello());
    let (status, error) = json_of(wrong).await;
    assert_eq!(
        (status.as_u16(), &error["error"]["details"][0]["reason"]),
        (400, &json!("API_KEY_INVALID"))
    );
    assert_eq!(simulator.bill().total().requests, 0);
}

#[tokio::test]
async fn an_error_in_a_stream_is_its_last_event_in_either_framing() {
    let simulator = start().await;
    let place = "v1/models/gemini-2.5-flash+late_sse_error=2:streamGenerateContent";
    let body = ask("hello", json!({}));
    let response = post(&simulator, &format!("{place}?alt=sse"), &body).send().await.unwrap();
    let (events, _) = events_of(response).await;
    assert_eq!(parsed(&events).last().unwrap()["error"]["code"], 500);
    let array: Vec<Value> =
        post(&simulator, place, &body).send().await.unwrap().json().await.unwrap();
    assert_eq!((array.len(), &array[2]["error"]["status"]), (3, &json!("INTERNAL")));
}

#[tokio::test]
async fn models_are_listed_in_the_shape_of_whoever_asks() {
    let simulator = start().await;
    for path in ["v1/models", "v1beta/models"] {
        let url = format!("http://{}/{path}", simulator.addr());
        let (_, list) = json_of(Client::new().get(url).header("x-goog-api-key", "sk-test")).await;
        assert!(list["models"][0]["name"].as_str().unwrap().starts_with("models/"));
    }
}
