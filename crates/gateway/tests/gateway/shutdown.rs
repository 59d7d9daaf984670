//! A stop loses nothing: what is under way ends as it should, or is recorded as interrupted.

use std::sync::Mutex;
use std::sync::mpsc;
use std::time::Duration;

use events::{ErrorClass, UsageSource};
use units::Usd;

use crate::harness::{CLIENT_SECRET, PATIENCE, Setup, ask, ask_stream, eventually};
use crate::raw_client::RawClient;
use crate::raw_upstream::{
    RawUpstream, Then, begin_stream, chunk, closing, delta, end_stream, until_closed,
};

/// A provider whose streams wait in the middle until they are let go.
fn gated() -> (mpsc::Sender<()>, RawUpstream) {
    let (go, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let upstream = RawUpstream::start(move |_, stream| {
        begin_stream(stream).unwrap();
        chunk(stream, &delta("first ")).unwrap();
        gate.lock().unwrap().recv().unwrap();
        chunk(stream, &delta("last")).unwrap();
        chunk(stream, &closing()).unwrap();
        end_stream(stream).unwrap();
        Then::Keep
    });
    (go, upstream)
}

#[test]
fn a_stop_lets_a_stream_finish_and_refuses_what_is_new() {
    let (go, upstream) = gated();
    let gateway = Setup::raw(&upstream.base_url()).budget("1000").start();
    let mut client = RawClient::connect(gateway.address);
    let mut waiting = RawClient::connect(gateway.address);
    client.chat(&ask_stream("raw"));
    client.read_until("first ");
    gateway.engine.drain.stop();
    let refused = gateway.chat(&ask("raw"));
    assert_eq!((refused.status, refused.code().as_str()), (503, "stopping"));
    assert_eq!(refused.header("x-should-retry"), "true");
    assert_eq!(refused.header("retry-after"), "1");
    waiting.chat(&ask("raw"));
    let answer = waiting.read_answer();
    assert_eq!((answer.status, answer.header("connection")), (503, Some("close")));
    go.send(()).unwrap();
    client.read_until("data: [DONE]\n\n");
    client.read_until("0\r\n\r\n");
    let events = gateway.stop();
    assert_eq!(events.len(), 1);
    assert_eq!((events[0].outcome.error, events[0].meters.output_tokens()), (None, 10));
}

#[test]
fn a_stop_lets_an_http2_stream_finish_to_its_last_byte() {
    for _ in 0..5 {
        let (go, upstream) = gated();
        let gateway = Setup::raw(&upstream.base_url()).start();
        let builder = reqwest::Client::builder().no_proxy().timeout(PATIENCE);
        let client = builder.http2_prior_knowledge().build().unwrap();
        let request = client.post(gateway.url("/v1/chat/completions")).bearer_auth(CLIENT_SECRET);
        let text = crate::harness::wait(async {
            let mut response = request.json(&ask_stream("raw")).send().await.unwrap();
            let mut text = response.chunk().await.unwrap().unwrap().to_vec();
            gateway.engine.drain.stop();
            go.send(()).unwrap();
            while let Some(more) = response.chunk().await.unwrap() {
                text.extend_from_slice(&more);
            }
            String::from_utf8(text).unwrap()
        });
        assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
        assert_eq!(gateway.stop().len(), 1);
    }
}

#[test]
fn what_the_grace_period_cuts_is_recorded_before_the_server_is_gone() {
    let upstream = RawUpstream::start(|heard, stream| {
        if heard.json()["stream"].as_bool() == Some(true) {
            begin_stream(stream).unwrap();
            chunk(stream, &delta("one two three")).unwrap();
        }
        until_closed(stream);
        Then::Close
    });
    let mut setup = Setup::raw(&upstream.base_url()).budget("1000");
    setup.grace = Duration::from_millis(100);
    let gateway = setup.start();
    let mut streaming = RawClient::connect(gateway.address);
    streaming.chat(&ask_stream("raw"));
    streaming.read_until("one two three");
    let mut waiting = RawClient::connect(gateway.address);
    waiting.chat(&ask("raw"));
    upstream.heard(2);
    let events = gateway.stop();
    assert_eq!(events.len(), 2);
    for event in &events {
        assert_eq!(event.outcome.error, Some(ErrorClass::Interrupted));
        assert_eq!(event.cost.usage_source, UsageSource::Estimated);
        assert!(event.cost.billed > Some(Usd::ZERO) && event.decision.is_final);
    }
    assert!(!streaming.read_to_end().contains("[DONE]"));
    upstream.all_closed();
}

#[test]
fn a_stop_without_work_is_quick_even_with_idle_connections() {
    let upstream = RawUpstream::start(|_, _| Then::Close);
    let gateway = Setup::raw(&upstream.base_url()).start();
    let idle: Vec<_> = (0..5).map(|_| RawClient::connect(gateway.address)).collect();
    let mut used = RawClient::connect(gateway.address);
    used.send(b"GET /healthz HTTP/1.1\r\nhost: test\r\n\r\n");
    assert_eq!(used.read_answer().status, 200);
    let began = std::time::Instant::now();
    gateway.stop();
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    drop(idle);
    eventually("the used one is closed", || used.read_to_end().is_empty());
}
