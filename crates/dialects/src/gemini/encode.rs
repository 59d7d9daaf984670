//! Answers as this dialect words them, plain and streamed, and lists of models.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use super::finish;
use super::grounding::{Grounding, TEXT_BYTES_MAX};
use super::signature::{wrapped, wrapped_redacted};
use super::usage::{DetailBody, UsageBody};
use crate::chat::{ChatReply, Citation, OutputPart, StreamEvent};
use crate::json::append;
use crate::models::ModelEntry;
use crate::reply::{Facts, ReplyContext};
use crate::wire::StreamEncoder;

/// A text that says nothing, and its name.
const NO_TEXT: &str = r#""text":"""#;
const TEXT: &str = r#""text":"#;

/// Arguments of one call kept until they are whole, bytes; no model writes as much.
const ARGUMENTS_BYTES_MAX: usize = 16 << 20;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Response<'a> {
    candidates: [Candidate<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage_metadata: Option<UsageBody>,
    model_version: &'a str,
    response_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Candidate<'a> {
    content: Content<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finish_reason: Option<&'static str>,
    index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    grounding_metadata: Option<Grounding<'a>>,
}

#[derive(Serialize)]
struct Content<'a> {
    parts: Vec<PartBody<'a>>,
    role: &'static str,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct PartBody<'a> {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    thought: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_call: Option<CallBody<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thought_signature: Option<Cow<'a, str>>,
}

#[derive(Serialize)]
struct CallBody<'a> {
    id: &'a str,
    name: &'a str,
    args: Cow<'a, RawValue>,
}

impl<'a> PartBody<'a> {
    fn text(text: &'a str) -> Self {
        Self { text: Some(text), ..Self::default() }
    }

    fn thought(text: &'a str, signature: Option<String>) -> Self {
        let thought_signature = signature.map(Cow::Owned);
        Self { thought: true, text: Some(text), thought_signature, ..Self::default() }
    }

    fn call(id: &'a str, name: &'a str, arguments: &'a str, signature: Option<&'a str>) -> Self {
        let function_call = Some(CallBody { id, name, args: arguments_object(arguments) });
        let thought_signature = signature.map(Cow::Borrowed);
        Self { function_call, thought_signature, ..Self::default() }
    }
}

/// Arguments as the object this dialect wants. What is none is told under a name of its own, so that
/// nothing of it is lost.
pub(super) fn arguments_object(arguments: &str) -> Cow<'_, RawValue> {
    let told = if arguments.trim_ascii().is_empty() { "{}" } else { arguments };
    let raw = serde_json::from_str::<&RawValue>(told).ok();
    if let Some(raw) = raw.filter(|raw| raw.get().starts_with('{')) {
        return Cow::Borrowed(raw);
    }
    let named = format!(r#"{{"arguments":{}}}"#, crate::json::text_of(told));
    RawValue::from_string(named).map_or_else(|_| Cow::Borrowed(RawValue::NULL), Cow::Owned)
}

fn response<'a>(
    parts: Vec<PartBody<'a>>,
    finish_reason: Option<&'static str>,
    facts: &'a Facts,
    context: &'a ReplyContext,
) -> Response<'a> {
    let content = Content { parts, role: "model" };
    Response {
        candidates: [Candidate { content, finish_reason, index: 0, grounding_metadata: None }],
        usage_metadata: None,
        model_version: context
            .model_shown
            .as_deref()
            .or(facts.model.as_deref())
            .unwrap_or_default(),
        response_id: facts.id.as_deref().unwrap_or_default(),
    }
}

fn usage(facts: &Facts) -> Option<UsageBody> {
    facts.usage.as_ref().map(|usage| UsageBody::new(&usage.meters))
}

/// The text of a part, empty for what is none.
fn said<'r>(part: &'r OutputPart<'_>) -> &'r str {
    match part {
        OutputPart::Text(text) => text,
        OutputPart::Thinking { .. }
        | OutputPart::RedactedThinking(_)
        | OutputPart::ToolCall { .. } => "",
    }
}

