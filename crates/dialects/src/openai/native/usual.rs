//! A plain answer in the shapes the dialect documents, read in one pass.
//!
//! Whatever is shaped otherwise (content in parts, an id that is a number) is no error: it is read
//! member by member by the module above, which takes twice as long.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Call, Choice};
use crate::json::{List, Text};
use crate::reply::Facts;

/// An answer without an error.
#[derive(Deserialize)]
pub(super) struct Usual<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    model: Option<Text<'a>>,
    #[serde(borrow)]
    choices: List<Choice<'a, Message<'a>>>,
    #[serde(borrow)]
    pub(super) usage: Option<&'a RawValue>,
    #[serde(borrow)]
    service_tier: Option<Text<'a>>,
    error: Option<Never>,
}

/// What must not be there: any value but null is refused.
#[derive(Deserialize)]
enum Never {}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    content: Option<Text<'a>>,
    #[serde(borrow)]
    reasoning_content: Option<Text<'a>>,
    #[serde(borrow)]
    reasoning: Option<Text<'a>>,
    #[serde(borrow)]
    refusal: Option<Text<'a>>,
    #[serde(borrow)]
    tool_calls: Option<List<Call<'a>>>,
}

impl<'a> Usual<'a> {
    /// The answer; `None` when it is shaped otherwise.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        serde_json::from_str::<Self>(text).ok().filter(|usual| usual.error.is_none())
    }

    /// What it says but for its usage, and the tier it names.
    pub(super) fn facts(&self) -> (Facts, Option<String>) {
        let label = |text: &Option<Text<'_>>| {
            let text = text.as_ref().map(Text::as_str).filter(|text| !text.is_empty());
            text.map(str::to_owned)
        };
        let mut facts =
            Facts { id: label(&self.id), model: label(&self.model), ..Facts::default() };
        for choice in &self.choices.0 {
            choice.note(Message::count, &mut facts);
        }
        (facts, label(&self.service_tier))
    }
}

impl Message<'_> {
    fn count(&self, facts: &mut Facts) {
        let texts = [&self.content, &self.reasoning_content, &self.reasoning, &self.refusal];
        for text in texts.into_iter().flatten() {
            facts.output.push(text.as_str());
        }
        for call in self.tool_calls.iter().flat_map(|calls| &calls.0) {
            call.count(facts);
        }
    }
}
