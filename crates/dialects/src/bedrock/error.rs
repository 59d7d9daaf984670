//! Errors of this dialect: named in a header, in the body, or in a frame of the stream.

use crate::error::{UpstreamError, decode as decode_any};
use crate::json::Object;

/// Header that names an error.
pub(super) const TYPE_HEADER: &str = "x-amzn-errortype";

/// The name of an error without what services put around it: a namespace before `#`, an address
/// behind `:`.
pub(super) fn type_name(value: &str) -> &str {
    let name = value.rsplit_once('#').map_or(value, |(_, name)| name);
    name.split(':').next().unwrap_or(name).trim()
}

/// The error in the body of an answer that is no success.
pub(super) fn decode(status: u16, body: &[u8]) -> UpstreamError {
    let mut error = decode_any(status, body);
    let text = String::from_utf8_lossy(body);
    if let Some(object) = Object::scan(&text) {
        // The gate in front of the service writes its words with a capital.
        if object.get("message").is_none()
            && let Some(json) = object.get("Message")
        {
            error.message = crate::error::from_member(status, json).message;
        }
        let named = object.text("__type").map(|name| type_name(&name).to_owned());
        error.kind = named.or(error.kind);
    }
    error
}

/// An exception told inside a stream; `name` is that of its frame.
pub(super) fn exception(name: &str, payload: &[u8]) -> UpstreamError {
    let mut error = decode(status_of(name), payload);
    let text = String::from_utf8_lossy(payload);
    if let Some(object) = Object::scan(&text) {
        let told = u16::try_from(object.count("originalStatusCode")).unwrap_or(0);
        if told >= 400 {
            error.status = told;
        }
    }
    error.kind = Some(capitalised(name));
    error
}

/// The status an exception has as an answer (botocore 1.44, service model of bedrock-runtime).
fn status_of(name: &str) -> u16 {
    match name.to_ascii_lowercase().trim_end_matches("exception") {
        "validation" | "servicequotaexceeded" => 400,
        "accessdenied" => 403,
        "resourcenotfound" => 404,
        "modeltimeout" => 408,
        "modelerror" | "modelstreamerror" => 424,
        "throttling" | "modelnotready" => 429,
        "serviceunavailable" => 503,
        _ => 500,
    }
}

/// Frames name exceptions as members, answers as types.
fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exception_has_the_status_it_would_have_as_an_answer() {
        for (name, payload, status, kind) in [
            ("throttlingException", r#"{"message":"slow"}"#, 429, "ThrottlingException"),
            ("validationException", r#"{"message":"slow"}"#, 400, "ValidationException"),
            ("internalServerException", r#"{"message":"slow"}"#, 500, "InternalServerException"),
            (
                "serviceUnavailableException",
                r#"{"message":"slow"}"#,
                503,
                "ServiceUnavailableException",
            ),
            (
                "modelStreamErrorException",
                r#"{"message":"slow","originalStatusCode":503,"originalMessage":"x"}"#,
                503,
                "ModelStreamErrorException",
            ),
            (
                "modelStreamErrorException",
                r#"{"message":"slow"}"#,
                424,
                "ModelStreamErrorException",
            ),
        ] {
            let error = exception(name, payload.as_bytes());
            assert_eq!((error.status, error.message.as_str()), (status, "slow"), "{name}");
            assert_eq!(error.kind.as_deref(), Some(kind));
        }
        assert!(exception("throttlingException", b"{}").retry_helps());
        assert!(!exception("validationException", b"{}").retry_helps());
    }

    #[test]
    fn an_error_is_named_by_header_or_body() {
        let name =
            "ValidationException:http://internal.amazon.com/coral/com.amazon.coral.validate/";
        assert_eq!(type_name(name), "ValidationException");
        let body = br#"{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"no"}"#;
        let error = decode(403, body);
        assert_eq!(
            (error.message.as_str(), error.kind.as_deref()),
            ("no", Some("AccessDeniedException"))
        );
        assert_eq!(decode(400, br#"{"message":"m"}"#).message, "m");
        assert_eq!(decode(502, b"").message, "the answer has no body");
    }
}
