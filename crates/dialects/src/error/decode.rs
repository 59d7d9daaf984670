//! Reads the error body of any provider: the known shapes, their cousins, HTML of a proxy, nothing.

use std::borrow::Cow;

use super::{MESSAGE_BYTES_MAX, UpstreamError};
use crate::json::{Object, plain_text};

/// The error in a body of an HTTP answer.
pub(crate) fn decode(status: u16, body: &[u8]) -> UpstreamError {
    let text = String::from_utf8_lossy(body);
    let shaped = is_json(&text).then(|| from_json(status, &text)).flatten();
    shaped.unwrap_or_else(|| UpstreamError {
        status,
        message: clipped(&words_of(&text)),
        ..UpstreamError::default()
    })
}

/// The error that the JSON text of an `error` member holds: an object, or bare words.
pub(crate) fn from_member(status: u16, error: &str) -> UpstreamError {
    let bare = || UpstreamError {
        status,
        message: clipped(&plain_text(error).unwrap_or_else(|| error.to_owned())),
        ..UpstreamError::default()
    };
    Object::scan(error).map_or_else(bare, |object| from_object(status, &object))
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

fn from_json(status: u16, text: &str) -> Option<UpstreamError> {
    // One vendor wraps its error in a list of one element.
    let text = text.trim_ascii();
    let text = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    let body = Object::scan(text)?;
    Some(match body.get("error") {
        Some(error) => from_member(status, error),
        None => from_object(status, &body),
    })
}

fn from_object(status: u16, object: &Object<'_>) -> UpstreamError {
    let message =
        ["message", "detail", "error_description", "msg", "title"].into_iter().find_map(|key| {
            let other = || object.get(key).filter(|json| *json != "\"\"").map(str::to_owned);
            object.text(key).or_else(other)
        });
    UpstreamError {
        status,
        message: clipped(&message.unwrap_or_else(|| "no message was given".to_owned())),
        kind: object.text("type").or_else(|| object.text("status")),
        code: object.text("code"),
        param: object.text("param"),
    }
}

/// The readable part of a body that is no JSON: the title of an HTML page, or the text itself.
fn words_of(text: &str) -> Cow<'_, str> {
    let text = text.trim();
    if text.is_empty() {
        return Cow::Borrowed("the answer has no body");
    }
    // ASCII lower case keeps every offset.
    let lower = text.get(..text.floor_char_boundary(4096)).unwrap_or(text).to_ascii_lowercase();
    if let Some(start) = lower.find("<title>").map(|at| at + "<title>".len())
        && let Some(length) = lower[start..].find("</title>")
    {
        return Cow::Borrowed(text[start..start + length].trim());
    }
    if text.starts_with('<') {
        Cow::Borrowed("the answer is a web page")
    } else {
        Cow::Borrowed(text)
    }
}

/// The text without control characters, cut to the longest message kept; words of ours where it says
/// nothing.
fn clipped(text: &str) -> String {
    let text = if text.trim().is_empty() { "no message was given" } else { text };
    let end = text.floor_char_boundary(MESSAGE_BYTES_MAX);
    text[..end].chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_shape_gives_its_words() {
        for (body, message, kind, code) in [
            (
                r#"{"error":{"message":"m","type":"t","param":null,"code":"c"}}"#,
                "m",
                Some("t"),
                Some("c"),
            ),
            (
                r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#,
                "m",
                Some("overloaded_error"),
                None,
            ),
            (
                r#"[{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}]"#,
                "m",
                Some("RESOURCE_EXHAUSTED"),
                Some("429"),
            ),
            (r#"{"error":"bare words"}"#, "bare words", None, None),
            (
                r#"{"object":"error","message":"m","type":"t","code":1500}"#,
                "m",
                Some("t"),
                Some("1500"),
            ),
            (r#"{"detail":[{"msg":"x"}]}"#, r#"[{"msg":"x"}]"#, None, None),
            (r#"{"error":{}}"#, "no message was given", None, None),
            ("{}", "no message was given", None, None),
            ("<html><head><TITLE> 502 Bad Gateway </TITLE></head>", "502 Bad Gateway", None, None),
            ("<html><body>…", "the answer is a web page", None, None),
            ("upstream\u{0} gone\n", "upstream  gone", None, None),
            ("", "the answer has no body", None, None),
            ("\"text\"", "\"text\"", None, None),
        ] {
            let error = decode(502, body.as_bytes());
            let seen = (error.message.as_str(), error.kind.as_deref(), error.code.as_deref());
            assert_eq!(seen, (message, kind, code), "{body}");
            assert_eq!(error.status, 502);
        }
    }

    #[test]
    fn a_spent_account_is_not_worth_a_second_try() {
        let error = |kind: &str| UpstreamError {
            status: 429,
            kind: Some(kind.to_owned()),
            ..UpstreamError::default()
        };
        assert!(error("rate_limit_error").retry_helps());
        assert!(!error("billing_error").retry_helps());
        assert!(!error("enforced_spend_limit_reached").retry_helps());
    }

    #[test]
    fn an_error_without_words_gets_some() {
        for body in [r#"{"message":""}"#, r#"{"error":" "}"#, "<title> </title>", "{}"] {
            assert_eq!(decode(500, body.as_bytes()).message, "no message was given", "{body}");
        }
    }

    proptest! {
        #[test]
        fn no_body_panics_and_no_message_is_endless(body in proptest::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(decode(500, &body).message.len() <= MESSAGE_BYTES_MAX);
        }
    }
}
