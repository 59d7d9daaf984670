use bytes::Bytes;
use events::{Dialect, FinishReason};
use proptest::prelude::*;

use super::super::frame::tests::{event, written};
use crate::error::StreamError;
use crate::reply::{Facts, ReplyContext};
use crate::{StreamTranscoder, transcode_reply};

const STREAM: &str = include_str!("../../../fixtures/bedrock_stream.txt");
const PLAIN: &str = include_str!("../../../fixtures/bedrock_plain.json");
const CLIENTS: [Dialect; 4] = [
    Dialect::OpenaiChat,
    Dialect::OpenaiResponses,
    Dialect::AnthropicMessages,
    Dialect::GeminiGenerate,
];

/// The fixture's frames, one each.
fn frames() -> Vec<Vec<u8>> {
    let parts = STREAM.lines().map(|line| line.split_once(' ').unwrap());
    parts.map(|(name, payload)| event(name, payload)).collect()
}

/// What comes out, the error it ended in, and what was learnt, when fed piece by piece.
fn run<'a>(
    to: Dialect,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (String, Option<StreamError>, Facts) {
    let context = ReplyContext { model_shown: Some("m".into()), ..ReplyContext::unpriced() };
    let mut transcoder = StreamTranscoder::new(Dialect::BedrockConverse, to, context);
    let mut out = Vec::new();
    let mut failed = None;
    for piece in pieces {
        match transcoder.push(&Bytes::copy_from_slice(piece)) {
            Ok(bytes) => out.extend_from_slice(&bytes),
            Err(error) => {
                failed = Some(error);
                break;
            }
        }
    }
    match transcoder.finish() {
        Ok(bytes) => out.extend_from_slice(&bytes),
        Err(error) => failed = Some(error),
    }
    (String::from_utf8(out).unwrap(), failed, transcoder.facts().clone())
}

#[test]
fn a_stream_and_a_plain_answer_tell_the_same() {
    let stream = frames().concat();
    for client in CLIENTS {
        let (out, error, facts) = run(client, [stream.as_slice()]);
        assert_eq!(error, None, "{client}");
        assert!(out.contains("Zwölf") && out.contains("capital"), "{client}: {out}");
        let context = ReplyContext::unpriced();
        let plain =
            transcode_reply(Dialect::BedrockConverse, client, &Bytes::from(PLAIN), &context);
        assert_eq!(facts, plain.unwrap().facts, "{client}");
    }
    let (_, _, facts) = run(Dialect::OpenaiChat, [stream.as_slice()]);
    assert_eq!(facts.finish_reason, Some(FinishReason::ToolCalls));
    let usage = facts.usage.unwrap();
    let meters: Vec<_> = usage.meters.iter().map(|(meter, n)| (meter.as_str(), n)).collect();
    assert_eq!(
        meters,
        [
            ("input.text", 15),
            ("cache_read.text", 400),
            ("cache_write.5m", 10),
            ("cache_write.1h", 20),
            ("output.text", 50),
        ]
    );
    assert_eq!(usage.service_tier.as_deref(), Some("priority"));
}

#[test]
fn every_word_arrives_in_the_clients_dialect() {
    let stream = frames().concat();
    let (out, _, _) = run(Dialect::AnthropicMessages, [stream.as_slice()]);
    for said in [
        r#""thinking":"They ""#,
        r#""signature":"c2ln""#,
        // The bytes around hidden reasoning are opened, so that its own vendor knows it again.
        r#""data":"b3BhcXVl""#,
        r#""text":"Zw"#,
        r#""id":"tooluse_1","name":"capital""#,
        r#""partial_json":"{\"of\":""#,
        r#""stop_reason":"tool_use""#,
    ] {
        assert!(out.contains(said), "{said} is not in {out}");
    }
    assert!(!out.contains("nova_code_interpreter"), "{out}");
}

#[test]
fn the_usage_behind_the_end_of_the_message_is_waited_for() {
    let mut frames = frames();
    let metadata = frames.pop().unwrap();
    let (out, error, facts) = run(Dialect::OpenaiChat, [frames.concat().as_slice()]);
    // A message told whole is one even if the usage never came.
    assert_eq!((error, facts.usage), (None, None));
    assert!(out.ends_with("data: [DONE]\n\n"));
    let context = ReplyContext::unpriced();
    let mut transcoder =
        StreamTranscoder::new(Dialect::BedrockConverse, Dialect::OpenaiChat, context);
    transcoder.push(&frames.concat().into()).unwrap();
    assert!(!transcoder.is_done());
    transcoder.push(&metadata.into()).unwrap();
    assert!(transcoder.is_done() && transcoder.facts().usage.is_some());
    frames.pop();
    let (_, error, _) = run(Dialect::OpenaiChat, [frames.concat().as_slice()]);
    assert_eq!(error, Some(StreamError::Cut));
}

