//! A plain answer of this dialect read into the neutral chat.

use events::FinishReason;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::citations;
use super::usage::Tally;
use crate::chat::{ChatReply, OutputPart, Span, chars};
use crate::error::{UpstreamError, decode as decode_error};
use crate::json::{List, Object, Text};
use crate::reply::{Facts, ReplyError};
use crate::request::without_position;

/// Kinds of blocks that say something in the neutral chat.
const KINDS: [&str; 4] = ["text", "thinking", "redacted_thinking", "tool_use"];

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    model: Option<Text<'a>>,
    #[serde(borrow)]
    content: Option<List<&'a RawValue>>,
    #[serde(borrow)]
    stop_reason: Option<Text<'a>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// One block. Kinds this crate has no word for (the provider's own tools and their results) carry
/// other members, which are skipped.
#[derive(Deserialize)]
pub(super) struct BlockBody<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) text: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) citations: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) thinking: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) signature: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) data: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) input: Option<&'a RawValue>,
}

pub(super) fn decode<'a>(json: &'a str, facts: &mut Facts) -> Result<ChatReply<'a>, ReplyError> {
    let body: Body<'a> =
        serde_json::from_str(json).map_err(|e| ReplyError::Garbage(without_position(&e)))?;
    if body.error.is_some() {
        return Err(error(json).into());
    }
    let Some(content) = body.content else {
        return Err(ReplyError::Garbage("it has no content".to_owned()));
    };
    facts.id = body.id.map(|text| text.0.into_owned());
    facts.model = body.model.map(|text| text.0.into_owned());
    if let Some(native) = &body.stop_reason {
        note_stop(facts, native.as_str());
    }
    if let Some(usage) = body.usage {
        Tally::default().report(usage.get(), facts);
    }
    let mut parts = Vec::with_capacity(content.0.len());
    let (mut cited, mut said) = (Vec::new(), 0);
    for raw in content.0 {
        let Some(block) = block(raw)? else { continue };
        let sources = block.citations;
        let part = part(block);
        if let Some(OutputPart::Text(text)) = &part {
            let span = Span::new(said, said + chars(text));
            cited.extend(citations::read_all(sources, span));
            said = span.end;
        }
        parts.extend(part);
    }
    for part in &parts {
        match part {
            OutputPart::Text(text) | OutputPart::Thinking { text, .. } => facts.output.push(text),
            OutputPart::ToolCall { name, arguments, .. } => {
                facts.output.push(name);
                facts.output.push(arguments);
            }
            OutputPart::RedactedThinking(_) => {}
        }
    }
    Ok(ChatReply { parts, citations: cited })
}

/// A block; `None` for a kind this crate has no word for whose members are of other types.
fn block(raw: &RawValue) -> Result<Option<BlockBody<'_>>, ReplyError> {
    serde_json::from_str(raw.get()).map(Some).or_else(|error| {
        let kind = Object::scan(raw.get()).and_then(|block| block.text("type"));
        match kind {
            Some(kind) if !KINDS.contains(&kind.as_str()) => Ok(None),
            _ => Err(ReplyError::Garbage(without_position(&error))),
        }
    })
}

fn part(block: BlockBody<'_>) -> Option<OutputPart<'_>> {
    Some(match block.kind.as_str() {
        "text" => OutputPart::Text(block.text?.0),
        "thinking" => OutputPart::Thinking {
            text: block.thinking.unwrap_or_default().0,
            signature: block.signature.map(|text| text.0).filter(|text| !text.is_empty()),
        },
        "redacted_thinking" => OutputPart::RedactedThinking(block.data?.0),
        "tool_use" => OutputPart::ToolCall {
            id: block.id?.0,
            name: block.name?.0,
            arguments: block.input.map_or("{}", RawValue::get).into(),
            signature: None,
        },
        _ => return None,
    })
}

/// Notes why the model stopped.
pub(super) fn note_stop(facts: &mut Facts, native: &str) {
    facts.finish_reason = Some(match native {
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "tool_use" => FinishReason::ToolCalls,
        "refusal" => FinishReason::ContentFilter,
        // end_turn, stop_sequence, pause_turn, compaction, and whatever comes.
        _ => FinishReason::Stop,
    });
    facts.native_finish_reason = Some(native.to_owned());
}

/// An error where no HTTP status tells its kind.
pub(super) fn error(json: &str) -> UpstreamError {
    let mut error = decode_error(500, json.as_bytes());
    error.status = match error.kind.as_deref() {
        Some("invalid_request_error") => 400,
        Some("authentication_error") => 401,
        Some("billing_error") => 402,
        Some("permission_error") => 403,
        Some("not_found_error") => 404,
        Some("request_too_large") => 413,
        Some("rate_limit_error") => 429,
        Some("timeout_error") => 504,
        Some("overloaded_error") => 529,
        _ => 500,
    };
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stop_reason_has_its_neutral_word() {
        for (native, reason) in [
            ("end_turn", FinishReason::Stop),
            ("stop_sequence", FinishReason::Stop),
            ("pause_turn", FinishReason::Stop),
            ("compaction", FinishReason::Stop),
            ("max_tokens", FinishReason::Length),
            ("model_context_window_exceeded", FinishReason::Length),
            ("tool_use", FinishReason::ToolCalls),
            ("refusal", FinishReason::ContentFilter),
        ] {
            let mut facts = Facts::default();
            note_stop(&mut facts, native);
            assert_eq!(
                (facts.finish_reason, facts.native_finish_reason.as_deref()),
                (Some(reason), Some(native))
            );
        }
    }

    #[test]
    fn an_error_under_status_200_and_junk_are_no_answers() {
        let decode = |json| decode(json, &mut Facts::default());
        let error = decode(
            r#"{"type":"error","error":{"type":"overloaded_error","message":"busy"},"request_id":"req_1"}"#,
        );
        assert!(
            matches!(error, Err(ReplyError::Upstream(e)) if e.status == 529 && e.message == "busy")
        );
        for junk in ["", "{}", "[]", "<html>", r#"{"content":5}"#, r#"{"content":[{}]}"#] {
            assert!(matches!(decode(junk), Err(ReplyError::Garbage(_))), "{junk}");
        }
    }
}
