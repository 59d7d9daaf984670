use bytes::Bytes;
use events::{Dialect, FinishReason};
use proptest::prelude::*;

use crate::error::StreamError;
use crate::reply::{Facts, ReplyContext};
use crate::{StreamTranscoder, transcode_reply};

const STREAM: &str = include_str!("../../../fixtures/cohere_stream.sse");
const PLAIN: &str = include_str!("../../../fixtures/cohere_plain.json");
const CLIENTS: [Dialect; 4] = [
    Dialect::OpenaiChat,
    Dialect::OpenaiResponses,
    Dialect::AnthropicMessages,
    Dialect::GeminiGenerate,
];

/// What comes out, the error it ended in, and what was learnt, when fed piece by piece.
fn run<'a>(
    to: Dialect,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (String, Option<StreamError>, Facts) {
    let context = ReplyContext { model_shown: Some("m".into()), ..ReplyContext::unpriced() };
    let mut transcoder = StreamTranscoder::new(Dialect::CohereChat, to, context);
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
    for client in CLIENTS {
        let (out, error, facts) = run(client, [STREAM.as_bytes()]);
        assert_eq!(error, None, "{client}");
        assert!(out.contains("Zwölf") && out.contains("capital"), "{client}: {out}");
        let context = ReplyContext::unpriced();
        let plain = transcode_reply(Dialect::CohereChat, client, &Bytes::from(PLAIN), &context);
        assert_eq!(facts, plain.unwrap().facts, "{client}");
    }
    let (out, _, facts) = run(Dialect::OpenaiChat, [STREAM.as_bytes()]);
    assert_eq!(facts.finish_reason, Some(FinishReason::ToolCalls));
    let usage = facts.usage.unwrap();
    assert_eq!((usage.meters.input_tokens(), usage.meters.output_tokens()), (37, 31));
    for said in [
        r#""reasoning_content":"I will ""#,
        r#""reasoning_content":"They ask.""#,
        r#""id":"capital_x1""#,
        r#""arguments":"{\"of\":""#,
        r#""arguments":"{}""#,
        r#""finish_reason":"tool_calls""#,
    ] {
        assert!(out.contains(said), "{said} is not in {out}");
    }
}

#[test]
fn a_stream_may_end_in_an_error_and_still_tell_what_is_billed() {
    let (begun, _) = STREAM.split_at(STREAM.find("event: citation-start").unwrap());
    for (reason, status) in [("ERROR", 500), ("TIMEOUT", 504)] {
        let end = format!(
            "event: message-end\ndata: {{\"type\":\"message-end\",\"delta\":{{\"finish_reason\":\"{reason}\",\"error\":\"it broke\",\"usage\":{{\"billed_units\":{{\"input_tokens\":5,\"output_tokens\":2}}}}}}}}\n\n"
        );
        let (_, error, facts) = run(Dialect::OpenaiChat, [begun.as_bytes(), end.as_bytes()]);
        let Some(StreamError::Upstream(error)) = error else { panic!("{reason}") };
        assert_eq!((error.status, error.message.as_str()), (status, "it broke"));
        assert_eq!(facts.usage.unwrap().meters.output_tokens(), 2);
    }
    let words = "data: {\"message\":\"no tokens left\"}\n\n";
    let (out, error, _) = run(Dialect::OpenaiChat, [words.as_bytes()]);
    assert!(out.is_empty());
    assert!(
        matches!(error, Some(StreamError::Upstream(error)) if error.message == "no tokens left")
    );
}

proptest! {
    #[test]
    fn any_split_gives_the_same(cuts in proptest::collection::vec(1_usize..200, 1..40)) {
        let whole = run(Dialect::OpenaiChat, [STREAM.as_bytes()]);
        let mut pieces = Vec::new();
        let mut rest = STREAM.as_bytes();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        prop_assert_eq!(run(Dialect::OpenaiChat, pieces), whole);
    }

    #[test]
    fn no_event_panics(at in 0_usize..9, rest in "[{}\\[\\]\",:a-z_0-9 ]{0,80}") {
        let kinds = ["message-start", "content-start", "content-delta", "content-end",
            "tool-plan-delta", "tool-call-start", "tool-call-delta", "tool-call-end", "message-end"];
        let event = format!("data: {{\"type\":\"{}\",\"delta\":{rest}}}\n\n", kinds[at]);
        run(Dialect::OpenaiChat, [event.as_bytes()]);
    }
}
