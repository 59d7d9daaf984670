//! The laws of streams: cuts do not matter, usage is that of the plain answer, nothing panics.

use std::sync::Arc;

use bytes::Bytes;
use events::{Dialect, FinishReason};
use proptest::prelude::*;
use serde_json::{Value, json};
use units::Usd;

use super::*;
use crate::dispatch::transcode_reply;
use crate::reply::Usage;

const OPENAI: Dialect = Dialect::OpenaiChat;
const ANTHROPIC: Dialect = Dialect::AnthropicMessages;
const OPENAI_STREAM: &str = include_str!("../../fixtures/openai_stream.sse");
const OPENAI_PLAIN: &str = include_str!("../../fixtures/openai_plain.json");
const ANTHROPIC_STREAM: &str = include_str!("../../fixtures/anthropic_stream.sse");
const ANTHROPIC_PLAIN: &str = include_str!("../../fixtures/anthropic_plain.json");

fn context(wants_usage: bool) -> ReplyContext {
    ReplyContext {
        wants_usage,
        created_unix_s: 1_790_000_000,
        cost: Arc::new(|usage: &Usage| {
            Some(Usd::from_pico(i128::from(usage.meters.output_tokens()) * 1_000_001))
        }),
        ..ReplyContext::unpriced()
    }
}

/// What comes out, the error it ended in, and what was learnt, when fed piece by piece.
fn run<'a>(
    from: Dialect,
    context: ReplyContext,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<u8>, Option<StreamError>, Facts) {
    let mut transcoder = StreamTranscoder::new(from, OPENAI, context);
    let mut out = Vec::new();
    for piece in pieces {
        match transcoder.push(&Bytes::copy_from_slice(piece)) {
            Ok(bytes) => out.extend_from_slice(&bytes),
            Err(error) => return (out, Some(error), transcoder.facts().clone()),
        }
    }
    let end = transcoder.finish();
    let error = match end {
        Ok(bytes) => {
            out.extend_from_slice(&bytes);
            None
        }
        Err(error) => Some(error),
    };
    (out, error, transcoder.facts().clone())
}

fn whole(
    from: Dialect,
    context: ReplyContext,
    stream: &str,
) -> (String, Option<StreamError>, Facts) {
    let (out, error, facts) = run(from, context, [stream.as_bytes()]);
    (String::from_utf8(out).unwrap(), error, facts)
}

/// The chunks of a stream for the client, as JSON.
fn chunks(stream: &str) -> Vec<Value> {
    let data = stream.split("\n\n").filter_map(|event| event.strip_prefix("data: "));
    data.filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).unwrap()).collect()
}

#[test]
fn a_native_stream_passes_to_the_letter_and_hides_usage_nobody_asked_for() {
    let (out, error, facts) = whole(OPENAI, context(false), OPENAI_STREAM);
    let usage_chunk = OPENAI_STREAM.split_inclusive("\n\n").find(|e| e.contains("\"choices\":[]"));
    let opening_comment = ": PROCESSING\n\n";
    let expected = OPENAI_STREAM.replacen(opening_comment, "", 1).replace(usage_chunk.unwrap(), "");
    assert_eq!((out, error), (expected, None));
    assert_eq!(facts.usage.unwrap().meters.input_tokens(), 53);
}

#[test]
fn a_native_stream_tells_usage_with_its_cost_when_asked() {
    let (out, _, _) = whole(OPENAI, context(true), OPENAI_STREAM);
    let expected = OPENAI_STREAM
        .replacen(": PROCESSING\n\n", "", 1)
        .replace("\"reasoning_tokens\":4}}", "\"reasoning_tokens\":4},\"cost\":0.000015000015}");
    assert_eq!(out, expected);
}

#[test]
fn a_transcoder_may_move_between_threads() {
    fn is_shareable<T: Send + Sync>() {}
    is_shareable::<StreamTranscoder>();
}

#[test]
fn whole_events_are_forwarded_without_a_copy() {
    let unpriced = ReplyContext { cost: Arc::new(|_| None), ..context(true) };
    let mut transcoder = StreamTranscoder::new(OPENAI, OPENAI, unpriced);
    let body = OPENAI_STREAM.split_once("\n\n").unwrap().1;
    let chunk = Bytes::from_static(body.as_bytes());
    assert_eq!(transcoder.push(&chunk).unwrap().as_ptr(), chunk.as_ptr());
}

