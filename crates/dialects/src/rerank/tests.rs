use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};
use units::Usd;

use super::*;

const TARGET: Target<'static> = Target {
    dialect: Dialect::CohereChat,
    model: "rerank-v5.0-pro",
    max_output_tokens: None,
    drop_params: false,
};

fn context() -> ReplyContext {
    ReplyContext {
        cost: Arc::new(|_| Some(Usd::from_pico(2_000_000_000))),
        ..ReplyContext::unpriced()
    }
}

#[test]
fn a_request_is_measured_in_the_searches_it_is_billed_as() {
    for (documents, length, searches) in [(1, 10, 1), (100, 10, 1), (101, 10, 2), (60, 2_500, 2)] {
        let texts: Vec<String> = (0..documents).map(|_| "x".repeat(length)).collect();
        let body =
            json!({"model": "m", "query": "q", "documents": texts, "metadata": {"team": "a"}});
        let peek = peek_rerank(body.to_string().as_bytes()).unwrap();
        assert_eq!((peek.documents, peek.estimated_searches), (documents, searches), "{length}");
        assert_eq!((peek.peek.model.as_str(), peek.peek.metadata["team"].as_str()), ("m", "a"));
    }
}

#[test]
fn what_is_missing_is_named() {
    for (body, param) in [
        (r#"{"query":"q","documents":["a"]}"#, "model"),
        (r#"{"model":"m","documents":["a"]}"#, "query"),
        (r#"{"model":"m","query":"q"}"#, "documents"),
        (r#"{"model":"m","query":"q","documents":[]}"#, "documents"),
        (r#"{"model":"m","query":"q","documents":"a"}"#, "documents"),
    ] {
        assert_eq!(peek_rerank(body.as_bytes()).unwrap_err().param(), Some(param), "{body}");
    }
}

#[test]
fn only_the_model_and_the_gateways_own_fields_change() {
    let body = Bytes::from(
        r#"{"model": "fast", "query": "q",  "documents": ["a"], "top_n": 1, "session_id": "s", "novel": 1.0}"#,
    );
    let encoded = encode_rerank(&body, &TARGET).unwrap();
    assert_eq!(
        encoded.body.whole(),
        br#"{"model": "rerank-v5.0-pro", "query": "q",  "documents": ["a"], "top_n": 1, "novel": 1.0}"#
            .as_slice()
    );
    let elsewhere = Target { dialect: Dialect::AnthropicMessages, ..TARGET };
    assert_eq!(encode_rerank(&body, &elsewhere).unwrap_err().code(), "unsupported_dialect");
}

#[test]
fn ranks_pass_to_the_letter_and_their_searches_are_metered() {
    let body = Bytes::from(
        r#"{"id":"r1","results":[{"index":1,"relevance_score":0.999071},{"index":0,"relevance_score":0.1}],"meta":{"api_version":{"version":"2"},"billed_units":{"search_units":2}}}"#,
    );
    let reply = transcode_rerank(&body, &context()).unwrap();
    assert_eq!(reply.body, body);
    let usage = reply.facts.usage.unwrap();
    assert_eq!(usage.meters, Meters::NONE.with(Meter::RerankSearch, 2));
    assert_eq!(reply.facts.id.as_deref(), Some("r1"));
}

#[test]
fn servers_that_bill_tokens_are_metered_by_them() {
    let body = Bytes::from(
        r#"{"id":"r1","model":"bge","usage":{"total_tokens":56},"results":[{"index":0,"relevance_score":0.5}]}"#,
    );
    let shown = ReplyContext { model_shown: Some("fast".into()), ..context() };
    let reply = transcode_rerank(&body, &shown).unwrap();
    assert_eq!(reply.facts.usage.unwrap().meters, Meters::NONE.with(Meter::InputText, 56));
    let told: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!((&told["model"], &told["usage"]["cost"]), (&json!("fast"), &json!(0.002)));
}

#[test]
fn an_error_under_status_200_and_junk_are_no_ranks() {
    let read = |text: &'static str| transcode_rerank(&Bytes::from(text), &context());
    assert!(
        matches!(read(r#"{"message":"no"}"#), Err(ReplyError::Upstream(e)) if e.message == "no")
    );
    for junk in ["", "{}", "[]", r#"{"results":5}"#] {
        assert!(matches!(read(junk), Err(ReplyError::Garbage(_))), "{junk}");
    }
}

#[test]
fn an_error_has_the_shape_official_clients_read() {
    let error = ErrorBody {
        message: "the budget is spent".into(),
        code: Some("budget_exceeded".into()),
        request_id: Some("req_1".into()),
        ..ErrorBody::default()
    };
    assert_eq!(
        encode_rerank_error(&error),
        r#"{"id":"req_1","message":"the budget is spent","code":"budget_exceeded"}"#
    );
}

proptest! {
    #[test]
    fn no_body_panics(body in "[{}\\[\\]\",:a-z_0-9 ]{0,80}") {
        let _ = peek_rerank(body.as_bytes());
        let _ = encode_rerank(&Bytes::from(body.clone()), &TARGET);
        let _ = transcode_rerank(&Bytes::from(body), &context());
    }
}
