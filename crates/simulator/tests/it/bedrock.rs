//! Amazon Bedrock's dialect.

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use simulator::{Simulator, text_tokens};

use crate::client::{json_of, start};

const MODEL: &str = "us.anthropic.claude-x-v1%3A0";

fn bedrock(simulator: &Simulator, operation: &str, body: &Value) -> RequestBuilder {
    let url = format!("http://{}/model/{MODEL}/{operation}", simulator.addr());
    Client::new().post(url).bearer_auth("bedrock-api-key").json(body)
}

fn ask(text: &str, more: Value) -> Value {
    let mut body = json!({"messages": [{"role": "user", "content": [{"text": text}]}]});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

fn tools() -> Value {
    let tool = |name: &str| {
        json!({"toolSpec": {"name": name, "inputSchema": {"json": {
            "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]
        }}}})
    };
    json!([tool("weather"), tool("forecast")])
}

/// Message type, name and payload of every frame.
fn frames(mut bytes: &[u8]) -> Vec<(String, String, Value)> {
    let number = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().unwrap()) as usize;
    let mut frames = Vec::new();
    while !bytes.is_empty() {
        let (length, head) = (number(&bytes[..4]), number(&bytes[4..8]));
        let (mut headers, mut at) = (Vec::new(), 12);
        while at < 12 + head {
            let name = usize::from(bytes[at]);
            let value = at + 1 + name + 3;
            let size = number(&[0, 0, bytes[value - 2], bytes[value - 1]]);
            let text = |from: usize, size: usize| {
                String::from_utf8_lossy(&bytes[from..from + size]).into_owned()
            };
            headers.push((text(at + 1, name), text(value, size)));
            at = value + size;
        }
        let find = |wanted: &[&str]| {
            headers.iter().find(|(name, _)| wanted.contains(&name.as_str())).unwrap().1.clone()
        };
        let payload = serde_json::from_slice(&bytes[12 + head..length - 4]).unwrap();
        frames.push((find(&[":message-type"]), find(&[":event-type", ":exception-type"]), payload));
        bytes = &bytes[length..];
    }
    frames
}

#[tokio::test]
async fn a_plain_answer_has_the_services_shape() {
    let simulator = start().await;
    let response =
        bedrock(&simulator, "converse", &ask("how are you", json!({}))).send().await.unwrap();
    assert!(response.headers().contains_key("x-amzn-requestid"));
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer["stopReason"], "end_turn");
    let text = answer["output"]["message"]["content"][0]["text"].as_str().unwrap();
    let output = text_tokens(text);
    assert_eq!(
        answer["usage"],
        json!({"inputTokens": 7, "outputTokens": output, "totalTokens": 7 + output, "serverToolUsage": {}})
    );
    assert_eq!(simulator.bill().models["us.anthropic.claude-x-v1:0"].output_tokens, output);
}