#[test]
fn the_model_shown_is_the_one_asked_for() {
    let shown = ReplyContext { model_shown: Some("fast".into()), ..context(false) };
    let (out, _, facts) = whole(OPENAI, shown.clone(), OPENAI_STREAM);
    assert!(out.contains(r#""model":"fast""#) && !out.contains("gpt-x"));
    assert!(out.contains(r#""x_unknown":{"kept": 1.0}"#));
    assert_eq!(facts.model.as_deref(), Some("gpt-x-2026-01-01"));
    let (out, _, facts) = whole(ANTHROPIC, shown, ANTHROPIC_STREAM);
    assert!(out.contains(r#""model":"fast""#) && !out.contains("claude-x"));
    assert_eq!(facts.model.as_deref(), Some("claude-x-2026"));
}

#[test]
fn a_translated_stream_says_everything_in_chunks() {
    let (out, error, facts) = whole(ANTHROPIC, context(true), ANTHROPIC_STREAM);
    assert_eq!(error, None);
    assert!(out.ends_with("data: [DONE]\n\n"));
    let chunks = chunks(&out);
    let deltas: Vec<&Value> = chunks.iter().map(|chunk| &chunk["choices"][0]["delta"]).collect();
    let call =
        |index: u32, member: Value| json!({"tool_calls": [{"index": index, "function": member}]});
    let started = |index: u32, id: &str, name: &str| json!({"tool_calls": [{"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": ""}}]});
    assert_eq!(
        deltas,
        [
            &json!({"role": "assistant", "content": ""}),
            &json!({"reasoning_content": "They ask."}),
            &json!({"thinking_blocks": [{"index": 0, "type": "thinking", "thinking": "", "signature": "c2ln"}]}),
            &json!({"thinking_blocks": [{"index": 1, "type": "redacted_thinking", "data": "b3BhcXVl"}]}),
            &json!({"content": "Zwölf é"}),
            &started(0, "toolu_1", "capital"),
            &call(0, json!({"arguments": "{\"of\":"})),
            &call(0, json!({"arguments": "\"UK\"}"})),
            &started(1, "toolu_2", "now"),
            &call(1, json!({"arguments": "{}"})),
            &json!({}),
            &Value::Null,
        ]
    );
    let finish = &chunks[10]["choices"][0];
    assert_eq!(
        (&finish["finish_reason"], &finish["native_finish_reason"]),
        (&json!("tool_calls"), &json!("tool_use"))
    );
    assert!(chunks.iter().all(|c| c["id"] == "msg_f1"
        && c["model"] == "claude-x-2026"
        && c["created"] == 1_790_000_000));
    assert!(out.contains(r#""prompt_tokens":445,"completion_tokens":50,"total_tokens":495"#));
    assert!(
        out.contains(r#""cached_tokens":400,"cache_write_tokens":30"#)
            && out.contains(r#""cost":0.00005000005}"#)
    );
    assert_eq!(facts.finish_reason, Some(FinishReason::ToolCalls));
}

#[test]
fn a_translated_stream_hides_usage_nobody_asked_for() {
    let (out, _, facts) = whole(ANTHROPIC, context(false), ANTHROPIC_STREAM);
    assert!(!out.contains("usage") && out.ends_with("data: [DONE]\n\n"));
    assert!(facts.usage.is_some() && !facts.is_usage_partial);
}

#[test]
fn streamed_and_plain_answers_tell_the_same() {
    for (dialect, stream, plain) in
        [(OPENAI, OPENAI_STREAM, OPENAI_PLAIN), (ANTHROPIC, ANTHROPIC_STREAM, ANTHROPIC_PLAIN)]
    {
        let (_, _, streamed) = whole(dialect, context(true), stream);
        let plain = transcode_reply(dialect, OPENAI, &Bytes::from(plain), &context(true)).unwrap();
        assert_eq!(streamed, plain.facts, "{dialect}");
    }
}

#[test]
fn a_plain_answer_is_translated_whole() {
    let reply =
        transcode_reply(ANTHROPIC, OPENAI, &Bytes::from(ANTHROPIC_PLAIN), &context(true)).unwrap();
    let body: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(
        body["choices"][0]["message"],
        json!({"role": "assistant", "content": "Zwölf é", "refusal": null, "reasoning_content": "They ask.",
            "thinking_blocks": [{"type": "thinking", "thinking": "They ask.", "signature": "c2ln"}, {"type": "redacted_thinking", "data": "b3BhcXVl"}],
            "tool_calls": [{"id": "toolu_1", "type": "function", "function": {"name": "capital", "arguments": "{\"of\":\"UK\"}"}},
                {"id": "toolu_2", "type": "function", "function": {"name": "now", "arguments": "{}"}}]})
    );
    assert_eq!(body["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(body["object"], "chat.completion");
    assert_eq!(body["service_tier"], "priority");
    let text = std::str::from_utf8(&reply.body).unwrap();
    assert!(text.contains(r#""cost":0.00005000005"#), "{text}");
}

#[test]
fn an_error_as_the_first_event_comes_before_any_byte() {
    for (dialect, stream, status) in [
        (OPENAI, ": hello\n\ndata: {\"error\":{\"message\":\"busy\",\"code\":429}}\n\n", 429),
        (OPENAI, "event: error\ndata: {\"message\":\"busy\"}\n\n", 500),
        (
            ANTHROPIC,
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}\n\n",
            529,
        ),
    ] {
        let (out, error, _) = whole(dialect, context(true), stream);
        assert_eq!(out, "");
        let Some(StreamError::Upstream(error)) = error else { panic!("{error:?}") };
        assert_eq!((error.status, error.message.as_str()), (status, "busy"));
    }
    // A start alone commits to nothing: the error after it can still be tried elsewhere.
    let start = ANTHROPIC_STREAM.split_inclusive("\n\n").take(2).collect::<String>();
    let stream = start
        + "data: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"m\"}}\n\n";
    let (out, error, _) = whole(ANTHROPIC, context(true), &stream);
    assert_eq!(out, "");
    assert!(matches!(error, Some(StreamError::Upstream(_))));
}

#[test]
fn what_precedes_an_error_in_one_chunk_goes_out_before_it() {
    let good = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
    let stream = format!("{good}data: {{\"error\":\"gone\"}}\n\n");
    let mut transcoder = StreamTranscoder::new(OPENAI, OPENAI, context(true));
    assert_eq!(transcoder.push(&Bytes::from(stream)).unwrap(), good);
    assert!(transcoder.failure().is_some());
    let error = transcoder.push(&Bytes::from_static(b"data: [DONE]\n\n"));
    assert!(matches!(&error, Err(StreamError::Upstream(e)) if e.message == "gone"));
    assert_eq!(transcoder.finish().err(), error.err());
}

#[test]
fn a_stream_that_just_ends_is_cut() {
    for (dialect, stream) in [(OPENAI, OPENAI_STREAM), (ANTHROPIC, ANTHROPIC_STREAM)] {
        let last = stream.trim_end().rfind("\n\n").unwrap() + 2;
        for end in [0, 1, last / 2, last] {
            let end = stream.floor_char_boundary(end);
            let (_, error, _) = whole(dialect, context(true), &stream[..end]);
            assert_eq!(error, Some(StreamError::Cut), "{dialect} at {end}");
        }
        let (out, error, _) = whole(dialect, context(true), stream.trim_end());
        assert_eq!(error, None, "the end stands for the last blank line");
        assert!(out.ends_with("data: [DONE]\n\n"));
    }
}

#[test]
fn what_follows_the_end_is_ignored() {
    let (out, error, _) = whole(OPENAI, context(true), "data: [DONE]\n\ndata: oops\n\n");
    assert_eq!((out.as_str(), error), ("data: [DONE]\n\n", None));
}

#[test]
fn data_that_is_no_json_is_garbage_and_an_endless_event_is_refused() {
    for dialect in [OPENAI, ANTHROPIC] {
        for stream in ["data: <html>\n\n", "data: 7\n\n", "data: \u{0}\n\n"] {
            let (_, error, _) = whole(dialect, context(true), stream);
            assert!(matches!(error, Some(StreamError::Garbage(_))), "{dialect} {stream:?}");
        }
        let endless = "data: ".to_owned() + &"x".repeat(EVENT_BYTES_MAX);
        for piece in [1 << 14, endless.len()] {
            let (_, error, _) = run(dialect, context(true), endless.as_bytes().chunks(piece));
            assert_eq!(error, Some(StreamError::TooLarge { limit_bytes: EVENT_BYTES_MAX }));
        }
    }
}

#[test]
fn usage_on_the_last_content_chunk_is_read_and_hidden_without_losing_the_chunk() {
    let stream = "data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":4,\"completion_tokens\":1,\"total_tokens\":5}}\n\ndata: [DONE]\n\n";
    let (out, _, facts) = whole(OPENAI, context(false), stream);
    assert_eq!(
        out,
        "data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"
    );
    assert_eq!(facts.usage.unwrap().meters.input_tokens(), 4);
}

#[test]
fn usage_told_twice_counts_once() {
    let chunk = |members: &str| format!("data: {{\"choices\":[]{members}}}\n\n");
    let copy = |n: u32| {
        format!(
            ",\"x_groq\":{{\"usage\":{{\"prompt_tokens\":{n},\"completion_tokens\":1,\"total_tokens\":{}}}}}",
            n + 1
        )
    };
    let proper = |n: u32| {
        format!(
            ",\"usage\":{{\"prompt_tokens\":{n},\"completion_tokens\":1,\"total_tokens\":{}}}",
            n + 1
        )
    };
    for (stream, tokens) in [
        (chunk(&(proper(7) + &copy(7))), 7),
        (chunk(&copy(7)), 7),
        (chunk(&copy(7)) + &chunk(&proper(8)), 8),
        (chunk(&proper(8)) + &chunk(&copy(7)), 8),
        (chunk(&proper(8)) + &chunk(&proper(9)), 9),
    ] {
        let (_, _, facts) = whole(OPENAI, context(true), &(stream.clone() + "data: [DONE]\n\n"));
        assert_eq!(facts.usage.unwrap().meters.input_tokens(), tokens, "{stream}");
    }
}

#[test]
fn an_aborted_translated_stream_knows_that_its_usage_is_partial() {
    let begun = &ANTHROPIC_STREAM[..ANTHROPIC_STREAM.find("event: message_delta").unwrap()];
    let (_, error, facts) = whole(ANTHROPIC, context(true), begun);
    assert_eq!(error, Some(StreamError::Cut));
    let (usage, is_estimate) = facts.usage_to_bill(0);
    assert!(is_estimate && facts.is_usage_partial);
    assert_eq!(usage.meters.input_tokens(), 442);
    assert!(usage.meters.output_tokens() > 3);
}

/// Line ends and marks under which a stream means the same.
fn respelled(stream: &str, style: u8) -> Vec<u8> {
    let text = match style % 3 {
        0 => stream.to_owned(),
        1 => stream.replace('\n', "\r\n"),
        _ => stream.replace('\n', "\r"),
    };
    let bom: &[u8] = if style >= 3 { b"\xef\xbb\xbf" } else { b"" };
    [bom, text.as_bytes()].concat()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_cut_gives_the_same_bytes_and_facts(
        is_native in any::<bool>(),
        wants_usage in any::<bool>(),
        style in 0_u8..6,
        cuts in proptest::collection::vec(1_usize..90, 1..20),
        end in proptest::option::of(0_usize..5000),
    ) {
        let (dialect, stream) = if is_native { (OPENAI, OPENAI_STREAM) } else { (ANTHROPIC, ANTHROPIC_STREAM) };
        let mut stream = respelled(stream, style);
        stream.truncate(end.unwrap_or(stream.len()));
        let mut rest = &stream[..];
        let mut pieces = Vec::new();
        for cut in cuts.iter().cycle() {
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            pieces.push(piece);
            rest = after;
            if rest.is_empty() { break; }
        }
        let cut = run(dialect, context(wants_usage), pieces);
        prop_assert_eq!(run(dialect, context(wants_usage), [&stream[..]]), cut.clone());
        prop_assert_eq!(run(dialect, context(wants_usage), stream.chunks(1)), cut);
    }

    #[test]
    fn line_ends_and_marks_do_not_change_what_is_learnt(is_native in any::<bool>(), style in 0_u8..6) {
        let (dialect, stream) = if is_native { (OPENAI, OPENAI_STREAM) } else { (ANTHROPIC, ANTHROPIC_STREAM) };
        let (_, error, facts) = run(dialect, context(true), [&respelled(stream, style)[..]]);
        prop_assert_eq!(error, None);
        prop_assert_eq!(facts, whole(dialect, context(true), stream).2);
    }

    #[test]
    fn no_bytes_panic(
        is_native in any::<bool>(),
        pieces in proptest::collection::vec(prop_oneof![
            Just(b"data: ".to_vec()), Just(b"\n\n".to_vec()), Just(b"\r".to_vec()), Just(b"event: error\n".to_vec()),
            Just(b"{\"type\":\"content_block_delta\",\"delta\":{}}".to_vec()), Just(b"{\"choices\":[{\"delta\":{\"content\":[]}}],\"usage\":[]}".to_vec()),
            proptest::collection::vec(any::<u8>(), 0..20),
        ], 0..30),
    ) {
        let dialect = if is_native { OPENAI } else { ANTHROPIC };
        let _ = run(dialect, context(true), pieces.iter().map(Vec::as_slice));
    }
}
