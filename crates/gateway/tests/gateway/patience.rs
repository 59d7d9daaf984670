//! The client's own bound on its wait for the first byte, over all targets together.

use std::time::{Duration, Instant};

use events::ErrorClass;

use crate::harness::{ANTHROPIC_MODEL, OPENAI_MODEL, Setup, ask, ask_stream, simulator};
use crate::raw_upstream::{
    RawUpstream, Then, begin_stream, chunk, closing, completion, delta, end_stream, respond,
    until_closed,
};

/// A provider that takes requests and never answers.
fn silent() -> RawUpstream {
    RawUpstream::start(|_, stream| {
        until_closed(stream);
        Then::Close
    })
}

#[test]
fn a_client_that_waits_less_than_configured_is_answered_when_its_time_is_over() {
    let upstream = silent();
    let gateway = Setup::raw(&upstream.base_url()).start();
    for (name, value) in [
        ("x-tollgate-timeout-ms", "200"),
        ("x-litellm-timeout", "0.2"),
        ("x-portkey-request-timeout", "200"),
    ] {
        for body in [ask("raw"), ask_stream("raw")] {
            let began = Instant::now();
            let answer = gateway.chat_with(&body, &[(name, value)]);
            let took = began.elapsed();
            assert_eq!((answer.status, answer.code().as_str()), (504, "upstream_timeout"));
            let (least, most) = (Duration::from_millis(200), Duration::from_secs(5));
            assert!(took >= least && took < most, "{name}: {took:?}");
        }
    }
    gateway.close();
}

#[test]
fn the_bound_is_for_all_targets_together() {
    let upstream = silent();
    let targets = vec![("raw", OPENAI_MODEL); 20];
    let gateway = Setup::raw(&upstream.base_url()).route("many", &targets).start();
    let began = Instant::now();
    let answer = gateway.chat_with(&ask("many"), &[("x-tollgate-timeout-ms", "300")]);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!((answer.status, answer.code().as_str()), (504, "upstream_timeout"));
    assert_eq!(answer.header("x-tollgate-attempts"), "1");
    assert_eq!(gateway.close().len(), 1);
}

#[test]
fn a_next_target_has_what_the_first_one_left() {
    let simulator = simulator();
    let upstream = silent();
    let gateway = Setup::of(&simulator)
        .and_raw(&upstream.base_url())
        .route("rescued", &[("raw", OPENAI_MODEL), ("anthropic", ANTHROPIC_MODEL)])
        .tune_route(|route| route.targets[0].ttfb_timeout_ms = Some(100))
        .start();
    let answer = gateway.chat_with(&ask("rescued"), &[("x-tollgate-timeout-ms", "8000")]);
    assert_eq!((answer.status, answer.header("x-tollgate-provider")), (200, "anthropic"));
    gateway.close();
}

#[test]
fn a_client_never_waits_longer_than_configured() {
    let upstream = silent();
    let setup = Setup::raw(&upstream.base_url()).tune(|provider| provider.ttfb_timeout_ms = 150);
    let gateway = setup.start();
    let began = Instant::now();
    let answer = gateway.chat_with(&ask("raw"), &[("x-tollgate-timeout-ms", "3600000")]);
    assert_eq!(answer.status, 504);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    gateway.close();
}

#[test]
fn a_stream_that_has_begun_may_take_longer() {
    let upstream = RawUpstream::start(|_, stream| {
        begin_stream(stream).unwrap();
        chunk(stream, &delta("one ")).unwrap();
        // Longer than the client's bound, which is generous for a machine that is busy.
        std::thread::sleep(Duration::from_millis(2_500));
        chunk(stream, &delta("two")).unwrap();
        chunk(stream, &closing()).unwrap();
        end_stream(stream).unwrap();
        Then::Keep
    });
    let gateway = Setup::raw(&upstream.base_url()).start();
    let answer = gateway.chat_with(&ask_stream("raw"), &[("x-tollgate-timeout-ms", "2000")]);
    assert!(answer.is_done(), "{}", answer.text);
    assert_eq!(answer.streamed_text(), "one two");
    gateway.close();
}

#[test]
fn a_bound_that_is_none_is_refused_and_the_header_named() {
    let upstream = RawUpstream::start(|_, stream| respond(stream, 200, "", &completion()));
    let gateway = Setup::raw(&upstream.base_url()).start();
    for (name, value) in [
        ("x-tollgate-timeout-ms", "soon"),
        ("x-litellm-timeout", "-1"),
        ("x-portkey-request-timeout", "0"),
    ] {
        let answer = gateway.chat_with(&ask("raw"), &[(name, value)]);
        assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_timeout"));
        assert_eq!(answer.json()["error"]["param"], name);
    }
    assert_eq!(upstream.connections(), 0);
    let events = gateway.close();
    assert_eq!(events.len(), 3);
    assert!(events.iter().all(|event| event.outcome.error == Some(ErrorClass::InvalidRequest)));
}

#[test]
fn connecting_counts_towards_the_bound() {
    // An address nobody answers from: packets to it are dropped, or it is refused at once.
    let setup = Setup::raw("http://192.0.2.1:9/v1").tune(|p| p.connect_timeout_ms = 10_000);
    let gateway = setup.start();
    let began = Instant::now();
    let answer = gateway.chat_with(&ask("raw"), &[("x-tollgate-timeout-ms", "200")]);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!((answer.status, answer.code().as_str()), (502, "upstream_unreachable"));
    gateway.close();
}
