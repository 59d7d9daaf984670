//! A streamed answer of this dialect read into neutral steps.

use std::borrow::Cow;

use events::FinishReason;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::error;
use super::reasoning::pack;
use super::response::{OutputItem, PARAGRAPH, ResponseBody};
use crate::chat::{StreamEvent, chars_told};
use crate::error::StreamError;
use crate::json::Text;
use crate::openai::annotations;
use crate::reply::Facts;
use crate::request::without_position;
use crate::sse::Event;
use crate::wire::{StreamDecoder, event_text};

/// Calls one answer may hold; the vendor allows 128 tools.
const CALLS_MAX: usize = 1_024;

/// One event.
#[derive(Deserialize)]
pub(super) struct EventBody<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) response: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) delta: Option<&'a RawValue>,
    #[serde(borrow)]
    item: Option<&'a RawValue>,
    #[serde(borrow)]
    annotation: Option<&'a RawValue>,
    #[serde(borrow)]
    arguments: Option<Text<'a>>,
    output_index: Option<u64>,
    summary_index: Option<u64>,
}

impl<'a> EventBody<'a> {
    /// Reads an event's data.
    pub(super) fn read(json: &'a str) -> Result<Self, StreamError> {
        serde_json::from_str(json).map_err(|e| StreamError::Garbage(without_position(&e)))
    }

    /// What it tells; the name of the event stands in where the data does not say.
    pub(super) fn kind<'e>(&'e self, event: &Event<'e>) -> &'e str {
        self.kind.as_ref().map(Text::as_str).or(event.name).unwrap_or_default()
    }

    /// The text of a delta; other kinds of deltas have none.
    pub(super) fn text(&self) -> Option<Cow<'a, str>> {
        let text: Text<'a> = serde_json::from_str(self.delta?.get()).ok()?;
        Some(text.0).filter(|text| !text.is_empty())
    }
}

/// One stream.
#[derive(Default)]
pub(super) struct ResponseDecoder {
    calls: Vec<OpenCall>,
    /// The item of reasoning that arrives showed a summary: its full text would say it twice.
    has_summary: bool,
    /// Characters of text told, and where the open part of a message begins.
    said: usize,
    base: usize,
}

/// A call whose arguments are arriving.
struct OpenCall {
    /// Where it stands in the output.
    output_index: u64,
    has_pieces: bool,
}

impl ResponseDecoder {
    fn item_added<'e>(
        &mut self,
        body: &EventBody<'e>,
        facts: &mut Facts,
        steps: &mut Vec<StreamEvent<'e>>,
    ) -> Result<(), StreamError> {
        let Some(item) = body.item.and_then(read_item) else { return Ok(()) };
        self.has_summary = false;
        if item.kind.as_str() != "function_call" {
            return Ok(());
        }
        if self.calls.len() == CALLS_MAX {
            return Err(StreamError::Garbage("it holds more calls than any answer".to_owned()));
        }
        let index = u32::try_from(self.calls.len()).unwrap_or(u32::MAX);
        let output_index = body.output_index.unwrap_or(u64::from(index));
        self.calls.push(OpenCall { output_index, has_pieces: false });
        let name = item.name.unwrap_or_default().0;
        facts.output.push(&name);
        let id = item.call_id.or(item.id).unwrap_or_default().0;
        steps.push(StreamEvent::ToolCall { index, id, name, signature: None });
        Ok(())
    }

    /// The call an event is about.
    fn call(&mut self, body: &EventBody<'_>) -> Option<(u32, &mut OpenCall)> {
        let at = match body.output_index {
            Some(index) => self.calls.iter().rposition(|call| call.output_index == index),
            None => self.calls.len().checked_sub(1),
        }?;
        Some((u32::try_from(at).ok()?, self.calls.get_mut(at)?))
    }

    /// Arguments told whole count where no pieces of them came.
    fn whole_arguments<'e>(
        &mut self,
        json: Option<Cow<'e, str>>,
        body: &EventBody<'e>,
        facts: &mut Facts,
        steps: &mut Vec<StreamEvent<'e>>,
    ) {
        let Some((index, call)) = self.call(body).filter(|(_, call)| !call.has_pieces) else {
            return;
        };
        call.has_pieces = true;
        let json = json.filter(|json| !json.trim().is_empty()).unwrap_or(Cow::Borrowed("{}"));
        facts.output.push(&json);
        steps.push(StreamEvent::ToolArguments { index, json });
    }

    fn item_done<'e>(
        &mut self,
        body: &EventBody<'e>,
        facts: &mut Facts,
        steps: &mut Vec<StreamEvent<'e>>,
    ) {
        let Some(item) = body.item.and_then(read_item) else { return };
        match item.kind.as_str() {
            "reasoning" => {
                let id = item.id.unwrap_or_default();
                let seal = item.encrypted_content.filter(|content| !content.0.is_empty());
                steps.extend(seal.map(|content| {
                    StreamEvent::ThinkingSignature(pack(id.as_str(), content.as_str()).into())
                }));
            }
            "function_call" => {
                let arguments = item.arguments.map(|text| text.0);
                self.whole_arguments(arguments, body, facts, steps);
            }
            _ => {}
        }
    }

    fn thinking<'e>(
        &mut self,
        kind: &str,
        body: &EventBody<'e>,
        facts: &mut Facts,
        steps: &mut Vec<StreamEvent<'e>>,
    ) {
        let is_summary = kind != "response.reasoning_text.delta";
        if self.has_summary && !is_summary {
            return;
        }
        self.has_summary |= is_summary;
        let text = if kind == "response.reasoning_summary_part.added" {
            let is_later = body.summary_index.is_some_and(|index| index > 0);
            is_later.then_some(Cow::Borrowed(PARAGRAPH))
        } else {
            body.text()
        };
        if let Some(text) = text {
            facts.output.push(&text);
            steps.push(StreamEvent::Thinking(text));
        }
    }
}

