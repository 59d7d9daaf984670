//! Requests, answers and streams that pass: byte for byte but for what policy must change.

use std::sync::Arc;

use events::{Dialect, FinishReason};

use super::*;

fn context(cost: Option<i128>, model: Option<&str>) -> ReplyContext {
    ReplyContext {
        model_shown: model.map(str::to_owned),
        cost: Arc::new(move |_| cost.map(Usd::from_pico)),
        ..ReplyContext::unpriced()
    }
}

fn target(limit: Option<u64>) -> Target<'static> {
    let dialect = Dialect::OpenaiResponses;
    Target { dialect, model: "gpt-x", max_output_tokens: limit, drop_params: false }
}

#[test]
fn only_what_policy_must_change_of_a_request_changes() {
    for (before, limit, after) in [
        (r#"{"x":1.50,"model":"alias"}"#, None, r#"{"x":1.50,"model":"gpt-x"}"#),
        (
            r#"{"model":"gpt-x","max_output_tokens":90}"#,
            Some(9),
            r#"{"model":"gpt-x","max_output_tokens":9}"#,
        ),
        (
            r#"{"model":"gpt-x","max_output_tokens":null}"#,
            Some(9),
            r#"{"model":"gpt-x","max_output_tokens":9}"#,
        ),
        (r#"{"model":"gpt-x"}"#, Some(9), r#"{"model":"gpt-x","max_output_tokens":9}"#),
        (
            r#"{"session_id":"s","model":"gpt-x","cache":{"ttl":1},"previous_response_id":"resp_1","metadata":{"a":"b","tags":["t"]}}"#,
            None,
            r#"{"model":"gpt-x","previous_response_id":"resp_1","metadata":{"a":"b"}}"#,
        ),
        (
            r#"{"model":"gpt-x","input":[ {"role":"user","content":"tollgate. \u00e9"} ,{"type":"reasoning","encrypted_content":"tollgate.signed:x"},{"type":"reasoning","encrypted_content":"gAAAA"}]}"#,
            None,
            r#"{"model":"gpt-x","input":[{"role":"user","content":"tollgate. \u00e9"},{"type":"reasoning","encrypted_content":"gAAAA"}]}"#,
        ),
    ] {
        let encoded = rewrite_request(&Bytes::from(before), &target(limit)).unwrap();
        assert_eq!(encoded.body.whole(), after.as_bytes(), "{before}");
        assert_eq!(encoded.max_output_tokens, limit);
    }
    let body = Bytes::from_static(br#"{ "model": "gpt-x", "max_output_tokens": 5 }"#);
    let encoded = rewrite_request(&body, &target(Some(5))).unwrap();
    assert_eq!(encoded.body.pieces()[0].as_ptr(), body.as_ptr());
}

#[test]
fn a_count_is_asked_for_without_what_only_an_answer_takes() {
    let body = r#"{"model":"a","input":"x","stream":true,"store":false,"max_output_tokens":9,"user":"u","tools":[],"x_new":1}"#;
    let encoded = rewrite_count(&Bytes::from(body), &target(Some(5))).unwrap();
    let expected = br#"{"model":"gpt-x","input":"x","tools":[],"x_new":1}"#;
    assert_eq!(encoded.body.whole(), expected.as_slice());
    assert_eq!(encoded.max_output_tokens, None);
}

const BODY: &str = r#"{ "id":"resp_1", "model":"gpt-x-2026", "status":"completed", "error":null, "output":[{"type":"message","content":[{"type":"output_text","text":"Hi \u00e9"}]},{"type":"web_search_call","action":{"type":"search"}}], "usage":{"input_tokens":3,"output_tokens":2,"total_tokens":5}, "service_tier":"flex", "x_new":[1, 2] }"#;

#[test]
fn only_the_cost_is_added_to_an_answer() {
    let reply = rewrite_reply(&Bytes::from(BODY), &context(Some(1_500), Some("fast"))).unwrap();
    let expected = BODY
        .replace("\"total_tokens\":5", "\"total_tokens\":5,\"cost\":0.0000000015")
        .replace("gpt-x-2026", "fast");
    assert_eq!(reply.body, expected);
    let usage = reply.facts.usage.as_ref().unwrap();
    assert_eq!((usage.meters.input_tokens(), usage.meters.output_tokens()), (3, 2));
    assert_eq!(usage.meters.get(events::Meter::WebSearch), 1);
    assert_eq!(usage.service_tier.as_deref(), Some("flex"));
    assert_eq!(reply.facts.finish_reason, Some(FinishReason::Stop));
    assert_eq!(reply.facts.output.bytes, 5);
    let body = Bytes::from(BODY);
    let untouched = rewrite_reply(&body, &context(None, None)).unwrap();
    assert_eq!(untouched.body.as_ptr(), body.as_ptr());
}

#[test]
fn an_answer_still_being_made_passes_and_a_failed_one_is_an_error() {
    let queued = r#"{"id":"resp_1","status":"queued","error":null,"output":[],"usage":null}"#;
    let reply = rewrite_reply(&Bytes::from(queued), &context(Some(1), None)).unwrap();
    assert_eq!((reply.body.as_ref(), reply.facts.usage), (queued.as_bytes(), None));
    let failed = r#"{"id":"resp_1","status":"failed","error":{"code":"rate_limit_exceeded","message":"m"},"output":[]}"#;
    let error = rewrite_reply(&Bytes::from(failed), &context(None, None));
    assert!(matches!(error, Err(ReplyError::Upstream(e)) if e.status == 429 && e.message == "m"));
    for junk in ["", "<html>", "{}", "[]", "\u{0}"] {
        let reply = rewrite_reply(&Bytes::from(junk), &context(None, None));
        assert!(matches!(reply, Err(ReplyError::Garbage(_))), "{junk}");
    }
}
