//! The reranking operation: a query and texts in, the texts' ranks out, in the shape Cohere gave it and
//! others follow.
//!
//! Bytes pass through but for the model, the gateway's own fields and the cost.

use bytes::Bytes;
use events::{Dialect, Meter, Meters};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::cohere::usage;
use crate::error::{ErrorBody, decode as decode_error};
use crate::json::{Edit, List, Object, Text, append, text_of};
use crate::own::{self, OWN_FIELDS, label, labels, with_cost};
use crate::reply::{Facts, Reply, ReplyContext, ReplyError, Usage};
use crate::request::{Encoded, Peek, RequestError, Target, utf8, without_position};
use crate::tokens::estimate_bytes;

/// Texts that one search ranks, and tokens of a text (the query's included) that count as one: longer
/// ones count once for every such piece. A guess that only reservations rest on: the provider's own
/// `search_units` are billed.
const TEXTS_PER_SEARCH: u64 = 100;
const TOKENS_PER_TEXT: u64 = 500;

/// What the gateway needs to know of a request to rerank.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RerankPeek {
    /// What routing and attribution need.
    pub peek: Peek,
    /// How many texts are to be ranked.
    pub documents: usize,
    /// Input tokens, an estimate by length.
    pub estimated_tokens: u64,
    /// Searches it is billed as, an estimate by length.
    pub estimated_searches: u64,
}

/// The members that matter.
#[derive(Deserialize)]
struct RequestBody<'a> {
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow)]
    query: Option<Text<'a>>,
    #[serde(borrow)]
    documents: Option<&'a RawValue>,
    #[serde(borrow)]
    user: Option<&'a RawValue>,
    #[serde(borrow)]
    session_id: Option<&'a RawValue>,
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ReplyBody<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow)]
    results: Option<List<&'a RawValue>>,
    #[serde(borrow)]
    meta: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
}

/// Whether providers of a dialect serve reranking in this shape.
pub const fn has_rerank(dialect: Dialect) -> bool {
    matches!(dialect, Dialect::CohereChat | Dialect::OpenaiChat)
}

/// Path of the operation, to be appended to a base URL that ends in the API's version.
pub const fn rerank_path() -> &'static str {
    "/rerank"
}

/// Reads what routing and attribution need of a request to rerank.
///
/// # Errors
/// The body is not JSON, has no model, query or texts, or one of them is of the wrong type.
pub fn peek_rerank(body: &[u8]) -> Result<RerankPeek, RequestError> {
    let text = utf8(body)?;
    let body: RequestBody<'_> =
        serde_json::from_str(text).map_err(|e| RequestError::malformed(&e))?;
    let model = own::model(body.model)?;
    let query = body.query.ok_or_else(|| RequestError::missing("query"))?;
    let documents = body.documents.ok_or_else(|| RequestError::missing("documents"))?;
    let documents: List<&RawValue> = serde_json::from_str(documents.get())
        .map_err(|e| RequestError::invalid("documents", without_position(&e)))?;
    if documents.0.is_empty() {
        return Err(RequestError::invalid("documents", "there must be at least one text"));
    }
    let (mut tokens, mut pieces) = (0_u64, 0_u64);
    let asked = estimate_bytes(query.0.len());
    for document in &documents.0 {
        let told = asked.saturating_add(estimate_bytes(document.get().len()));
        tokens = tokens.saturating_add(told);
        pieces = pieces.saturating_add(told.div_ceil(TOKENS_PER_TEXT).max(1));
    }
    let (metadata, tags) = labels(body.metadata);
    let peek = Peek {
        model,
        choices: 1,
        user: label(body.user),
        session_id: label(body.session_id),
        metadata,
        tags,
        ..Peek::default()
    };
    Ok(RerankPeek {
        peek,
        documents: documents.0.len(),
        estimated_tokens: tokens,
        estimated_searches: pieces.div_ceil(TEXTS_PER_SEARCH),
    })
}