/// A plain answer.
pub(super) fn reply(reply: &ChatReply<'_>, facts: &Facts, context: &ReplyContext) -> Vec<u8> {
    let parts: Vec<PartBody<'_>> = reply
        .parts
        .iter()
        .map(|part| match part {
            OutputPart::Text(text) => PartBody::text(text),
            OutputPart::Thinking { text, signature } => {
                PartBody::thought(text, signature.as_deref().map(wrapped))
            }
            OutputPart::RedactedThinking(data) => {
                PartBody::thought("", Some(wrapped_redacted(data)))
            }
            OutputPart::ToolCall { id, name, arguments, signature } => {
                PartBody::call(id, name, arguments, signature.as_deref())
            }
        })
        .collect();
    let finish = Some(finish::word(facts.finish_reason));
    let mut response = response(parts, finish, facts, context);
    response.usage_metadata = usage(facts);
    let texts: Vec<&str> = reply.parts.iter().map(said).collect();
    let [candidate] = &mut response.candidates;
    candidate.grounding_metadata = Grounding::new(&reply.citations, &texts);
    let mut out = Vec::new();
    append(&mut out, &response);
    out
}

/// One stream. A call is told whole, so that its arguments are kept until they are.
pub(super) struct ResponseEncoder {
    context: ReplyContext,
    /// What stands before and behind the text of an event.
    around: Option<(String, String)>,
    calls: Vec<OpenCall>,
    /// The text so far, which sources are told by bytes of; at most [`TEXT_BYTES_MAX`].
    said: String,
    /// Told with the last event.
    cited: Vec<Citation>,
}

struct OpenCall {
    index: u32,
    id: String,
    name: String,
    arguments: String,
    signature: Option<String>,
}

impl ResponseEncoder {
    pub(super) fn new(context: ReplyContext) -> Self {
        Self { context, around: None, calls: Vec::new(), said: String::new(), cited: Vec::new() }
    }

    fn part(&self, part: PartBody<'_>, facts: &Facts, out: &mut Vec<u8>) {
        write(out, &response(vec![part], None, facts, &self.context));
    }

    /// Text, which is most of a stream: the words around it are made once.
    fn text(&mut self, text: &str, facts: &Facts, out: &mut Vec<u8>) {
        let room = TEXT_BYTES_MAX.saturating_sub(self.said.len());
        self.said.push_str(&text[..text.floor_char_boundary(room)]);
        // Before both names are known the next event may know more.
        let is_named = facts.id.is_some() && facts.model.is_some();
        if self.around.is_none() && is_named {
            let mut empty = Vec::new();
            write(&mut empty, &response(vec![PartBody::text("")], None, facts, &self.context));
            let empty = String::from_utf8(empty).unwrap_or_default();
            self.around = empty
                .split_once(NO_TEXT)
                .map(|(before, behind)| (format!("{before}{TEXT}"), behind.to_owned()));
        }
        if let Some((before, behind)) = &self.around {
            out.extend_from_slice(before.as_bytes());
            append(out, text);
            out.extend_from_slice(behind.as_bytes());
        } else {
            self.part(PartBody::text(text), facts, out);
        }
    }

    /// Tells the calls that nothing more can come for.
    fn tell_calls(&mut self, facts: &Facts, out: &mut Vec<u8>) {
        for call in std::mem::take(&mut self.calls) {
            let signature = call.signature.as_deref();
            self.part(PartBody::call(&call.id, &call.name, &call.arguments, signature), facts, out);
        }
    }
}

fn write(out: &mut Vec<u8>, response: &Response<'_>) {
    out.extend_from_slice(b"data: ");
    append(out, response);
    out.extend_from_slice(b"\r\n\r\n");
}

