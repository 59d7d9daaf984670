//! A plain answer of this dialect read into the neutral chat.

use events::FinishReason;

use super::reasoning::pack;
use super::response::{OutputItem, ResponseBody};
use crate::chat::{ChatReply, OutputPart, chars};
use crate::openai::annotations;
use crate::reply::{Facts, ReplyError};
use crate::request::without_position;

pub(super) fn decode<'a>(json: &'a str, facts: &mut Facts) -> Result<ChatReply<'a>, ReplyError> {
    let garbage = |what: &str| ReplyError::Garbage(what.to_owned());
    let body: ResponseBody<'a> =
        serde_json::from_str(json).map_err(|e| garbage(&without_position(&e)))?;
    body.note_end(json, facts)?;
    if body.output.is_none() {
        return Err(garbage("it has no output"));
    }
    if body.is_pending() {
        return Err(garbage("it is still being made"));
    }
    let (mut reply, mut said) = (ChatReply::default(), 0);
    for item in body.items() {
        item_parts(item, &mut reply, &mut said, facts);
    }
    Ok(reply)
}

/// Adds what an item says; `said` is how many characters of text went before.
fn item_parts<'a>(
    mut item: OutputItem<'a>,
    reply: &mut ChatReply<'a>,
    said: &mut usize,
    facts: &mut Facts,
) {
    let parts = &mut reply.parts;
    match item.kind.as_str() {
        "message" => {
            for text in item.texts() {
                if text.is_refusal {
                    facts.finish_reason = Some(FinishReason::ContentFilter);
                }
                let (base, end) = (*said, *said + chars(&text.text));
                reply.citations.extend(annotations::read_all(text.annotations, base, end));
                *said = end;
                facts.output.push(&text.text);
                parts.push(OutputPart::Text(text.text));
            }
        }
        "reasoning" => {
            let text = item.thinking();
            facts.output.push(&text);
            let id = item.id.unwrap_or_default();
            let seal = item.encrypted_content.filter(|content| !content.0.is_empty());
            let signature = seal.map(|content| pack(id.as_str(), content.as_str()).into());
            if signature.is_some() || !text.is_empty() {
                parts.push(OutputPart::Thinking { text, signature });
            }
        }
        "function_call" => {
            let id = item.call_id.or(item.id).unwrap_or_default().0;
            let name = item.name.unwrap_or_default().0;
            let arguments = item.arguments.unwrap_or_default().0;
            let arguments = if arguments.trim().is_empty() { "{}".into() } else { arguments };
            facts.output.push(&name);
            facts.output.push(&arguments);
            parts.push(OutputPart::ToolCall { id, name, arguments, signature: None });
        }
        // The provider's own tools.
        _ => {}
    }
}
