//! OpenAI's embeddings: a vector for each text, the same for the same text.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::OpenAi;
use crate::bill::{BilledRequest, Quantities};
use crate::desk::Desk;
use crate::dialects::{malformed, request_id};
use crate::dice::{Dice, mix_text};
use crate::refusal::Refusal;
use crate::tokens::text_tokens;
use crate::whole::{self, dressed, model_of, received};

/// Numbers in a vector when the client asks for no other size.
pub(in crate::dialects) const DIMENSIONS: usize = 16;
/// Most numbers in a vector (OpenAI's largest model).
pub(in crate::dialects) const DIMENSIONS_MAX: usize = 3_072;
/// Models whose server knows base64; the others answer in numbers whatever is asked, as many
/// compatible servers do.
const KNOWS_BASE64: &str = "text-embedding-";

#[derive(Debug, Deserialize)]
struct Body {
    model: Option<String>,
    input: Option<Input>,
    encoding_format: Option<String>,
    dimensions: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Input {
    Text(String),
    Texts(Vec<String>),
    Tokens(Vec<u64>),
    TokenLists(Vec<Vec<u64>>),
}

/// A text, or its tokens: what tells it from others, and its size in tokens.
struct Piece {
    identity: u64,
    tokens: u64,
}

/// Answers a request for embeddings.
pub(crate) async fn embed(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    let serial = desk.serial();
    let answered = answer(&desk, request, serial).await.map(|body| whole::answer(&body));
    dressed::<OpenAi>(&desk, serial, answered)
}

async fn answer(desk: &Desk, request: Request, serial: u64) -> Result<Value, Refusal> {
    let (parts, body) = received::<OpenAi>(desk, request).await?;
    let body: Body = serde_json::from_slice(&body).map_err(|error| malformed(&error))?;
    let name = body.model.ok_or_else(|| Refusal::invalid("you must provide a model parameter"))?;
    let (model, script) = model_of(desk, &name, &parts.headers)?;
    let pieces = pieces(body.input)?;
    let size = body.dimensions.unwrap_or(DIMENSIONS);
    if !(1..=DIMENSIONS_MAX).contains(&size) {
        let told = format!("Invalid value for 'dimensions' = {size}. Must be between 1 and 3072.");
        return Err(Refusal::invalid(told).about("dimensions"));
    }
    let is_base64 =
        body.encoding_format.as_deref() == Some("base64") && model.starts_with(KNOWS_BASE64);
    let data: Vec<Value> = (0..)
        .zip(&pieces)
        .map(|(index, piece): (usize, _)| {
            let vector = vector(piece.identity, size);
            let vector = if is_base64 { packed(&vector) } else { json!(vector) };
            json!({"object": "embedding", "index": index, "embedding": vector})
        })
        .collect();
    let tokens: u64 = pieces.iter().map(|piece| piece.tokens).sum();
    desk.ledger.add(BilledRequest {
        id: format!("embd-{serial:016x}"),
        request_id: request_id(serial),
        model: model.clone(),
        is_complete: true,
        quantities: Quantities { requests: 1, input_tokens: tokens, ..Quantities::default() },
    });
    let usage =
        (!script.no_usage).then(|| json!({"prompt_tokens": tokens, "total_tokens": tokens}));
    Ok(json!({"object": "list", "data": data, "model": model, "usage": usage}))
}

fn pieces(input: Option<Input>) -> Result<Vec<Piece>, Refusal> {
    let text = |text: &String| Piece { identity: mix_text(0, text), tokens: text_tokens(text) };
    let tokens = |tokens: &Vec<u64>| Piece {
        identity: mix_text(1, &format!("{tokens:?}")),
        tokens: u64::try_from(tokens.len()).unwrap_or(u64::MAX),
    };
    let pieces: Vec<Piece> = match input.as_ref() {
        None => Vec::new(),
        Some(Input::Text(one)) => vec![text(one)],
        Some(Input::Texts(texts)) => texts.iter().map(text).collect(),
        Some(Input::Tokens(one)) => vec![tokens(one)],
        Some(Input::TokenLists(lists)) => lists.iter().map(tokens).collect(),
    };
    if pieces.is_empty() || pieces.iter().any(|piece| piece.tokens == 0) {
        return Err(Refusal::invalid("'$.input' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference.").about("input"));
    }
    Ok(pieces)
}

/// Numbers between -1 and 1.
pub(in crate::dialects) fn vector(identity: u64, size: usize) -> Vec<f32> {
    let mut dice = Dice::new(identity);
    let number = |_| {
        let step = u16::try_from(dice.below(2_001)).unwrap_or(0);
        f32::from(step) / 1_000.0 - 1.0
    };
    (0..size).map(number).collect()
}

/// Base64 of little-endian 32-bit floats.
fn packed(vector: &[f32]) -> Value {
    let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
    STANDARD.encode(bytes).into()
}
