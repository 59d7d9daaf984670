//! What a message or a delta of an answer holds, in the ways compatible servers word it.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::{List, Text, is_null};

/// A message, or a delta of one.
#[derive(Deserialize)]
pub(super) struct Answer<'a> {
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning_content: Option<&'a RawValue>,
    #[serde(borrow)]
    reasoning: Option<&'a RawValue>,
    #[serde(borrow)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow)]
    thinking_blocks: Option<&'a RawValue>,
    #[serde(borrow)]
    tool_calls: Option<&'a RawValue>,
    /// Sources of the text.
    #[serde(borrow)]
    pub(super) annotations: Option<&'a RawValue>,
}

/// One part of a content that is a list.
#[derive(Deserialize)]
struct PartBody<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
    /// Reasoning among the content, as a list of texts.
    #[serde(borrow)]
    thinking: Option<&'a RawValue>,
}

/// Signed or encrypted reasoning.
#[derive(Deserialize)]
pub(super) struct BlockBody<'a> {
    #[serde(borrow)]
    pub(super) thinking: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) signature: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) data: Option<Text<'a>>,
}

/// A call, or a piece of one.
#[derive(Deserialize)]
pub(super) struct CallBody<'a> {
    pub(super) index: Option<u64>,
    #[serde(borrow)]
    pub(super) id: Option<Text<'a>>,
    #[serde(borrow)]
    pub(super) function: Option<FunctionBody<'a>>,
    #[serde(borrow)]
    pub(super) extra_content: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct FunctionBody<'a> {
    #[serde(borrow)]
    pub(super) name: Option<Text<'a>>,
    /// Text, or the object itself on some servers.
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
}

impl<'a> FunctionBody<'a> {
    /// The JSON text of the arguments.
    pub(super) fn arguments(&self) -> Cow<'a, str> {
        match self.arguments {
            Some(raw) => {
                text(raw).unwrap_or(Cow::Borrowed(if is_null(raw.get()) { "" } else { raw.get() }))
            }
            None => Cow::Borrowed(""),
        }
    }
}

/// Text or reasoning, in order.
pub(super) enum Said<'a> {
    /// Text.
    Text(Cow<'a, str>),
    /// Reasoning.
    Thinking(Cow<'a, str>),
}

impl<'a> Answer<'a> {
    /// The reasoning and the text, empty ones left out.
    pub(super) fn said(&self) -> Vec<Said<'a>> {
        let mut said = Vec::new();
        // Two names of one thing; a server that sends both sends the same.
        let reasoning = [self.reasoning_content, self.reasoning].into_iter().flatten();
        said.extend(reasoning.filter_map(text).find(|text| !text.is_empty()).map(Said::Thinking));
        if let Some(raw) = self.content {
            content(raw, &mut said);
        }
        said.extend(self.refusal().map(Said::Text));
        said
    }

    /// The words in which the model refused.
    pub(super) fn refusal(&self) -> Option<Cow<'a, str>> {
        self.refusal.and_then(text).filter(|text| !text.is_empty())
    }

    /// Signed reasoning.
    pub(super) fn blocks(&self) -> Vec<BlockBody<'a>> {
        list(self.thinking_blocks)
    }

    /// Calls of tools.
    pub(super) fn calls(&self) -> Vec<CallBody<'a>> {
        list(self.tool_calls)
    }
}

/// A list; what is none is empty.
fn list<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Vec<T> {
    raw.and_then(|raw| serde_json::from_str::<List<T>>(raw.get()).ok()).unwrap_or_default().0
}

fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Text<'_>>(raw.get()).ok().map(|text| text.0)
}

fn content<'a>(raw: &'a RawValue, said: &mut Vec<Said<'a>>) {
    if let Some(text) = text(raw) {
        said.extend((!text.is_empty()).then_some(Said::Text(text)));
        return;
    }
    for part in list::<PartBody<'a>>(Some(raw)) {
        let inner = list::<PartBody<'a>>(part.thinking);
        let thoughts = inner.into_iter().filter_map(|part| part.text).map(|text| text.0);
        said.extend(thoughts.filter(|text| !text.is_empty()).map(Said::Thinking));
        let text = part.text.map(|text| text.0).filter(|text| !text.is_empty());
        said.extend(text.map(Said::Text));
    }
}
