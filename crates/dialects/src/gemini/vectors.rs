//! Embeddings as this dialect's provider is asked for them, and as it answers.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::embed::{ContentBody, EmbedRequest, INPUTS_MAX};
use super::member::camel;
use super::{COLLECTIONS, place, usage};
use crate::error::decode as decode_error;
use crate::json::{Edit, List, Object, append, text_of};
use crate::own::OWN_FIELDS;
use crate::path::Verb;
use crate::reply::{Facts, ReplyError};
use crate::request::{Encoded, RequestError, Target, utf8, without_position};

/// Path of an operation on a model that embeds.
pub(crate) fn embed_path(verb: Verb, model: &str) -> Cow<'static, str> {
    let verb = if verb == Verb::EmbedContent { "embedContent" } else { "batchEmbedContents" };
    Cow::Owned(place(model, verb))
}

/// The name of a model with its collection.
fn resource(model: &str) -> String {
    let is_named = COLLECTIONS
        .iter()
        .any(|name| model.strip_prefix(name).is_some_and(|rest| rest.starts_with('/')));
    if is_named { model.to_owned() } else { format!("models/{model}") }
}

/// Words a request of `batchEmbedContents`.
///
/// # Errors
/// There are more texts than one request may hold.
pub(crate) fn encode_vectors(request: &EmbedRequest, model: &str) -> Result<Bytes, RequestError> {
    #[derive(Serialize)]
    struct Body<'a> {
        requests: Vec<ContentBody<'a>>,
    }
    if request.inputs.len() > INPUTS_MAX {
        let why = format!("it embeds at most {INPUTS_MAX} texts at once");
        return Err(RequestError::unsupported("input", why));
    }
    let model = resource(model);
    let one = |at| ContentBody::new(request, at, Some(&model));
    let body = Body { requests: (0..request.inputs.len()).map(one).collect() };
    let mut out = Vec::new();
    append(&mut out, &body);
    Ok(out.into())
}

/// The client's own request for a provider of its dialect: the model is named again in every content.
///
/// # Errors
/// The body is not a JSON object.
pub(crate) fn rewrite_vectors(body: &Bytes, target: &Target<'_>) -> Result<Encoded, RequestError> {
    let text = utf8(body)?;
    serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(|e| RequestError::malformed(&e))?;
    let members = Object::scan(text)
        .ok_or_else(|| RequestError::invalid("body", "it must be one JSON object"))?;
    let model = text_of(&resource(target.model));
    let named = |key: &str, json: &str| {
        (key == "model" && json != model).then(|| Edit::Replace(model.clone()))
    };
    let edit = |key: &str, json: &str| match camel(key).as_ref() {
        "model" => named(key, json),
        "requests" => each(json, &named).map(Edit::Replace),
        _ if OWN_FIELDS.contains(&key) => Some(Edit::Remove),
        _ => None,
    };
    let body = members.respelled(body, edit, &[]);
    Ok(Encoded { body, dropped: Vec::new(), headers: Vec::new(), max_output_tokens: None })
}

/// A list with an edit made to each of its objects; `None` when it changes none.
fn each(json: &str, edit: &impl Fn(&str, &str) -> Option<Edit>) -> Option<String> {
    let items: List<&RawValue> = serde_json::from_str(json).ok()?;
    let changed: Vec<Option<String>> =
        items.0.iter().map(|item| Object::scan(item.get())?.rewrite(edit, &[])).collect();
    if changed.iter().all(Option::is_none) {
        return None;
    }
    let told = items.0.iter().zip(&changed);
    let told: Vec<&str> =
        told.map(|(item, new)| new.as_deref().unwrap_or_else(|| item.get())).collect();
    Some(format!("[{}]", told.join(",")))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReplyBody<'a> {
    #[serde(default)]
    embeddings: Vec<Values>,
    embedding: Option<Values>,
    #[serde(borrow)]
    usage_metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Values {
    #[serde(default)]
    values: Vec<f32>,
}

/// Reads the vectors of an answer to either operation, in the order of the contents.
///
/// # Errors
/// The body is an error in spite of its status, or holds no vectors.
pub(crate) fn decode_vectors(body: &str, facts: &mut Facts) -> Result<Vec<Vec<f32>>, ReplyError> {
    let read: ReplyBody<'_> =
        serde_json::from_str(body).map_err(|e| ReplyError::Garbage(without_position(&e)))?;
    if read.error.is_some() {
        return Err(decode_error(500, body.as_bytes()).into());
    }
    let told = read.usage_metadata.and_then(|raw| usage::read(raw.get()));
    facts.usage = told.map(|told| told.usage);
    let vectors: Vec<Vec<f32>> =
        read.embedding.into_iter().chain(read.embeddings).map(|one| one.values).collect();
    if vectors.is_empty() {
        return Err(ReplyError::Garbage("it has no vectors".to_owned()));
    }
    Ok(vectors)
}
