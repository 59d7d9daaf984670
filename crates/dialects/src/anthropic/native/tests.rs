//! Nothing changes but what policy must change.

use std::sync::Arc;

use events::Dialect;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::stream::StreamTranscoder;

const STREAM: &str = include_str!("../../../fixtures/anthropic_stream.sse");
const PLAIN: &str = include_str!("../../../fixtures/anthropic_plain.json");
const ANTHROPIC: Dialect = Dialect::AnthropicMessages;

fn rewritten(body: &str, limit: Option<u64>) -> String {
    let target = Target {
        dialect: ANTHROPIC,
        model: "claude-x",
        max_output_tokens: limit,
        drop_params: false,
    };
    let encoded = rewrite_request(&Bytes::copy_from_slice(body.as_bytes()), &target).unwrap();
    String::from_utf8(encoded.body.whole().to_vec()).unwrap()
}

fn context(model_shown: Option<&str>) -> ReplyContext {
    ReplyContext {
        model_shown: model_shown.map(str::to_owned),
        cost: Arc::new(|_| Some(units::Usd::from_pico(1))),
        ..ReplyContext::unpriced()
    }
}

#[test]
fn a_body_that_needs_no_change_is_the_clients_own() {
    let body = Bytes::from_static(br#"{ "model": "claude-x", "max_tokens": 5, "messages": [] }"#);
    let target = Target {
        dialect: ANTHROPIC,
        model: "claude-x",
        max_output_tokens: Some(5),
        drop_params: false,
    };
    let encoded = rewrite_request(&body, &target).unwrap();
    assert_eq!(encoded.body.pieces()[0].as_ptr(), body.as_ptr());
    assert_eq!(encoded.max_output_tokens, Some(5));
}

#[test]
fn model_limit_and_own_fields_change_and_nothing_else() {
    for (before, limit, after) in [
        (r#"{"model":"alias","max_tokens":5}"#, None, r#"{"model":"claude-x","max_tokens":5}"#),
        (
            r#"{ "mod\u0065l" : "alias" , "max_tokens":50, "x_new":{"a": 1.0}}"#,
            Some(9),
            r#"{ "mod\u0065l" : "claude-x" , "max_tokens":9, "x_new":{"a": 1.0}}"#,
        ),
        (r#"{"model":"claude-x"}"#, Some(9), r#"{"model":"claude-x","max_tokens":9}"#),
        (r#"{"model":"claude-x"}"#, None, r#"{"model":"claude-x"}"#),
        (
            r#"{"session_id":"s","model":"claude-x","tollgate":{},"cache":{"ttl":1},"metadata":{"user_id":"u","tags":["t"]}}"#,
            None,
            r#"{"model":"claude-x","metadata":{"user_id":"u"}}"#,
        ),
        (
            r#"{"model":"claude-x","max_tokens":9000,"thinking":{"type":"enabled","budget_tokens":8000,"display":"omitted"}}"#,
            Some(4000),
            r#"{"model":"claude-x","max_tokens":4000,"thinking":{"type":"enabled","budget_tokens":3999,"display":"omitted"}}"#,
        ),
        (
            r#"{"model":"claude-x","max_tokens":9000,"thinking":{"type":"enabled","budget_tokens":2000}}"#,
            Some(4000),
            r#"{"model":"claude-x","max_tokens":4000,"thinking":{"type":"enabled","budget_tokens":2000}}"#,
        ),
        (
            r#"{"model":"claude-x","max_tokens":9000,"thinking":{"type":"enabled","budget_tokens":8000}}"#,
            Some(1000),
            r#"{"model":"claude-x","max_tokens":1000,"thinking":{"type":"disabled"}}"#,
        ),
    ] {
        assert_eq!(rewritten(before, limit), after, "{before}");
    }
}

#[test]
fn an_answer_is_the_providers_own_bytes_but_for_the_model_shown() {
    let body = Bytes::from(PLAIN);
    let reply = rewrite_reply(&body, &context(None)).unwrap();
    assert_eq!(reply.body.as_ptr(), body.as_ptr());
    assert_eq!(reply.facts.model.as_deref(), Some("claude-x-2026"));
    assert_eq!(reply.facts.usage.unwrap().meters.input_tokens(), 445);
    let shown = rewrite_reply(&body, &context(Some("fast"))).unwrap().body;
    assert_eq!(shown, PLAIN.replace("claude-x-2026", "fast"));
}

#[test]
fn what_is_new_in_an_answer_survives_and_what_is_no_answer_is_told() {
    let new = r#"{"model":"m","content":[{"type":"hologram","text":{"deep":1}},{"type":"text","text":"a"}],"stop_reason":"levitation","usage":{"input_tokens":1,"output_tokens":2,"x":[]}}"#;
    let reply = rewrite_reply(&Bytes::from(new), &context(None)).unwrap();
    assert_eq!((reply.body, reply.facts.output.bytes), (Bytes::from(new), 1));
    let error = r#"{"type":"error","error":{"type":"overloaded_error","message":"busy"}}"#;
    let told = rewrite_reply(&Bytes::from(error), &context(None));
    assert!(matches!(told, Err(ReplyError::Upstream(e)) if e.status == 529));
    for junk in ["", "<html>", "{}", "[]", "\u{0}"] {
        let told = rewrite_reply(&Bytes::from(junk), &context(None));
        assert!(matches!(told, Err(ReplyError::Garbage(_))), "{junk}");
    }
}

/// What comes out of a native stream in pieces, and what was learnt.
fn streamed(
    stream: &str,
    context: ReplyContext,
    piece: usize,
) -> (String, Option<StreamError>, Facts) {
    let mut transcoder = StreamTranscoder::new(ANTHROPIC, ANTHROPIC, context);
    let mut out = Vec::new();
    let mut error = None;
    for chunk in stream.as_bytes().chunks(piece) {
        match transcoder.push(&Bytes::copy_from_slice(chunk)) {
            Ok(bytes) => out.extend_from_slice(&bytes),
            Err(told) => error = Some(told),
        }
    }
    match transcoder.finish() {
        Ok(bytes) => out.extend_from_slice(&bytes),
        Err(told) => error = Some(told),
    }
    (String::from_utf8(out).unwrap(), error, transcoder.facts().clone())
}

#[test]
fn a_stream_passes_to_the_letter_but_for_the_model_shown() {
    let plain = rewrite_reply(&Bytes::from(PLAIN), &context(None)).unwrap().facts;
    for piece in [1, 11, STREAM.len()] {
        let (out, error, facts) = streamed(STREAM, context(None), piece);
        assert_eq!((out.as_str(), error), (STREAM, None));
        assert_eq!(facts, plain, "a stream tells what its plain answer tells");
        let (out, ..) = streamed(STREAM, context(Some("fast")), piece);
        assert_eq!(out, STREAM.replace("claude-x-2026", "fast"));
    }
}

#[test]
fn events_yet_unknown_pass_and_what_is_no_event_ends_the_stream() {
    let new = "event: hologram\ndata: {\"type\":\"hologram\",\"delta\":\"not an object\"}\n\n";
    let end = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    let (out, error, _) = streamed(&format!("{new}: note\n\n{end}"), context(Some("fast")), 5);
    assert_eq!((out, error), (format!("{new}: note\n\n{end}"), None));
    for junk in ["data: <html>\n\n", "data: 7\n\n", "data: {\"a\n\n"] {
        let (_, error, _) = streamed(junk, context(None), 5);
        assert!(matches!(error, Some(StreamError::Garbage(_))), "{junk}");
    }
    let told = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}\n\n";
    let (out, error, _) = streamed(told, context(None), 5);
    assert!(out.is_empty() && matches!(error, Some(StreamError::Upstream(e)) if e.status == 529));
}

#[test]
fn the_latest_report_of_usage_counts_and_none_is_added_to_another() {
    let stream = concat!(
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":60385,\"output_tokens\":1,\"service_tier\":\"standard\",\"speed\":\"fast\"}}}\n\n",
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{},\"usage\":{\"output_tokens\":4}}\n\n",
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"input_tokens\":612,\"output_tokens\":9}}\n\n",
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    );
    let usage = streamed(stream, context(None), 64).2.usage.unwrap();
    assert_eq!((usage.meters.input_tokens(), usage.meters.output_tokens()), (612, 9));
    assert_eq!(usage.speed.as_deref(), Some("fast"));
}

proptest! {
    #[test]
    fn unknown_fields_survive_in_order_and_to_the_letter(
        fields in proptest::collection::vec(("x_[a-z]{1,6}", "[ ]{0,2}(1\\.0|-0|1e5|\"\\\\u00e9\\\\n\"|\\[ 1 ,2\\]|null|\\{\"a\":\\{\\}\\})"), 0..6),
        at in 0_usize..6,
    ) {
        let mut members: Vec<String> = fields.iter().enumerate().map(|(i, (k, v))| format!("\"{k}{i}\":{v}")).collect();
        let model = at.min(members.len());
        members.insert(model, "\"model\": \"alias\"".to_owned());
        let body = format!("{{{}}}", members.join(" , "));
        let out = rewritten(&body, None);
        prop_assert!(serde_json::from_str::<Value>(&out).is_ok());
        prop_assert_eq!(out, body.replace("alias", "claude-x"));
    }

    #[test]
    fn any_cut_gives_the_same_bytes_and_facts(cut in 1_usize..200, end in 0_usize..4000, shown in any::<bool>()) {
        let stream = &STREAM[..STREAM.floor_char_boundary(end.min(STREAM.len()))];
        let context = context(shown.then_some("fast"));
        let whole = streamed(stream, context.clone(), stream.len().max(1));
        prop_assert_eq!(streamed(stream, context, cut), whole);
    }

    #[test]
    fn no_bytes_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let target = Target { dialect: ANTHROPIC, model: "m", max_output_tokens: Some(1), drop_params: false };
        let _ = rewrite_request(&Bytes::from(body.clone()), &target);
        let _ = rewrite_reply(&Bytes::from(body), &context(Some("m")));
    }
}
