//! Providers by name: resolved off the request's path, and passed over when they cannot be.

use std::time::{Duration, Instant};

use crate::harness::{ANTHROPIC_MODEL, OPENAI_MODEL, Setup, ask, ask_stream, simulator};

#[test]
fn a_provider_may_be_a_name() {
    let simulator = simulator();
    let url = format!("http://localhost:{}/v1", simulator.addr().port());
    let gateway = Setup::raw(&url).start();
    for _ in 0..3 {
        assert_eq!(gateway.chat(&ask("raw")).status, 200);
        assert!(gateway.chat(&ask_stream("raw")).is_done());
    }
    gateway.close();
}

#[test]
fn a_name_that_does_not_resolve_is_a_bad_gateway_soon_and_the_next_target_is_tried() {
    let simulator = simulator();
    let gateway = Setup::of(&simulator)
        .and_raw("http://nobody-has-this-name.invalid/v1")
        .route("rescued", &[("raw", OPENAI_MODEL), ("anthropic", ANTHROPIC_MODEL)])
        .start();
    let began = Instant::now();
    // One look-up serves them all: they must not queue up behind a resolver that is away.
    for _ in 0..10 {
        let answer = gateway.chat(&ask("raw"));
        assert_eq!((answer.status, answer.code().as_str()), (502, "upstream_unreachable"));
        assert!(answer.text.contains("does not resolve"), "{}", answer.text);
    }
    assert_eq!(gateway.chat(&ask("rescued")).header("x-tollgate-provider"), "anthropic");
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    gateway.close();
}