/// Words a client's request to rerank for a target.
///
/// # Errors
/// The body is not a JSON object, or the target's dialect knows no reranking in this shape.
pub fn encode_rerank(body: &Bytes, target: &Target<'_>) -> Result<Encoded, RequestError> {
    if !has_rerank(target.dialect) {
        let to = target.dialect;
        return Err(RequestError::NoTranslation { from: Dialect::CohereChat, to });
    }
    let text = utf8(body)?;
    serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(|e| RequestError::malformed(&e))?;
    let members = Object::scan(text)
        .ok_or_else(|| RequestError::invalid("body", "it must be one JSON object"))?;
    let model = text_of(target.model);
    let has_model = members.iter().any(|(key, _)| key == "model");
    let added = if has_model { vec![] } else { vec![("model", model.clone())] };
    let edit = |key: &str, json: &str| match key {
        "model" => (json != model).then(|| Edit::Replace(model.clone())),
        // No provider has these here.
        "metadata" | "user" => Some(Edit::Remove),
        _ if OWN_FIELDS.contains(&key) => Some(Edit::Remove),
        _ => None,
    };
    let body = members.respelled(body, edit, &added);
    Ok(Encoded { body, dropped: Vec::new(), headers: Vec::new(), max_output_tokens: None })
}

/// Words a provider's ranks (status 2xx) for the client.
///
/// # Errors
/// The body is an error in spite of its status, or holds no ranks.
pub fn transcode_rerank(bytes: &Bytes, context: &ReplyContext) -> Result<Reply, ReplyError> {
    let garbage = |what: &str| ReplyError::Garbage(what.to_owned());
    let text = std::str::from_utf8(bytes).map_err(|_| garbage("it is not UTF-8"))?;
    let body: ReplyBody<'_> =
        serde_json::from_str(text).map_err(|e| garbage(&without_position(&e)))?;
    let members = Object::scan(text).ok_or_else(|| garbage("it is no object"))?;
    if body.results.is_none() {
        let is_error = members.get("message").is_some() || members.get("error").is_some();
        return Err(match is_error {
            true => decode_error(500, bytes).into(),
            false => garbage("it has no list of results"),
        });
    }
    let billed = body.meta.and_then(|raw| usage::read(raw.get()));
    let usage = billed.or_else(|| body.usage.and_then(|raw| tokens_used(raw.get())));
    let cost = usage.as_ref().and_then(|usage| (context.cost)(usage));
    let facts = Facts { usage, model: label(body.model), id: label(body.id), ..Facts::default() };
    let edit = |key: &str, json: &str| match key {
        "usage" => cost.and_then(|cost| with_cost(json, cost)).map(Edit::Replace),
        "model" => context.model_shown.as_deref().map(|model| Edit::Replace(text_of(model))),
        _ => None,
    };
    let body = members.rewrite(edit, &[]).map_or_else(|| bytes.clone(), Bytes::from);
    Ok(Reply { body, facts })
}

/// Usage of providers that bill reranking by the token.
fn tokens_used(json: &str) -> Option<Usage> {
    let usage = Object::scan(json)?;
    let told = ["prompt_tokens", "input_tokens", "total_tokens"];
    let tokens = told.into_iter().map(|key| usage.count(key)).find(|tokens| *tokens > 0)?;
    Some(Usage { meters: Meters::NONE.with(Meter::InputText, tokens), ..Usage::default() })
}

#[derive(Serialize)]
struct ErrorWords<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    param: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a serde_json::Value>,
}

/// Words an error as clients of this operation read it.
pub fn encode_rerank_error(error: &ErrorBody) -> Bytes {
    let words = ErrorWords {
        id: error.request_id.as_deref(),
        message: &error.message,
        code: error.code.as_deref(),
        param: error.param.as_deref(),
        metadata: error.metadata.as_ref(),
    };
    let mut out = Vec::new();
    append(&mut out, &words);
    out.into()
}

#[cfg(test)]
mod tests;
