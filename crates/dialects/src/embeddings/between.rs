//! Embeddings between dialects: the texts a client wants embedded, in words of whichever provider its
//! route leads to, and that provider's vectors in the client's.
//!
//! Where both speak alike, bytes pass through but for what policy must change.

use std::borrow::Cow;

use bytes::Bytes;
use events::{Dialect, Meters};
use serde::Serialize;

use super::{
    EmbeddingsPeek, embeddings_path, encode_embeddings, has_embeddings, transcode_embeddings,
};
use crate::bedrock::embed as bedrock;
use crate::cohere::embed as cohere;
use crate::gemini::{
    CloudOperation, EmbedRequest, decode_embed_request, decode_predictions, decode_vectors,
    embed_path, encode_embed_reply, encode_vectors as encode_contents, read_vectors,
    rewrite_vectors,
};
use crate::json::{Object, append, plain_text, text_of, whole};
use crate::own::{OWN_FIELDS, with_cost};
use crate::path::Verb;
use crate::quirks::Quirk;
use crate::reply::{Facts, Reply, ReplyContext, ReplyError, Usage};
use crate::request::{Encoded, Losses, Peek, RequestError, Target, utf8};
use crate::tokens::estimate_text_tokens;
use crate::vectors::{VectorFormat, told};

/// How a client asks for vectors, and is told them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VectorShape {
    /// As most providers of embeddings do: a list of texts.
    List(VectorFormat),
    /// As contents of the dialect whose requests name the operation in their path.
    Contents(Verb),
}

/// Vectors that were asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VectorsAsked<'a> {
    /// How the client is told them.
    pub shape: VectorShape,
    /// Model they were asked of, told where the provider names none.
    pub model: &'a str,
    /// Input tokens, an estimate told where the provider counts none.
    pub estimated_tokens: u64,
    /// What the headers of the answer count, where they do ([`crate::meters_of_headers`]).
    pub counted: Option<Meters>,
    /// What the provider does otherwise than its dialect has it.
    pub quirks: &'a [Quirk],
}

/// The operation of a model whose provider has several of its own; `None` where its dialect's hold.
fn cloud(dialect: Dialect, quirks: &[Quirk], model: &str) -> Option<CloudOperation> {
    let is_cloud = dialect == Dialect::GeminiGenerate && quirks.contains(&Quirk::PredictsVectors);
    is_cloud.then(|| CloudOperation::of(model))
}

impl VectorShape {
    /// Whether a provider takes this shape as it is.
    fn is_native(self, dialect: Dialect, cloud: Option<CloudOperation>) -> bool {
        match (self, cloud) {
            (VectorShape::List(_), _) => has_embeddings(dialect),
            (VectorShape::Contents(_), None) => dialect == Dialect::GeminiGenerate,
            (VectorShape::Contents(verb), Some(operation)) => {
                verb == Verb::EmbedContent && operation == CloudOperation::EmbedContent
            }
        }
    }

    /// The client's words for what may not be carried.
    const fn words(self) -> Words {
        match self {
            VectorShape::List(_) => {
                Words { texts: "input", task: "input_type", dimensions: "dimensions" }
            }
            VectorShape::Contents(_) => {
                Words { texts: "requests", task: "taskType", dimensions: "outputDimensionality" }
            }
        }
    }
}

/// What a client calls the parts of its request.
#[derive(Debug, Clone, Copy)]
struct Words {
    texts: &'static str,
    task: &'static str,
    dimensions: &'static str,
}

/// Reads what routing needs of a request whose path names the model and the operation.
///
/// # Errors
/// The body is no such request, holds no text, or more than text.
pub fn peek_contents(verb: Verb, model: &str, body: &[u8]) -> Result<EmbeddingsPeek, RequestError> {
    let request = decode_embed_request(verb, body)?;
    let tokens = request.inputs.iter().map(|text| estimate_text_tokens(text));
    Ok(EmbeddingsPeek {
        peek: Peek { model: model.to_owned(), choices: 1, ..Peek::default() },
        format: VectorFormat::Float,
        inputs: request.inputs.len(),
        estimated_tokens: tokens.fold(0, u64::saturating_add),
    })
}

