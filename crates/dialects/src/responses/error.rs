//! Errors inside a stream as this dialect words and tells them. As answers of their own they are the
//! vendor's, one shape for all of its dialects.

use bytes::Bytes;
use serde::Serialize;

use crate::error::{ErrorBody, UpstreamError};
use crate::json::{Object, append};
use crate::openai::error::read;

/// The last event of a stream that failed. Official clients read its members; older ones raise on
/// `error`, which says the same.
pub(super) fn encode_in_stream(error: &ErrorBody) -> Bytes {
    #[derive(Serialize)]
    struct Event<'a> {
        #[serde(rename = "type")]
        kind: &'static str,
        // The event ends a stream whose numbers it does not know.
        sequence_number: u64,
        code: Option<&'a str>,
        message: &'a str,
        param: Option<&'a str>,
        error: Body<'a>,
    }
    #[derive(Serialize)]
    struct Body<'a> {
        #[serde(rename = "type")]
        kind: &'a str,
        code: Option<&'a str>,
        message: &'a str,
        param: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        metadata: Option<&'a serde_json::Value>,
        #[serde(skip_serializing_if = "Option::is_none")]
        request_id: Option<&'a str>,
    }
    let (code, param) = (error.code.as_deref(), error.param.as_deref());
    let event = Event {
        kind: "error",
        sequence_number: 0,
        code,
        message: &error.message,
        param,
        error: Body {
            kind: &error.kind,
            code,
            message: &error.message,
            param,
            metadata: error.metadata.as_ref(),
            request_id: error.request_id.as_deref(),
        },
    };
    let mut out = b"event: error\ndata: ".to_vec();
    append(&mut out, &event);
    out.extend_from_slice(b"\n\n");
    out.into()
}

/// The error an event of a stream tells: in a member of its own, or in the event itself.
pub(super) fn in_stream(json: &str) -> UpstreamError {
    let member = Object::scan(json).and_then(|event| event.get("error"));
    let mut error = read(member.unwrap_or(json));
    if error.kind.as_deref() == Some("error") {
        // What the event calls itself says nothing of the error.
        error.kind = None;
    }
    error
}

/// Whether an event of no kind tells an error.
pub(super) fn is_told(json: &str) -> bool {
    Object::scan(json).is_some_and(|event| event.get("error").is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_in_a_stream_is_one_event_both_kinds_of_clients_read() {
        let body = encode_in_stream(&ErrorBody {
            kind: "budget_exceeded".into(),
            code: Some("budget_exceeded".into()),
            message: "the budget \"search\" is spent".into(),
            ..ErrorBody::default()
        });
        assert_eq!(
            std::str::from_utf8(&body).unwrap(),
            concat!(
                "event: error\ndata: ",
                r#"{"type":"error","sequence_number":0,"code":"budget_exceeded","message":"the budget \"search\" is spent","param":null,"error":{"type":"budget_exceeded","code":"budget_exceeded","message":"the budget \"search\" is spent","param":null}}"#,
                "\n\n"
            )
        );
    }

    #[test]
    fn an_error_gets_the_status_its_code_has() {
        for (json, status, message) in [
            (
                r#"{"type":"error","code":"rate_limit_exceeded","message":"slow down"}"#,
                429,
                "slow down",
            ),
            (r#"{"type":"error","error":{"type":"server_error","message":"oops"}}"#, 500, "oops"),
            (r#"{"type":"error","code":"invalid_base64_image","message":"m"}"#, 400, "m"),
            (r#"{"type":"error","code":null,"message":"m"}"#, 500, "m"),
        ] {
            let error = in_stream(json);
            assert_eq!((error.status, error.message.as_str()), (status, message), "{json}");
        }
    }
}