#[tokio::test]
async fn a_stream_tells_the_same_message_as_a_plain_reply() {
    let simulator = start().await;
    let table = [
        json!({}),
        json!({"inferenceConfig": {"maxTokens": 5}}),
        json!({"outputConfig": {"effort": "low"}}),
        json!({"toolConfig": {"tools": tools(), "toolChoice": {"any": {}}}}),
        json!({"outputConfig": {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {
            "schema": "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"boolean\"}}}"
        }}}}}),
    ];
    for more in table {
        let body = ask("answer in parallel, please", more);
        let (_, plain) = json_of(bedrock(&simulator, "converse", &body)).await;
        let response = bedrock(&simulator, "converse-stream", &body).send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "application/vnd.amazon.eventstream");
        let frames = frames(&response.bytes().await.unwrap());
        assert_eq!(
            (frames[0].1.as_str(), frames[0].2["role"].as_str()),
            ("messageStart", Some("assistant"))
        );
        let (_, name, told) = frames.last().unwrap();
        assert_eq!((name.as_str(), &told["usage"]), ("metadata", &plain["usage"]), "{body}");
        let (_, name, stop) = &frames[frames.len() - 2];
        assert_eq!((name.as_str(), &stop["stopReason"]), ("messageStop", &plain["stopReason"]));
        for (index, block) in
            plain["output"]["message"]["content"].as_array().unwrap().iter().enumerate()
        {
            let joined = |pointer: &str| -> String {
                let of_block =
                    frames.iter().filter(|(_, _, event)| event["contentBlockIndex"] == index);
                of_block.filter_map(|(_, _, event)| event.pointer(pointer)?.as_str()).collect()
            };
            if let Some(text) = block["text"].as_str() {
                assert_eq!(joined("/delta/text"), text);
            } else if block["toolUse"].is_object() {
                let input: Value = serde_json::from_str(&joined("/delta/toolUse/input")).unwrap();
                assert_eq!(input, block["toolUse"]["input"]);
                assert_eq!(joined("/start/toolUse/name"), block["toolUse"]["name"]);
                assert!(joined("/start/toolUse/toolUseId").starts_with("tooluse_"));
            } else {
                let shown = &block["reasoningContent"]["reasoningText"];
                assert_eq!(joined("/delta/reasoningContent/text"), shown["text"]);
                assert!(joined("/delta/reasoningContent/signature").starts_with("ErUB"));
            }
        }
    }
}

#[tokio::test]
async fn what_is_marked_is_cached_and_told_by_lifetime() {
    let simulator = start().await;
    let long = "word ".repeat(2_000);
    let system = json!([{"text": long}, {"cachePoint": {"type": "default", "ttl": "1h"}}]);
    let body = ask("hi", json!({"system": system}));
    let (_, first) = json_of(bedrock(&simulator, "converse", &body)).await;
    let written = &first["usage"]["cacheWriteInputTokens"];
    assert!(written.as_u64().unwrap() >= 2_000);
    assert_eq!(first["usage"]["cacheDetails"], json!([{"ttl": "1h", "inputTokens": written}]));
    let (_, second) = json_of(bedrock(&simulator, "converse", &body)).await;
    assert_eq!(&second["usage"]["cacheReadInputTokens"], written);
}

#[tokio::test]
async fn the_services_checks_are_made_and_named() {
    let simulator = start().await;
    let call = json!({"toolUse": {"toolUseId": "t1", "name": "weather", "input": {}}});
    let result =
        json!({"toolResult": {"toolUseId": "t1", "content": [{"text": "1"}], "status": "success"}});
    let called = |last: Value| json!([{"role": "user", "content": [{"text": "hi"}]}, {"role": "assistant", "content": [call]}, last]);
    let answered = json!({"role": "user", "content": [result]});
    for (body, told) in [
        (json!({"messages": []}), "at least one message"),
        (
            json!({"messages": [{"role": "assistant", "content": [{"text": "x"}]}]}),
            "must start with a user",
        ),
        (json!({"messages": [{"role": "user", "content": [{"text": " "}]}]}), "is blank"),
        (
            json!({"messages": [{"role": "user", "content": [{"text": "x", "image": {}}]}]}),
            "exactly one member",
        ),
        (json!({"messages": called(answered.clone())}), "toolConfig field must be defined"),
        (
            json!({"messages": called(json!({"role": "user", "content": [{"text": "x"}]})), "toolConfig": {"tools": tools()}}),
            "Expected toolResult blocks",
        ),
        (ask("x", json!({"model": "m"})), "not known"),
        (ask("x", json!({"inferenceConfig": {"temperature": 1.5}})), "temperature"),
        (
            ask(
                "x",
                json!({"toolConfig": {"tools": tools(), "toolChoice": {"tool": {"name": "y"}}}}),
            ),
            "not in toolConfig",
        ),
    ] {
        let response = bedrock(&simulator, "converse", &body).send().await.unwrap();
        assert_eq!(response.status(), 400, "{body}");
        let name = response.headers()["x-amzn-errortype"].to_str().unwrap().to_owned();
        assert!(name.starts_with("ValidationException:"), "{name}");
        let error: Value = response.json().await.unwrap();
        assert!(error["message"].as_str().unwrap().contains(told), "{error}");
    }
    let good = json!({"messages": called(answered), "toolConfig": {"tools": tools()}});
    assert_eq!(json_of(bedrock(&simulator, "converse", &good)).await.0, 200);
}

