//! The laws of this dialect's answers: cuts do not matter, a stream says what the plain answer says,
//! what is written reads back, nothing panics.

use std::sync::Arc;

use bytes::Bytes;
use events::{Dialect, FinishReason, Meter};
use proptest::prelude::*;
use serde_json::{Value, json};
use units::Usd;

use crate::chat::StreamEvent;
use crate::dispatch::transcode_reply;
use crate::error::StreamError;
use crate::reply::{Facts, ReplyContext, Usage};
use crate::stream::StreamTranscoder;
use crate::wire::StreamEncoder;

use super::encode_stream::ResponseEncoder;

const CHAT: Dialect = Dialect::OpenaiChat;
const ANTHROPIC: Dialect = Dialect::AnthropicMessages;
const RESPONSES: Dialect = Dialect::OpenaiResponses;
const STREAM: &str = include_str!("../../fixtures/responses_stream.sse");
const PLAIN: &str = include_str!("../../fixtures/responses_plain.json");
const ANTHROPIC_STREAM: &str = include_str!("../../fixtures/anthropic_stream.sse");
const ANTHROPIC_PLAIN: &str = include_str!("../../fixtures/anthropic_plain.json");
const CHAT_STREAM: &str = include_str!("../../fixtures/openai_stream.sse");

fn context() -> ReplyContext {
    ReplyContext {
        created_unix_s: 1_790_000_000,
        cost: Arc::new(|usage: &Usage| {
            Some(Usd::from_pico(i128::from(usage.meters.output_tokens())))
        }),
        ..ReplyContext::unpriced()
    }
}

/// What comes out, the error it ended in, and what was learnt, when fed in pieces of a size.
fn run(
    from: Dialect,
    to: Dialect,
    stream: &[u8],
    piece: usize,
) -> (String, Option<StreamError>, Facts) {
    let mut transcoder = StreamTranscoder::new(from, to, context());
    let (mut out, mut error) = (Vec::new(), None);
    let pieces =
        stream.chunks(piece.max(1)).map(|piece| transcoder.push(&Bytes::copy_from_slice(piece)));
    for given in pieces.collect::<Vec<_>>() {
        match given {
            Ok(bytes) => out.extend_from_slice(&bytes),
            Err(e) => error = error.or(Some(e)),
        }
    }
    match transcoder.finish() {
        Ok(bytes) => out.extend_from_slice(&bytes),
        Err(e) => error = error.or(Some(e)),
    }
    (String::from_utf8_lossy(&out).into_owned(), error, transcoder.facts().clone())
}

/// The data of every event, checked to be numbered and named as it is.
fn events(stream: &str) -> Vec<Value> {
    let mut events = Vec::new();
    for raw in stream.split_terminator("\n\n").filter(|raw| !raw.starts_with(':')) {
        let (name, data) = raw.split_once('\n').unwrap();
        let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(name.strip_prefix("event: "), data["type"].as_str());
        assert_eq!(data["sequence_number"], events.len());
        events.push(data);
    }
    events
}

fn plain(from: Dialect, to: Dialect, body: &str) -> (Value, Facts) {
    let reply = transcode_reply(from, to, &Bytes::from(body.to_owned()), &context()).unwrap();
    (serde_json::from_slice(&reply.body).unwrap(), reply.facts)
}

#[test]
fn a_native_stream_passes_to_the_letter_but_for_its_cost() {
    let (out, error, facts) = run(RESPONSES, RESPONSES, STREAM.as_bytes(), usize::MAX);
    let last = r#""total_tokens":240"#;
    let expected = STREAM.replace(last, &format!("{last},\"cost\":{}", Usd::from_pico(90)));
    assert_eq!((out, error), (expected, None));
    let usage = facts.usage.unwrap();
    assert_eq!((usage.meters.input_tokens(), usage.meters.output_tokens()), (150, 90));
    assert_eq!(usage.meters.get(Meter::WebSearch), 1);
    assert_eq!(usage.service_tier.as_deref(), Some("flex"));
    assert_eq!(facts.finish_reason, Some(FinishReason::ToolCalls));
    assert_eq!(facts.id.as_deref(), Some("resp_fixture"));
}

