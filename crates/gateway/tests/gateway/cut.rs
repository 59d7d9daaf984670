//! A stream that ends early never looks complete, whichever way it ends, and is metered.

use std::time::Duration;

use events::{ErrorClass, UsageSource};

use crate::harness::{Setup, ask, ask_stream, simulator};
use crate::raw_upstream::{
    RawUpstream, Then, begin_stream, chunk, delta, end_stream, until_closed,
};

#[test]
fn a_cut_stream_ends_in_an_error_event_and_is_metered_as_waste() {
    let simulator = simulator();
    simulator.set_fault("", "cut_after=5&words=40").unwrap();
    let gateway = Setup::of(&simulator).start();
    for route in ["openai", "anthropic"] {
        let answer = gateway.chat(&ask_stream(route));
        assert_eq!((answer.status, answer.is_done()), (200, false), "{}", answer.text);
        assert!(!answer.text.contains("[DONE]"), "{}", answer.text);
        let last = answer.events().pop().unwrap();
        assert_eq!(last["error"]["code"], "upstream_cut", "{last}");
        assert_eq!(last["choices"][0]["finish_reason"], "error", "{last}");
    }
    for event in gateway.close() {
        assert_eq!(event.outcome.error, Some(ErrorClass::UpstreamCut));
        assert_eq!(event.cost.usage_source, UsageSource::Estimated);
        assert!(event.cost.billed.is_some_and(|cost| !cost.is_zero()), "{event:?}");
        assert!(event.decision.is_waste && event.decision.is_final);
        assert!(event.meters.input_tokens() > 0 && event.meters.output_tokens() > 0);
        assert!(event.times.first_byte_us.is_some() && event.call.response_bytes > 0);
    }
}

#[test]
fn an_error_in_the_middle_of_a_stream_reaches_the_client_in_the_stream() {
    let simulator = simulator();
    simulator.set_fault("", "late_sse_error=5&words=40").unwrap();
    let gateway = Setup::of(&simulator).start();
    for route in ["openai", "anthropic"] {
        let answer = gateway.chat(&ask_stream(route));
        assert!(!answer.text.contains("[DONE]"), "{}", answer.text);
        assert!(answer.events().pop().unwrap()["error"].is_object(), "{}", answer.text);
    }
    for event in gateway.close() {
        assert_eq!(event.outcome.error, Some(ErrorClass::UpstreamError));
        assert!(event.cost.billed.is_some_and(|cost| !cost.is_zero()));
    }
}

#[test]
fn an_error_is_told_at_once_though_the_provider_stays_on_the_line() {
    let upstream = RawUpstream::start(|_, stream| {
        begin_stream(stream).unwrap();
        chunk(stream, &delta("one ")).unwrap();
        let error = "data: {\"error\":{\"message\":\"overloaded\",\"code\":503}}\n\n";
        // Apart from the first piece, behind which it would be a reason to fail over.
        std::thread::sleep(Duration::from_millis(100));
        chunk(stream, &format!("{}{error}", delta("two"))).unwrap();
        until_closed(stream);
        Then::Close
    });
    let gateway = Setup::raw(&upstream.base_url()).start();
    let answer = gateway.chat(&ask_stream("raw"));
    assert_eq!(answer.streamed_text(), "one two");
    assert_eq!(answer.events().pop().unwrap()["error"]["message"], "overloaded");
    let event = gateway.close().remove(0);
    assert_eq!(event.outcome.error, Some(ErrorClass::UpstreamError));
    assert!(event.times.ended_us.micros_since(event.times.received_us) < 5_000_000);
}

#[test]
fn a_stream_that_ends_in_good_order_but_too_early_is_a_cut_one() {
    let upstream = RawUpstream::start(|_, stream| {
        begin_stream(stream).unwrap();
        chunk(stream, &delta("half an ")).unwrap();
        end_stream(stream).unwrap();
        Then::Keep
    });
    let gateway = Setup::raw(&upstream.base_url()).start();
    let answer = gateway.chat(&ask_stream("raw"));
    assert!(answer.text.contains("half an ") && !answer.text.contains("[DONE]"));
    assert_eq!(answer.events().pop().unwrap()["error"]["code"], "upstream_cut");
    assert_eq!(gateway.close()[0].outcome.error, Some(ErrorClass::UpstreamCut));
}

#[test]
fn a_provider_that_falls_silent_in_the_middle_is_cut_off() {
    let upstream = RawUpstream::start(|_, stream| {
        begin_stream(stream).unwrap();
        chunk(stream, &delta("and then")).unwrap();
        until_closed(stream);
        Then::Close
    });
    let setup = Setup::raw(&upstream.base_url()).tune(|provider| provider.idle_timeout_ms = 150);
    let gateway = setup.start();
    let answer = gateway.chat(&ask_stream("raw"));
    assert_eq!(answer.events().pop().unwrap()["error"]["code"], "upstream_cut");
    upstream.all_closed();
    gateway.close();
}

#[test]
fn silence_before_the_first_byte_is_bounded_by_its_own_timeout_alone() {
    let upstream = RawUpstream::start(|heard, stream| {
        // Longer than the silence allowed within an answer.
        std::thread::sleep(Duration::from_millis(300));
        match heard.json()["stream"].as_bool() {
            Some(true) => crate::raw_upstream::stream_all(stream),
            _ => crate::raw_upstream::respond(stream, 200, "", &crate::raw_upstream::completion()),
        }
    });
    let setup = Setup::raw(&upstream.base_url()).tune(|provider| provider.idle_timeout_ms = 100);
    let gateway = setup.start();
    assert_eq!(gateway.chat(&ask("raw")).status, 200);
    assert!(gateway.chat(&ask_stream("raw")).is_done());
    assert_eq!(upstream.requests().len(), 2);
    gateway.close();
}

#[test]
fn a_cut_plain_answer_is_an_error_with_a_status() {
    let simulator = simulator();
    simulator.set_fault("", "cut_after=1").unwrap();
    let gateway = Setup::of(&simulator).start();
    let answer = gateway.chat(&ask("openai"));
    assert_eq!((answer.status, answer.code().as_str()), (502, "upstream_cut"));
    let event = gateway.close().remove(0);
    assert_eq!(event.outcome.error, Some(ErrorClass::UpstreamCut));
    assert!(event.cost.billed.is_some_and(|cost| !cost.is_zero()));
}
