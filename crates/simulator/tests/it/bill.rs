//! The bill equals what answers tell, and tells what was produced where they tell nothing.

use futures::StreamExt;
use serde_json::{Value, json};

use crate::client::{anthropic, ask, events_of, json_of, openai, parsed, start};

#[tokio::test]
async fn the_bill_is_the_sum_of_the_usage_told() {
    let simulator = start().await;
    let (mut input, mut output, mut reasoning, mut requests) = (0, 0, 0, 0);
    for number in 0..40 {
        let text = format!("question {number} {}", "more ".repeat(number));
        let more = json!({"stream": number % 2 == 0, "max_tokens": 60, "reasoning_effort": "low"});
        if number % 4 < 2 {
            let mut body = ask("gpt-5.4", &text, more);
            let usage = if number % 2 == 0 {
                body["stream_options"] = json!({"include_usage": true});
                let request = openai(&simulator, &body);
                let (events, _) = events_of(request.send().await.unwrap()).await;
                parsed(&events).pop().unwrap()["usage"].clone()
            } else {
                json_of(openai(&simulator, &body)).await.1["usage"].clone()
            };
            input += usage["prompt_tokens"].as_u64().unwrap();
            output += usage["completion_tokens"].as_u64().unwrap();
            reasoning += usage["completion_tokens_details"]["reasoning_tokens"].as_u64().unwrap();
        } else {
            let body = ask("claude-haiku-5-5", &text, more);
            let usage = if number % 2 == 0 {
                let request = anthropic(&simulator, &body);
                let (events, _) = events_of(request.send().await.unwrap()).await;
                let events = parsed(&events);
                events[events.len() - 2]["usage"].clone()
            } else {
                json_of(anthropic(&simulator, &body)).await.1["usage"].clone()
            };
            input += usage["input_tokens"].as_u64().unwrap();
            output += usage["output_tokens"].as_u64().unwrap();
        }
        requests += 1;
    }
    let bill = simulator.bill();
    let total = bill.total();
    assert_eq!(
        (total.requests, total.input_tokens, total.output_tokens, total.reasoning_tokens),
        (requests, input, output, reasoning)
    );
    assert_eq!(
        bill.requests.iter().map(|request| request.quantities).sum::<simulator::Quantities>(),
        total
    );
    assert!(bill.requests.iter().all(|request| request.is_complete));
}

#[tokio::test]
async fn an_answer_is_found_on_the_bill_by_its_id_and_by_its_header() {
    let simulator = start().await;
    let request = anthropic(&simulator, &ask("claude-haiku-5-5", "hi", json!({"max_tokens": 9})));
    let response = request.send().await.unwrap();
    let header = response.headers()["request-id"].to_str().unwrap().to_owned();
    let message: Value = response.json().await.unwrap();
    let bill = simulator.bill();
    let billed = bill.request(message["id"].as_str().unwrap()).unwrap();
    assert_eq!(bill.request(&header), Some(billed));
    assert_eq!(
        billed.quantities.output_tokens,
        message["usage"]["output_tokens"].as_u64().unwrap()
    );
    simulator.reset_bill();
    assert!(simulator.bill().request(&header).is_none());
}

#[tokio::test]
async fn a_stream_cut_by_the_provider_is_billed_for_what_it_told() {
    let simulator = start().await;
    // The role, then one token an event: nine of them.
    let body = ask("gpt-5.4+words=50&cut_after=10", "hi", json!({"stream": true}));
    events_of(openai(&simulator, &body).send().await.unwrap()).await;
    let total = simulator.bill().total();
    assert_eq!((total.requests, total.input_tokens, total.output_tokens), (1, 5, 9));
    assert!(!simulator.bill().requests[0].is_complete);
    simulator.reset_bill();
    // The message and its block, then three tokens an event; the start alone claims one.
    for (after, tokens) in [(1, 1), (2, 1), (4, 6)] {
        let model = format!("claude-haiku-5-5+words=50&cut_after={after}");
        let body = ask(&model, "hi", json!({"stream": true, "max_tokens": 99}));
        events_of(anthropic(&simulator, &body).send().await.unwrap()).await;
        assert_eq!(simulator.bill().total().output_tokens, tokens, "{after}");
        simulator.reset_bill();
    }
}

#[tokio::test]
async fn a_stream_left_by_the_client_is_billed_for_what_was_produced() {
    let simulator = start().await;
    let body = ask("gpt-5.4+words=500&chunk_ms=20", "hi", json!({"stream": true}));
    let response = openai(&simulator, &body).send().await.unwrap();
    let mut chunks = response.bytes_stream();
    for _ in 0..4 {
        chunks.next().await.unwrap().unwrap();
    }
    drop(chunks);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(5);
    while simulator.bill().total().requests == 0 && std::time::Instant::now() < deadline {
        tokio::task::yield_now().await;
    }
    let bill = simulator.bill();
    let produced = bill.total().output_tokens;
    assert!((3..100).contains(&produced), "{produced}");
    assert!(!bill.requests[0].is_complete);
}

#[tokio::test]
async fn what_never_was_answered_is_not_billed() {
    let simulator = start().await;
    for script in ["status=500", "garbage", "html", "sse_error"] {
        let body = ask(&format!("m+{script}"), "hi", json!({"stream": true}));
        openai(&simulator, &body).send().await.unwrap().bytes().await.unwrap();
    }
    assert_eq!(simulator.bill().total().requests, 0);
}
