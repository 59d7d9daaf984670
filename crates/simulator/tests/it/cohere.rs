//! Cohere's dialect.

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use simulator::{Simulator, text_tokens};

use crate::client::{ask, events_of, joined, json_of, parsed, start};

fn cohere(simulator: &Simulator, path: &str, body: &Value) -> RequestBuilder {
    let url = format!("http://{}/v2/{path}", simulator.addr());
    Client::new().post(url).bearer_auth("sk-test").json(body)
}

fn tools() -> Value {
    let tool = |name: &str| {
        json!({"type": "function", "function": {"name": name, "parameters": {
            "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]
        }}})
    };
    json!([tool("weather"), tool("forecast")])
}

#[tokio::test]
async fn a_plain_answer_bills_less_than_it_counts() {
    let simulator = start().await;
    let (_, answer) =
        json_of(cohere(&simulator, "chat", &ask("command-x", "how are you", json!({})))).await;
    assert_eq!(answer["finish_reason"], "COMPLETE");
    let output = text_tokens(answer["message"]["content"][0]["text"].as_str().unwrap());
    let billed = json!({"input_tokens": 7, "output_tokens": output});
    assert_eq!(answer["usage"]["billed_units"], billed);
    assert!(answer["usage"]["tokens"]["input_tokens"].as_u64().unwrap() > 7);
    let bill = simulator.bill().models["command-x"];
    assert_eq!((bill.input_tokens, bill.output_tokens), (7, output));
}

#[tokio::test]
async fn a_stream_tells_the_same_message_as_a_plain_reply() {
    let simulator = start().await;
    let table = [
        json!({}),
        json!({"max_tokens": 5}),
        json!({"thinking": {"type": "enabled", "token_budget": 20}}),
        json!({"tools": tools(), "tool_choice": "REQUIRED"}),
        json!({"tools": tools(), "tool_choice": "REQUIRED", "thinking": {"type": "enabled"}}),
        json!({"response_format": {"type": "json_object", "json_schema": {
            "type": "object", "properties": {"a": {"type": "boolean"}}
        }}}),
    ];
    for more in table {
        let mut body = ask("command-x", "answer in parallel, please", more);
        let (_, plain) = json_of(cohere(&simulator, "chat", &body)).await;
        body["stream"] = true.into();
        let (events, is_whole) =
            events_of(cohere(&simulator, "chat", &body).send().await.unwrap()).await;
        assert!(is_whole);
        let events = parsed(&events);
        assert_eq!(events[0]["type"], "message-start");
        let end = events.last().unwrap();
        assert_eq!(
            (&end["type"], &end["delta"]["usage"]),
            (&json!("message-end"), &plain["usage"]),
            "{body}"
        );
        assert_eq!(end["delta"]["finish_reason"], plain["finish_reason"]);
        let message = &plain["message"];
        let plan = message["tool_plan"].as_str().unwrap_or_default();
        assert_eq!(joined(&events[1..], "/delta/message/tool_plan"), plan);
        let texts = |pointer: &str| -> String {
            let blocks = message["content"].as_array().into_iter().flatten();
            blocks.filter_map(|block| block[pointer].as_str()).collect()
        };
        assert_eq!(joined(&events, "/delta/message/content/text"), texts("text"));
        assert_eq!(joined(&events, "/delta/message/content/thinking"), texts("thinking"));
        for (index, call) in message["tool_calls"].as_array().into_iter().flatten().enumerate() {
            let of_call: Vec<Value> = events
                .iter()
                .filter(|event| {
                    event["index"] == index
                        && event["type"].as_str().unwrap().starts_with("tool-call")
                })
                .cloned()
                .collect();
            let arguments = joined(&of_call, "/delta/message/tool_calls/function/arguments");
            assert_eq!(arguments, call["function"]["arguments"]);
        }
    }
}

#[tokio::test]
async fn the_providers_checks_are_made_in_words() {
    let simulator = start().await;
    for (more, status, told) in [
        (json!({"top_p": 1}), 422, "'top_p' is not a valid field"),
        (json!({"p": 1}), 400, "p must be between"),
        (json!({"frequency_penalty": -1}), 400, "frequency_penalty"),
        (json!({"tool_choice": "REQUIRED"}), 400, "tool_choice"),
        (json!({"tools": tools(), "tool_choice": "auto"}), 400, "tool_choice"),
        (json!({"thinking": {"type": "enabled", "token_budget": 0}}), 400, "token_budget"),
        (
            json!({"messages": [{"role": "tool", "tool_call_id": "x", "content": "1"}]}),
            400,
            "must answer",
        ),
    ] {
        let (seen, error) =
            json_of(cohere(&simulator, "chat", &ask("command-x", "hi", more))).await;
        assert_eq!(seen, status, "{error}");
        assert!(error["message"].as_str().unwrap().contains(told), "{error}");
    }
    let url = format!("http://{}/v2/chat", simulator.addr());
    let request = Client::new().post(url).bearer_auth("sk-bad").json(&ask("m", "hi", json!({})));
    assert_eq!(json_of(request).await.0, 401);
}

#[tokio::test]
async fn reranking_orders_by_shared_words_and_bills_searches() {
    let simulator = start().await;
    let mut documents = vec!["the capital of France is Paris"; 1];
    documents.extend(vec!["nothing of the kind"; 149]);
    documents.push("Paris is the capital");
    let body = json!({"model": "rerank-x", "query": "capital Paris France", "documents": documents, "top_n": 2});
    let (status, ranks) = json_of(cohere(&simulator, "rerank", &body)).await;
    assert_eq!(status, 200);
    let order: Vec<u64> = ranks["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rank| rank["index"].as_u64().unwrap())
        .collect();
    assert_eq!(order, [0, 150]);
    assert_eq!(ranks["meta"]["billed_units"], json!({"search_units": 2}));
    assert_eq!(simulator.bill().models["rerank-x"].searches, 2);
    let (status, error) =
        json_of(cohere(&simulator, "rerank", &json!({"model": "rerank-x", "query": "q"}))).await;
    assert_eq!(
        (status.as_u16(), error["message"].as_str().unwrap().contains("documents")),
        (400, true)
    );
}