/// Words a client's request for vectors for a target, whose provider has these quirks.
///
/// # Errors
/// The body is no such request, or asks for what the target cannot be asked and the route does not
/// drop parameters.
pub fn encode_vectors(
    shape: VectorShape,
    body: &Bytes,
    target: &Target<'_>,
    quirks: &[Quirk],
) -> Result<Encoded, RequestError> {
    let cloud = cloud(target.dialect, quirks, target.model);
    if shape.is_native(target.dialect, cloud) {
        return match shape {
            VectorShape::List(_) => encode_embeddings(target.dialect, body, target),
            VectorShape::Contents(_) => rewrite_vectors(body, target),
        };
    }
    let mut losses = Losses::new(target.drop_params);
    let mut request = match shape {
        VectorShape::List(_) => texts(body, &mut losses)?,
        VectorShape::Contents(verb) => decode_embed_request(verb, body)?,
    };
    let words = shape.words();
    if !request.titles.is_empty() && target.dialect != Dialect::GeminiGenerate {
        losses.lose("title", "it embeds texts without titles")?;
    }
    let body = match target.dialect {
        Dialect::OpenaiChat | Dialect::OpenaiResponses => {
            if request.task.is_some() {
                losses.lose(words.task, "it embeds for every use alike")?;
            }
            request.to_embeddings(target.model)
        }
        Dialect::GeminiGenerate => {
            request.task = request.task.map(|task| task_type(&task).into_owned());
            match cloud {
                Some(operation) => operation.encode(&request, words.texts)?,
                None => encode_contents(&request, target.model)?,
            }
        }
        Dialect::CohereChat => to_cohere(&request, Some(target.model), words, &mut losses)?,
        Dialect::BedrockConverse => to_bedrock(request, target.model, words, &mut losses)?,
        Dialect::AnthropicMessages => {
            let why = format!("a provider that speaks {} is asked for no vectors", target.dialect);
            return Err(RequestError::unsupported("model", why));
        }
    };
    let dropped = losses.into_names();
    Ok(Encoded { body: body.into(), dropped, headers: Vec::new(), max_output_tokens: None })
}

/// One cloud serves models of several makers, each in its maker's words.
fn to_bedrock(
    mut request: EmbedRequest,
    model: &str,
    words: Words,
    losses: &mut Losses,
) -> Result<Bytes, RequestError> {
    let (has_dimensions, is_cohere) = match bedrock::family(model) {
        Some(bedrock::Family::Cohere { has_dimensions }) => (has_dimensions, true),
        Some(bedrock::Family::Titan { has_dimensions }) => (has_dimensions, false),
        None => {
            let why = "it is not known there as one that embeds texts";
            return Err(RequestError::unsupported("model", why));
        }
    };
    if request.dimensions.is_some() && !has_dimensions {
        losses.lose(words.dimensions, "its vectors have one length")?;
        request.dimensions = None;
    }
    if is_cohere {
        return to_cohere(&request, None, words, losses);
    }
    let [text] = request.inputs.as_slice() else {
        let why = "it embeds one text a request: send each in a request of its own";
        return Err(RequestError::unsupported(words.texts, why));
    };
    if request.task.is_some() {
        losses.lose(words.task, "it embeds for every use alike")?;
    }
    Ok(bedrock::encode_text(text, request.dimensions))
}

fn to_cohere(
    request: &EmbedRequest,
    model: Option<&str>,
    words: Words,
    losses: &mut Losses,
) -> Result<Bytes, RequestError> {
    if request.inputs.len() > cohere::INPUTS_MAX {
        let why = format!("it embeds at most {} texts at once", cohere::INPUTS_MAX);
        return Err(RequestError::unsupported(words.texts, why));
    }
    if cohere::purpose(request.task.as_deref()).is_none() {
        losses.lose(words.task, "it does not embed for this use")?;
    }
    Ok(cohere::encode(&cohere::Texts {
        model,
        inputs: &request.inputs,
        task: request.task.as_deref(),
        dimensions: request.dimensions,
    }))
}

/// What vectors are for, in the words of the dialect that speaks of a `taskType`.
fn task_type(task: &str) -> Cow<'_, str> {
    match task.to_ascii_lowercase().as_str() {
        "query" | "search_query" => Cow::Borrowed("RETRIEVAL_QUERY"),
        "document" | "search_document" | "passage" => Cow::Borrowed("RETRIEVAL_DOCUMENT"),
        _ => Cow::Owned(task.to_ascii_uppercase()),
    }
}

/// The texts of a request that lists them.
fn texts(body: &Bytes, losses: &mut Losses) -> Result<EmbedRequest, RequestError> {
    let text = utf8(body)?;
    serde_json::from_str::<serde::de::IgnoredAny>(text).map_err(|e| RequestError::malformed(&e))?;
    let members = Object::scan(text)
        .ok_or_else(|| RequestError::invalid("body", "it must be one JSON object"))?;
    let mut request = EmbedRequest::default();
    for (key, json) in members.iter() {
        match key {
            "model" | "encoding_format" | "metadata" => {}
            "input" => request.inputs = inputs(json)?,
            "dimensions" => request.dimensions = whole(json),
            "input_type" => request.task = plain_text(json),
            "user" => losses.note("user"),
            _ if OWN_FIELDS.contains(&key) => {}
            other => losses.lose(other, "its embeddings have no such parameter")?,
        }
    }
    if request.inputs.is_empty() {
        return Err(RequestError::missing("input"));
    }
    Ok(request)
}

fn inputs(json: &str) -> Result<Vec<String>, RequestError> {
    if let Ok(one) = serde_json::from_str::<String>(json) {
        return Ok(vec![one]);
    }
    serde_json::from_str::<crate::json::List<String>>(json)
        .map(|list| list.0)
        .map_err(|_| RequestError::unsupported("input", "it takes texts, not tokens"))
}

