//! Reranking: texts ordered by how many words they share with a query, billed by the search.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Cohere;
use crate::bill::{BilledRequest, Quantities};
use crate::desk::Desk;
use crate::dialects::{Wire, malformed, request_id};
use crate::refusal::Refusal;
use crate::tokens::text_tokens;
use crate::whole::{self, dressed, model_of, received};

/// Texts one search ranks, and tokens of one text.
const TEXTS_PER_SEARCH: u64 = 100;
const TOKENS_PER_TEXT: u64 = 500;

#[derive(Debug, Deserialize)]
struct Body {
    model: Option<String>,
    query: Option<String>,
    documents: Option<Vec<Value>>,
    top_n: Option<usize>,
}

/// Answers `POST /v2/rerank`.
pub(crate) async fn rerank(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    let serial = desk.serial();
    let answered = answer(&desk, request, serial).await.map(|body| whole::answer(&body));
    dressed::<Cohere>(&desk, serial, answered)
}

async fn answer(desk: &Desk, request: Request, serial: u64) -> Result<Value, Refusal> {
    let (parts, body) = received::<Cohere>(desk, request).await?;
    let body: Body = serde_json::from_slice(&body).map_err(|error| malformed(&error))?;
    let missing = |name: &str| Refusal::invalid(format!("invalid request: {name} is required"));
    let name = body.model.ok_or_else(|| missing("model"))?;
    let query = body.query.filter(|query| !query.is_empty()).ok_or_else(|| missing("query"))?;
    let documents = body.documents.filter(|texts| !texts.is_empty());
    let documents = documents.ok_or_else(|| missing("documents"))?;
    let (model, script) = model_of(desk, &name, &parts.headers)?;
    let texts: Vec<String> = documents.iter().map(text).collect();
    let asked = text_tokens(&query);
    let pieces = texts.iter().map(|text| (asked + text_tokens(text)).div_ceil(TOKENS_PER_TEXT));
    let searches = pieces.sum::<u64>().div_ceil(TEXTS_PER_SEARCH);
    let mut ranks: Vec<(usize, u32)> =
        texts.iter().enumerate().map(|(index, text)| (index, shared(&query, text))).collect();
    ranks.sort_by_key(|(index, shared)| (std::cmp::Reverse(*shared), *index));
    let results: Vec<Value> = ranks
        .iter()
        .take(body.top_n.unwrap_or(texts.len()))
        .map(|(index, shared)| {
            let score = f64::from(*shared) / f64::from(shared + 1);
            json!({"index": index, "relevance_score": score})
        })
        .collect();
    let id = Cohere::answer_id(serial);
    desk.ledger.add(BilledRequest {
        id: id.clone(),
        request_id: request_id(serial),
        model,
        is_complete: true,
        quantities: Quantities { requests: 1, searches, ..Quantities::default() },
    });
    let mut told = json!({"id": id, "results": results, "meta": {"api_version": {"version": "2"}}});
    if !script.no_usage {
        told["meta"]["billed_units"] = json!({"search_units": searches});
    }
    Ok(told)
}

fn text(document: &Value) -> String {
    let text = document.as_str().or_else(|| document["text"].as_str());
    text.map_or_else(|| document.to_string(), str::to_owned)
}

/// Words of the query that the text has as well.
fn shared(query: &str, text: &str) -> u32 {
    let text = text.to_lowercase();
    let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).collect();
    let query = query.to_lowercase();
    let asked = query.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    u32::try_from(asked.filter(|word| words.contains(word)).count()).unwrap_or(u32::MAX)
}