#[test]
fn an_exception_in_mid_stream_ends_it_with_its_status_and_words() {
    for (name, payload, status) in [
        ("throttlingException", r#"{"message":"slow"}"#, 429),
        ("internalServerException", r#"{"message":"slow"}"#, 500),
        ("modelStreamErrorException", r#"{"message":"slow","originalStatusCode":503}"#, 503),
        ("validationException", r#"{"message":"slow"}"#, 400),
        ("serviceUnavailableException", r#"{"message":"slow"}"#, 503),
    ] {
        let headers = [(":exception-type", name), (":message-type", "exception")];
        let exception = written(&headers, payload.as_bytes());
        for before in [0, 3] {
            let mut stream = frames()[..before].concat();
            stream.extend_from_slice(&exception);
            let (out, error, _) = run(Dialect::OpenaiChat, [stream.as_slice()]);
            assert_eq!(out.is_empty(), before == 0, "{name}");
            let Some(StreamError::Upstream(error)) = error else { panic!("{name}") };
            assert_eq!((error.status, error.message.as_str()), (status, "slow"), "{name}");
        }
    }
}

#[test]
fn a_frame_beyond_the_limit_or_with_a_wrong_byte_ends_the_stream() {
    let (out, error, _) = run(Dialect::OpenaiChat, [&[0xff_u8, 0, 0, 0][..]]);
    assert!(out.is_empty() && matches!(error, Some(StreamError::TooLarge { .. })));
    let mut stream = frames().concat();
    let at = stream.len() / 2;
    stream[at] ^= 1;
    let (out, error, _) = run(Dialect::OpenaiChat, [stream.as_slice()]);
    assert!(!out.is_empty() && matches!(error, Some(StreamError::Garbage(_))), "{error:?}");
}

proptest! {
    #[test]
    fn any_split_gives_the_same(cuts in proptest::collection::vec(1_usize..400, 1..60)) {
        let stream = frames().concat();
        for client in CLIENTS {
            let whole = run(client, [stream.as_slice()]);
            let mut pieces = Vec::new();
            let mut rest = stream.as_slice();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, after) = rest.split_at((*cut).min(rest.len()));
                pieces.push(piece);
                rest = after;
            }
            prop_assert_eq!(&run(client, pieces), &whole);
        }
    }

    #[test]
    fn no_bytes_and_no_payload_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        at in 0_usize..6,
        payload in "[{}\\[\\]\",:a-zA-Z0-9 ]{0,80}",
    ) {
        run(Dialect::OpenaiChat, [bytes.as_slice()]);
        let names = ["messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"];
        let stream = [frames()[..13].concat(), event(names[at], &payload)].concat();
        run(Dialect::AnthropicMessages, [stream.as_slice()]);
    }
}

#[test]
fn sources_told_in_a_stream_are_those_of_their_block_whatever_kind_they_are() {
    let citation = |json: &str| {
        event(
            "contentBlockDelta",
            &format!(r#"{{"contentBlockIndex":1,"delta":{{"citation":{json}}}}}"#),
        )
    };
    let text = |block: u8, text: &str| {
        let payload = format!(r#"{{"contentBlockIndex":{block},"delta":{{"text":"{text}"}}}}"#);
        event("contentBlockDelta", &payload)
    };
    let stop =
        |block: u8| event("contentBlockStop", &format!(r#"{{"contentBlockIndex":{block}}}"#));
    let frames = [
        text(0, "Grüße 🌦: "),
        stop(0),
        citation(
            r#"{"title":"T","sourceContent":[{"text":"12 "},{"text":"C"}],"location":{"documentPage":{"documentIndex":2,"start":3,"end":4}}}"#,
        ),
        text(1, "zwölf"),
        citation(r#"{"location":{"web":{"url":"https://e.org/w"}}}"#),
        citation(r#"{"location":5}"#),
        stop(1),
        event("messageStop", r#"{"stopReason":"end_turn"}"#),
    ]
    .concat();
    for size in [1, 9, frames.len()] {
        let (chat, error, _) = run(Dialect::OpenaiChat, frames.chunks(size));
        assert_eq!(error, None);
        let page = r#""annotations":[{"type":"url_citation","url_citation":{"start_index":9,"end_index":14,"url":"https://e.org/w","title":""}}]"#;
        assert_eq!(chat.matches("annotations").count(), 1, "a document has no word there");
        assert!(chat.contains(page), "{chat}");
        let (gemini, ..) = run(Dialect::GeminiGenerate, frames.chunks(size));
        let segment = r#"{"startIndex":14,"endIndex":20,"text":"zwölf"}"#;
        assert_eq!(gemini.matches(segment).count(), 2, "{gemini}");
        assert!(gemini.contains(r#""retrievedContext":{"title":"T","text":"12 C"}"#), "{gemini}");
    }
}
