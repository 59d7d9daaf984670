//! Between client and provider of this dialect: every byte stays but for what policy must change.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use units::Usd;

use super::decode_stream::{EventBody, note_response};
use super::error;
use super::reasoning::{FOREIGN, Seal, open};
use super::response::ResponseBody;
use crate::error::StreamError;
use crate::json::{Edit, List, Object, is_null, text_of, whole};
use crate::own::{OWN_FIELDS, typed, with_cost, without_tags};
use crate::reply::{Facts, Reply, ReplyContext, ReplyError};
use crate::request::{Encoded, RequestError, Target, utf8, without_position};
use crate::sse::{Event, write_data};
use crate::wire::{EventPass, Pass, event_text};

/// The members policy may change. Reading them validates the whole body on the way.
#[derive(Deserialize)]
struct RequestBody<'a> {
    #[serde(borrow)]
    max_output_tokens: Option<&'a RawValue>,
}

/// The input without reasoning that providers of other dialects sealed, which none of this one can
/// open; `None` when it holds none.
fn without_foreign_seals(input: &str) -> Option<String> {
    if !input.contains(FOREIGN) {
        return None;
    }
    let items: List<&RawValue> = serde_json::from_str(input).ok()?;
    let is_foreign = |item: &&RawValue| {
        let item = Object::scan(item.get())?;
        let seal = item.text("encrypted_content")?;
        Some(open(seal.into()) != Seal::Own)
    };
    let kept = items.0.into_iter().filter(|item| !is_foreign(item).unwrap_or(false));
    let kept: Vec<&str> = kept.map(RawValue::get).collect();
    Some(format!("[{}]", kept.join(",")))
}

/// The request with the target's model and limit, without the gateway's own fields.
pub(super) fn rewrite_request(body: &Bytes, target: &Target<'_>) -> Result<Encoded, RequestError> {
    const LIMIT: &str = "max_output_tokens";
    let text = utf8(body)?;
    let read: RequestBody<'_> =
        serde_json::from_str(text).map_err(|e| RequestError::malformed(&e))?;
    let asked = read.max_output_tokens.map(|raw| typed::<u64>(LIMIT, raw)).transpose()?;
    let limit = asked.into_iter().chain(target.max_output_tokens).min();
    let members = Object::scan(text)
        .ok_or_else(|| RequestError::invalid("body", "it must be one JSON object"))?;
    let has = |name: &str| members.iter().any(|(key, _)| key == name);
    let mut added = Vec::new();
    if !has("model") {
        added.push(("model", text_of(target.model)));
    }
    if let Some(tokens) = target.max_output_tokens.filter(|_| !has(LIMIT)) {
        added.push((LIMIT, tokens.to_string()));
    }
    let edit = |key: &str, json: &str| match key {
        "model" => {
            let model = text_of(target.model);
            (json != model).then_some(Edit::Replace(model))
        }
        LIMIT => {
            let tokens = target.max_output_tokens?;
            let lowers = is_null(json) || whole(json).is_none_or(|asked| asked > tokens);
            lowers.then(|| Edit::Replace(tokens.to_string()))
        }
        "metadata" => without_tags(json).map(Edit::Replace),
        "input" => without_foreign_seals(json).map(Edit::Replace),
        _ if OWN_FIELDS.contains(&key) => Some(Edit::Remove),
        _ => None,
    };
    let body = members.respelled(body, edit, &added);
    Ok(Encoded { body, dropped: Vec::new(), headers: Vec::new(), max_output_tokens: limit })
}

/// Members of a request that a count of its input does not take (OpenAI's SDK, 3.54).
const ONLY_ANSWERED: [&str; 18] = [
    "background",
    "background_options",
    "include",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "moderation",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
    "service_tier",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "top_logprobs",
    "top_p",
];

