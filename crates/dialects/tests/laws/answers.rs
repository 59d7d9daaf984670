//! Laws of answers, for every provider and every client: cuts do not matter, a stream tells what the
//! plain answer tells, what is worded for a client reads back as what was said, and nothing unknown is
//! lost between equals.

use std::sync::Arc;

use bytes::Bytes;
use dialects::{Facts, ReplyContext, Usage, transcode_reply};
use events::Dialect;
use proptest::prelude::*;
use serde_json::{Value, json};
use units::Usd;

use crate::bodies::{CLIENTS, PROVIDERS, events_of, told};
use crate::fixtures::{plain, streamed};

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

/// What an answer amounts to.
fn sum(facts: &Facts) -> impl PartialEq + std::fmt::Debug {
    let usage = facts.usage.clone().unwrap_or_default();
    let meters = usage.meters;
    let tokens = (meters.input_tokens(), meters.output_tokens(), meters.cache_read_tokens());
    (facts.finish_reason, tokens, facts.is_usage_partial)
}

/// What an answer says in the words everybody has: text, reasoning, and calls by name and arguments.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Sense {
    pub(crate) text: String,
    pub(crate) thoughts: String,
    pub(crate) calls: Vec<(String, String)>,
}

impl Sense {
    /// Adds a message or a delta in OpenAI's words.
    fn add(&mut self, said: &Value) {
        let text = |json: &Value| json.as_str().unwrap_or_default().to_owned();
        self.text.push_str(&text(&said["content"]));
        self.thoughts.push_str(&text(&said["reasoning_content"]));
        for call in said["tool_calls"].as_array().into_iter().flatten() {
            let function = &call["function"];
            if function["name"].is_string() {
                self.calls.push((text(&function["name"]), String::new()));
            }
            // A stream says which call it goes on with.
            let told = call["index"].as_u64().and_then(|index| usize::try_from(index).ok());
            let at = told.or(self.calls.len().checked_sub(1));
            if let Some((_, arguments)) = at.and_then(|at| self.calls.get_mut(at)) {
                arguments.push_str(&text(&function["arguments"]));
            }
        }
    }

    pub(crate) fn of_plain(body: &[u8]) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap();
        let mut sense = Self::default();
        sense.add(&body["choices"][0]["message"]);
        sense
    }

    pub(crate) fn of_stream(stream: &[u8]) -> Self {
        let mut sense = Self::default();
        for event in events_of(stream).iter().filter(|event| event.trim() != "[DONE]") {
            let event: Value = serde_json::from_str(event).unwrap();
            sense.add(&event["choices"][0]["delta"]);
        }
        sense
    }
}

#[test]
fn a_stream_and_a_plain_answer_tell_the_same_usage_to_every_client() {
    for from in PROVIDERS {
        for to in CLIENTS {
            let context = context(true);
            let (_, error, stream) = told((from, to), &context, [&streamed(from)[..]]);
            assert_eq!(error, None, "{from} to {to}");
            let whole = transcode_reply(from, to, &Bytes::from(plain(from)), &context).unwrap();
            assert_eq!(stream.usage, whole.facts.usage, "{from} to {to}");
            assert_eq!(stream.extra, whole.facts.extra, "{from} to {to}");
            assert_eq!(stream.finish_reason, whole.facts.finish_reason, "{from} to {to}");
        }
    }
}

#[test]
fn an_answer_whose_provider_gives_no_id_has_one_all_the_same() {
    let context = ReplyContext { answer_id: Some("req_1".to_owned()), ..context(true) };
    let nameless = Dialect::BedrockConverse;
    for to in CLIENTS {
        let body = Bytes::from(plain(nameless));
        let whole = transcode_reply(nameless, to, &body, &context).unwrap();
        let (stream, error, _) = told((nameless, to), &context, [&streamed(nameless)[..]]);
        assert_eq!(error, None);
        for told in [&whole.body[..], &stream] {
            let told = String::from_utf8_lossy(told);
            assert!(told.contains("req_1"), "{to}: {told}");
        }
    }
    let named = Bytes::from(plain(Dialect::OpenaiChat));
    let told = transcode_reply(Dialect::OpenaiChat, CLIENTS[1], &named, &context).unwrap();
    assert!(!String::from_utf8_lossy(&told.body).contains("req_1"));
}

