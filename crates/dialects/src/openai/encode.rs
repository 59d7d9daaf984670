//! Plain answers and lists of models as this dialect words them.

use bytes::Bytes;
use serde::Serialize;

use super::annotations::Annotation;
use super::signature::Extra;
use super::usage::UsageBody;
use crate::chat::{ChatReply, OutputPart};
use crate::json::append;
use crate::models::ModelEntry;
use crate::reply::{Facts, ReplyContext};

#[derive(Serialize)]
struct Completion<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    choices: [Choice<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<UsageBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'a str>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    message: Message<'a>,
    logprobs: Option<()>,
    finish_reason: &'static str,
    /// The provider's own word for it, which may say more.
    #[serde(skip_serializing_if = "Option::is_none")]
    native_finish_reason: Option<&'a str>,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Option<String>,
    refusal: Option<()>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    thinking_blocks: Vec<ThinkingBlock<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<ToolCall<'a>>,
    /// Pages the text rests on; the dialect has no word for a document.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    annotations: Vec<Annotation<'a>>,
}

/// Signed reasoning, given out so that the client can send it back unchanged: providers demand it
/// beside the tool calls it led to.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ThinkingBlock<'a> {
    /// Readable.
    Thinking {
        /// The reasoning; in a stream it went before.
        thinking: &'a str,
        /// The signature.
        signature: &'a str,
    },
    /// Encrypted.
    RedactedThinking {
        /// Opaque.
        data: &'a str,
    },
}

#[derive(Serialize)]
struct ToolCall<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    function: Function<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extra_content: Option<Extra<'a>>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    arguments: &'a str,
}

pub(super) fn reply(reply: &ChatReply<'_>, facts: &Facts, context: &ReplyContext) -> Vec<u8> {
    let cost = facts.usage.as_ref().and_then(|usage| (context.cost)(usage));
    let completion = Completion {
        id: facts.id.as_deref().unwrap_or_default(),
        object: "chat.completion",
        created: context.created_unix_s,
        model: shown_model(facts, context),
        choices: [Choice {
            index: 0,
            message: message(reply),
            logprobs: None,
            finish_reason: facts.finish_reason.map_or("stop", |reason| reason.as_str()),
            native_finish_reason: facts.native_finish_reason.as_deref(),
        }],
        usage: facts.usage.as_ref().map(|usage| UsageBody::new(&usage.meters, cost)),
        service_tier: facts.usage.as_ref().and_then(|usage| usage.service_tier.as_deref()),
    };
    let mut out = Vec::new();
    append(&mut out, &completion);
    out
}

/// The model name a client sees.
pub(super) fn shown_model<'a>(facts: &'a Facts, context: &'a ReplyContext) -> &'a str {
    context.model_shown.as_deref().or(facts.model.as_deref()).unwrap_or_default()
}

fn message<'a>(reply: &'a ChatReply<'_>) -> Message<'a> {
    let mut message = Message {
        role: "assistant",
        content: None,
        refusal: None,
        reasoning_content: None,
        thinking_blocks: Vec::new(),
        tool_calls: Vec::new(),
        annotations: reply.citations.iter().filter_map(Annotation::new).collect(),
    };
    for part in &reply.parts {
        match part {
            OutputPart::Text(text) => message.content.get_or_insert_default().push_str(text),
            OutputPart::Thinking { text, signature } => {
                if !text.is_empty() {
                    message.reasoning_content.get_or_insert_default().push_str(text);
                }
                if let Some(signature) = signature {
                    let block = ThinkingBlock::Thinking { thinking: text, signature };
                    message.thinking_blocks.push(block);
                }
            }
            OutputPart::RedactedThinking(data) => {
                message.thinking_blocks.push(ThinkingBlock::RedactedThinking { data });
            }
            OutputPart::ToolCall { id, name, arguments, signature } => {
                message.tool_calls.push(ToolCall {
                    id,
                    kind: "function",
                    function: Function { name, arguments },
                    extra_content: signature.as_deref().map(Extra::new),
                })
            }
        }
    }
    if message.tool_calls.is_empty() {
        message.content.get_or_insert_default();
    }
    message
}

pub(crate) fn models(models: &[ModelEntry]) -> Bytes {
    #[derive(Serialize)]
    struct List<'a> {
        object: &'static str,
        data: Vec<Entry<'a>>,
    }
    #[derive(Serialize)]
    struct Entry<'a> {
        id: &'a str,
        object: &'static str,
        created: u64,
        owned_by: &'a str,
    }
    let data = models
        .iter()
        .map(|model| Entry {
            id: &model.id,
            object: "model",
            created: model.created_unix_s,
            owned_by: &model.owned_by,
        })
        .collect();
    let mut out = Vec::new();
    append(&mut out, &List { object: "list", data });
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_models_has_the_shape_official_clients_read() {
        let entry = ModelEntry { id: "fast".into(), created_unix_s: 7, owned_by: "openai".into() };
        assert_eq!(
            models(&[entry]),
            r#"{"object":"list","data":[{"id":"fast","object":"model","created":7,"owned_by":"openai"}]}"#
        );
        assert_eq!(models(&[]), r#"{"object":"list","data":[]}"#);
    }

    #[test]
    fn an_answer_without_text_is_empty_text_unless_it_calls_a_tool() {
        let text = |reply: &ChatReply<'_>| message(reply).content;
        assert_eq!(text(&ChatReply::default()).as_deref(), Some(""));
        let call = OutputPart::ToolCall {
            id: "c".into(),
            name: "f".into(),
            arguments: "{}".into(),
            signature: None,
        };
        assert_eq!(text(&ChatReply { parts: vec![call], ..ChatReply::default() }), None);
    }
}
