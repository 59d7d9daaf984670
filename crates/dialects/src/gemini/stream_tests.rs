//! The laws of streams for this dialect, on both sides: cuts do not matter, usage is that of the plain
//! answer, nothing panics.

use std::sync::Arc;

use bytes::Bytes;
use events::{Dialect, FinishReason};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::dispatch::{encode_stream_error, transcode_reply};
use crate::error::{ErrorBody, StreamError};
use crate::event_array::EventArray;
use crate::reply::{Facts, ReplyContext};
use crate::stream::StreamTranscoder;

const OPENAI: Dialect = Dialect::OpenaiChat;
const ANTHROPIC: Dialect = Dialect::AnthropicMessages;
const GEMINI: Dialect = Dialect::GeminiGenerate;
const STREAM: &str = include_str!("../../fixtures/gemini_stream.sse");
const PLAIN: &str = include_str!("../../fixtures/gemini_plain.json");
const ANTHROPIC_STREAM: &str = include_str!("../../fixtures/anthropic_stream.sse");
const ANTHROPIC_PLAIN: &str = include_str!("../../fixtures/anthropic_plain.json");

fn context() -> ReplyContext {
    ReplyContext { cost: Arc::new(|_| None), ..ReplyContext::unpriced() }
}

fn run<'a>(
    (from, to): (Dialect, Dialect),
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<u8>, Option<StreamError>, Facts) {
    let mut transcoder = StreamTranscoder::new(from, to, context());
    let mut out = Vec::new();
    for piece in pieces {
        match transcoder.push(&Bytes::copy_from_slice(piece)) {
            Ok(bytes) => out.extend_from_slice(&bytes),
            Err(error) => return (out, Some(error), transcoder.facts().clone()),
        }
    }
    let error = match transcoder.finish() {
        Ok(bytes) => {
            out.extend_from_slice(&bytes);
            None
        }
        Err(error) => Some(error),
    };
    (out, error, transcoder.facts().clone())
}

fn whole(pair: (Dialect, Dialect), stream: &str) -> (String, Option<StreamError>, Facts) {
    let (out, error, facts) = run(pair, [stream.as_bytes()]);
    (String::from_utf8(out).unwrap(), error, facts)
}

fn events(stream: &str) -> Vec<Value> {
    let data = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).unwrap()).collect()
}

#[test]
fn a_native_stream_passes_to_the_letter() {
    let (out, error, facts) = whole((GEMINI, GEMINI), STREAM);
    assert_eq!((out.as_str(), error), (STREAM, None));
    let meters = facts.usage.unwrap().meters;
    let told: Vec<_> = meters.iter().map(|(meter, n)| (meter.as_str(), n)).collect();
    assert_eq!(
        told,
        [
            ("input.text", 42),
            ("input.tool", 3),
            ("cache_read.text", 400),
            ("output.text", 42),
            ("reasoning", 8),
            ("web_search", 2)
        ]
    );
}