fn read_item(raw: &RawValue) -> Option<OutputItem<'_>> {
    serde_json::from_str(raw.get()).ok()
}

/// Reads the response an event tells, when it tells one.
pub(super) fn note_response(
    kind: &str,
    raw: Option<&RawValue>,
    facts: &mut Facts,
) -> Result<bool, StreamError> {
    let Some(raw) = raw else { return Ok(false) };
    let response: ResponseBody<'_> =
        serde_json::from_str(raw.get()).map_err(|e| StreamError::Garbage(without_position(&e)))?;
    match kind {
        "response.completed" | "response.incomplete" | "response.failed" | "response.cancelled" => {
            response.note_end(raw.get(), facts)?;
            Ok(true)
        }
        _ => {
            response.note_names(facts);
            Ok(false)
        }
    }
}

impl StreamDecoder for ResponseDecoder {
    fn decode<'e>(
        &mut self,
        event: &'e Event<'_>,
        facts: &mut Facts,
        steps: &mut Vec<StreamEvent<'e>>,
    ) -> Result<(), StreamError> {
        let data = event.data.trim_ascii();
        if data.is_empty() || data == b"[DONE]" {
            return Ok(());
        }
        let json = event_text(data)?;
        let body = EventBody::read(json)?;
        match body.kind(event) {
            kind @ ("response.output_text.delta" | "response.refusal.delta") => {
                let Some(text) = body.text() else { return Ok(()) };
                if kind == "response.refusal.delta" {
                    facts.finish_reason = Some(FinishReason::ContentFilter);
                }
                facts.output.push(&text);
                steps.push(StreamEvent::Text(text));
            }
            kind @ ("response.reasoning_summary_part.added"
            | "response.reasoning_summary_text.delta"
            | "response.reasoning_text.delta") => self.thinking(kind, &body, facts, steps),
            "response.content_part.added" => self.base = self.said,
            "response.content_part.done" => {
                let has_text = std::mem::replace(&mut self.base, self.said) < self.said;
                steps.extend(has_text.then_some(StreamEvent::TextEnd));
            }
            "response.output_text.annotation.added" => {
                let read = |raw| annotations::read(raw, self.base, self.said);
                let citation = body.annotation.and_then(read);
                steps.extend(citation.map(|citation| StreamEvent::Citation(Box::new(citation))));
            }
            "response.output_item.added" => self.item_added(&body, facts, steps)?,
            "response.function_call_arguments.delta" => {
                let Some(json) = body.text() else { return Ok(()) };
                if let Some((index, call)) = self.call(&body) {
                    call.has_pieces = true;
                    facts.output.push(&json);
                    steps.push(StreamEvent::ToolArguments { index, json });
                }
            }
            "response.function_call_arguments.done" => {
                let arguments = body.arguments.as_ref().map(|text| text.0.clone());
                self.whole_arguments(arguments, &body, facts, steps);
            }
            "response.output_item.done" => self.item_done(&body, facts, steps),
            "error" => return Err(error::in_stream(json).into()),
            kind if kind.starts_with("response.") => {
                let is_over = note_response(kind, body.response, facts)?;
                let end = is_over.then_some([StreamEvent::Finish, StreamEvent::Done]);
                steps.extend(end.into_iter().flatten());
            }
            "keepalive" | "ping" => steps.push(StreamEvent::KeepAlive),
            // An error some servers tell without a kind.
            "" if error::is_told(json) => return Err(error::in_stream(json).into()),
            // Kinds to come are no reason to end an answer.
            _ => {}
        }
        self.said += chars_told(steps);
        Ok(())
    }
}