/// The request as a count of its input takes it.
pub(super) fn rewrite_count(body: &Bytes, target: &Target<'_>) -> Result<Encoded, RequestError> {
    let mut encoded = rewrite_request(body, &Target { max_output_tokens: None, ..*target })?;
    let whole = encoded.body.whole();
    let members = Object::scan(utf8(&whole)?);
    let remove = |key: &str, _: &str| {
        (ONLY_ANSWERED.contains(&key) || key == "user").then_some(Edit::Remove)
    };
    if let Some(changed) = members.and_then(|members| members.rewrite(remove, &[])) {
        encoded.body = changed.into();
    }
    encoded.max_output_tokens = None;
    Ok(encoded)
}

/// The answer with its cost and the model shown. One that is still being made passes as it is.
pub(super) fn rewrite_reply(bytes: &Bytes, context: &ReplyContext) -> Result<Reply, ReplyError> {
    let garbage = |what: &str| ReplyError::Garbage(what.to_owned());
    let text = std::str::from_utf8(bytes).map_err(|_| garbage("it is not UTF-8"))?;
    let body: ResponseBody<'_> =
        serde_json::from_str(text).map_err(|e| garbage(&without_position(&e)))?;
    let mut facts = Facts::default();
    if body.is_pending() {
        body.note_names(&mut facts);
    } else {
        body.note_end(text, &mut facts)?;
    }
    if body.output.is_none() {
        return Err(garbage("it has no output"));
    }
    for mut item in body.items() {
        for said in item.texts() {
            facts.output.push(&said.text);
        }
        facts.output.push(&item.thinking());
        for text in [item.name, item.arguments].into_iter().flatten() {
            facts.output.push(&text.0);
        }
    }
    let cost = facts.usage.as_ref().and_then(|usage| (context.cost)(usage));
    let body = respelled(text, cost, context).map_or_else(|| bytes.clone(), Bytes::from);
    Ok(Reply { body, facts })
}

/// The response with its cost in `usage` and the model shown; `None` when nothing changes.
fn respelled(json: &str, cost: Option<Usd>, context: &ReplyContext) -> Option<String> {
    if cost.is_none() && context.model_shown.is_none() {
        return None;
    }
    let edit = |key: &str, value: &str| match key {
        "usage" => cost.and_then(|cost| with_cost(value, cost)).map(Edit::Replace),
        "model" => context.model_shown.as_deref().map(|model| Edit::Replace(text_of(model))),
        _ => None,
    };
    Object::scan(json)?.rewrite(edit, &[])
}

/// One native stream: events pass to the letter but for the responses they hold.
pub(super) struct ResponsePass {
    context: ReplyContext,
    is_done: bool,
}

impl ResponsePass {
    pub(super) fn new(context: ReplyContext) -> Self {
        Self { context, is_done: false }
    }
}

impl EventPass for ResponsePass {
    fn pass(
        &mut self,
        event: &Event<'_>,
        facts: &mut Facts,
        out: &mut Vec<u8>,
    ) -> Result<Pass, StreamError> {
        let data = event.data.trim_ascii();
        if data.is_empty() || data == b"[DONE]" {
            return Ok(Pass::Keep);
        }
        let json = event_text(data)?;
        let body = EventBody::read(json)?;
        let kind = body.kind(event);
        if kind == "error" || (kind.is_empty() && error::is_told(json)) {
            return Err(error::in_stream(json).into());
        }
        let Some(response) = body.response else {
            if let Some(text) = body.text().filter(|_| kind.ends_with(".delta")) {
                facts.output.push(&text);
            }
            return Ok(Pass::Keep);
        };
        self.is_done = note_response(kind, Some(response), facts)?;
        let usage = facts.usage.as_ref().filter(|_| self.is_done);
        let cost = usage.and_then(|usage| (self.context.cost)(usage));
        let Some(changed) = respelled(response.get(), cost, &self.context) else {
            return Ok(Pass::Keep);
        };
        let edit = |key: &str, _: &str| (key == "response").then(|| Edit::Replace(changed.clone()));
        let Some(changed) = Object::scan(json).and_then(|event| event.rewrite(edit, &[])) else {
            return Ok(Pass::Keep);
        };
        if let Some(name) = event.name {
            for piece in ["event: ", name, "\n"] {
                out.extend_from_slice(piece.as_bytes());
            }
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

#[cfg(test)]
mod tests;