#[tokio::test]
async fn who_has_no_key_or_signs_wrongly_is_refused() {
    let simulator = start().await;
    let url = format!("http://{}/model/{MODEL}/converse", simulator.addr());
    let body = ask("hi", json!({}));
    let signed = |id: &str| {
        format!(
            "AWS4-HMAC-SHA256 Credential={id}/20261118/us-east-1/bedrock/aws4_request, SignedHeaders=host;x-amz-date, Signature=00"
        )
    };
    for (authorization, name) in [
        (None, "MissingAuthenticationTokenException"),
        (Some("Bearer sk-bad".to_owned()), "AccessDeniedException"),
        (Some(signed("AKIAUNKNOWN000000000")), "UnrecognizedClientException"),
        (Some(signed("AKIASIMULATED0000000")), "InvalidSignatureException"),
    ] {
        let mut request =
            Client::new().post(&url).header("x-amz-date", "20261118T110640Z").json(&body);
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 403, "{name}");
        let told = response.headers()["x-amzn-errortype"].to_str().unwrap();
        assert!(told.starts_with(name), "{told} is not {name}");
    }
}

#[tokio::test]
async fn a_stream_may_end_in_an_exception() {
    let simulator = start().await;
    let request = bedrock(&simulator, "converse-stream", &ask("hi", json!({})));
    let response = request.header("x-simulator-script", "late_sse_error=2").send().await.unwrap();
    let frames = frames(&response.bytes().await.unwrap());
    assert_eq!(frames.len(), 3);
    let (kind, name, payload) = frames.last().unwrap();
    assert_eq!((kind.as_str(), name.as_str()), ("exception", "serviceUnavailableException"));
    assert!(payload["message"].is_string());
}

#[tokio::test]
async fn models_that_embed_are_invoked_in_their_makers_words() {
    let simulator = start().await;
    let invoke = |model: &str, key: &str, body: &Value| {
        let url = format!("http://{}/model/{model}/invoke", simulator.addr());
        Client::new().post(url).bearer_auth(key).json(body)
    };
    let titan = json!({"inputText": "one two", "dimensions": 4});
    let several = json!({"texts": ["one", "two"], "input_type": "search_document"});
    for (model, body, vectors, numbers) in [
        ("amazon.titan-embed-text-v2%3A0", &titan, "/embedding", 4),
        ("us.cohere.embed-v4%3A0", &several, "/embeddings/float", 2),
    ] {
        let response = invoke(model, "bedrock-api-key", body).send().await.unwrap();
        let tokens = response.headers()["x-amzn-bedrock-input-token-count"].clone();
        assert_eq!(tokens, "2", "{model}");
        let told: Value = response.json().await.unwrap();
        assert_eq!(told.pointer(vectors).unwrap().as_array().unwrap().len(), numbers, "{told}");
    }
    for (model, key, body, status) in [
        ("amazon.titan-embed-text-v2%3A0", "sk-bad", &titan, 403),
        ("amazon.titan-embed-text-v2%3A0", "bedrock-api-key", &several, 400),
        ("us.cohere.embed-v4%3A0", "bedrock-api-key", &titan, 400),
        ("anthropic.claude-x", "bedrock-api-key", &titan, 400),
    ] {
        assert_eq!(json_of(invoke(model, key, body)).await.0, status, "{model}");
    }
}