impl StreamEncoder for ResponseEncoder {
    fn encode(&mut self, step: &StreamEvent<'_>, facts: &Facts, out: &mut Vec<u8>) {
        let is_call = matches!(
            step,
            StreamEvent::ToolCall { .. }
                | StreamEvent::ToolArguments { .. }
                | StreamEvent::TextEnd
                | StreamEvent::KeepAlive
        );
        if !is_call {
            self.tell_calls(facts, out);
        }
        match step {
            StreamEvent::Text(text) => self.text(text, facts, out),
            StreamEvent::Citation(citation) => self.cited.push(citation.as_ref().clone()),
            StreamEvent::Thinking(text) => self.part(PartBody::thought(text, None), facts, out),
            StreamEvent::ThinkingSignature(signature) => {
                self.part(PartBody::thought("", Some(wrapped(signature))), facts, out);
            }
            StreamEvent::RedactedThinking(data) => {
                self.part(PartBody::thought("", Some(wrapped_redacted(data))), facts, out);
            }
            StreamEvent::ToolCall { index, id, name, signature } => self.calls.push(OpenCall {
                index: *index,
                id: id.as_ref().to_owned(),
                name: name.as_ref().to_owned(),
                arguments: String::new(),
                signature: signature.as_deref().map(str::to_owned),
            }),
            StreamEvent::ToolArguments { index, json } => {
                let call = self.calls.iter_mut().find(|call| call.index == *index);
                let has_room = |call: &OpenCall| call.arguments.len() < ARGUMENTS_BYTES_MAX;
                if let Some(call) = call.filter(|call| has_room(call)) {
                    call.arguments.push_str(json);
                }
            }
            // The last event tells usage too, which may still be on its way.
            StreamEvent::TextEnd | StreamEvent::Finish | StreamEvent::KeepAlive => {}
            StreamEvent::Done => {
                let finish = Some(finish::word(facts.finish_reason));
                let mut last = response(vec![PartBody::text("")], finish, facts, &self.context);
                last.usage_metadata = usage(facts);
                let [candidate] = &mut last.candidates;
                candidate.grounding_metadata = Grounding::new(&self.cited, &[&self.said]);
                write(out, &last);
            }
        }
    }
}

/// A list of models.
pub(super) fn models(models: &[ModelEntry]) -> Bytes {
    #[derive(Serialize)]
    struct List<'a> {
        models: Vec<Entry<'a>>,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Entry<'a> {
        name: String,
        display_name: &'a str,
        supported_generation_methods: [&'static str; 3],
    }
    let methods = ["generateContent", "streamGenerateContent", "countTokens"];
    let entries = models.iter().map(|model| Entry {
        name: format!("models/{}", model.id),
        display_name: &model.id,
        supported_generation_methods: methods,
    });
    let mut out = Vec::new();
    append(&mut out, &List { models: entries.collect() });
    out.into()
}

/// A count of tokens.
pub(super) fn count(tokens: u64) -> Bytes {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Count {
        total_tokens: u64,
        prompt_tokens_details: [DetailBody; 1],
    }
    let detail = DetailBody { modality: "TEXT", token_count: tokens };
    let mut out = Vec::new();
    append(&mut out, &Count { total_tokens: tokens, prompt_tokens_details: [detail] });
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_models_and_a_count_have_the_shapes_official_clients_read() {
        let entry = ModelEntry { id: "fast".into(), created_unix_s: 7, owned_by: "x".into() };
        assert_eq!(
            models(&[entry]),
            r#"{"models":[{"name":"models/fast","displayName":"fast","supportedGenerationMethods":["generateContent","streamGenerateContent","countTokens"]}]}"#
        );
        assert_eq!(models(&[]), r#"{"models":[]}"#);
        assert_eq!(
            count(7),
            r#"{"totalTokens":7,"promptTokensDetails":[{"modality":"TEXT","tokenCount":7}]}"#
        );
    }

    #[test]
    fn arguments_are_an_object_whatever_the_model_wrote() {
        for (told, object) in [
            (r#"{"a": 1}"#, r#"{"a": 1}"#),
            ("", "{}"),
            ("[1]", r#"{"arguments":"[1]"}"#),
            ("{\"a\"", r#"{"arguments":"{\"a\""}"#),
        ] {
            assert_eq!(arguments_object(told).get(), object, "{told}");
        }
    }
}
