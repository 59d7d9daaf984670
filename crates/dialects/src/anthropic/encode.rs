//! Plain answers and lists as this dialect words them, for providers of other dialects.

use std::borrow::Cow;

use bytes::Bytes;
use events::FinishReason;
use serde::Serialize;
use serde_json::value::RawValue;
use units::UnixMicros;

use super::citations::CitationBody;
use super::seal::seal;
use super::usage_body::UsageBody;
use crate::chat::{ChatReply, OutputPart, chars};
use crate::json::append;
use crate::models::ModelEntry;
use crate::reply::{Facts, ReplyContext};

/// Stop reasons of the dialect that providers of others use in the same sense.
const STOP_REASONS: [&str; 7] = [
    "end_turn",
    "max_tokens",
    "stop_sequence",
    "tool_use",
    "pause_turn",
    "refusal",
    "model_context_window_exceeded",
];

/// A message, whole or just begun.
#[derive(Serialize)]
pub(super) struct Message<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    role: &'static str,
    model: &'a str,
    content: Vec<Block<'a>>,
    stop_reason: Option<&'a str>,
    stop_sequence: Option<&'a str>,
    usage: UsageBody<'a>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block<'a> {
    Text {
        text: &'a str,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        citations: Vec<CitationBody<'a>>,
    },
    Thinking {
        thinking: &'a str,
        signature: &'a str,
    },
    RedactedThinking {
        data: Cow<'a, str>,
    },
    ToolUse {
        id: &'a str,
        name: &'a str,
        input: &'a RawValue,
    },
}

impl<'a> Message<'a> {
    /// A message before anything was said.
    pub(super) fn begun(facts: &'a Facts, context: &'a ReplyContext) -> Self {
        let model = facts.model.as_deref().unwrap_or_default();
        Self {
            id: facts.id.as_deref().unwrap_or_default(),
            kind: "message",
            role: "assistant",
            model: context.model_shown.as_deref().unwrap_or(model),
            content: Vec::new(),
            stop_reason: None,
            stop_sequence: None,
            usage: UsageBody::new(facts),
        }
    }
}

/// The body of a plain answer.
pub(super) fn reply(reply: &ChatReply<'_>, facts: &Facts, context: &ReplyContext) -> Vec<u8> {
    let mut message = Message::begun(facts, context);
    let mut said = 0;
    for part in &reply.parts {
        if let OutputPart::Text(text) = part {
            // A block names its sources as a whole: those of what begins in it.
            let length = chars(text);
            let cited = reply.citations.iter().filter(|c| c.span.within(said, length).is_some());
            let citations = cited.map(CitationBody::new).collect();
            said += length;
            if !text.is_empty() {
                message.content.push(Block::Text { text, citations });
            }
        } else {
            blocks(part, &mut message.content);
        }
    }
    let calls = reply.parts.iter().any(|part| matches!(part, OutputPart::ToolCall { .. }));
    message.stop_reason = Some(stop_reason(facts, calls));
    let mut out = Vec::new();
    append(&mut out, &message);
    out
}

fn blocks<'r>(part: &'r OutputPart<'_>, out: &mut Vec<Block<'r>>) {
    match part {
        // Told with its sources.
        OutputPart::Text(_) => {}
        OutputPart::Thinking { text, signature } => {
            let signature = signature.as_deref().unwrap_or_default();
            out.push(Block::Thinking { thinking: text, signature });
        }
        OutputPart::RedactedThinking(data) => {
            out.push(Block::RedactedThinking { data: Cow::Borrowed(data) });
        }
        OutputPart::ToolCall { id, name, arguments, signature } => {
            let sealed = signature.as_deref().map(|signature| Cow::Owned(seal(signature)));
            out.extend(sealed.map(|data| Block::RedactedThinking { data }));
            out.push(Block::ToolUse { id, name, input: input(arguments) });
        }
    }
}

/// Arguments as the object the dialect wants. What is none, such as arguments cut by the token limit,
/// is no input: the reason the answer ended tells of the cut.
fn input(arguments: &str) -> &RawValue {
    let object = |json| serde_json::from_str::<&RawValue>(json).ok();
    let given = object(arguments).filter(|raw| raw.get().starts_with('{'));
    given.or_else(|| object("{}")).unwrap_or(RawValue::NULL)
}

/// Why an answer ended. Calls decide where a provider does not tell them apart from a plain end.
pub(super) fn stop_reason(facts: &Facts, has_calls: bool) -> &str {
    let native = facts.native_finish_reason.as_deref();
    match facts.finish_reason {
        Some(FinishReason::Length) => {
            native.filter(|word| *word == STOP_REASONS[6]).unwrap_or("max_tokens")
        }
        Some(FinishReason::ToolCalls) => "tool_use",
        Some(FinishReason::ContentFilter) => "refusal",
        _ if has_calls => "tool_use",
        _ => native.filter(|word| STOP_REASONS.contains(word)).unwrap_or("end_turn"),
    }
}

