//! Errors as this dialect words them, and how those inside a stream are read.

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};

use crate::error::{ErrorBody, UpstreamError, from_member};
use crate::json::{append, text_of};
use crate::sse::write_data;

#[derive(Serialize)]
struct Envelope<'a> {
    error: Body<'a>,
}

#[derive(Serialize)]
struct Body<'a> {
    code: u16,
    message: &'a str,
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<Value>,
}

/// Status and its name for each kind of error (google.rpc.Code and its mapping to HTTP).
const KINDS: [(&str, u16, &str); 10] = [
    ("invalid_request_error", 400, "INVALID_ARGUMENT"),
    ("authentication_error", 401, "UNAUTHENTICATED"),
    ("permission_error", 403, "PERMISSION_DENIED"),
    ("not_found_error", 404, "NOT_FOUND"),
    ("rate_limit_error", 429, "RESOURCE_EXHAUSTED"),
    ("budget_exceeded", 429, "RESOURCE_EXHAUSTED"),
    ("insufficient_quota", 429, "RESOURCE_EXHAUSTED"),
    ("overloaded_error", 503, "UNAVAILABLE"),
    ("timeout_error", 504, "DEADLINE_EXCEEDED"),
    ("api_error", 500, "INTERNAL"),
];

impl<'a> Envelope<'a> {
    fn new(error: &'a ErrorBody) -> Self {
        let known = KINDS.iter().find(|(kind, ..)| *kind == error.kind);
        let (code, status) = known.map_or((500, "INTERNAL"), |(_, code, status)| (*code, *status));
        Self { error: Body { code, message: &error.message, status, details: details(error) } }
    }
}

/// What else is known, in the vendor's own types of details.
fn details(error: &ErrorBody) -> Vec<Value> {
    let mut details = Vec::new();
    if let Some(reason) = &error.code {
        let mut info = json!({
            "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "tollgate"
        });
        if let Some(metadata) = &error.metadata {
            info["metadata"] = metadata.clone();
        }
        details.push(info);
    }
    if let Some(field) = &error.param {
        details.push(json!({
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [{"field": field, "description": error.message}]
        }));
    }
    if let Some(id) = &error.request_id {
        details.push(json!({
            "@type": "type.googleapis.com/google.rpc.RequestInfo", "requestId": id
        }));
    }
    details
}

/// The body of an error answer.
pub(super) fn encode(error: &ErrorBody) -> Bytes {
    let mut out = Vec::new();
    append(&mut out, &Envelope::new(error));
    out.into()
}

/// The last event of a stream that failed.
pub(super) fn encode_in_stream(error: &ErrorBody) -> Bytes {
    let mut out = Vec::new();
    write_data(&mut out, &text_of(&Envelope::new(error)));
    out.into()
}

/// The error that an `error` member holds where no HTTP status tells its kind.
pub(super) fn read(member: &str) -> UpstreamError {
    let error = from_member(500, member);
    let told = error.code.as_deref().and_then(|code| code.parse::<u16>().ok());
    match told.filter(|status| (400..600).contains(status)) {
        Some(status) => UpstreamError { status, ..error },
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_the_shape_official_clients_raise_on() {
        let error = ErrorBody {
            kind: "budget_exceeded".into(),
            code: Some("budget_exceeded".into()),
            message: "no room".into(),
            param: Some("model".into()),
            metadata: Some(json!({"budget": "b"})),
            request_id: Some("req_1".into()),
        };
        let told: Value = serde_json::from_slice(&encode(&error)).unwrap();
        assert_eq!(
            (&told["error"]["code"], &told["error"]["status"]),
            (&json!(429), &json!("RESOURCE_EXHAUSTED"))
        );
        assert_eq!(told["error"]["message"], "no room");
        assert_eq!(told["error"]["details"][0]["metadata"]["budget"], "b");
        assert_eq!(told["error"]["details"][1]["fieldViolations"][0]["field"], "model");
        assert_eq!(told["error"]["details"][2]["requestId"], "req_1");
        let plain = encode(&ErrorBody { kind: "new".into(), ..ErrorBody::default() });
        assert_eq!(plain, r#"{"error":{"code":500,"message":"","status":"INTERNAL"}}"#);
    }

    #[test]
    fn an_error_in_a_stream_keeps_its_status() {
        let read = |json: &str| (read(json).status, read(json).message);
        assert_eq!(
            read(r#"{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}"#),
            (429, "m".to_owned())
        );
        assert_eq!(read(r#"{"message":"m"}"#), (500, "m".to_owned()));
        assert_eq!(read("\"words\""), (500, "words".to_owned()));
    }
}
