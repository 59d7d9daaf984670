//! What Slack checks of a message posted to an incoming webhook, in the words it refuses with.
//!
//! Limits as of 2026-11: at most 50 blocks; header text 150 characters, section text 3,000, ten fields
//! of 2,000, 25 elements of an action, button text 75, URLs 3,000, ten elements of a context. It must
//! never know what a message says.

use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use serde_json::Value;

/// Checks a body; the error is what Slack answers.
pub(super) fn check(headers: &HeaderMap, body: &[u8]) -> Result<(), &'static str> {
    let is_json = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("application/json"));
    if !is_json {
        return Err("invalid_payload");
    }
    let message: Value = serde_json::from_slice(body).map_err(|_| "invalid_payload")?;
    let text = message["text"].as_str().unwrap_or_default();
    let blocks = message["blocks"].as_array().map(Vec::as_slice).unwrap_or_default();
    if text.is_empty() && blocks.is_empty() {
        return Err("no_text");
    }
    if text.chars().count() > 40_000 {
        return Err("msg_too_long");
    }
    if blocks.len() > 50 || !blocks.iter().all(is_valid) {
        return Err("invalid_blocks");
    }
    Ok(())
}

fn is_valid(block: &Value) -> bool {
    match block["type"].as_str() {
        Some("header") => is_text(&block["text"], 150, &["plain_text"]),
        Some("section") => {
            let text = &block["text"];
            let fields = block["fields"].as_array().map(Vec::as_slice).unwrap_or_default();
            let has_text = !text.is_null();
            (has_text || !fields.is_empty())
                && (!has_text || is_text(text, 3_000, &["mrkdwn", "plain_text"]))
                && fields.len() <= 10
                && fields.iter().all(|field| is_text(field, 2_000, &["mrkdwn", "plain_text"]))
        }
        Some("actions") => {
            let elements = block["elements"].as_array().map(Vec::as_slice).unwrap_or_default();
            (1..=25).contains(&elements.len()) && elements.iter().all(is_button)
        }
        Some("context") => {
            let elements = block["elements"].as_array().map(Vec::as_slice).unwrap_or_default();
            (1..=10).contains(&elements.len())
                && elements.iter().all(|text| is_text(text, 2_000, &["mrkdwn", "plain_text"]))
        }
        Some("divider") => true,
        _ => false,
    }
}

fn is_button(element: &Value) -> bool {
    let url = element["url"].as_str();
    element["type"] == "button"
        && is_text(&element["text"], 75, &["plain_text"])
        && url.is_none_or(|url| url.chars().count() <= 3_000 && url.starts_with("http"))
        && element["action_id"].as_str().is_none_or(|id| id.chars().count() <= 255)
}

fn is_text(object: &Value, chars_max: usize, kinds: &[&str]) -> bool {
    let is_kind = object["type"].as_str().is_some_and(|kind| kinds.contains(&kind));
    let length = object["text"].as_str().map_or(0, |text| text.chars().count());
    is_kind && (1..=chars_max).contains(&length)
}
