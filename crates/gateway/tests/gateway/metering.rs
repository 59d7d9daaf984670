//! What is recorded of an answer, and when: before its last byte, in the provider's own figures.

use std::sync::Mutex;
use std::sync::mpsc;

use events::{Dialect, Frame, UsageSource};
use serde_json::json;

use crate::harness::{OPENAI_MODEL, Setup, ask, ask_stream, simulator};
use crate::raw_client::RawClient;
use crate::raw_upstream::{RawUpstream, completion, respond, stream_all};

#[test]
fn the_record_is_in_the_spool_before_the_answers_last_byte_is_out() {
    let simulator = simulator();
    let gateway = Setup::of(&simulator).start();
    let mut client = RawClient::connect(gateway.address);
    for round in 1..=10 {
        client.chat(&ask_stream("openai"));
        client.read_until("data: [DONE]");
        assert_eq!(gateway.settled().len(), 2 * round - 1);
        client.read_until("0\r\n\r\n");
        client.chat(&ask("anthropic"));
        client.read_answer();
        assert_eq!(gateway.settled().len(), 2 * round);
    }
    drop(client);
    gateway.close();
}

#[test]
fn the_intent_is_in_the_spool_before_the_first_byte_leaves() {
    let (go, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let upstream = RawUpstream::start(move |_, stream| {
        gate.lock().unwrap().recv().unwrap();
        respond(stream, 200, "", &completion())
    });
    let gateway = Setup::raw(&upstream.base_url()).budget("1000").start();
    let mut client = RawClient::connect(gateway.address);
    client.chat(&ask("raw"));
    upstream.heard(1);
    let frames = gateway.frames();
    let [Frame::Opened(intent)] = &frames[..] else { panic!("{frames:?}") };
    let held = gateway.budget().reserved;
    assert_eq!(intent.held[0].amount, held);
    assert_eq!(intent.event.cost.billed, Some(held));
    go.send(()).unwrap();
    assert_eq!(client.read_answer().status, 200);
    drop(client);
    gateway.close();
}

#[test]
fn rows_say_what_the_provider_bills() {
    let simulator = simulator();
    let gateway = Setup::of(&simulator).start();
    for route in ["openai", "anthropic"] {
        for body in [ask(route), ask_stream(route)] {
            assert_eq!(gateway.chat(&body).status, 200);
        }
    }
    let bill = simulator.bill();
    let events = gateway.close();
    assert_eq!((events.len(), bill.requests.len()), (4, 4));
    for event in events {
        let id = event.outcome.upstream_request_id.as_deref().unwrap();
        let billed = bill.request(id).unwrap();
        assert_eq!(event.cost.usage_source, UsageSource::Provider);
        assert_eq!(event.meters.input_tokens(), billed.quantities.prompt_tokens());
        assert_eq!(event.meters.output_tokens(), billed.quantities.output_tokens);
        assert_eq!(event.model.answered.as_deref(), Some(billed.model.as_str()));
        assert!(event.cost.price_version.is_some() && event.cost.rate_set.is_some());
        assert!(event.times.received_us <= event.times.first_byte_us.unwrap());
        assert!(event.times.first_byte_us.unwrap() <= event.times.ended_us);
        assert!(event.call.request_bytes > 0 && event.call.response_bytes > 0);
        assert!(event.privacy.prompt_hash.is_some());
    }
}

#[test]
fn usage_is_asked_for_on_behalf_of_a_client_that_did_not_and_hidden_from_it() {
    let upstream = RawUpstream::start(|_, stream| stream_all(stream));
    let gateway = Setup::raw(&upstream.base_url()).start();
    let silent = gateway.chat(&ask_stream("raw"));
    assert!(silent.is_done() && !silent.text.contains("\"usage\":{"), "{}", silent.text);
    assert!(silent.events().iter().all(|event| event["choices"][0].is_object()));
    let mut asking = ask_stream("raw");
    asking["stream_options"] = json!({"include_usage": true});
    let told = gateway.chat(&asking);
    let usage = told.events().pop().unwrap()["usage"].clone();
    assert_eq!((&usage["prompt_tokens"], &usage["completion_tokens"]), (&20.into(), &10.into()));
    for heard in upstream.requests() {
        assert_eq!(heard.json()["stream_options"]["include_usage"], true);
    }
    let events = gateway.close();
    let cost = events[1].cost.billed.unwrap();
    assert!(told.text.contains(&format!("\"cost\":{cost}")), "{}", told.text);
    for event in events {
        assert_eq!((event.meters.input_tokens(), event.meters.output_tokens()), (20, 10));
        assert_eq!(event.cost.usage_source, UsageSource::Provider);
    }
}

#[test]
fn a_provider_is_asked_in_the_words_it_takes_and_metered_all_the_same() {
    let upstream = RawUpstream::start(|_, stream| stream_all(stream));
    let gateway = Setup::new()
        .provider("mistral", Dialect::OpenaiChat, &upstream.base_url())
        .route("quirky", &[("mistral", OPENAI_MODEL)])
        .start();
    let mut body = ask_stream("quirky");
    body["max_completion_tokens"] = 50.into();
    let silent = gateway.chat(&body);
    assert!(silent.is_done() && !silent.text.contains("\"usage\":{"), "{}", silent.text);
    let heard = upstream.requests().remove(0).json();
    assert_eq!((&heard["max_tokens"], &heard["max_completion_tokens"]), (&json!(50), &json!(null)));
    assert_eq!(heard["stream_options"], json!(null), "{heard}");
    let [event] = &gateway.close()[..] else { panic!("one attempt") };
    assert_eq!((event.meters.input_tokens(), event.meters.output_tokens()), (20, 10));
    assert_eq!(event.cost.usage_source, UsageSource::Provider);
}

#[test]
fn a_plain_answer_tells_its_cost_in_body_header_and_row_alike() {
    let simulator = simulator();
    let gateway = Setup::of(&simulator).start();
    let answers: Vec<_> = ["openai", "anthropic"].map(|route| gateway.chat(&ask(route))).into();
    for (event, answer) in gateway.close().into_iter().zip(answers) {
        let cost = event.cost.billed.unwrap().to_string();
        assert_eq!(answer.header("x-tollgate-cost-usd"), cost);
        assert_eq!(answer.header("x-litellm-response-cost"), cost);
        assert!(answer.text.contains(&format!("\"cost\":{cost}")), "{}", answer.text);
        assert_eq!(event.call.response_bytes, answer.text.len() as u64);
    }
}

#[test]
fn an_answer_without_usage_is_estimated_and_marked() {
    let simulator = simulator();
    simulator.set_fault("", "no_usage").unwrap();
    let gateway = Setup::of(&simulator).start();
    assert_eq!(gateway.chat(&ask("openai")).status, 200);
    assert!(gateway.chat(&ask_stream("openai")).is_done());
    for event in gateway.close() {
        assert_eq!((event.cost.usage_source, event.outcome.error), (UsageSource::Estimated, None));
        assert!(event.meters.input_tokens() > 0 && event.meters.output_tokens() > 0);
        assert!(event.cost.billed.is_some_and(|cost| !cost.is_zero()));
    }
}

#[test]
fn a_full_spool_refuses_before_anything_is_sent() {
    let (go, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let upstream = RawUpstream::start(move |_, stream| {
        gate.lock().unwrap().recv().unwrap();
        respond(stream, 200, "", &completion())
    });
    let mut setup = Setup::raw(&upstream.base_url());
    setup.slots_max = 1;
    let gateway = setup.start();
    let mut client = RawClient::connect(gateway.address);
    client.chat(&ask("raw"));
    upstream.heard(1);
    for body in [ask("raw"), ask_stream("raw")] {
        let refused = gateway.chat(&body);
        assert_eq!((refused.status, refused.code().as_str()), (503, "spool_full"));
        assert_eq!(refused.header("retry-after"), "5");
    }
    let ready = crate::harness::wait(crate::harness::send(gateway.request("GET", "/readyz")));
    assert_eq!(ready.unwrap().status, 503);
    go.send(()).unwrap();
    assert_eq!(client.read_answer().status, 200);
    assert_eq!(upstream.requests().len(), 1);
    drop(client);
    gateway.close();
}

#[test]
fn what_a_gateway_behind_this_one_says_it_cost_stands_beside_the_price() {
    for (headers, told) in [
        ("x-tollgate-cost-usd: 0.000123\r\n", Some("0.000123")),
        ("x-litellm-response-cost: 1.65e-05\r\n", Some("0.0000165")),
        ("x-litellm-response-cost: unknown\r\n", None),
        ("", None),
    ] {
        let upstream =
            RawUpstream::start(move |_, stream| respond(stream, 200, headers, &completion()));
        let gateway = Setup::raw(&upstream.base_url()).start();
        assert_eq!(gateway.chat(&ask("raw")).status, 200);
        let row = gateway.close().remove(0);
        assert_eq!(row.cost.provider_reported, told.map(|usd| usd.parse().unwrap()), "{headers}");
        assert!(row.cost.billed.is_some() && row.cost.billed != row.cost.provider_reported);
    }
}