#[test]
fn a_translated_stream_says_everything() {
    let (out, error, facts) = whole((GEMINI, OPENAI), STREAM);
    assert_eq!(error, None);
    assert!(out.ends_with("data: [DONE]\n\n"));
    let deltas: Vec<Value> =
        events(&out).iter().map(|chunk| chunk["choices"][0]["delta"].clone()).collect();
    assert_eq!(deltas[1], json!({"reasoning_content": "They ask."}));
    assert_eq!(deltas[2], json!({"content": "Zwölf é"}));
    assert_eq!(
        deltas[3]["tool_calls"][0],
        json!({"index": 0, "id": "call_0", "type": "function", "function": {"name": "capital", "arguments": ""},
            "extra_content": {"google": {"thought_signature": "c2ln"}}})
    );
    assert_eq!(deltas[4]["tool_calls"][0]["function"]["arguments"], r#"{"of":"UK"}"#);
    assert_eq!(deltas[5]["tool_calls"][0]["id"], "own");
    assert_eq!(deltas[6]["tool_calls"][0]["function"]["arguments"], "{}");
    assert_eq!(deltas[7]["thinking_blocks"][0]["signature"], "gemini:bGFzdA==");
    assert_eq!(facts.finish_reason, Some(FinishReason::ToolCalls));
    assert!(out.contains(r#""prompt_tokens":445,"completion_tokens":50"#));
}

#[test]
fn a_stream_of_another_provider_is_told_in_this_dialect() {
    let (out, error, _) = whole((ANTHROPIC, GEMINI), ANTHROPIC_STREAM);
    assert_eq!(error, None);
    let events = events(&out);
    let parts: Vec<&Value> =
        events.iter().map(|event| &event["candidates"][0]["content"]["parts"][0]).collect();
    assert_eq!(parts[0], &json!({"thought": true, "text": "They ask."}));
    assert_eq!(parts[1]["thought"], true);
    assert!(parts[1]["thoughtSignature"].is_string() && parts[2]["thoughtSignature"].is_string());
    assert_eq!(parts[3], &json!({"text": "Zwölf é"}));
    assert_eq!(
        parts[4],
        &json!({"functionCall": {"id": "toolu_1", "name": "capital", "args": {"of": "UK"}}})
    );
    assert_eq!(parts[5], &json!({"functionCall": {"id": "toolu_2", "name": "now", "args": {}}}));
    let last = events.last().unwrap();
    assert_eq!(last["candidates"][0]["finishReason"], "STOP");
    assert_eq!(last["usageMetadata"]["promptTokenCount"], 445);
    assert_eq!(last["usageMetadata"]["cachedContentTokenCount"], 400);
    assert!(events.iter().all(|event| event["modelVersion"] == "claude-x-2026"));
    let plain =
        transcode_reply(ANTHROPIC, GEMINI, &Bytes::from(ANTHROPIC_PLAIN), &context()).unwrap();
    let plain: Value = serde_json::from_slice(&plain.body).unwrap();
    assert_eq!(plain["usageMetadata"], last["usageMetadata"]);
    assert_eq!(plain["candidates"][0]["finishReason"], "STOP");
    let texts = plain["candidates"][0]["content"]["parts"].as_array().unwrap();
    assert_eq!((texts.len(), &texts[2]["text"]), (5, &json!("Zwölf é")));
}

#[test]
fn streamed_and_plain_answers_tell_the_same() {
    for client in [GEMINI, OPENAI] {
        let (_, _, streamed) = whole((GEMINI, client), STREAM);
        let plain = transcode_reply(GEMINI, client, &Bytes::from(PLAIN), &context()).unwrap();
        assert_eq!(streamed, plain.facts, "{client}");
    }
}

#[test]
fn a_stream_is_complete_when_it_ends_behind_its_reason_and_cut_before() {
    let at = STREAM.find("\r\n\r\n").unwrap() + 4;
    for client in [GEMINI, OPENAI] {
        for end in [0, 1, at] {
            let (_, error, facts) = whole((GEMINI, client), &STREAM[..end]);
            assert_eq!(error, Some(StreamError::Cut), "{client} at {end}");
            assert_eq!(facts.is_usage_partial, end == at);
        }
        let (_, error, facts) = whole((GEMINI, client), STREAM.trim_end());
        assert_eq!(error, None, "the end stands for the last blank line");
        assert!(!facts.is_usage_partial);
    }
    let (_, _, facts) = whole((GEMINI, OPENAI), &STREAM[..at]);
    let (usage, is_estimate) = facts.usage_to_bill(0);
    assert!(is_estimate && usage.meters.input_tokens() == 442);
}

#[test]
fn a_refused_prompt_is_told_before_the_end() {
    let stream = "data: {\"promptFeedback\":{\"blockReason\":\"SAFETY\"},\"usageMetadata\":{\"promptTokenCount\":4}}\r\n\r\n";
    let mut transcoder = StreamTranscoder::new(GEMINI, OPENAI, context());
    let first = transcoder.push(&Bytes::from(stream)).unwrap();
    assert!(std::str::from_utf8(&first).unwrap().contains("content_filter"));
    assert!(std::str::from_utf8(&transcoder.finish().unwrap()).unwrap().contains("[DONE]"));
}

#[test]
fn an_error_as_the_first_event_comes_before_any_byte() {
    let stream = "data: {\"error\":{\"code\":429,\"message\":\"busy\",\"status\":\"RESOURCE_EXHAUSTED\"}}\r\n\r\n";
    for client in [GEMINI, OPENAI] {
        let (out, error, _) = whole((GEMINI, client), stream);
        assert_eq!(out, "");
        let Some(StreamError::Upstream(error)) = error else { panic!("{error:?}") };
        assert_eq!((error.status, error.message.as_str()), (429, "busy"));
    }
}

#[test]
fn a_stream_and_its_error_make_one_array() {
    let (out, _, _) = whole((ANTHROPIC, GEMINI), ANTHROPIC_STREAM);
    let mut array = EventArray::default();
    let mut told = array.push(out.as_bytes()).to_vec();
    let error = ErrorBody { kind: "api_error".into(), message: "m".into(), ..ErrorBody::default() };
    told.extend_from_slice(&array.push(&encode_stream_error(GEMINI, &error)));
    told.extend_from_slice(&array.finish());
    let list: Vec<Value> = serde_json::from_slice(&told).unwrap();
    assert_eq!(list.len(), events(&out).len() + 1);
    assert_eq!(list.last().unwrap()["error"]["status"], "INTERNAL");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_cut_gives_the_same_bytes_and_facts(
        client in prop_oneof![Just(GEMINI), Just(OPENAI)],
        cuts in proptest::collection::vec(1_usize..90, 1..20),
        end in proptest::option::of(0_usize..2000),
    ) {
        let stream = &STREAM.as_bytes()[..end.unwrap_or(STREAM.len()).min(STREAM.len())];
        let mut rest = stream;
        let mut pieces = Vec::new();
        for cut in cuts.iter().cycle() {
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            pieces.push(piece);
            rest = after;
            if rest.is_empty() { break; }
        }
        let cut = run((GEMINI, client), pieces);
        prop_assert_eq!(run((GEMINI, client), [stream]), cut.clone());
        prop_assert_eq!(run((GEMINI, client), stream.chunks(1)), cut);
    }

    #[test]
    fn no_bytes_panic(
        client in prop_oneof![Just(GEMINI), Just(OPENAI)],
        pieces in proptest::collection::vec(prop_oneof![
            Just(b"data: ".to_vec()), Just(b"\r\n\r\n".to_vec()), Just(b"{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{}}]}}]}".to_vec()),
            Just(b"{\"candidates\":[{\"finishReason\":\"STOP\"}],\"usageMetadata\":[]}".to_vec()), Just(b"{\"promptFeedback\":{}}".to_vec()),
            proptest::collection::vec(any::<u8>(), 0..20),
        ], 0..30),
    ) {
        let _ = run((GEMINI, client), pieces.iter().map(Vec::as_slice));
    }
}
