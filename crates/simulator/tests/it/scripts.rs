//! Each script, in both dialects where it differs.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use simulator::{Simulator, SimulatorOptions, text_tokens};
use units::Secret;

use crate::client::{anthropic, ask, events_of, joined, json_of, openai, parsed, start};

fn stream(model: &str) -> Value {
    ask(model, "hello", json!({"stream": true, "max_tokens": 4096}))
}

#[tokio::test]
async fn a_status_is_told_in_each_dialects_shape_with_retry_after() {
    let simulator = start().await;
    for (status, openai_type, anthropic_type) in [
        (429, "requests", "rate_limit_error"),
        (500, "server_error", "api_error"),
        (503, "server_error", "overloaded_error"),
        (529, "server_error", "overloaded_error"),
        (404, "invalid_request_error", "not_found_error"),
    ] {
        let body = stream(&format!("m+status={status}&retry_after=2"));
        let response = openai(&simulator, &body).send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["retry-after"]),
            (status, &"2".parse().unwrap())
        );
        assert_eq!(response.json::<Value>().await.unwrap()["error"]["type"], openai_type);
        let response = anthropic(&simulator, &body).send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["retry-after"]),
            (status, &"2".parse().unwrap())
        );
        assert_eq!(response.json::<Value>().await.unwrap()["error"]["type"], anthropic_type);
    }
    assert_eq!(simulator.bill().total().requests, 0);
}

#[tokio::test]
async fn the_header_overrides_the_models_name_which_overrides_a_fault() {
    let simulator = start().await;
    simulator.set_fault("gpt-", "status=500").unwrap();
    let (named, plain) = (ask("gpt-x+status=503", "hi", json!({})), ask("gpt-x", "hi", json!({})));
    let header = openai(&simulator, &named).header("x-simulator-script", "status=504");
    assert_eq!(json_of(header).await.0, 504);
    assert_eq!(json_of(openai(&simulator, &named)).await.0, 503);
    assert_eq!(json_of(openai(&simulator, &plain)).await.0, 500);
    assert_eq!(json_of(openai(&simulator, &ask("other", "hi", json!({})))).await.0, 200);
    simulator.clear_faults();
    assert_eq!(json_of(openai(&simulator, &plain)).await.0, 200);
    assert!(simulator.set_fault("", "nonsense").is_err());
}

#[tokio::test]
async fn faults_and_the_bill_are_reachable_over_http() {
    let simulator = start().await;
    let url = |path: &str| format!("http://{}/simulator/{path}", simulator.addr());
    let client = reqwest::Client::new();
    let set = client.post(url("fault?model=gpt")).body("status=503").send().await.unwrap();
    assert_eq!(set.status(), 204);
    let body = ask("gpt-5.4", "hi", json!({}));
    assert_eq!(json_of(openai(&simulator, &body)).await.0, 503);
    assert_eq!(client.post(url("fault")).body("x").send().await.unwrap().status(), 400);
    assert_eq!(client.post(url("reset")).send().await.unwrap().status(), 204);
    assert_eq!(json_of(openai(&simulator, &body)).await.0, 200);
    let (_, bill) = json_of(client.get(url("bill?requests=true"))).await;
    assert_eq!(
        (&bill["total"]["requests"], &bill["requests"][0]["model"]),
        (&json!(1), &json!("gpt-5.4"))
    );
}

#[tokio::test]
async fn waits_are_kept_before_the_first_byte_and_between_events() {
    let simulator = start().await;
    let began = Instant::now();
    let response =
        openai(&simulator, &stream("m+delay_ms=120&chunk_ms=10&words=5")).send().await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(120));
    let (events, is_whole) = events_of(response).await;
    assert!(is_whole && events.len() == 8, "{events:?}");
    assert!(began.elapsed() >= Duration::from_millis(120 + 7 * 10));
}

#[tokio::test]
async fn a_cut_stream_has_the_events_before_the_cut_and_no_end() {
    let simulator = start().await;
    for after in [0_usize, 1, 3] {
        let body = stream(&format!("m+words=50&cut_after={after}"));
        let (events, is_whole) = events_of(openai(&simulator, &body).send().await.unwrap()).await;
        assert_eq!((events.len(), is_whole), (after, false));
        let (events, is_whole) =
            events_of(anthropic(&simulator, &body).send().await.unwrap()).await;
        // The second event brings a ping along.
        assert_eq!((events.len(), is_whole), (if after > 1 { after + 1 } else { after }, false));
    }
    let plain = openai(&simulator, &ask("m+cut_after=1", "hi", json!({})));
    let response = plain.send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.bytes().await.is_err());
}

#[tokio::test]
async fn errors_are_told_in_the_stream_first_or_late() {
    let simulator = start().await;
    for (script, events_before) in [("sse_error", 0), ("late_sse_error=3", 3)] {
        let body = stream(&format!("m+words=50&{script}"));
        let (events, is_whole) = events_of(openai(&simulator, &body).send().await.unwrap()).await;
        assert!(is_whole);
        let events = parsed(&events);
        assert_eq!(events.len(), events_before + 1, "{script}");
        assert_eq!(events[events_before]["error"]["type"], "server_error");
        let (events, is_whole) =
            events_of(anthropic(&simulator, &body).send().await.unwrap()).await;
        assert!(is_whole);
        let last = parsed(&events).pop().unwrap();
        assert_eq!(
            (&last["type"], &last["error"]["type"]),
            (&json!("error"), &json!("overloaded_error"))
        );
    }
    let plain = openai(&simulator, &ask("m+sse_error", "hi", json!({})));
    assert_eq!(json_of(plain).await.0, 500);
}