/// Path of the operation at a provider, below the same base URL as [`crate::endpoint_path`].
pub fn vectors_path(
    shape: VectorShape,
    dialect: Dialect,
    model: &str,
    quirks: &[Quirk],
) -> Cow<'static, str> {
    if let Some(operation) = cloud(dialect, quirks, model) {
        return operation.path(model);
    }
    match (dialect, shape) {
        (Dialect::GeminiGenerate, VectorShape::Contents(verb)) => embed_path(verb, model),
        (Dialect::GeminiGenerate, VectorShape::List(_)) => {
            embed_path(Verb::BatchEmbedContents, model)
        }
        (Dialect::CohereChat, _) => Cow::Owned(cohere::PATH.to_owned()),
        (Dialect::BedrockConverse, _) => bedrock::invoke_path(model),
        _ => Cow::Owned(embeddings_path().to_owned()),
    }
}

/// Words a provider's vectors (status 2xx) for the client. The facts know only what the provider told.
///
/// # Errors
/// The body is an error in spite of its status, or holds no vectors.
pub fn transcode_vectors(
    from: Dialect,
    asked: &VectorsAsked<'_>,
    body: &Bytes,
    context: &ReplyContext,
) -> Result<Reply, ReplyError> {
    let shape = asked.shape;
    if let VectorShape::List(format) = shape
        && has_embeddings(from)
    {
        return transcode_embeddings(body, format, context);
    }
    let garbage = |what: &str| ReplyError::Garbage(what.to_owned());
    let text = std::str::from_utf8(body).map_err(|_| garbage("it is not UTF-8"))?;
    let mut facts = Facts::default();
    let cloud = cloud(from, asked.quirks, asked.model);
    let vectors = match from {
        Dialect::GeminiGenerate => match cloud {
            Some(CloudOperation::Predict { .. }) => decode_predictions(text, &mut facts)?,
            Some(CloudOperation::EmbedContent) | None => decode_vectors(text, &mut facts)?,
        },
        Dialect::CohereChat => cohere::decode(text, &mut facts)?,
        Dialect::OpenaiChat | Dialect::OpenaiResponses => {
            let list = transcode_embeddings(body, VectorFormat::Float, context)?;
            facts = list.facts;
            read_vectors(&list.body).ok_or_else(|| garbage("its vectors are no numbers"))?
        }
        Dialect::BedrockConverse => match bedrock::family(asked.model) {
            Some(bedrock::Family::Titan { .. }) => vec![bedrock::decode_vector(text, &mut facts)?],
            Some(bedrock::Family::Cohere { .. }) | None => cohere::decode(text, &mut facts)?,
        },
        Dialect::AnthropicMessages => return Err(garbage("this dialect tells no vectors")),
    };
    let counted = asked.counted.map(|meters| Usage { meters, ..Usage::default() });
    facts.usage = facts.usage.or(counted);
    let body = match shape {
        VectorShape::Contents(_) if shape.is_native(from, cloud) => body.clone(),
        VectorShape::Contents(verb) => encode_embed_reply(verb, &vectors),
        VectorShape::List(format) => list(&vectors, format, &facts, asked, context),
    };
    Ok(Reply { body, facts })
}

/// Vectors as a list.
fn list(
    vectors: &[Vec<f32>],
    format: VectorFormat,
    facts: &Facts,
    asked: &VectorsAsked<'_>,
    context: &ReplyContext,
) -> Bytes {
    #[derive(Serialize)]
    struct Entry<'a> {
        object: &'static str,
        index: usize,
        embedding: &'a serde_json::value::RawValue,
    }
    let told_usage = facts.usage.as_ref();
    let tokens = told_usage.map_or(asked.estimated_tokens, |told| told.meters.input_tokens());
    let usage = format!(r#"{{"prompt_tokens":{tokens},"total_tokens":{tokens}}}"#);
    let cost = told_usage.and_then(|usage| (context.cost)(usage));
    let usage = cost.and_then(|cost| with_cost(&usage, cost)).unwrap_or(usage);
    let mut out = Vec::from(&br#"{"object":"list","data":["#[..]);
    for (index, vector) in vectors.iter().enumerate() {
        let Ok(embedding) = serde_json::value::RawValue::from_string(told(vector, format)) else {
            continue;
        };
        if index > 0 {
            out.push(b',');
        }
        append(&mut out, &Entry { object: "embedding", index, embedding: &embedding });
    }
    let model = context.model_shown.as_deref().or(facts.model.as_deref()).unwrap_or(asked.model);
    out.extend_from_slice(b"],\"model\":");
    out.extend_from_slice(text_of(model).as_bytes());
    out.extend_from_slice(b",\"usage\":");
    out.extend_from_slice(usage.as_bytes());
    out.push(b'}');
    out.into()
}

#[cfg(test)]
mod tests;
