//! Cohere's embeddings: a vector for each text, billed by what was read.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Cohere;
use crate::bill::{BilledRequest, Quantities};
use crate::desk::Desk;
use crate::dialects::openai::embeddings::{DIMENSIONS, DIMENSIONS_MAX, vector};
use crate::dialects::{Wire, malformed, request_id};
use crate::dice::mix_text;
use crate::refusal::Refusal;
use crate::tokens::text_tokens;
use crate::whole::{self, dressed, model_of, received};

/// Texts one request may hold.
const TEXTS_MAX: usize = 96;
/// What vectors may be for.
const PURPOSES: [&str; 5] =
    ["search_document", "search_query", "classification", "clustering", "image"];

#[derive(Debug, Deserialize)]
struct Body {
    model: Option<String>,
    texts: Option<Vec<String>>,
    input_type: Option<String>,
    embedding_types: Option<Vec<String>>,
    output_dimension: Option<usize>,
}

/// Answers `POST /v2/embed`.
pub(crate) async fn embed(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    let serial = desk.serial();
    let answered = answer(&desk, request, serial).await.map(|body| whole::answer(&body));
    dressed::<Cohere>(&desk, serial, answered)
}

async fn answer(desk: &Desk, request: Request, serial: u64) -> Result<Value, Refusal> {
    let (parts, body) = received::<Cohere>(desk, request).await?;
    let body: Body = serde_json::from_slice(&body).map_err(|error| malformed(&error))?;
    let missing = |name: &str| Refusal::invalid(format!("invalid request: {name} is required"));
    let name = body.model.ok_or_else(|| missing("model"))?;
    let texts = body.texts.filter(|texts| !texts.is_empty()).ok_or_else(|| missing("texts"))?;
    let purpose = body.input_type.ok_or_else(|| missing("input_type"))?;
    if !PURPOSES.contains(&purpose.as_str()) {
        return Err(Refusal::invalid(format!("invalid request: no input_type is {purpose}")));
    }
    let size = body.output_dimension.unwrap_or(DIMENSIONS);
    if texts.len() > TEXTS_MAX || !(1..=DIMENSIONS_MAX).contains(&size) {
        return Err(Refusal::invalid("invalid request: too many texts or numbers"));
    }
    if body.embedding_types.is_some_and(|types| types != ["float"]) {
        return Err(Refusal::invalid("invalid request: only float is simulated"));
    }
    let (model, script) = model_of(desk, &name, &parts.headers)?;
    let tokens: u64 = texts.iter().map(|text| text_tokens(text)).sum();
    let vectors: Vec<Vec<f32>> = texts.iter().map(|text| vector(mix_text(0, text), size)).collect();
    let id = Cohere::answer_id(serial);
    desk.ledger.add(BilledRequest {
        id: id.clone(),
        request_id: request_id(serial),
        model,
        is_complete: true,
        quantities: Quantities { requests: 1, input_tokens: tokens, ..Quantities::default() },
    });
    let mut told = json!({
        "id": id, "embeddings": {"float": vectors}, "texts": texts,
        "meta": {"api_version": {"version": "2"}}, "response_type": "embeddings_by_type",
    });
    if !script.no_usage {
        told["meta"]["billed_units"] = json!({"input_tokens": tokens});
    }
    Ok(told)
}
