//! Embeddings as Google's cloud predicts them: instances in, predictions out, each with its count of tokens.

use axum::extract::Request;
use axum::response::Response;
use serde_json::{Value, json};

use super::Gemini;
use super::embed::{embedded, place};
use crate::bill::{BilledRequest, Quantities};
use crate::desk::Desk;
use crate::dialects::{Wire, malformed, request_id};
use crate::refusal::Refusal;
use crate::whole::{self, dressed, model_of, received};

/// Instances one request may hold.
const INSTANCES_MAX: usize = 250;
/// A model that takes one.
const ONE_BY_ONE: &str = "gemini-embedding-001";
/// What vectors may be for.
const TASKS: [&str; 8] = [
    "RETRIEVAL_QUERY",
    "RETRIEVAL_DOCUMENT",
    "SEMANTIC_SIMILARITY",
    "CLASSIFICATION",
    "CLUSTERING",
    "QUESTION_ANSWERING",
    "FACT_VERIFICATION",
    "CODE_RETRIEVAL_QUERY",
];

/// Answers `POST /v1/projects/…/models/MODEL:predict`.
pub(super) async fn predict(desk: &Desk, request: Request) -> Response {
    let serial = desk.serial();
    let answered = answer(desk, request, serial).await.map(|body| whole::answer(&body));
    dressed::<Gemini>(desk, serial, answered)
}

async fn answer(desk: &Desk, request: Request, serial: u64) -> Result<Value, Refusal> {
    let (parts, body) = received::<Gemini>(desk, request).await?;
    let path = parts.uri.path();
    if !path.starts_with("/v1/projects/") || !path.contains("/publishers/google/models/") {
        return Err(Refusal::new(404, "Method not found."));
    }
    let body: Value = serde_json::from_slice(&body).map_err(|error| malformed(&error))?;
    let (name, _) = place(path);
    let (model, _) = model_of(desk, &name, &parts.headers)?;
    let instances = instances(&name, &body)?;
    let (mut tokens, mut characters, mut predictions) = (0, 0, Vec::new());
    for instance in instances {
        let text = content(instance)?;
        let (read, values) = embedded(text, &body["parameters"]["outputDimensionality"])?;
        tokens += read;
        characters += text.chars().count();
        let statistics = json!({"truncated": false, "token_count": read});
        predictions.push(json!({"embeddings": {"statistics": statistics, "values": values}}));
    }
    desk.ledger.add(BilledRequest {
        id: <Gemini as Wire>::answer_id(serial),
        request_id: request_id(serial),
        model,
        is_complete: true,
        quantities: Quantities { requests: 1, input_tokens: tokens, ..Quantities::default() },
    });
    let metadata = json!({"billableCharacterCount": characters});
    Ok(json!({"predictions": predictions, "metadata": metadata}))
}

fn instances<'b>(model: &str, body: &'b Value) -> Result<&'b [Value], Refusal> {
    let known = |object: &Value, names: &[&str]| {
        object.as_object().is_none_or(|it| it.keys().all(|key| names.contains(&key.as_str())))
    };
    if !known(body, &["instances", "parameters"])
        || !known(&body["parameters"], &["outputDimensionality", "autoTruncate"])
    {
        return Err(Refusal::invalid("Invalid JSON payload received. Unknown name"));
    }
    let instances = body["instances"].as_array().map(Vec::as_slice).unwrap_or_default();
    let most = if model == ONE_BY_ONE { 1 } else { INSTANCES_MAX };
    if !(1..=most).contains(&instances.len()) {
        let told = format!("{} instance(s) is not within 1 to {most}", instances.len());
        return Err(Refusal::invalid(told).about("instances"));
    }
    match instances.iter().all(|one| known(one, &["content", "task_type", "title", "mimeType"])) {
        true => Ok(instances),
        false => Err(Refusal::invalid("an instance has an unknown member").about("instances")),
    }
}

/// The text of an instance, whose other members are what they may be.
fn content(instance: &Value) -> Result<&str, Refusal> {
    let wrong = |told: &'static str| Refusal::invalid(told).about("instances");
    let task = instance["task_type"].as_str();
    if task.is_some_and(|task| !TASKS.contains(&task)) {
        return Err(wrong("the task_type is unknown"));
    }
    if instance["title"].is_string() && task != Some("RETRIEVAL_DOCUMENT") {
        return Err(wrong("a title is for task_type RETRIEVAL_DOCUMENT only"));
    }
    let text = instance["content"].as_str().filter(|text| !text.is_empty());
    text.ok_or_else(|| wrong("the text content is empty"))
}
