//! The law of errors: what a provider answers keeps its status and its words, whoever it is told to.

use bytes::Bytes;
use dialects::{
    ErrorBody, ReplyContext, ReplyError, StreamError, decode_error, encode_error,
    encode_stream_error, transcode_reply,
};
use events::Dialect;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::bodies::{CLIENTS, PROVIDERS, events_of, framed, told};

/// An error as a provider words it.
fn worded(dialect: Dialect, status: u16, message: &str) -> Value {
    match dialect {
        Dialect::OpenaiChat | Dialect::OpenaiResponses => {
            json!({"error": {"message": message, "type": "some_error", "param": null, "code": null}})
        }
        Dialect::AnthropicMessages => {
            json!({"type": "error", "error": {"type": "some_error", "message": message}})
        }
        Dialect::GeminiGenerate => {
            json!({"error": {"code": status, "message": message, "status": "SOME_STATUS"}})
        }
        Dialect::BedrockConverse => json!({"message": message}),
        Dialect::CohereChat => json!({"id": "x", "message": message}),
    }
}

/// An error in the middle of a provider's stream, and the status it has there.
fn event(dialect: Dialect, message: &str) -> (Vec<u8>, u16) {
    let said = Value::from(message);
    let (text, status) = match dialect {
        Dialect::OpenaiChat => {
            (format!("data: {{\"error\":{{\"message\":{said},\"code\":429}}}}\n\n"), 429)
        }
        Dialect::AnthropicMessages => (
            format!(
                "event: error\ndata: {{\"type\":\"error\",\"error\":{{\"type\":\"overloaded_error\",\"message\":{said}}}}}\n\n"
            ),
            529,
        ),
        Dialect::OpenaiResponses => (
            format!(
                "event: error\ndata: {{\"type\":\"error\",\"code\":\"rate_limit_exceeded\",\"message\":{said}}}\n\n"
            ),
            429,
        ),
        Dialect::GeminiGenerate => {
            (format!("data: {{\"error\":{{\"code\":503,\"message\":{said}}}}}\r\n\r\n"), 503)
        }
        Dialect::BedrockConverse => {
            let line = format!("throttlingException {{\"message\":{said}}}");
            return (framed(line.as_bytes()), 429);
        }
        Dialect::CohereChat => (
            format!(
                "event: message-end\ndata: {{\"type\":\"message-end\",\"delta\":{{\"finish_reason\":\"ERROR\",\"error\":{said}}}}}\n\n"
            ),
            500,
        ),
    };
    (text.into_bytes(), status)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_answer_that_is_an_error_keeps_its_status_and_its_words(
        message in "[A-Za-z0-9 \"\\\\{}<>é…]{0,60}[a-z]",
        status in prop::sample::select(vec![400_u16, 401, 403, 404, 408, 409, 413, 422, 424, 429, 500, 502, 503, 529]),
    ) {
        for from in PROVIDERS {
            let body = worded(from, status, &message).to_string();
            let error = decode_error(from, status, body.as_bytes());
            prop_assert_eq!((error.status, &error.message), (status, &message), "{}", from);
            let told = ErrorBody { kind: "api_error".into(), message: error.message, ..ErrorBody::default() };
            for to in CLIENTS {
                let body: Value = serde_json::from_slice(&encode_error(to, &told)).unwrap();
                prop_assert_eq!(&body["error"]["message"], &message, "{}", to);
                let events = events_of(&encode_stream_error(to, &told));
                prop_assert!(events.iter().any(|event| event.contains(&Value::from(message.as_str()).to_string())), "{}", to);
            }
        }
    }

    #[test]
    fn an_error_in_a_stream_keeps_its_status_and_its_words(message in "[A-Za-z0-9 \"\\\\{}<>é]{0,60}[a-z]") {
        for from in PROVIDERS {
            let (stream, status) = event(from, &message);
            for to in CLIENTS {
                let (out, error, _) = told((from, to), &ReplyContext::unpriced(), [&stream[..]]);
                let Some(StreamError::Upstream(error)) = error else {
                    return Err(TestCaseError::fail(format!("{from} to {to}: {error:?}")));
                };
                prop_assert_eq!((error.status, &error.message), (status, &message), "{} to {}", from, to);
                prop_assert!(out.is_empty(), "{} to {}", from, to);
            }
        }
    }
}

#[test]
fn an_error_under_status_200_is_an_error() {
    for from in PROVIDERS {
        let body = match from {
            // A service that answers 200 has answered.
            Dialect::BedrockConverse => continue,
            _ => Bytes::from(worded(from, 429, "slow down").to_string()),
        };
        for to in CLIENTS {
            let reply = transcode_reply(from, to, &body, &ReplyContext::unpriced());
            let Err(ReplyError::Upstream(error)) = reply else {
                panic!("{from} to {to}: {reply:?}")
            };
            assert_eq!(error.message, "slow down", "{from} to {to}");
        }
    }
}
