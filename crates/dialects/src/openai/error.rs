//! Errors as this dialect words them, and how those inside a stream are read.

use bytes::Bytes;
use serde::Serialize;

use crate::error::{ErrorBody, UpstreamError, from_member};
use crate::json::{append, text_of};
use crate::sse::write_data;

#[derive(Serialize)]
struct Envelope<'a> {
    error: Body<'a>,
}

#[derive(Serialize)]
struct Body<'a> {
    message: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    param: Option<&'a str>,
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
}

impl<'a> Body<'a> {
    fn new(error: &'a ErrorBody) -> Self {
        Self {
            message: &error.message,
            kind: &error.kind,
            param: error.param.as_deref(),
            code: error.code.as_deref(),
            metadata: error.metadata.as_ref(),
            request_id: error.request_id.as_deref(),
        }
    }
}

/// The body of an error answer.
pub(crate) fn encode(error: &ErrorBody) -> Bytes {
    let mut out = Vec::new();
    append(&mut out, &Envelope { error: Body::new(error) });
    out.into()
}

/// The last event of a stream that failed: official clients raise on `error`, others see the reason.
pub(super) fn encode_in_stream(error: &ErrorBody) -> Bytes {
    #[derive(Serialize)]
    struct Chunk<'a> {
        object: &'static str,
        error: Body<'a>,
        choices: [Choice; 1],
    }
    #[derive(Serialize)]
    struct Choice {
        index: u32,
        delta: Delta,
        finish_reason: &'static str,
    }
    #[derive(Serialize)]
    struct Delta {}
    let chunk = Chunk {
        object: "chat.completion.chunk",
        error: Body::new(error),
        choices: [Choice { index: 0, delta: Delta {}, finish_reason: "error" }],
    };
    let mut out = Vec::new();
    write_data(&mut out, &text_of(&chunk));
    out.into()
}

/// The error that an `error` member holds where no HTTP status tells its kind.
pub(crate) fn read(member: &str) -> UpstreamError {
    let mut error = from_member(500, member);
    let names = [error.kind.as_deref(), error.code.as_deref()];
    let told = error.code.as_deref().and_then(|code| code.parse::<u16>().ok());
    error.status = match told.filter(|status| (400..600).contains(status)) {
        Some(status) => status,
        None => names.into_iter().flatten().find_map(status_of).unwrap_or(500),
    };
    error
}

/// The status an error would have had as an answer of its own.
fn status_of(name: &str) -> Option<u16> {
    Some(match name {
        "invalid_request_error" | "context_length_exceeded" | "invalid_prompt" => 400,
        name if name.contains("image") || name.ends_with("_policy") => 400,
        "authentication_error" | "invalid_api_key" => 401,
        "permission_error" | "insufficient_permissions" => 403,
        "not_found_error" | "model_not_found" => 404,
        "rate_limit_error"
        | "rate_limit_exceeded"
        | "insufficient_quota"
        | "requests"
        | "tokens" => 429,
        "server_error" | "api_error" | "internal_server_error" => 500,
        "overloaded_error" | "service_unavailable" | "engine_overloaded" => 503,
        "timeout" | "timeout_error" | "vector_store_timeout" => 504,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exhausted() -> ErrorBody {
        ErrorBody {
            kind: "budget_exceeded".into(),
            code: Some("budget_exceeded".into()),
            message: "the budget \"search\" is spent".into(),
            metadata: Some(serde_json::json!({"budget_id": "bud_1"})),
            request_id: Some("req_1".into()),
            ..ErrorBody::default()
        }
    }

    #[test]
    fn an_error_has_the_shape_official_clients_read() {
        let body = encode(&exhausted());
        assert_eq!(
            std::str::from_utf8(&body).unwrap(),
            r#"{"error":{"message":"the budget \"search\" is spent","type":"budget_exceeded","param":null,"code":"budget_exceeded","metadata":{"budget_id":"bud_1"},"request_id":"req_1"}}"#
        );
    }

    #[test]
    fn an_error_in_a_stream_is_one_event_without_a_clean_end() {
        let body = encode_in_stream(&exhausted());
        let text = std::str::from_utf8(&body).unwrap();
        assert!(text.starts_with("data: {") && text.ends_with("}\n\n"));
        assert!(text.contains(r#""finish_reason":"error""#) && !text.contains("[DONE]"));
    }

    #[test]
    fn an_error_without_a_status_gets_the_one_its_kind_has() {
        for (member, status) in [
            (r#"{"message":"m","type":"rate_limit_exceeded"}"#, 429),
            (r#"{"message":"m","code":502}"#, 502),
            (r#"{"message":"m","code":"model_not_found","type":"x"}"#, 404),
            (r#"{"message":"m"}"#, 500),
            (r#""words""#, 500),
        ] {
            assert_eq!(read(member).status, status, "{member}");
        }
    }
}
