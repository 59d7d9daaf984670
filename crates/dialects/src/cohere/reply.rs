//! A plain answer of this dialect read into the neutral chat.

use events::FinishReason;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{citations, usage};
use crate::chat::{ChatReply, OutputPart, chars_of};
use crate::error::decode as decode_error;
use crate::json::{List, Text};
use crate::reply::{Facts, ReplyError};
use crate::request::without_position;

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    finish_reason: Option<Text<'a>>,
    /// An object in an answer, words in an error.
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct MessageBody<'a> {
    #[serde(borrow)]
    content: Option<List<BlockBody<'a>>>,
    #[serde(borrow)]
    tool_plan: Option<Text<'a>>,
    #[serde(borrow)]
    tool_calls: Option<List<CallBody<'a>>>,
    #[serde(borrow)]
    citations: Option<&'a RawValue>,
}

/// One block, or the beginning of one.
#[derive(Deserialize, Default)]
pub(super) struct BlockBody<'a> {
    #[serde(borrow)]
    pub(super) text: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) thinking: Option<Text<'a>>,
}

/// One call, or the beginning of one.
#[derive(Deserialize, Default)]
pub(super) struct CallBody<'a> {
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) function: Option<FunctionBody<'a>>,
}

#[derive(Deserialize, Default)]
pub(super) struct FunctionBody<'a> {
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) arguments: Option<Text<'a>>,
}

pub(super) fn decode<'a>(json: &'a str, facts: &mut Facts) -> Result<ChatReply<'a>, ReplyError> {
    let garbage = |error: &serde_json::Error| ReplyError::Garbage(without_position(error));
    let body: Body<'a> = serde_json::from_str(json).map_err(|e| garbage(&e))?;
    let message = body.message.map(RawValue::get);
    let message = match message {
        Some(words) if words.starts_with('"') => {
            return Err(decode_error(500, json.as_bytes()).into());
        }
        Some(message) => message,
        None => return Err(ReplyError::Garbage("it has no message".to_owned())),
    };
    let message: MessageBody<'a> = serde_json::from_str(message).map_err(|e| garbage(&e))?;
    facts.id = body.id.map(|text| text.0.into_owned());
    if let Some(native) = &body.finish_reason {
        note_finish(facts, native.as_str());
    }
    facts.usage = body.usage.and_then(|raw| usage::read(raw.get()));
    let mut parts = Vec::new();
    let think = |text: Option<Text<'a>>| {
        let text = text.map(|text| text.0).filter(|text| !text.is_empty());
        text.map(|text| OutputPart::Thinking { text, signature: None })
    };
    // What the model means to do with the tools is reasoning shown.
    parts.extend(think(message.tool_plan));
    // Where each block begins in the text.
    let (mut bases, mut counted) = (Vec::<usize>::new(), 0);
    for block in message.content.unwrap_or_default().0 {
        bases.push(
            bases.last().copied().unwrap_or(0) + chars_of(parts.get(counted..).unwrap_or_default()),
        );
        counted = parts.len();
        parts.extend(think(block.thinking));
        let text = block.text.map(|text| text.0).filter(|text| !text.is_empty());
        parts.extend(text.map(OutputPart::Text));
    }
    for call in message.tool_calls.unwrap_or_default().0 {
        let function = call.function.unwrap_or_default();
        let arguments = function.arguments.unwrap_or_default().0;
        parts.push(OutputPart::ToolCall {
            id: call.id.unwrap_or_default().0,
            name: function.name.unwrap_or_default().0,
            arguments: if arguments.trim().is_empty() { "{}".into() } else { arguments },
            signature: None,
        });
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
    let citations = citations::read_all(message.citations, &bases);
    Ok(ChatReply { parts, citations })
}

/// Notes why the model stopped.
pub(super) fn note_finish(facts: &mut Facts, native: &str) {
    facts.finish_reason = Some(match native {
        "MAX_TOKENS" => FinishReason::Length,
        "TOOL_CALL" => FinishReason::ToolCalls,
        "ERROR" | "TIMEOUT" => FinishReason::Error,
        // COMPLETE, STOP_SEQUENCE, and whatever comes.
        _ => FinishReason::Stop,
    });
    facts.native_finish_reason = Some(native.to_owned());
}

#[cfg(test)]
mod tests;