#[test]
fn a_stream_and_a_plain_answer_say_the_same_to_a_client_of_chat() {
    let (message, facts) = plain(RESPONSES, CHAT, PLAIN);
    let message = &message["choices"][0]["message"];
    let (out, error, streamed) = run(RESPONSES, CHAT, STREAM.as_bytes(), usize::MAX);
    assert_eq!(error, None);
    let chunks: Vec<Value> = out
        .split("\n\n")
        .filter_map(|event| serde_json::from_str(event.strip_prefix("data: ")?).ok())
        .collect();
    let joined = |pointer: &str| -> String {
        chunks.iter().filter_map(|chunk| chunk.pointer(pointer)?.as_str()).collect()
    };
    assert_eq!(joined("/choices/0/delta/content"), message["content"].as_str().unwrap());
    let reasoning = joined("/choices/0/delta/reasoning_content");
    assert_eq!(reasoning, message["reasoning_content"].as_str().unwrap());
    assert_eq!(
        reasoning,
        "**Looking it up**\n\nThe user wants the weather.\n\nTwo cities at once."
    );
    let seal = joined("/choices/0/delta/thinking_blocks/0/signature");
    assert_eq!(seal, "responses:rs_1:gAAAAABfixture");
    assert_eq!(message["thinking_blocks"][0]["signature"], seal);
    let names = joined("/choices/0/delta/tool_calls/0/function/name");
    assert_eq!(names, "weatherclock");
    let arguments = joined("/choices/0/delta/tool_calls/0/function/arguments");
    assert_eq!(arguments, "{\"city\":\"Köln\"}{}");
    assert_eq!(message["tool_calls"][1]["function"], json!({"name": "clock", "arguments": "{}"}));
    assert_eq!((&streamed.usage, streamed.finish_reason), (&facts.usage, facts.finish_reason));
    assert_eq!(streamed.output.bytes, facts.output.bytes);
}

/// An output without what a stream and a plain answer may name differently.
fn said(output: &Value) -> Value {
    let mut output = output.clone();
    for item in output.as_array_mut().unwrap() {
        item.as_object_mut().unwrap().remove("id");
    }
    output
}

#[test]
fn a_translated_stream_ends_in_the_plain_answer_and_every_event_is_consistent() {
    let (reply, _) = plain(ANTHROPIC, RESPONSES, ANTHROPIC_PLAIN);
    let (out, error, facts) = run(ANTHROPIC, RESPONSES, ANTHROPIC_STREAM.as_bytes(), usize::MAX);
    assert_eq!(error, None);
    let events = events(&out);
    let kinds: Vec<&str> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds[..2], ["response.created", "response.in_progress"]);
    assert_eq!(kinds.last(), Some(&"response.completed"));
    let last = &events.last().unwrap()["response"];
    assert_eq!(said(&last["output"]), said(&reply["output"]));
    assert_eq!(last["usage"], reply["usage"]);
    assert_eq!(last["status"], "completed");
    let usage = facts.usage.unwrap();
    assert_eq!(last["usage"]["input_tokens"], usage.meters.input_tokens());
    check_items(&events, last["output"].as_array().unwrap());
}

/// Every item is opened, told in pieces that make it up, and closed at its place.
fn check_items(events: &[Value], output: &[Value]) {
    let at = |kind: &str, index: usize| -> Vec<&Value> {
        let of = |event: &&Value| event["type"] == kind && event["output_index"] == index;
        events.iter().filter(of).collect()
    };
    for (index, item) in output.iter().enumerate() {
        let added = at("response.output_item.added", index);
        assert_eq!(added.len(), 1);
        assert_eq!(added[0]["item"]["id"], item["id"]);
        assert_eq!(added[0]["item"]["type"], item["type"]);
        let done = at("response.output_item.done", index);
        assert_eq!((done.len(), &done[0]["item"]), (1, item));
        let deltas = |kind: &str| -> String {
            let pieces = at(&format!("response.{kind}.delta"), index);
            pieces.iter().map(|event| event["delta"].as_str().unwrap()).collect()
        };
        match item["type"].as_str().unwrap() {
            "message" => assert_eq!(deltas("output_text"), item["content"][0]["text"]),
            "function_call" => assert_eq!(deltas("function_call_arguments"), item["arguments"]),
            "reasoning" => {
                let summary = item["summary"][0]["text"].as_str().unwrap_or_default();
                assert_eq!(deltas("reasoning_summary_text"), summary);
            }
            other => panic!("{other}"),
        }
    }
}

