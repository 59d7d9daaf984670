//! Google's embeddings, one content or several; like the service itself they tell no usage, but for its cloud.

use axum::extract::Request;
use axum::response::Response;
use serde_json::{Value, json};

use super::{Gemini, decoded};
use crate::bill::{BilledRequest, Quantities};
use crate::desk::Desk;
use crate::dialects::openai::embeddings::{DIMENSIONS, DIMENSIONS_MAX, vector};
use crate::dialects::{Wire, malformed, request_id};
use crate::dice::mix_text;
use crate::refusal::Refusal;
use crate::tokens::text_tokens;
use crate::whole::{self, dressed, model_of, received};

/// Contents one request may hold.
const CONTENTS_MAX: usize = 100;

/// Answers `POST /…/models/MODEL:embedContent` and `…:batchEmbedContents`.
pub(super) async fn embed(desk: &Desk, request: Request) -> Response {
    let serial = desk.serial();
    let answered = answer(desk, request, serial).await.map(|body| whole::answer(&body));
    dressed::<Gemini>(desk, serial, answered)
}

async fn answer(desk: &Desk, request: Request, serial: u64) -> Result<Value, Refusal> {
    let (parts, body) = received::<Gemini>(desk, request).await?;
    let body: Value = serde_json::from_slice(&body).map_err(|error| malformed(&error))?;
    let (name, operation) = place(parts.uri.path());
    let (model, _) = model_of(desk, &name, &parts.headers)?;
    let is_batch = operation == "batchEmbedContents";
    let requests = if is_batch { body["requests"].as_array().cloned() } else { Some(vec![body]) };
    let requests = requests.filter(|all| (1..=CONTENTS_MAX).contains(&all.len()));
    let requests = requests.ok_or_else(|| {
        Refusal::invalid("at most 100 requests can be in one batch, and at least one")
            .about("requests")
    })?;
    // The cloud has no batches, and counts.
    let is_cloud = parts.uri.path().starts_with("/v1/projects/");
    if is_batch && is_cloud {
        return Err(Refusal::new(404, "Method not found."));
    }
    let (mut tokens, mut vectors) = (0, Vec::new());
    for request in &requests {
        // In a batch each names the model again, and must name the same.
        let again = request["model"].as_str();
        if is_batch && again != Some(format!("models/{name}").as_str()) {
            return Err(Refusal::invalid("all requests must name the path's model").about("model"));
        }
        let (read, values) = content(request)?;
        tokens += read;
        vectors.push(json!({"values": values}));
    }
    desk.ledger.add(BilledRequest {
        id: <Gemini as Wire>::answer_id(serial),
        request_id: request_id(serial),
        model,
        is_complete: true,
        quantities: Quantities { requests: 1, input_tokens: tokens, ..Quantities::default() },
    });
    let vector = || vectors.first();
    Ok(match is_batch {
        _ if is_cloud => {
            json!({"embedding": vector(), "usageMetadata": {"promptTokenCount": tokens}})
        }
        true => json!({"embeddings": vectors}),
        false => json!({"embedding": vector()}),
    })
}

/// A content's tokens and vector.
fn content(request: &Value) -> Result<(u64, Vec<f32>), Refusal> {
    let missing = || Refusal::invalid("* EmbedContentRequest.content: empty").about("content");
    let parts = request["content"]["parts"].as_array().ok_or_else(missing)?;
    let text: String = parts.iter().filter_map(|part| part["text"].as_str()).collect();
    if text.is_empty() {
        return Err(missing());
    }
    embedded(&text, &request["outputDimensionality"])
}

/// A text's tokens and vector, which is as long as `dimensions` say.
pub(super) fn embedded(text: &str, dimensions: &Value) -> Result<(u64, Vec<f32>), Refusal> {
    let size = match dimensions.as_u64() {
        None => DIMENSIONS,
        Some(size) => usize::try_from(size)
            .ok()
            .filter(|size| (1..=DIMENSIONS_MAX).contains(size))
            .ok_or_else(|| Refusal::invalid("output_dimensionality is out of range"))?,
    };
    Ok((text_tokens(text), vector(mix_text(0, text), size)))
}

/// The model and the operation a path names.
pub(super) fn place(path: &str) -> (String, &str) {
    let place = path.split_once("/models/").map_or("", |(_, place)| place);
    let (name, operation) = place.rsplit_once(':').unwrap_or((place, ""));
    (decoded(name), operation)
}
