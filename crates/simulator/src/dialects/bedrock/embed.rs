//! The service's embeddings: one vector in Amazon's own words, several in Cohere's, what was read
//! counted in a header, the request signed as any other.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Bedrock;
use crate::bill::{BilledRequest, Quantities};
use crate::desk::Desk;
use crate::dialects::gemini::decoded;
use crate::dialects::openai::embeddings::{DIMENSIONS, DIMENSIONS_MAX, vector};
use crate::dialects::{Wire, malformed, request_id, set};
use crate::dice::mix_text;
use crate::refusal::Refusal;
use crate::tokens::text_tokens;
use crate::whole::{self, dressed, model_of, received};

/// Texts one request in Cohere's words may hold.
const TEXTS_MAX: usize = 96;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct One {
    input_text: String,
    dimensions: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Several {
    texts: Vec<String>,
    input_type: String,
    embedding_types: Option<Vec<String>>,
    output_dimension: Option<usize>,
    #[serde(rename = "truncate")]
    _truncate: Option<String>,
}

/// Vectors and what they took.
struct Embedded {
    body: Value,
    tokens: u64,
}

/// Answers `POST /model/MODEL/invoke` of a model that embeds.
pub(super) async fn embed(desk: Arc<Desk>, request: Request) -> Response {
    let serial = desk.serial();
    let answered = answer(&desk, request, serial).await.map(|Embedded { body, tokens }| {
        let mut response = whole::answer(&body);
        let headers = response.headers_mut();
        set(headers, "x-amzn-bedrock-input-token-count", &tokens.to_string());
        response
    });
    dressed::<Bedrock>(&desk, serial, answered)
}

async fn answer(desk: &Desk, request: Request, serial: u64) -> Result<Embedded, Refusal> {
    let (parts, body) = received::<Bedrock>(desk, request).await?;
    Bedrock::verify(desk, &parts, &body)?;
    let place = parts.uri.path().strip_prefix("/model/").unwrap_or_default();
    let name = decoded(place.rsplit_once('/').map_or(place, |(model, _)| model));
    let (model, _) = model_of(desk, &name, &parts.headers)?;
    let embedded = if model.contains("titan-embed") {
        one(&body)?
    } else if model.contains("cohere.embed") {
        several(&body, serial)?
    } else {
        return Err(Refusal::invalid("The provided model identifier is invalid."));
    };
    desk.ledger.add(BilledRequest {
        id: Bedrock::answer_id(serial),
        request_id: request_id(serial),
        model,
        is_complete: true,
        quantities: Quantities {
            requests: 1,
            input_tokens: embedded.tokens,
            ..Quantities::default()
        },
    });
    Ok(embedded)
}

fn one(body: &[u8]) -> Result<Embedded, Refusal> {
    let asked: One = serde_json::from_slice(body).map_err(|error| malformed(&error))?;
    let size = size(asked.dimensions)?;
    let (vector, tokens) =
        (vector(mix_text(0, &asked.input_text), size), text_tokens(&asked.input_text));
    let body = json!({
        "embedding": vector, "embeddingsByType": {"float": vector}, "inputTextTokenCount": tokens,
    });
    Ok(Embedded { body, tokens })
}

fn several(body: &[u8], serial: u64) -> Result<Embedded, Refusal> {
    let asked: Several = serde_json::from_slice(body).map_err(|error| malformed(&error))?;
    let size = size(asked.output_dimension)?;
    let is_float = asked.embedding_types.is_none_or(|types| types == ["float"]);
    if !(1..=TEXTS_MAX).contains(&asked.texts.len()) || asked.input_type.is_empty() || !is_float {
        return Err(Refusal::invalid("Malformed input request: 1 to 96 texts, a use, and floats"));
    }
    let vectors: Vec<Vec<f32>> =
        asked.texts.iter().map(|text| vector(mix_text(0, text), size)).collect();
    let tokens = asked.texts.iter().map(|text| text_tokens(text)).sum();
    let body = json!({
        "id": Bedrock::answer_id(serial), "embeddings": {"float": vectors},
        "response_type": "embeddings_by_type", "texts": asked.texts,
    });
    Ok(Embedded { body, tokens })
}

fn size(asked: Option<usize>) -> Result<usize, Refusal> {
    let size = asked.unwrap_or(DIMENSIONS);
    let is_known = (1..=DIMENSIONS_MAX).contains(&size);
    is_known.then_some(size).ok_or_else(|| Refusal::invalid("Malformed input request: dimensions"))
}
