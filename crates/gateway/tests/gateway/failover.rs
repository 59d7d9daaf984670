//! Whatever goes wrong before the first forwardable byte, the next target is tried, and the client
//! sees one clean answer.

use std::net::TcpListener;

use events::{Dialect, ErrorClass, UsageEvent, UsageSource};
use units::Usd;

use crate::harness::{ANTHROPIC_MODEL, Gateway, OPENAI_MODEL, Setup, ask, ask_stream, simulator};
use crate::raw_upstream::{RawUpstream, respond};

/// One clean answer came from the second provider, and each attempt has its row.
fn check_rescue(gateway: Gateway, class: ErrorClass, case: &str) -> Vec<UsageEvent> {
    let plain = gateway.chat(&ask("both"));
    assert_eq!(plain.status, 200, "{case}: {}", plain.text);
    assert_eq!(plain.header("x-tollgate-attempts"), "2", "{case}");
    assert_eq!(plain.header("x-tollgate-provider"), "anthropic", "{case}");
    assert_eq!(plain.header("x-tollgate-model"), ANTHROPIC_MODEL, "{case}");
    assert!(plain.json()["choices"][0]["message"]["content"].is_string(), "{case}");
    let stream = gateway.chat(&ask_stream("both"));
    assert!(stream.status == 200 && stream.is_done(), "{case}: {}", stream.text);
    assert!(!stream.streamed_text().is_empty() && !stream.text.contains("error"), "{case}");
    let events = gateway.close();
    assert_eq!(events.len(), 4, "{case}");
    for pair in events.chunks(2) {
        let [first, second] = pair else { unreachable!() };
        assert_eq!((first.ids.attempt, second.ids.attempt), (1, 2), "{case}");
        assert_eq!(first.ids.request_id, second.ids.request_id, "{case}");
        assert_eq!((first.decision.is_final, second.decision.is_final), (false, true), "{case}");
        assert_eq!((first.outcome.error, second.outcome.error), (Some(class), None), "{case}");
        assert_eq!(first.decision.reason.as_deref(), Some("first"), "{case}");
        assert_eq!(second.decision.reason, Some(format!("failover:{class}")), "{case}");
        assert_eq!(first.call.dialect_out, Some(Dialect::OpenaiChat), "{case}");
        assert_eq!(second.call.dialect_out, Some(Dialect::AnthropicMessages), "{case}");
        assert_eq!(second.cost.usage_source, UsageSource::Provider, "{case}");
        assert_eq!(second.outcome.status, Some(200), "{case}");
    }
    events
}

#[test]
fn a_provider_that_refuses_the_connection_is_passed_over() {
    let simulator = simulator();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut setup = Setup::of(&simulator);
    setup.providers[0].base_url = format!("http://{closed}/v1");
    let events = check_rescue(setup.start(), ErrorClass::UpstreamConnect, "refused");
    assert_eq!(events[0].cost.billed, Some(Usd::ZERO));
    assert_eq!(events[0].cost.usage_source, UsageSource::None);
}

#[test]
fn errors_silence_and_garbage_of_one_provider_are_mended_by_the_next() {
    use ErrorClass::{UpstreamError, UpstreamGarbage, UpstreamRateLimited, UpstreamTimeout};
    for (script, class) in [
        ("status=429&retry_after=9", UpstreamRateLimited),
        ("status=500", UpstreamError),
        ("status=503", UpstreamError),
        ("status=529", UpstreamError),
        ("status=401", UpstreamError),
        ("sse_error", UpstreamError),
        ("hang", UpstreamTimeout),
        ("garbage", UpstreamGarbage),
        ("html", UpstreamGarbage),
    ] {
        let simulator = simulator();
        simulator.set_fault(OPENAI_MODEL, script).unwrap();
        let mut setup = Setup::of(&simulator);
        setup.providers[0].ttfb_timeout_ms = 200;
        let events = check_rescue(setup.start(), class, script);
        // What may have been worked on is counted; what was refused is not.
        let is_counted = matches!(class, UpstreamTimeout | UpstreamGarbage);
        for first in [&events[0], &events[2]] {
            assert_eq!(first.decision.is_waste, is_counted, "{script}");
            assert_eq!(first.cost.billed.unwrap().is_zero(), !is_counted, "{script}");
        }
    }
}

#[test]
fn a_target_that_cannot_carry_a_parameter_is_passed_over() {
    let simulator = simulator();
    let targets = [("anthropic", ANTHROPIC_MODEL), ("openai", OPENAI_MODEL)];
    let gateway = Setup::of(&simulator).route("reverse", &targets).start();
    let mut body = ask("reverse");
    body["temperature"] = 1.5.into();
    let answer = gateway.chat(&body);
    assert_eq!((answer.status, answer.header("x-tollgate-provider")), (200, "openai"));
    body["model"] = "anthropic".into();
    let answer = gateway.chat(&body);
    assert_eq!((answer.status, answer.code().as_str()), (400, "unsupported_parameter"));
    assert_eq!(answer.json()["error"]["param"], "temperature");
    let events = gateway.close();
    assert_eq!((events[0].ids.attempt, events[1].ids.attempt), (1, 0));
}

#[test]
fn when_every_target_fails_the_last_error_is_told_with_what_each_said() {
    let simulator = simulator();
    simulator.set_fault(OPENAI_MODEL, "status=500").unwrap();
    simulator.set_fault(ANTHROPIC_MODEL, "status=503&retry_after=3").unwrap();
    let gateway = Setup::of(&simulator).start();
    for body in [ask("both"), ask_stream("both")] {
        let answer = gateway.chat(&body);
        assert_eq!((answer.status, answer.header("retry-after")), (503, "3"), "{}", answer.text);
        let attempts = &answer.json()["error"]["metadata"]["attempts"];
        assert_eq!(attempts[0]["provider"], "openai");
        assert_eq!(attempts[0]["status"], 500);
        assert_eq!(attempts[1]["provider"], "anthropic");
        assert_eq!(attempts[1]["message"], "Simulated error 503");
        assert_eq!(answer.header("x-tollgate-attempts"), "2");
    }
    let events = gateway.close();
    let statuses: Vec<_> = events.iter().map(|e| (e.outcome.status, e.decision.is_final)).collect();
    assert_eq!(statuses, [(Some(500), false), (Some(503), true)].repeat(2));
}

#[test]
fn a_failing_provider_does_not_cost_a_new_connection_each_time() {
    let simulator = simulator();
    let failing = RawUpstream::start(|_, stream| {
        respond(stream, 503, "", r#"{"error":{"message":"busy","type":"server_error"}}"#)
    });
    let mut setup = Setup::of(&simulator);
    setup.providers[0].base_url = failing.base_url();
    let gateway = setup.start();
    for _ in 0..20 {
        assert_eq!(gateway.chat(&ask("both")).status, 200);
        assert!(gateway.chat(&ask_stream("both")).is_done());
    }
    assert_eq!(failing.requests().len(), 40);
    // One, but for the rare connection that is wanted in the instant it is put back.
    assert!(failing.connections() < 5, "{}", failing.connections());
    gateway.close();
}
