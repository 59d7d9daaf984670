//! Errors as this dialect words them.

use bytes::Bytes;
use serde::Serialize;

use crate::error::ErrorBody;
use crate::json::append;

#[derive(Serialize)]
struct Envelope<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    error: Body<'a>,
    request_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Details<'a>>,
}

/// What programs may branch on, where official clients look for it.
#[derive(Serialize)]
struct Details<'a> {
    error_code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    param: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a serde_json::Value>,
}

/// The body of an error answer.
pub(super) fn encode(error: &ErrorBody) -> Bytes {
    let mut out = Vec::new();
    write(&mut out, error);
    out.into()
}

/// The last event of a stream that failed.
pub(super) fn encode_in_stream(error: &ErrorBody) -> Bytes {
    let mut out = b"event: error\ndata: ".to_vec();
    write(&mut out, error);
    out.extend_from_slice(b"\n\n");
    out.into()
}

fn write(out: &mut Vec<u8>, error: &ErrorBody) {
    let details = error.code.as_deref().map(|error_code| Details {
        error_code,
        param: error.param.as_deref(),
        metadata: error.metadata.as_ref(),
    });
    let body = Body { kind: kind(error), message: &error.message, details };
    let request_id = error.request_id.as_deref();
    append(out, &Envelope { kind: "error", error: body, request_id });
}

/// The dialect's word: its clients know these and no other (the SDK's types, 2.12).
fn kind(error: &ErrorBody) -> &'static str {
    let is_too_large = error.code.as_deref().is_some_and(|code| code.ends_with("too_large"));
    match error.kind.as_str() {
        "invalid_request_error" if is_too_large => "request_too_large",
        "invalid_request_error" => "invalid_request_error",
        "authentication_error" => "authentication_error",
        "permission_error" => "permission_error",
        "not_found_error" => "not_found_error",
        "rate_limit_error" => "rate_limit_error",
        "timeout_error" => "timeout_error",
        "overloaded_error" => "overloaded_error",
        "budget_exceeded" | "billing_error" => "billing_error",
        _ => "api_error",
    }
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

    const EXHAUSTED: &str = r#"{"type":"error","error":{"type":"billing_error","message":"the budget \"search\" is spent","details":{"error_code":"budget_exceeded","metadata":{"budget_id":"bud_1"}}},"request_id":"req_1"}"#;

    #[test]
    fn an_error_has_the_shape_official_clients_read() {
        assert_eq!(encode(&exhausted()), EXHAUSTED);
        assert_eq!(encode_in_stream(&exhausted()), format!("event: error\ndata: {EXHAUSTED}\n\n"));
    }

    #[test]
    fn every_kind_is_told_in_a_word_of_this_dialect() {
        for (kind, code, told) in [
            ("invalid_request_error", "invalid_value", "invalid_request_error"),
            ("invalid_request_error", "request_too_large", "request_too_large"),
            ("not_found_error", "model_not_found", "not_found_error"),
            ("timeout_error", "upstream_timeout", "timeout_error"),
            ("overloaded_error", "spool_full", "overloaded_error"),
            ("api_error", "upstream_error", "api_error"),
            ("something_new", "x", "api_error"),
        ] {
            let error =
                ErrorBody { kind: kind.into(), code: Some(code.into()), ..ErrorBody::default() };
            assert_eq!(super::kind(&error), told, "{kind} {code}");
        }
    }
}