#[derive(Serialize)]
struct ModelList<'a> {
    data: Vec<Model<'a>>,
    has_more: bool,
    first_id: Option<&'a str>,
    last_id: Option<&'a str>,
}

#[derive(Serialize)]
struct Model<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    id: &'a str,
    display_name: &'a str,
    created_at: String,
    lifecycle: &'static str,
}

/// The list of models, in one page.
pub(super) fn models(models: &[ModelEntry]) -> Bytes {
    let data = models.iter().map(|model| Model {
        kind: "model",
        id: &model.id,
        display_name: &model.id,
        created_at: instant(model.created_unix_s),
        lifecycle: "active",
    });
    let list = ModelList {
        data: data.collect(),
        has_more: false,
        first_id: models.first().map(|model| model.id.as_str()),
        last_id: models.last().map(|model| model.id.as_str()),
    };
    let mut out = Vec::new();
    append(&mut out, &list);
    out.into()
}

/// RFC 3339; the epoch stands for what is not known, as the vendor documents.
fn instant(unix_s: u64) -> String {
    let micros = i64::try_from(unix_s).unwrap_or(0).saturating_mul(1_000_000);
    UnixMicros::new(micros).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn an_answer_has_the_shape_official_clients_read() {
        let parts = vec![
            OutputPart::Thinking { text: "hm".into(), signature: None },
            OutputPart::Text("".into()),
            OutputPart::Text("Hi".into()),
            OutputPart::ToolCall {
                id: "c1".into(),
                name: "f".into(),
                arguments: r#"{"a": 1}"#.into(),
                signature: Some("sig".into()),
            },
            OutputPart::ToolCall {
                id: "c2".into(),
                name: "g".into(),
                arguments: "".into(),
                signature: None,
            },
            OutputPart::ToolCall {
                id: "c3".into(),
                name: "g".into(),
                arguments: "{\"cut".into(),
                signature: None,
            },
        ];
        let facts = Facts {
            id: Some("x1".into()),
            model: Some("gpt-x-2026".into()),
            finish_reason: Some(FinishReason::Stop),
            ..Facts::default()
        };
        let context =
            ReplyContext { model_shown: Some("claude-x".into()), ..ReplyContext::unpriced() };
        let body: Value = serde_json::from_slice(&reply(
            &ChatReply { parts, ..ChatReply::default() },
            &facts,
            &context,
        ))
        .unwrap();
        assert_eq!(
            body,
            json!({"id": "x1", "type": "message", "role": "assistant", "model": "claude-x",
                "content": [
                    {"type": "thinking", "thinking": "hm", "signature": ""},
                    {"type": "text", "text": "Hi"},
                    {"type": "redacted_thinking", "data": "tollgate.call:sig"},
                    {"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}},
                    {"type": "tool_use", "id": "c2", "name": "g", "input": {}},
                    {"type": "tool_use", "id": "c3", "name": "g", "input": {}}],
                "stop_reason": "tool_use", "stop_sequence": null,
                "usage": {"input_tokens": 0, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
                    "output_tokens": 0, "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0}}})
        );
    }

    #[test]
    fn every_end_has_a_word_of_this_dialect() {
        for (reason, native, calls, told) in [
            (Some(FinishReason::Stop), "stop", false, "end_turn"),
            (Some(FinishReason::Stop), "STOP", true, "tool_use"),
            (Some(FinishReason::Stop), "stop_sequence", false, "stop_sequence"),
            (Some(FinishReason::Length), "length", true, "max_tokens"),
            (
                Some(FinishReason::Length),
                "model_context_window_exceeded",
                false,
                "model_context_window_exceeded",
            ),
            (Some(FinishReason::ToolCalls), "tool_calls", true, "tool_use"),
            (Some(FinishReason::ContentFilter), "guardrail_intervened", false, "refusal"),
            (Some(FinishReason::Error), "ERROR", false, "end_turn"),
            (None, "", false, "end_turn"),
        ] {
            let facts = Facts {
                finish_reason: reason,
                native_finish_reason: Some(native.to_owned()),
                ..Facts::default()
            };
            assert_eq!(stop_reason(&facts, calls), told, "{reason:?} {native}");
        }
    }

    #[test]
    fn models_are_one_page_with_its_ends() {
        let entry = |id: &str, created_unix_s| ModelEntry {
            id: id.into(),
            created_unix_s,
            owned_by: "x".into(),
        };
        let body: Value =
            serde_json::from_slice(&models(&[entry("a", 0), entry("b", 1_790_000_000)])).unwrap();
        assert_eq!(
            (&body["first_id"], &body["last_id"], &body["has_more"]),
            (&json!("a"), &json!("b"), &json!(false))
        );
        assert_eq!(
            body["data"][0],
            json!({"type": "model", "id": "a", "display_name": "a", "created_at": "1970-01-01T00:00:00Z", "lifecycle": "active"})
        );
        assert_eq!(models(&[]), r#"{"data":[],"has_more":false,"first_id":null,"last_id":null}"#);
    }
}