/// The events for neutral steps.
fn encoded(steps: &[StreamEvent<'_>], facts: &Facts) -> Vec<Value> {
    let mut encoder = ResponseEncoder::new(context());
    let mut out = Vec::new();
    for step in steps {
        encoder.encode(step, facts, &mut out);
    }
    events(std::str::from_utf8(&out).unwrap())
}

fn call(index: u32, signature: Option<&'static str>) -> StreamEvent<'static> {
    StreamEvent::ToolCall {
        index,
        id: format!("call_{index}").into(),
        name: "f".into(),
        signature: signature.map(Into::into),
    }
}

#[test]
fn arguments_of_several_calls_may_arrive_in_turns() {
    let piece = |index, json: &'static str| StreamEvent::ToolArguments { index, json: json.into() };
    let facts = Facts { id: Some("x".into()), ..Facts::default() };
    let events = encoded(
        &[
            StreamEvent::KeepAlive,
            StreamEvent::Text("a".into()),
            call(0, None),
            piece(0, "{\"a\""),
            call(1, Some("c2ln")),
            piece(1, "{}"),
            StreamEvent::RedactedThinking("secret".into()),
            StreamEvent::Text("b".into()),
            StreamEvent::Finish,
            StreamEvent::Done,
        ],
        &facts,
    );
    let output = events.last().unwrap()["response"]["output"].as_array().unwrap().clone();
    check_items(&events, &output);
    let kinds: Vec<_> = output
        .iter()
        .map(|item| {
            let seal = item["encrypted_content"].as_str();
            (item["type"].as_str().unwrap(), seal.or(item["arguments"].as_str()).unwrap_or(""))
        })
        .collect();
    assert_eq!(
        kinds,
        [
            ("message", ""),
            ("function_call", "{\"a\""),
            ("reasoning", "tollgate.call:c2ln"),
            ("function_call", "{}"),
            ("reasoning", "tollgate.redacted:secret"),
            ("message", ""),
        ]
    );
    let turns = encoded(&[call(0, None), call(1, None), piece(0, "{"), piece(1, "[")], &facts);
    let at: Vec<_> = turns.iter().filter_map(|event| event["output_index"].as_u64()).collect();
    assert_eq!(at, [0, 1, 0, 1]);
}

#[test]
fn an_answer_cut_by_its_limit_or_a_filter_is_incomplete_and_a_failed_one_failed() {
    for (reason, status, detail) in [
        (FinishReason::Stop, "completed", Value::Null),
        (FinishReason::ToolCalls, "completed", Value::Null),
        (FinishReason::Length, "incomplete", json!({"reason": "max_output_tokens"})),
        (FinishReason::ContentFilter, "incomplete", json!({"reason": "content_filter"})),
        (FinishReason::Error, "failed", Value::Null),
    ] {
        let facts = Facts { finish_reason: Some(reason), ..Facts::default() };
        let events = encoded(&[StreamEvent::Text("a".into()), StreamEvent::Done], &facts);
        let last = events.last().unwrap();
        assert_eq!(last["type"], format!("response.{status}"));
        let response = &last["response"];
        assert_eq!(
            (&response["status"], &response["incomplete_details"]),
            (&json!(status), &detail)
        );
        assert_eq!(response["error"].is_object(), status == "failed");
    }
}

#[test]
fn a_failed_stream_keeps_its_status_and_words() {
    let failed = "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\"}}\n\nevent: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"id\":\"resp_1\",\"status\":\"failed\",\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":\"slow down\"},\"output\":[],\"usage\":{\"input_tokens\":7,\"output_tokens\":0}}}\n\n";
    let error = "event: error\ndata: {\"type\":\"error\",\"code\":\"rate_limit_exceeded\",\"message\":\"slow down\",\"param\":null,\"sequence_number\":0}\n\n";
    for (stream, to) in [(failed, RESPONSES), (failed, CHAT), (error, RESPONSES), (error, CHAT)] {
        let (_, told, facts) = run(RESPONSES, to, stream.as_bytes(), usize::MAX);
        let Some(StreamError::Upstream(told)) = told else { panic!("{told:?}") };
        assert_eq!((told.status, told.message.as_str()), (429, "slow down"));
        assert_eq!(facts.usage.is_some(), stream == failed);
    }
}

#[test]
fn a_stream_that_ends_early_is_cut() {
    let half = STREAM.find("event: response.completed").unwrap();
    for to in [RESPONSES, CHAT] {
        let (_, error, facts) = run(RESPONSES, to, &STREAM.as_bytes()[..half], usize::MAX);
        assert_eq!(error, Some(StreamError::Cut));
        assert!(facts.usage.is_none() && facts.estimated_output_tokens() > 10);
    }
}

#[test]
fn a_picture_in_one_event_is_not_too_large() {
    let picture = "A".repeat(3 << 20);
    let stream = STREAM.replacen(
        "event: response.output_item.added",
        &format!("event: response.image_generation_call.partial_image\ndata: {{\"type\":\"response.image_generation_call.partial_image\",\"partial_image_b64\":\"{picture}\"}}\n\nevent: response.output_item.added"),
        1,
    );
    let (out, error, _) = run(RESPONSES, RESPONSES, stream.as_bytes(), 64 << 10);
    assert_eq!((error, out.contains(&picture)), (None, true));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn cuts_do_not_matter(piece in 1_usize..700) {
        for (from, to, stream) in [
            (RESPONSES, RESPONSES, STREAM),
            (RESPONSES, CHAT, STREAM),
            (ANTHROPIC, RESPONSES, ANTHROPIC_STREAM),
            (CHAT, RESPONSES, CHAT_STREAM),
        ] {
            prop_assert_eq!(run(from, to, stream.as_bytes(), piece), run(from, to, stream.as_bytes(), usize::MAX));
        }
    }

    #[test]
    fn no_bytes_panic(mut stream in Just(STREAM.as_bytes().to_vec()), at in 0_usize..9_000, byte in any::<u8>()) {
        let at = at % stream.len();
        stream[at] = byte;
        for to in [RESPONSES, CHAT] {
            run(RESPONSES, to, &stream, 512);
        }
        let mut plain = PLAIN.as_bytes().to_vec();
        let at = at % plain.len();
        plain[at] = byte;
        for to in [RESPONSES, CHAT] {
            let _ = transcode_reply(RESPONSES, to, &Bytes::from(plain.clone()), &context());
        }
    }
}
