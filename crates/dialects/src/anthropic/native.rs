//! Between client and provider of this dialect: every byte stays but for what policy must change.

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::foreign;
use super::reply::decode;
use super::stream::MessageDecoder;
use crate::chat::StreamEvent;
use crate::error::StreamError;
use crate::json::{Edit, Object, is_null, text_of};
use crate::own::{OWN_FIELDS, typed, without_tags};
use crate::reply::{Facts, Reply, ReplyContext, ReplyError};
use crate::request::{Encoded, RequestError, Target, utf8};
use crate::sse::{Event, write_data};
use crate::wire::{EventPass, Pass, StreamDecoder};

/// Least budget of reasoning the provider takes, tokens (its SDK's types, 2.12).
const BUDGET_MIN: u64 = 1_024;

/// The members policy may change. Reading them validates the whole body on the way.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    max_tokens: Option<&'a RawValue>,
}

pub(super) fn rewrite_request(body: &Bytes, target: &Target<'_>) -> Result<Encoded, RequestError> {
    let text = utf8(body)?;
    let read: Body<'_> = serde_json::from_str(text).map_err(|e| RequestError::malformed(&e))?;
    let asked = read.max_tokens.map(|raw| typed::<u64>("max_tokens", raw)).transpose()?;
    let members = Object::scan(text)
        .ok_or_else(|| RequestError::invalid("body", "it must be one JSON object"))?;
    let limit = asked.into_iter().chain(target.max_output_tokens).min();
    let plan = Plan { model: target.model, limit: limit.filter(|_| asked != limit) };
    let added = plan.added(&members);
    let body = members.respelled(body, |key, json| plan.edit(key, json), &added);
    Ok(Encoded { body, dropped: Vec::new(), headers: Vec::new(), max_output_tokens: limit })
}

/// What is to change.
struct Plan<'a> {
    model: &'a str,
    /// The limit to set, where it is not the client's own.
    limit: Option<u64>,
}

impl Plan<'_> {
    fn edit(&self, key: &str, json: &str) -> Option<Edit> {
        match key {
            "model" => {
                let model = text_of(self.model);
                (json != model).then_some(Edit::Replace(model))
            }
            "max_tokens" => self.limit.map(|limit| Edit::Replace(limit.to_string())),
            "thinking" => self.thinking(json).map(Edit::Replace),
            "messages" => foreign::left_out(json).map(Edit::Replace),
            "metadata" => without_tags(json).map(Edit::Replace),
            _ if OWN_FIELDS.contains(&key) => Some(Edit::Remove),
            _ => None,
        }
    }

    /// The provider refuses a budget of reasoning that does not fit below the limit: lowering one
    /// lowers the other, and below the least budget there is no reasoning.
    fn thinking(&self, json: &str) -> Option<String> {
        let limit = self.limit?;
        let thinking = Object::scan(json)?;
        let budget = thinking.get("budget_tokens").and_then(crate::json::whole)?;
        if budget < limit {
            return None;
        }
        if limit <= BUDGET_MIN {
            return Some(r#"{"type":"disabled"}"#.to_owned());
        }
        let lowered = || Edit::Replace((limit - 1).to_string());
        thinking.rewrite(|key, _| (key == "budget_tokens").then(lowered), &[])
    }

    fn added(&self, members: &Object<'_>) -> Vec<(&'static str, String)> {
        let has = |name: &str| members.iter().any(|(key, _)| key == name);
        let mut added = Vec::new();
        if !has("model") {
            added.push(("model", text_of(self.model)));
        }
        if let Some(limit) = self.limit.filter(|_| !has("max_tokens")) {
            added.push(("max_tokens", limit.to_string()));
        }
        added
    }
}

pub(super) fn rewrite_reply(bytes: &Bytes, context: &ReplyContext) -> Result<Reply, ReplyError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| ReplyError::Garbage("it is not UTF-8".to_owned()))?;
    let mut facts = Facts::default();
    decode(text, &mut facts)?;
    let body = shown(text, context).map_or_else(|| bytes.clone(), Bytes::from);
    Ok(Reply { body, facts })
}

/// The message under the model shown; `None` when nothing changes.
fn shown(message: &str, context: &ReplyContext) -> Option<String> {
    let model = context.model_shown.as_deref()?;
    let edit = |key: &str, json: &str| {
        (key == "model" && !is_null(json)).then(|| Edit::Replace(text_of(model)))
    };
    Object::scan(message)?.rewrite(edit, &[])
}

/// One native stream: events pass to the letter but for the model the first one names.
pub(super) struct MessagePass {
    context: ReplyContext,
    decoder: MessageDecoder,
    is_done: bool,
}

impl MessagePass {
    pub(super) fn new(context: ReplyContext) -> Self {
        Self { context, decoder: MessageDecoder::default(), is_done: false }
    }
}

impl EventPass for MessagePass {
    fn pass(
        &mut self,
        event: &Event<'_>,
        facts: &mut Facts,
        out: &mut Vec<u8>,
    ) -> Result<Pass, StreamError> {
        let mut steps = Vec::new();
        match self.decoder.decode(event, facts, &mut steps) {
            // An event of a shape yet unknown is the client's to understand.
            Err(StreamError::Garbage(_)) if is_object(&event.data) => return Ok(Pass::Keep),
            read => read?,
        }
        self.is_done |= steps.contains(&StreamEvent::Done);
        let text = std::str::from_utf8(&event.data).unwrap_or_default();
        let Some(changed) = self.with_model(text) else { return Ok(Pass::Keep) };
        if let Some(name) = event.name {
            out.extend_from_slice(format!("event: {name}\n").as_bytes());
        }
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

impl MessagePass {
    /// The event that begins a message, under the model shown; `None` for every other.
    fn with_model(&self, event: &str) -> Option<String> {
        self.context.model_shown.as_ref()?;
        // Deltas are most of a stream, and none of them names a message at its top.
        if !event.contains("message_start") {
            return None;
        }
        let edit = |key: &str, json: &str| {
            (key == "message").then(|| shown(json, &self.context)).flatten().map(Edit::Replace)
        };
        Object::scan(event)?.rewrite(edit, &[])
    }
}

fn is_object(data: &[u8]) -> bool {
    data.trim_ascii_start().starts_with(b"{") && serde_json::from_slice::<IgnoredAny>(data).is_ok()
}

#[cfg(test)]
mod tests;
