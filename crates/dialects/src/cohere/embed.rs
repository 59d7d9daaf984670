//! Embeddings of this dialect's vendor, as its service speaks them to a gateway.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::usage;
use crate::json::append;
use crate::own::label;
use crate::reply::{Facts, ReplyError};
use crate::request::without_position;

/// Path of the operation, below the same base URL as chat.
pub(crate) const PATH: &str = "/embed";
/// Texts one request may hold (the vendor's API reference of embed, read 2026-11-23).
pub(crate) const INPUTS_MAX: usize = 96;
/// What vectors are for where nobody says: the vendor's current models want to be told.
const PURPOSE: &str = "search_document";

/// Texts to embed.
pub(crate) struct Texts<'a> {
    /// `None` where the path names it.
    pub(crate) model: Option<&'a str>,
    pub(crate) inputs: &'a [String],
    /// What the vectors are for, in the words of the vendor who speaks of a `task_type`.
    pub(crate) task: Option<&'a str>,
    pub(crate) dimensions: Option<u64>,
}

#[derive(Serialize)]
struct RequestBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    texts: &'a [String],
    input_type: &'a str,
    embedding_types: [&'a str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    output_dimension: Option<u64>,
}

#[derive(Deserialize)]
struct ReplyBody<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    embeddings: Option<Embeddings>,
    #[serde(borrow)]
    meta: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Embeddings {
    float: Vec<Vec<f32>>,
}

/// What the vectors are for, in this vendor's words; `None` for a use it does not know.
pub(crate) fn purpose(task: Option<&str>) -> Option<&'static str> {
    let Some(task) = task else { return Some(PURPOSE) };
    Some(match task.to_ascii_lowercase().as_str() {
        "retrieval_query"
        | "search_query"
        | "query"
        | "question_answering"
        | "code_retrieval_query"
        | "fact_verification" => "search_query",
        "retrieval_document" | "search_document" | "document" | "passage" => "search_document",
        "classification" => "classification",
        "clustering" | "semantic_similarity" => "clustering",
        "" | "task_type_unspecified" => PURPOSE,
        _ => return None,
    })
}

/// Words the request.
pub(crate) fn encode(texts: &Texts<'_>) -> Bytes {
    let body = RequestBody {
        model: texts.model,
        texts: texts.inputs,
        input_type: purpose(texts.task).unwrap_or(PURPOSE),
        embedding_types: ["float"],
        output_dimension: texts.dimensions,
    };
    let mut out = Vec::new();
    append(&mut out, &body);
    out.into()
}

/// Reads the vectors of an answer, in the order of the texts.
///
/// # Errors
/// The body holds no vectors.
pub(crate) fn decode(body: &str, facts: &mut Facts) -> Result<Vec<Vec<f32>>, ReplyError> {
    let body: ReplyBody<'_> =
        serde_json::from_str(body).map_err(|e| ReplyError::Garbage(without_position(&e)))?;
    let vectors =
        body.embeddings.ok_or_else(|| ReplyError::Garbage("it has no vectors".to_owned()))?;
    facts.usage = body.meta.and_then(|raw| usage::read(raw.get()));
    facts.id = label(body.id);
    Ok(vectors.float)
}