#[tokio::test]
async fn garbage_and_pages_are_no_json() {
    let simulator = start().await;
    for (script, status, kind) in [
        ("garbage", 200, "application/json"),
        ("html", 200, "text/html; charset=utf-8"),
        ("html&status=502", 502, "text/html; charset=utf-8"),
    ] {
        let body = ask(&format!("m+{script}"), "hi", json!({}));
        let response = openai(&simulator, &body).send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["content-type"]),
            (status, &kind.parse().unwrap())
        );
        assert!(response.json::<Value>().await.is_err());
    }
}

#[tokio::test]
async fn usage_can_be_withheld_and_is_billed_all_the_same() {
    let simulator = start().await;
    let (_, answer) = json_of(openai(&simulator, &ask("m+no_usage", "hi", json!({})))).await;
    assert!(answer.get("usage").is_none());
    let mut body = stream("m+no_usage");
    body["stream_options"] = json!({"include_usage": true});
    let (events, _) = events_of(openai(&simulator, &body).send().await.unwrap()).await;
    assert!(parsed(&events).iter().all(|event| event.get("usage").is_none()));
    let (events, _) =
        events_of(anthropic(&simulator, &stream("m+no_usage")).send().await.unwrap()).await;
    assert!(!events.concat().contains("usage"));
    let bill = simulator.bill();
    assert_eq!(bill.models["m"].requests, 3);
    assert!(bill.requests.iter().all(|request| request.quantities.output_tokens > 0));
}

#[tokio::test]
async fn an_answer_can_be_of_any_length() {
    let simulator = start().await;
    for (script, text_length) in
        [("words=3000", None), ("tokens_out=7", None), ("bytes=300000", Some(300_000))]
    {
        let body = ask(&format!("m+{script}"), "hi", json!({}));
        let (_, answer) = json_of(openai(&simulator, &body)).await;
        let text = answer["choices"][0]["message"]["content"].as_str().unwrap();
        assert!(text_length.is_none_or(|length| text.len() == length), "{}", text.len());
        assert_eq!(answer["usage"]["completion_tokens"], text_tokens(text));
        let mut streamed = body.clone();
        streamed["stream"] = true.into();
        let (events, _) = events_of(openai(&simulator, &streamed).send().await.unwrap()).await;
        assert_eq!(joined(&parsed(&events), "/choices/0/delta/content"), text);
    }
    let limited = ask("m+words=3000", "hi", json!({"max_tokens": 10}));
    let (_, answer) = json_of(openai(&simulator, &limited)).await;
    assert_eq!(answer["usage"]["completion_tokens"], 10);
    let reasoned = ask("m+reasoning=33&words=2", "hi", json!({}));
    let (_, answer) = json_of(openai(&simulator, &reasoned)).await;
    assert_eq!(answer["usage"]["completion_tokens_details"]["reasoning_tokens"], 33);
    assert_eq!(answer["usage"]["completion_tokens"], 35);
}

#[tokio::test]
async fn a_rate_limit_answers_so_many_then_refuses_with_its_headers() {
    let simulator = start().await;
    let body = ask("m+rate=2", "hi", json!({}));
    for remaining in ["1", "0"] {
        let response = openai(&simulator, &body).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["x-ratelimit-limit-requests"], "2");
        assert_eq!(response.headers()["x-ratelimit-remaining-requests"], remaining);
    }
    let refused = openai(&simulator, &body).send().await.unwrap();
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["x-ratelimit-reset-requests"], "750ms");
    assert_eq!(refused.headers()["retry-after-ms"], "750");
    assert_eq!(refused.headers()["retry-after"], "1");
    assert_eq!(refused.json::<Value>().await.unwrap()["error"]["code"], "rate_limit_exceeded");
    assert_eq!(simulator.bill().total().requests, 2);
}

#[tokio::test]
async fn a_hanging_request_ends_when_the_simulator_stops() {
    let simulator = start().await;
    let (hanging, slow) =
        (openai(&simulator, &ask("m+hang", "hi", json!({}))), stream("m+chunk_ms=60000"));
    let slow = openai(&simulator, &slow).send().await.unwrap();
    let early = hanging.try_clone().unwrap().timeout(Duration::from_millis(80)).send().await;
    assert!(early.is_err_and(|error| error.is_timeout()));
    let waiting = tokio::spawn(hanging.send());
    let reading = tokio::spawn(events_of(slow));
    tokio::time::sleep(Duration::from_millis(50)).await;
    let began = Instant::now();
    simulator.stop().await;
    assert!(began.elapsed() < Duration::from_millis(1900), "{:?}", began.elapsed());
    assert!(waiting.await.unwrap().is_ok_and(|response| response.status() == 503));
    assert!(!reading.await.unwrap().1);
}

#[tokio::test]
async fn named_keys_alone_open_the_door_where_options_name_them() {
    let options = SimulatorOptions { keys: vec![Secret::new("sk-mine")], ..Default::default() };
    let simulator = Simulator::start(options).await.unwrap();
    let body = ask("m", "hi", json!({}));
    assert_eq!(json_of(openai(&simulator, &body)).await.0, 401);
    let mine = openai(&simulator, &body);
    let url = mine.build().unwrap().url().clone();
    let mine = reqwest::Client::new().post(url).bearer_auth("sk-mine").json(&body);
    assert_eq!(json_of(mine).await.0, 200);
}

#[tokio::test]
async fn a_taken_port_is_an_error_that_names_it() {
    let simulator = start().await;
    let options = SimulatorOptions { bind: simulator.addr(), ..Default::default() };
    let error = Simulator::start(options).await.unwrap_err().to_string();
    assert!(error.contains(&simulator.addr().to_string()), "{error}");
}
