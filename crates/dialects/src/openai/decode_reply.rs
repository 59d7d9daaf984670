//! A plain answer of this dialect read into the neutral chat.

use std::borrow::Cow;

use events::FinishReason;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::message::{Answer, Said};
use super::native::note_finish;
use super::signature::signature;
use super::sources::{Marks, sources};
use super::{annotations, error, usage};
use crate::chat::{ChatReply, Citation, OutputPart};
use crate::json::{List, Text};
use crate::own::label;
use crate::reply::{Facts, ReplyError};
use crate::request::without_position;

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow)]
    choices: Option<List<ChoiceBody<'a>>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    service_tier: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    citations: Option<&'a RawValue>,
    #[serde(borrow)]
    search_results: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ChoiceBody<'a> {
    #[serde(borrow)]
    message: Option<Answer<'a>>,
    #[serde(borrow)]
    finish_reason: Option<Text<'a>>,
}

pub(super) fn decode<'a>(json: &'a str, facts: &mut Facts) -> Result<ChatReply<'a>, ReplyError> {
    let garbage = |what: &str| ReplyError::Garbage(what.to_owned());
    let body: Body<'a> = serde_json::from_str(json).map_err(|e| garbage(&without_position(&e)))?;
    if let Some(member) = body.error {
        return Err(error::read(member.get()).into());
    }
    let choices = body.choices.ok_or_else(|| garbage("it has no list of choices"))?.0;
    let choice =
        choices.into_iter().next().ok_or_else(|| garbage("its list of choices is empty"))?;
    facts.id = label(body.id);
    facts.model = label(body.model);
    facts.usage = body.usage.and_then(|raw| usage::read(raw.get(), label(body.service_tier)));
    if let Some(native) = &choice.finish_reason {
        note_finish(facts, native.as_str());
    }
    let Some(message) = choice.message else { return Ok(ChatReply::default()) };
    let parts = parts(&message, facts);
    let listed = [body.citations, body.search_results].map(|raw| raw.map_or("", RawValue::get));
    let citations = citations(&parts, message.annotations, listed);
    Ok(ChatReply { parts, citations })
}

/// What the text rests on: as annotations tell, else as its marks do of the sources `listed` beside it.
fn citations(
    parts: &[OutputPart<'_>],
    annotations: Option<&RawValue>,
    listed: [&str; 2],
) -> Vec<Citation> {
    let mut marks = Marks::default();
    for part in parts {
        if let OutputPart::Text(text) = part {
            marks.read(text);
        }
    }
    let annotated = annotations::read_all(annotations, 0, marks.said());
    if annotated.is_empty() {
        let [cited, found] = listed;
        return marks.citations(&sources(cited, found));
    }
    annotated
}

fn parts<'a>(message: &Answer<'a>, facts: &mut Facts) -> Vec<OutputPart<'a>> {
    let mut parts = Vec::new();
    for block in message.blocks() {
        parts.push(match block.data {
            Some(data) => OutputPart::RedactedThinking(data.0),
            None => OutputPart::Thinking {
                text: block.thinking.unwrap_or_default().0,
                signature: block.signature.map(|text| text.0).filter(|text| !text.is_empty()),
            },
        });
    }
    // Blocks hold the reasoning that stands beside them too.
    let is_signed = !parts.is_empty();
    for said in message.said() {
        match said {
            Said::Text(text) => parts.push(OutputPart::Text(text)),
            Said::Thinking(text) if !is_signed => {
                parts.push(OutputPart::Thinking { text, signature: None });
            }
            Said::Thinking(_) => {}
        }
    }
    for (index, call) in message.calls().into_iter().enumerate() {
        let Some(function) = call.function else { continue };
        let arguments = function.arguments();
        let id = call.id.map(|id| id.0).filter(|id| !id.is_empty());
        parts.push(OutputPart::ToolCall {
            id: id.unwrap_or_else(|| Cow::Owned(format!("call_{index}"))),
            name: function.name.unwrap_or_default().0,
            arguments: if arguments.trim().is_empty() { "{}".into() } else { arguments },
            signature: call.extra_content.and_then(signature),
        });
    }
    if message.refusal().is_some() {
        facts.finish_reason = Some(FinishReason::ContentFilter);
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
    parts
}