#[test]
fn an_answer_worded_for_a_client_reads_back_as_what_was_said() {
    let context = ReplyContext::unpriced();
    let openai = Dialect::OpenaiChat;
    for from in PROVIDERS {
        let body = Bytes::from(plain(from));
        let straight = transcode_reply(from, openai, &body, &context).unwrap();
        for to in CLIENTS {
            let there = transcode_reply(from, to, &body, &context).unwrap();
            let back = transcode_reply(to, openai, &there.body, &context).unwrap();
            assert_eq!(sum(&back.facts), sum(&straight.facts), "{from} to {to}");
            let (back, straight) = (Sense::of_plain(&back.body), Sense::of_plain(&straight.body));
            assert_eq!(back, straight, "{from} to {to}");
            assert!(!back.text.is_empty() && !back.calls.is_empty(), "{from} says something");
        }
    }
}

#[test]
fn a_stream_worded_for_a_client_reads_back_as_what_was_said() {
    let context = ReplyContext::unpriced();
    let openai = Dialect::OpenaiChat;
    for from in PROVIDERS {
        let stream = streamed(from);
        let straight = told((from, openai), &context, [&stream[..]]);
        for to in CLIENTS {
            let there = told((from, to), &context, [&stream[..]]);
            let back = told((to, openai), &context, [&there.0[..]]);
            assert_eq!((&straight.1, &there.1, &back.1), (&None, &None, &None), "{from} to {to}");
            assert_eq!(sum(&back.2), sum(&straight.2), "{from} to {to}");
            let (back, straight) = (Sense::of_stream(&back.0), Sense::of_stream(&straight.0));
            assert_eq!(back, straight, "{from} to {to}");
            assert!(!back.text.is_empty() && !back.calls.is_empty(), "{from} says something");
        }
    }
}

/// JSON values whose spelling a tree would not keep.
/// What a client reads of the calls in a stream: names and arguments, in its own words.
fn calls_read(client: Dialect, stream: &[u8]) -> Vec<(String, Value)> {
    let events = events_of(stream);
    let events = events.iter().filter_map(|data| serde_json::from_str::<Value>(data).ok());
    let name = |json: &Value| json.as_str().unwrap().to_owned();
    let object = |json: &str| serde_json::from_str(json).unwrap_or_else(|_| json.into());
    let mut calls: Vec<(String, Value)> = Vec::new();
    let mut open = String::new();
    for event in events {
        match client {
            Dialect::AnthropicMessages => {
                open.push_str(event["delta"]["partial_json"].as_str().unwrap_or_default());
                if event["type"] == "content_block_start" {
                    calls.push((
                        name(&event["content_block"]["name"]),
                        event["content_block"]["input"].clone(),
                    ));
                } else if event["type"] == "content_block_stop" && !open.is_empty() {
                    calls.last_mut().unwrap().1 = object(&std::mem::take(&mut open));
                }
            }
            Dialect::OpenaiResponses if event["type"] == "response.completed" => {
                for item in event["response"]["output"].as_array().unwrap() {
                    calls.push((name(&item["name"]), object(item["arguments"].as_str().unwrap())));
                }
            }
            Dialect::GeminiGenerate => {
                for part in
                    event["candidates"][0]["content"]["parts"].as_array().into_iter().flatten()
                {
                    if let Some(call) = part.get("functionCall") {
                        calls.push((name(&call["name"]), call["args"].clone()));
                    }
                }
            }
            _ => {}
        }
    }
    calls
}

