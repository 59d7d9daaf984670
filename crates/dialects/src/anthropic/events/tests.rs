//! What a stream of this dialect says is what the steps said, block after block.

use std::sync::Arc;

use bytes::Bytes;
use events::{Dialect, FinishReason};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::stream::MessageDecoder;
use super::*;
use crate::chat::{Source, Span};
use crate::dispatch::transcode_reply;
use crate::sse::Event;
use crate::stream::StreamTranscoder;
use crate::wire::StreamDecoder;

const OPENAI_STREAM: &str = include_str!("../../../fixtures/openai_stream.sse");
const OPENAI_PLAIN: &str = include_str!("../../../fixtures/openai_plain.json");

fn context() -> ReplyContext {
    ReplyContext { cost: Arc::new(|_| None), ..ReplyContext::unpriced() }
}

fn told(steps: &[StreamEvent<'_>], facts: &Facts) -> String {
    let (mut encoder, mut out) = (BlockEncoder::new(context()), Vec::new());
    for step in steps {
        encoder.encode(step, facts, &mut out);
    }
    String::from_utf8(out).unwrap()
}

/// The events of a stream: their data, after checking that each is named by its type.
fn events_of(stream: &str) -> Vec<Value> {
    let events = stream.split_terminator("\n\n").map(|event| {
        let (name, data) = event.split_once('\n').unwrap();
        let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(name.strip_prefix("event: "), data["type"].as_str());
        data
    });
    events.collect()
}

/// The message a stream builds, as official clients build it: each block is begun, told and ended
/// before the next.
fn message_of(stream: &str) -> Value {
    let mut message = Value::Null;
    let mut open = None;
    let mut json = String::new();
    for event in events_of(stream) {
        let index = event["index"].as_u64().and_then(|index| usize::try_from(index).ok());
        match event["type"].as_str().unwrap() {
            "message_start" => message = event["message"].clone(),
            "content_block_start" => {
                let content = message["content"].as_array_mut().unwrap();
                assert_eq!((open, index), (None, Some(content.len())));
                content.push(event["content_block"].clone());
                open = index;
                json.clear();
            }
            "content_block_delta" => {
                assert!(open.is_some() && open == index);
                let block = &mut message["content"][index.unwrap()];
                let delta = &event["delta"];
                let mut append = |member: &str| {
                    let more = delta[member].as_str().unwrap();
                    block[member] = json!(block[member].as_str().unwrap().to_owned() + more);
                };
                match delta["type"].as_str().unwrap() {
                    "text_delta" => append("text"),
                    "thinking_delta" => append("thinking"),
                    "signature_delta" => block["signature"] = delta["signature"].clone(),
                    _ => json.push_str(delta["partial_json"].as_str().unwrap()),
                }
            }
            "content_block_stop" => {
                assert!(open.is_some() && open == index);
                let block = &mut message["content"][index.unwrap()];
                if block["type"] == "tool_use" && !json.is_empty() {
                    block["input"] = serde_json::from_str(&json).unwrap_or_default();
                }
                open = None;
            }
            "message_delta" => {
                assert_eq!(open, None);
                for (key, value) in event["delta"].as_object().unwrap() {
                    message[key] = value.clone();
                }
                for (key, value) in event["usage"].as_object().unwrap() {
                    message["usage"][key] = value.clone();
                }
            }
            "message_stop" => message["is_done"] = json!(true),
            "ping" => {}
            other => panic!("{other}"),
        }
    }
    message
}

#[test]
fn a_stream_of_another_dialect_builds_the_message_of_its_plain_answer() {
    let (from, to) = (Dialect::OpenaiChat, Dialect::AnthropicMessages);
    for piece in [1, 7, OPENAI_STREAM.len()] {
        let mut transcoder = StreamTranscoder::new(from, to, context());
        let mut out = Vec::new();
        for chunk in OPENAI_STREAM.as_bytes().chunks(piece) {
            out.extend_from_slice(&transcoder.push(&Bytes::copy_from_slice(chunk)).unwrap());
        }
        out.extend_from_slice(&transcoder.finish().unwrap());
        let mut streamed = message_of(std::str::from_utf8(&out).unwrap());
        assert_eq!(streamed["is_done"].take(), true);
        let plain = transcode_reply(from, to, &Bytes::from(OPENAI_PLAIN), &context()).unwrap();
        let mut plain: Value = serde_json::from_slice(&plain.body).unwrap();
        // The lifetimes of a cache are told at the start only, which here knows nothing yet.
        plain["usage"]["cache_creation"] = streamed["usage"]["cache_creation"].clone();
        for member in ["id", "model", "content", "stop_reason"] {
            assert_eq!(streamed[member], plain[member], "{member}");
        }
        assert_eq!(streamed["usage"]["input_tokens"], plain["usage"]["input_tokens"]);
        assert_eq!(streamed["usage"]["output_tokens"], plain["usage"]["output_tokens"]);
    }
}

#[test]
fn nothing_is_said_before_the_first_content() {
    let facts = Facts::default();
    assert_eq!(told(&[StreamEvent::KeepAlive], &facts), "");
    let stream = told(&[StreamEvent::Text("a".into()), StreamEvent::KeepAlive], &facts);
    assert!(stream.ends_with("event: ping\ndata: {\"type\":\"ping\"}\n\n"));
    let kinds: Vec<_> = events_of(&told(&[StreamEvent::Finish, StreamEvent::Done], &facts))
        .into_iter()
        .map(|event| event["type"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(kinds, ["message_start", "message_delta", "message_stop"]);
}

/// A source is that of its block, so that texts the provider told apart stay apart.
#[test]
fn texts_told_apart_are_blocks_of_their_own() {
    let text = |text: &'static str| StreamEvent::Text(text.into());
    let source = Source::web("https://example.com", None).unwrap();
    let citation = Citation::new(source, None, Span::new(2, 4));
    let cited = StreamEvent::Citation(Box::new(citation));
    let steps = [
        text("a"),
        text("b"),
        StreamEvent::TextEnd,
        text("cd"),
        cited,
        StreamEvent::TextEnd,
        text("e"),
        StreamEvent::Done,
    ];
    let events = events_of(&told(&steps, &Facts::default()));
    let steps = events.iter().filter_map(|event| {
        let delta = &event["delta"];
        let said = delta["text"].as_str().or(delta["citation"]["url"].as_str())?;
        Some((event["index"].as_u64()?, said))
    });
    let expected = [(0, "a"), (0, "b"), (1, "cd"), (1, "https://example.com"), (2, "e")];
    assert_eq!(steps.collect::<Vec<_>>(), expected);
}

#[test]
fn calls_told_in_turns_come_one_after_the_other() {
    let call = |index: u32, name: &'static str| StreamEvent::ToolCall {
        index,
        id: name.into(),
        name: name.into(),
        signature: None,
    };
    let more = |index, json: &'static str| StreamEvent::ToolArguments { index, json: json.into() };
    let steps = [
        call(0, "f"),
        more(0, "{\"a\":"),
        call(1, "g"),
        more(1, "{\"b\":"),
        call(2, "h"),
        more(0, "1}"),
        more(1, "2}"),
        more(9, "lost"),
        StreamEvent::Text("after".into()),
        StreamEvent::Finish,
        StreamEvent::Done,
    ];
    let facts = Facts { finish_reason: Some(FinishReason::ToolCalls), ..Facts::default() };
    let message = message_of(&told(&steps, &facts));
    assert_eq!(
        message["content"],
        json!([
            {"type": "tool_use", "id": "f", "name": "f", "input": {"a": 1}},
            {"type": "tool_use", "id": "g", "name": "g", "input": {"b": 2}},
            {"type": "tool_use", "id": "h", "name": "h", "input": {}},
            {"type": "text", "text": "after"}])
    );
    assert_eq!(message["stop_reason"], "tool_use");
}

/// One thing an answer says.
#[derive(Debug, Clone, PartialEq)]
enum Said {
    Text(String),
    Thinking(String, Option<String>),
    Redacted(String),
    Call(String, String),
}

fn said() -> impl Strategy<Value = Said> {
    let text = "[a-z\"\\\\\né]{1,8}";
    prop_oneof![
        text.prop_map(Said::Text),
        (text, proptest::option::of("[A-Za-z0-9+/]{1,8}")).prop_map(|(t, s)| Said::Thinking(t, s)),
        "[A-Za-z]{1,8}".prop_map(Said::Redacted),
        ("[a-z]{1,5}", "[a-z\"}{]{0,6}")
            .prop_map(|(name, value)| { Said::Call(name, json!({ "k": value }).to_string()) }),
    ]
}

/// The steps that say it, texts cut where `cut` says.
fn steps_of(all: &[Said], cut: usize) -> Vec<StreamEvent<'static>> {
    let pieces = |text: &str| -> Vec<String> {
        let at = text.floor_char_boundary(cut.min(text.len()));
        let (head, tail) = text.split_at(at);
        [head, tail].into_iter().filter(|piece| !piece.is_empty()).map(str::to_owned).collect()
    };
    let mut steps = Vec::new();
    let mut index = 0;
    for said in all {
        match said {
            Said::Text(text) => {
                steps.extend(pieces(text).into_iter().map(|piece| StreamEvent::Text(piece.into())));
            }
            Said::Thinking(text, signature) => {
                let pieces = pieces(text).into_iter();
                steps.extend(pieces.map(|piece| StreamEvent::Thinking(piece.into())));
                let signature = signature.clone();
                steps.extend(signature.map(|text| StreamEvent::ThinkingSignature(text.into())));
            }
            Said::Redacted(data) => steps.push(StreamEvent::RedactedThinking(data.clone().into())),
            Said::Call(name, json) => {
                let (id, name) = (format!("c{index}").into(), name.clone().into());
                steps.push(StreamEvent::ToolCall { index, id, name, signature: None });
                let pieces = pieces(json).into_iter();
                let more = |json: String| StreamEvent::ToolArguments { index, json: json.into() };
                steps.extend(pieces.map(more));
                index += 1;
            }
        }
    }
    steps.extend([StreamEvent::Finish, StreamEvent::Done]);
    steps
}

/// What steps say, with neighbours of one kind joined.
fn sense_of(steps: &[StreamEvent<'_>]) -> Vec<String> {
    let mut sense: Vec<(String, String)> = Vec::new();
    for step in steps {
        let (kind, text) = match step {
            StreamEvent::Text(text) => ("text".to_owned(), text.as_ref()),
            StreamEvent::Thinking(text) => ("thinking".to_owned(), text.as_ref()),
            StreamEvent::ThinkingSignature(text) => ("signature".to_owned(), text.as_ref()),
            StreamEvent::RedactedThinking(data) => ("redacted".to_owned(), data.as_ref()),
            StreamEvent::ToolCall { index, id, name, .. } => {
                (format!("call {index} {id} {name}"), "")
            }
            StreamEvent::ToolArguments { index, json } => {
                (format!("arguments {index}"), json.as_ref())
            }
            _ => continue,
        };
        match sense.last_mut() {
            Some(last) if last.0 == kind && kind != "redacted" => last.1.push_str(text),
            _ => sense.push((kind, text.to_owned())),
        }
    }
    sense.into_iter().map(|(kind, text)| format!("{kind}: {text}")).collect()
}

proptest! {
    #[test]
    fn what_is_encoded_decodes_to_the_same(all in proptest::collection::vec(said(), 0..8), cut in 0_usize..9) {
        let steps = steps_of(&all, cut);
        let stream = told(&steps, &Facts::default());
        message_of(&stream);
        let (mut decoder, mut facts) = (MessageDecoder::default(), Facts::default());
        let events: Vec<Vec<u8>> = stream.split_inclusive("\n\n").map(|event| event.as_bytes().to_vec()).collect();
        let parsed: Vec<Event<'_>> = events.iter().filter_map(|raw| Event::parse(raw)).collect();
        let mut read = Vec::new();
        for event in &parsed {
            decoder.decode(event, &mut facts, &mut read).unwrap();
        }
        prop_assert_eq!(sense_of(&read), sense_of(&steps));
        prop_assert_eq!(read.last(), Some(&StreamEvent::Done));
    }
}
