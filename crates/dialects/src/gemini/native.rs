//! Between client and provider of this dialect every byte stays but for what policy must change.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::answer::Progress;
use super::member::camel;
use super::{decode_reply, decode_stream, peek};
use crate::error::StreamError;
use crate::json::{Edit, Object, is_null, text_of, whole};
use crate::own::OWN_FIELDS;
use crate::reply::{Facts, Reply, ReplyContext, ReplyError};
use crate::request::{Encoded, RequestError, Target, utf8};
use crate::sse::{Event, write_data};
use crate::wire::{EventPass, Pass};

/// The member policy may change. Reading it validates the whole body on the way.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, rename = "generationConfig", alias = "generation_config")]
    config: Option<&'a RawValue>,
}

/// The request with its limit lowered and the gateway's own members left out.
pub(super) fn request(body: &Bytes, target: &Target<'_>) -> Result<Encoded, RequestError> {
    let text = utf8(body)?;
    let read: Body<'_> = serde_json::from_str(text).map_err(|e| RequestError::malformed(&e))?;
    let asked = read.config.map(|raw| peek::limit(raw.get())).transpose()?.flatten();
    let limit = asked.into_iter().chain(target.max_output_tokens).min();
    let members = Object::scan(text)
        .ok_or_else(|| RequestError::invalid("body", "it must be one JSON object"))?;
    let config = match (limit, read.config) {
        (Some(limit), config) if asked != Some(limit) => {
            Some(limited(config.map_or("{}", RawValue::get), limit))
        }
        _ => None,
    };
    let mut added = Vec::new();
    if let (Some(config), None) = (&config, read.config) {
        added.push(("generationConfig", config.clone()));
    }
    let edit = |key: &str, json: &str| match camel(key).as_ref() {
        // One that is null is there all the same.
        "generationConfig" if read.config.is_none() && is_null(json) => {
            config.is_some().then_some(Edit::Remove)
        }
        "generationConfig" => config.clone().map(Edit::Replace),
        _ if OWN_FIELDS.contains(&key) => Some(Edit::Remove),
        _ => None,
    };
    Ok(Encoded {
        body: members.respelled(body, edit, &added),
        dropped: Vec::new(),
        headers: Vec::new(),
        max_output_tokens: limit,
    })
}

/// A request to count tokens for a provider, without the gateway's own members.
pub(super) fn count_request(body: &Bytes, target: &Target<'_>) -> Result<Encoded, RequestError> {
    let unlimited = Target { max_output_tokens: None, ..*target };
    let named = format!("models/{}", target.model.rsplit('/').next().unwrap_or(target.model));
    let text = utf8(body)?;
    let encoded = request(body, &unlimited)?;
    // A whole request inside names its model again, which must be the same.
    let wrapped = |key: &str, json: &str| {
        let inner = Object::scan(json).filter(|_| camel(key) == "generateContentRequest")?;
        let rename = |key: &str, _: &str| (key == "model").then(|| Edit::Replace(text_of(&named)));
        inner.rewrite(rename, &[]).map(Edit::Replace)
    };
    let whole = encoded.body.whole();
    let source = std::str::from_utf8(&whole).unwrap_or(text);
    let changed = Object::scan(source).and_then(|members| members.rewrite(wrapped, &[]));
    let body = changed.map_or_else(|| encoded.body.clone(), Into::into);
    Ok(Encoded { body, max_output_tokens: None, ..encoded })
}

/// A `generationConfig` with this limit.
fn limited(config: &str, limit: u64) -> String {
    let alone = || format!(r#"{{"maxOutputTokens":{limit}}}"#);
    let Some(members) = Object::scan(config) else { return alone() };
    let has = members.iter().any(|(key, _)| camel(key) == "maxOutputTokens");
    let added = if has { vec![] } else { vec![("maxOutputTokens", limit.to_string())] };
    let lowers = |json: &str| whole(json).is_none_or(|asked| asked > limit);
    let edit = |key: &str, json: &str| {
        let is_limit = camel(key) == "maxOutputTokens" && lowers(json);
        is_limit.then(|| Edit::Replace(limit.to_string()))
    };
    members.rewrite(edit, &added).unwrap_or_else(|| config.to_owned())
}

/// The plain answer, to the letter but for the model shown.
pub(super) fn reply(bytes: &Bytes, context: &ReplyContext) -> Result<Reply, ReplyError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| ReplyError::Garbage("it is not UTF-8".to_owned()))?;
    let mut facts = Facts::default();
    decode_reply::read(text, &mut Progress::default(), &mut facts)?;
    let body = respelled(text, context).map_or_else(|| bytes.clone(), Bytes::from);
    Ok(Reply { body, facts })
}

/// The JSON under the model shown; `None` when nothing changes.
fn respelled(json: &str, context: &ReplyContext) -> Option<String> {
    let shown = context.model_shown.as_deref()?;
    let edit =
        |key: &str, _: &str| (camel(key) == "modelVersion").then(|| Edit::Replace(text_of(shown)));
    Object::scan(json)?.rewrite(edit, &[])
}

/// One native stream.
pub(super) struct ResponsePass {
    context: ReplyContext,
    progress: Progress,
    is_done: bool,
}

impl ResponsePass {
    pub(super) fn new(context: ReplyContext) -> Self {
        Self { context, progress: Progress::default(), is_done: false }
    }
}

impl EventPass for ResponsePass {
    fn pass(
        &mut self,
        event: &Event<'_>,
        facts: &mut Facts,
        out: &mut Vec<u8>,
    ) -> Result<Pass, StreamError> {
        let Some((json, response)) = decode_stream::read(event)? else { return Ok(Pass::Keep) };
        self.progress.note(&response, facts);
        let Some(changed) = respelled(json, &self.context) else { return Ok(Pass::Keep) };
        write_data(out, &changed);
        Ok(Pass::Replace)
    }

    fn keeps_comments(&self) -> bool {
        true
    }

    fn end(&mut self, _: &mut Facts, _: &mut Vec<u8>) {
        self.is_done = self.progress.is_finished;
    }

    fn is_done(&self) -> bool {
        self.is_done
    }
}

#[cfg(test)]
mod tests;