/// Calls that begin without arguments and get them in turns, as some servers stream parallel calls; one that
/// never gets any has none.
#[test]
fn calls_whose_arguments_come_in_turns_keep_them() {
    let begun = |index: u32, name: &str| {
        json!({"index": index, "id": format!("call_{name}"), "type": "function",
            "function": {"name": name, "arguments": ""}})
    };
    let more = |index: u32, piece: &str| json!({"index": index, "function": {"arguments": piece}});
    for turns in [
        [
            begun(0, "f"),
            begun(1, "g"),
            begun(2, "h"),
            more(0, "{\"p\":"),
            more(1, "{\"q\":"),
            more(0, "1}"),
            more(1, "2}"),
        ],
        [
            begun(0, "f"),
            begun(1, "g"),
            more(1, "{\"q\":"),
            begun(2, "h"),
            more(0, "{\"p\":"),
            more(1, "2}"),
            more(0, "1}"),
        ],
    ] {
        let chunk = |delta: Value, end: Value| {
            let choice = json!({"index": 0, "delta": delta, "finish_reason": end});
            format!("data: {}\n\n", json!({"id": "c", "model": "m", "choices": [choice]}))
        };
        let mut stream: String =
            turns.iter().map(|call| chunk(json!({"tool_calls": [call]}), Value::Null)).collect();
        stream.push_str(&chunk(json!({}), json!("tool_calls")));
        stream.push_str("data: [DONE]\n\n");
        let expected = [("f", json!({"p": 1})), ("g", json!({"q": 2})), ("h", json!({}))]
            .map(|(name, args)| (name.to_owned(), args));
        for client in
            [Dialect::AnthropicMessages, Dialect::OpenaiResponses, Dialect::GeminiGenerate]
        {
            let (bytes, error, _) =
                told((Dialect::OpenaiChat, client), &context(false), [stream.as_bytes()]);
            assert!(error.is_none(), "{client}: {error:?}");
            assert_eq!(calls_read(client, &bytes), expected, "{client}");
        }
    }
}

fn spelling() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("1.0".to_owned()),
        Just("-0".to_owned()),
        Just("1e5".to_owned()),
        Just("\"\\u00e9\\/\"".to_owned()),
        Just("[ 1 ,2]".to_owned()),
        Just("{\"b\":1, \"a\":{}}".to_owned()),
        "[a-z ]{0,9}".prop_map(|text| format!("\"{text}\"")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_cut_gives_every_client_the_same(
        wants_usage in any::<bool>(),
        cuts in proptest::collection::vec(1_usize..120, 1..20),
        percent in proptest::option::of(0_usize..100),
    ) {
        let context = context(wants_usage);
        for from in PROVIDERS {
            let mut stream = streamed(from);
            let keep = stream.len() * percent.unwrap_or(100) / 100;
            stream.truncate(keep);
            let mut pieces = Vec::new();
            let mut rest = &stream[..];
            for cut in cuts.iter().cycle() {
                let (piece, after) = rest.split_at((*cut).min(rest.len()));
                pieces.push(piece);
                rest = after;
                if rest.is_empty() { break; }
            }
            for to in CLIENTS {
                let whole = told((from, to), &context, [&stream[..]]);
                prop_assert_eq!(told((from, to), &context, pieces.clone()), whole.clone());
                prop_assert_eq!(told((from, to), &context, stream.chunks(1)), whole);
            }
        }
    }

    #[test]
    fn unknown_members_of_an_answer_survive_between_equals(value in spelling(), name in "x_[a-z]{1,8}") {
        let member = format!("{{\"{name}\": {value} ,");
        for dialect in CLIENTS {
            let context = ReplyContext::unpriced();
            let body = Bytes::from(plain(dialect).replacen('{', &member, 1));
            let reply = transcode_reply(dialect, dialect, &body, &context).unwrap();
            prop_assert_eq!(reply.body, body);
            let stream = String::from_utf8(streamed(dialect)).unwrap();
            let stream = stream.replace(": PROCESSING\n\n", "").replace("data: {", &format!("data: {member}"));
            let (out, error, _) = told((dialect, dialect), &context, [stream.as_bytes()]);
            prop_assert_eq!(error, None);
            prop_assert_eq!(String::from_utf8(out).unwrap(), stream, "{}", dialect);
        }
    }
}
