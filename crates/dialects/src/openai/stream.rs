//! A stream between client and provider of this dialect: events pass to the letter but for usage.

use serde::Deserialize;
use serde_json::value::RawValue;
use units::Usd;

use super::native::{Message, note_finish, respelled};
use super::{error, usage};
use crate::error::StreamError;
use crate::json::{Edit, Object, Text, text_of};
use crate::own::label;
use crate::reply::{Facts, ReplyContext};
use crate::request::without_position;
use crate::sse::{Event, write_data};
use crate::wire::{EventPass, Pass, event_text};

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow)]
    choices: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    x_groq: Option<&'a RawValue>,
    #[serde(borrow)]
    service_tier: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    delta: Option<Message<'a>>,
    /// Where a legacy completion has its text.
    #[serde(borrow)]
    text: Option<Text<'a>>,
    #[serde(borrow)]
    finish_reason: Option<Text<'a>>,
}

/// One native stream.
pub(super) struct ChunkPass {
    context: ReplyContext,
    tier: Option<String>,
    /// Usage stood where the dialect puts it, so that copies elsewhere no longer count.
    has_usage: bool,
    is_done: bool,
}

impl ChunkPass {
    pub(super) fn new(context: ReplyContext) -> Self {
        Self { context, tier: None, has_usage: false, is_done: false }
    }

    /// Reads a chunk into the facts; gives whether it holds choices.
    fn note(&mut self, chunk: &Chunk<'_>, facts: &mut Facts) -> bool {
        if facts.id.is_none() {
            facts.id = label(chunk.id);
        }
        if facts.model.is_none() {
            facts.model = label(chunk.model);
        }
        if let Some(tier) = label(chunk.service_tier) {
            self.tier = Some(tier);
        }
        let choices: Vec<&RawValue> =
            chunk.choices.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
        for raw in &choices {
            let Ok(choice) = serde_json::from_str::<Choice<'_>>(raw.get()) else { continue };
            if let Some(delta) = &choice.delta {
                delta.count(facts);
            }
            if let Some(text) = &choice.text {
                facts.output.push(text.as_str());
            }
            if let Some(native) = choice.finish_reason.filter(|reason| !reason.0.is_empty()) {
                note_finish(facts, native.as_str());
            }
        }
        self.note_usage(chunk, facts);
        !choices.is_empty()
    }

    /// The latest report replaces the one before: reports are cumulative, or the only one.
    fn note_usage(&mut self, chunk: &Chunk<'_>, facts: &mut Facts) {
        if let Some(usage) = chunk.usage.and_then(|raw| usage::read(raw.get(), self.tier.clone())) {
            facts.usage = Some(usage);
            self.has_usage = true;
            return;
        }
        let copy = chunk.x_groq.and_then(|raw| Object::scan(raw.get())?.get("usage"));
        if !self.has_usage
            && let Some(usage) = copy.and_then(|json| usage::read(json, self.tier.clone()))
        {
            facts.usage = Some(usage);
        }
    }

    /// The chunk without its usage, under the model shown.
    fn without_usage(&self, json: &str) -> Option<String> {
        let edit = |key: &str, _: &str| match key {
            "usage" => Some(Edit::Remove),
            "model" => self.context.model_shown.as_deref().map(|m| Edit::Replace(text_of(m))),
            _ => None,
        };
        Object::scan(json)?.rewrite(edit, &[])
    }

    fn cost(&self, facts: &Facts) -> Option<Usd> {
        facts.usage.as_ref().and_then(|usage| (self.context.cost)(usage))
    }
}

impl EventPass for ChunkPass {
    fn pass(
        &mut self,
        event: &Event<'_>,
        facts: &mut Facts,
        out: &mut Vec<u8>,
    ) -> Result<Pass, StreamError> {
        let data = event.data.trim_ascii();
        if data == b"[DONE]" {
            self.is_done = true;
            return Ok(Pass::Keep);
        }
        if data.is_empty() {
            // A keep-alive of some servers; official clients would try to parse it.
            return Ok(Pass::Replace);
        }
        let json = event_text(data)?;
        let chunk: Chunk<'_> =
            serde_json::from_str(json).map_err(|e| StreamError::Garbage(without_position(&e)))?;
        if let Some(member) = chunk.error {
            return Err(error::read(member.get()).into());
        }
        if event.name == Some("error") {
            return Err(error::read(json).into());
        }
        let has_choices = self.note(&chunk, facts);
        let tells_usage = chunk.usage.is_some();
        let changed = match (tells_usage, self.context.wants_usage) {
            (true, false) if !has_choices => return Ok(Pass::Replace),
            (true, false) => self.without_usage(json),
            (true, true) => respelled(json, self.cost(facts), &self.context),
            (false, _) => respelled(json, None, &self.context),
        };
        let Some(changed) = changed else { return Ok(Pass::Keep) };
        write_data(out, &changed);
        Ok(Pass::Replace)
    }

    fn keeps_comments(&self) -> bool {
        true
    }

    fn is_done(&self) -> bool {
        self.is_done
    }
}
