//! A whole response as providers tell it, plain or in the events that open and close a stream.

use std::borrow::Cow;

use events::FinishReason;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::usage;
use crate::error::UpstreamError;
use crate::json::{List, Object, Text};
use crate::openai::error;
use crate::own::label;
use crate::reply::Facts;

/// A response. Members this crate has no word for are skipped.
#[derive(Deserialize)]
pub(super) struct ResponseBody<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<Text<'a>>,
    #[serde(borrow)]
    incomplete_details: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) output: Option<&'a RawValue>,
}

/// One item of an output.
#[derive(Deserialize)]
pub(super) struct OutputItem<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) call_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) arguments: Option<Text<'a>>,
    #[serde(borrow)]
    content: Option<List<PartBody<'a>>>,
    #[serde(borrow)]
    summary: Option<List<PartBody<'a>>>,
    #[serde(borrow)]
    pub(super) encrypted_content: Option<Text<'a>>,
}

/// A part of a message or of reasoning.
#[derive(Deserialize)]
struct PartBody<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    refusal: Option<Text<'a>>,
    #[serde(borrow)]
    annotations: Option<&'a RawValue>,
}

/// A text of a message.
pub(super) struct Said<'a> {
    /// The text.
    pub(super) text: Cow<'a, str>,
    /// It is the model's refusal.
    pub(super) is_refusal: bool,
    /// Its sources.
    pub(super) annotations: Option<&'a RawValue>,
}

impl<'a> ResponseBody<'a> {
    /// Notes id and model, which every telling of a response holds.
    pub(super) fn note_names(&self, facts: &mut Facts) {
        facts.id = label(self.id).or_else(|| facts.id.take());
        facts.model = label(self.model).or_else(|| facts.model.take());
    }

    /// Notes how it ended, and usage; `json` is its own text. Calls among the output are what the
    /// model stopped for.
    ///
    /// # Errors
    /// It failed.
    pub(super) fn note_end(&self, json: &str, facts: &mut Facts) -> Result<(), UpstreamError> {
        self.note_names(facts);
        if let Some(object) = Object::scan(json) {
            usage::note(&object, facts);
        }
        let status = self.status.as_ref().map_or("completed", Text::as_str);
        let details = self.incomplete_details.and_then(|raw| Object::scan(raw.get()));
        let reason = details.and_then(|details| details.text("reason"));
        let has_call = self.items().iter().any(|item| item.kind.as_str() == "function_call");
        let is_refused = facts.finish_reason == Some(FinishReason::ContentFilter);
        facts.finish_reason = Some(match (status, reason.as_deref()) {
            ("failed", _) => FinishReason::Error,
            (_, Some("max_output_tokens")) => FinishReason::Length,
            (_, Some("content_filter")) => FinishReason::ContentFilter,
            _ if is_refused => FinishReason::ContentFilter,
            _ if has_call => FinishReason::ToolCalls,
            _ => FinishReason::Stop,
        });
        facts.native_finish_reason = Some(reason.unwrap_or_else(|| status.to_owned()));
        match self.error {
            Some(member) => Err(error::read(member.get())),
            None if status == "failed" => Err(error::read("\"the response failed\"")),
            None => Ok(()),
        }
    }

    /// The items of the output that can be read.
    pub(super) fn items(&self) -> Vec<OutputItem<'a>> {
        let raws: Option<List<&'a RawValue>> =
            self.output.and_then(|raw| serde_json::from_str(raw.get()).ok());
        let raws = raws.unwrap_or_default().0.into_iter();
        raws.filter_map(|raw| serde_json::from_str(raw.get()).ok()).collect()
    }

    /// Whether it is still to come: an answer that is made in the background.
    pub(super) fn is_pending(&self) -> bool {
        let status = self.status.as_ref().map_or("", Text::as_str);
        matches!(status, "queued" | "in_progress")
    }
}

impl<'a> OutputItem<'a> {
    /// The texts of a message: what it says, and what it refuses.
    pub(super) fn texts(&mut self) -> Vec<Said<'a>> {
        let parts = self.content.take().unwrap_or_default().0.into_iter();
        parts
            .filter_map(|part| {
                let is_refusal = part.text.is_none();
                let text = part.text.or(part.refusal)?.0;
                Some(Said { text, is_refusal, annotations: part.annotations })
            })
            .filter(|said| !said.text.is_empty())
            .collect()
    }

    /// The reasoning it shows: its summary, or what stands in its place.
    pub(super) fn thinking(&mut self) -> Cow<'a, str> {
        let joined = |parts: Option<List<PartBody<'a>>>| {
            let mut texts =
                parts.unwrap_or_default().0.into_iter().filter_map(|part| Some(part.text?.0));
            let first = texts.next().unwrap_or_default();
            texts.fold(first, |whole, text| {
                Cow::Owned(whole.into_owned() + PARAGRAPH + text.as_ref())
            })
        };
        let summary = joined(self.summary.take());
        if summary.is_empty() { joined(self.content.take()) } else { summary }
    }
}

/// Between two parts of shown reasoning.
pub(super) const PARAGRAPH: &str = "\n\n";
