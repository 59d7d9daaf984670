//! A plain answer of this dialect read into the neutral chat.

use events::FinishReason;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::blob::opened;
use super::citations;
use super::usage::Terms;
use crate::chat::{ChatReply, OutputPart, Span, chars_of};
use crate::json::{List, Object, Text};
use crate::reply::{Facts, ReplyError};
use crate::request::without_position;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(borrow)]
    output: Option<OutputBody<'a>>,
    #[serde(borrow)]
    stop_reason: Option<Text<'a>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    service_tier: Option<&'a RawValue>,
    #[serde(borrow)]
    performance_config: Option<&'a RawValue>,
    #[serde(borrow)]
    trace: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct OutputBody<'a> {
    #[serde(borrow)]
    message: Option<MessageBody<'a>>,
}

#[derive(Deserialize)]
struct MessageBody<'a> {
    #[serde(borrow, default)]
    content: List<BlockBody<'a>>,
}

/// One block: a union of which one member is there. The service's own tools and their results,
/// pictures and kinds to come are skipped.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BlockBody<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    tool_use: Option<CallBody<'a>>,
    #[serde(borrow)]
    reasoning_content: Option<ReasoningBody<'a>>,
    #[serde(borrow)]
    citations_content: Option<CitedBody<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CallBody<'a> {
    #[serde(borrow)]
    tool_use_id: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReasoningBody<'a> {
    #[serde(borrow)]
    reasoning_text: Option<ReasoningText<'a>>,
    #[serde(borrow)]
    redacted_content: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct ReasoningText<'a> {
    #[serde(borrow, default)]
    text: Text<'a>,
    #[serde(borrow)]
    signature: Option<Text<'a>>,
}

/// Text with what it rests on.
#[derive(Deserialize)]
struct CitedBody<'a> {
    #[serde(borrow, default)]
    content: List<CitedText<'a>>,
    #[serde(borrow)]
    citations: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct CitedText<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
}

pub(super) fn decode<'a>(json: &'a str, facts: &mut Facts) -> Result<ChatReply<'a>, ReplyError> {
    let body: Body<'a> =
        serde_json::from_str(json).map_err(|e| ReplyError::Garbage(without_position(&e)))?;
    let Some(message) = body.output.and_then(|output| output.message) else {
        return Err(ReplyError::Garbage("it has no message".to_owned()));
    };
    note_model(facts, body.trace.map(RawValue::get));
    if let Some(native) = &body.stop_reason {
        note_stop(facts, native.as_str());
    }
    let terms = Terms {
        usage: body.usage.map(RawValue::get),
        tier: body.service_tier.map(RawValue::get),
        performance: body.performance_config.map(RawValue::get),
    };
    facts.usage = terms.read();
    let mut parts = Vec::with_capacity(message.content.0.len());
    let (mut cited, mut said) = (Vec::new(), 0);
    for block in message.content.0 {
        let sources = block.citations_content.as_ref().and_then(|cited| cited.citations);
        let base = parts.len();
        read(block, &mut parts);
        // The whole block is what rests on its sources.
        let span = Span::new(said, said + chars_of(parts.get(base..).unwrap_or_default()));
        cited.extend(citations::read_all(sources, span));
        said = span.end;
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

fn read<'a>(block: BlockBody<'a>, parts: &mut Vec<OutputPart<'a>>) {
    let mut say = |text: Text<'a>| {
        if !text.0.is_empty() {
            parts.push(OutputPart::Text(text.0));
        }
    };
    if let Some(text) = block.text {
        say(text);
    } else if let Some(cited) = block.citations_content {
        cited.content.0.into_iter().filter_map(|cited| cited.text).for_each(say);
    } else if let Some(call) = block.tool_use.filter(|call| !is_own(call.kind.as_ref())) {
        parts.push(OutputPart::ToolCall {
            id: call.tool_use_id.unwrap_or_default().0,
            name: call.name.unwrap_or_default().0,
            arguments: call.input.map_or("{}", RawValue::get).into(),
            signature: None,
        });
    } else if let Some(reasoning) = block.reasoning_content {
        if let Some(shown) = reasoning.reasoning_text {
            let signature = shown.signature.map(|text| text.0).filter(|text| !text.is_empty());
            parts.push(OutputPart::Thinking { text: shown.text.0, signature });
        }
        let hidden = reasoning.redacted_content.filter(|text| !text.0.is_empty());
        parts.extend(hidden.map(|text| OutputPart::RedactedThinking(opened(text.0))));
    }
}

/// Whether a call is of a tool that runs at the service, which answers it itself.
pub(super) fn is_own(kind: Option<&Text<'_>>) -> bool {
    kind.is_some_and(|kind| kind.as_str() == "server_tool_use")
}

/// Notes the model a router chose. Nothing else tells one.
pub(super) fn note_model(facts: &mut Facts, trace: Option<&str>) {
    let router = trace.and_then(Object::scan).and_then(|trace| trace.child("promptRouter"));
    let model = router.and_then(|router| router.text("invokedModelId"));
    facts.model = model.or(facts.model.take());
}

/// Notes why the model stopped.
pub(super) fn note_stop(facts: &mut Facts, native: &str) {
    facts.finish_reason = Some(match native {
        "max_tokens" | "model_context_window_exceeded" => FinishReason::Length,
        "tool_use" => FinishReason::ToolCalls,
        "guardrail_intervened" | "content_filtered" => FinishReason::ContentFilter,
        "malformed_model_output" | "malformed_tool_use" => FinishReason::Error,
        // end_turn, stop_sequence, and whatever comes.
        _ => FinishReason::Stop,
    });
    facts.native_finish_reason = Some(native.to_owned());
}

#[cfg(test)]
mod tests;
