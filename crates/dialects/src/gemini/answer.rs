//! What a provider of this dialect answers, plain or as one event of a stream: the same shape.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::recitation::Recited;
use super::{finish, grounding, signature, usage};
use crate::chat::Citation;
use crate::json::{List, Text};
use crate::own::label;
use crate::reply::Facts;

/// An answer, or what is new of one.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response<'a> {
    #[serde(borrow)]
    pub(super) candidates: Option<List<CandidateBody<'a>>>,
    #[serde(borrow)]
    prompt_feedback: Option<FeedbackBody<'a>>,
    #[serde(borrow)]
    usage_metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    model_version: Option<&'a RawValue>,
    #[serde(borrow)]
    response_id: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FeedbackBody<'a> {
    #[serde(borrow)]
    block_reason: Option<Text<'a>>,
}

/// One of the answers to a request.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CandidateBody<'a> {
    #[serde(borrow)]
    content: Option<ContentBody<'a>>,
    #[serde(borrow)]
    finish_reason: Option<Text<'a>>,
    #[serde(borrow)]
    grounding_metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    citation_metadata: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ContentBody<'a> {
    #[serde(borrow)]
    parts: Option<List<PartBody<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PartBody<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    thought: Option<bool>,
    #[serde(borrow)]
    thought_signature: Option<Text<'a>>,
    #[serde(borrow)]
    function_call: Option<CallBody<'a>>,
}

#[derive(Deserialize)]
struct CallBody<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    name: Option<Text<'a>>,
    #[serde(borrow)]
    args: Option<&'a RawValue>,
}

/// Something said. What runs at the vendor (its tools, its code, its pictures) has no neutral word.
pub(super) enum Said<'a> {
    Text(Cow<'a, str>),
    Thinking(Cow<'a, str>),
    /// A signature over what was said before, already marked as this dialect's.
    Signature(String),
    Call(Call<'a>),
}

/// A call of a tool, whole.
pub(super) struct Call<'a> {
    pub(super) id: Cow<'a, str>,
    pub(super) name: Cow<'a, str>,
    pub(super) arguments: Cow<'a, str>,
    pub(super) signature: Option<Cow<'a, str>>,
}

/// What is known of an answer beyond the facts.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Calls so far; ids may be missing and are then made of their number.
    pub(super) calls: u32,
    /// Queries of the web by candidate, each the latest told.
    queries: Vec<u64>,
    /// Why it ended has been told.
    pub(super) is_finished: bool,
}

/// Candidates looked at, at most; the vendor gives eight.
const CANDIDATES_MAX: usize = 64;

impl Progress {
    /// Reads everything but what is said.
    pub(super) fn note(&mut self, response: &Response<'_>, facts: &mut Facts) {
        if facts.id.is_none() {
            facts.id = label(response.response_id);
        }
        if facts.model.is_none() {
            facts.model = label(response.model_version);
        }
        let candidates = response.candidates.as_ref().map_or(&[][..], |list| &list.0);
        for (at, candidate) in candidates.iter().take(CANDIDATES_MAX).enumerate() {
            self.note_candidate(at, candidate, facts);
        }
        let blocked = response.prompt_feedback.as_ref().and_then(|f| f.block_reason.as_ref());
        if let Some(reason) = blocked.filter(|reason| !reason.0.is_empty()) {
            finish::note_blocked(facts, reason.as_str());
            self.is_finished = true;
        }
        // Each report tells everything so far: the latest replaces the one before.
        if let Some(read) = response.usage_metadata.and_then(|raw| usage::read(raw.get())) {
            facts.usage = Some(read.usage);
        }
        let queries = self.queries.iter().fold(0_u64, |sum, queries| sum.saturating_add(*queries));
        let searches = usage::searches(facts.model.as_deref(), queries);
        if let Some(usage) = &mut facts.usage {
            usage.meters.set(events::Meter::WebSearch, searches);
        }
        facts.is_usage_partial = !self.is_finished;
    }

    fn note_candidate(&mut self, at: usize, candidate: &CandidateBody<'_>, facts: &mut Facts) {
        let parts = candidate.parts();
        for part in parts {
            if let Some(text) = &part.text {
                facts.output.push(&text.0);
            }
            if let Some(call) = &part.function_call {
                self.calls = self.calls.saturating_add(1);
                facts.output.push(call.name.as_ref().map_or("", Text::as_str));
                facts.output.push(call.args.map_or("", RawValue::get));
            }
        }
        let queries = candidate.grounding_metadata.map_or(0, |raw| usage::queries(raw.get()));
        if queries > 0 {
            self.queries.resize(self.queries.len().max(at + 1), 0);
            self.queries[at] = queries;
        }
        let told = candidate.finish_reason.as_ref().map_or("", Text::as_str);
        if !told.is_empty() && told != "FINISH_REASON_UNSPECIFIED" {
            finish::note(facts, told, self.calls > 0);
            self.is_finished = true;
        }
    }
}

impl<'a> CandidateBody<'a> {
    fn parts(&self) -> &[PartBody<'a>] {
        let parts = self.content.as_ref().and_then(|content| content.parts.as_ref());
        parts.map_or(&[], |list| &list.0)
    }

    /// The text of each part, empty for what is no text of the answer.
    pub(super) fn texts(&self) -> Vec<String> {
        let is_said = |part: &&PartBody<'_>| part.thought != Some(true);
        let text = |part: &PartBody<'_>| Some(part.text.as_ref()?.as_str().to_owned());
        self.parts()
            .iter()
            .map(|p| Some(p).filter(is_said).and_then(text).unwrap_or_default())
            .collect()
    }

    /// Notes what it recites.
    pub(super) fn note_recited(&self, recited: &mut Recited) {
        if let Some(raw) = self.citation_metadata {
            recited.note(raw.get());
        }
    }

    /// What it is grounded on, where `texts` are the parts of the whole answer.
    pub(super) fn grounded(&self, texts: &[String]) -> Vec<Citation> {
        self.grounding_metadata.map(|raw| grounding::read(raw.get(), texts)).unwrap_or_default()
    }

    /// What is said, in order; `calls` is the number of calls said before.
    pub(super) fn said(self, mut calls: u32) -> Vec<Said<'a>> {
        let mut said = Vec::new();
        let parts = self.content.and_then(|content| content.parts).unwrap_or_default();
        for part in parts.0 {
            let signature = part.thought_signature.map(|text| text.0).filter(|s| !s.is_empty());
            if let Some(call) = part.function_call {
                let id = call.id.map(|id| id.0).filter(|id| !id.is_empty());
                said.push(Said::Call(Call {
                    id: id.unwrap_or_else(|| Cow::Owned(format!("call_{calls}"))),
                    name: call.name.unwrap_or_default().0,
                    arguments: Cow::Borrowed(call.args.map_or("{}", RawValue::get)),
                    signature,
                }));
                calls = calls.saturating_add(1);
                continue;
            }
            let text = part.text.map(|text| text.0).filter(|text| !text.is_empty());
            let is_thought = part.thought == Some(true);
            said.extend(text.map(if is_thought { Said::Thinking } else { Said::Text }));
            said.extend(signature.map(|text| Said::Signature(signature::marked(&text))));
        }
        said
    }
}
