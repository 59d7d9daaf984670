//! Embeddings that one cloud is asked for by the path of its model: what was recorded is what is sent and
//! read here.

use bytes::Bytes;
use dialects::{
    ReplyContext, Target, VectorFormat, VectorShape, VectorsAsked, encode_vectors,
    meters_of_headers, transcode_vectors, vectors_path,
};
use events::Dialect;
use serde_json::{Value, json};

use crate::cassette::Interaction;

const LIST: VectorShape = VectorShape::List(VectorFormat::Float);

/// Asks for the same texts in an application's words, and reads the recorded vectors and their count.
pub(crate) fn replay(interaction: &Interaction) -> Result<(), String> {
    let dialect = Dialect::BedrockConverse;
    let recorded = interaction.request.as_ref().ok_or("without a request")?;
    let place = interaction.uri.split("/model/").nth(1).ok_or("without a model")?;
    let model = place.trim_end_matches("/invoke").replace("%3A", ":");
    if !interaction.uri.ends_with(vectors_path(LIST, dialect, &model, &[]).as_ref()) {
        return Err(format!("the path is {}", vectors_path(LIST, dialect, &model, &[])));
    }
    let asked = json!({
        "model": "alias", "input": recorded["texts"], "input_type": recorded["input_type"],
    });
    let target = Target { dialect, model: &model, max_output_tokens: None, drop_params: false };
    let encoded = encode_vectors(LIST, &Bytes::from(asked.to_string()), &target, &[]);
    let encoded = encoded.map_err(|error| error.to_string())?;
    let sent: Value = serde_json::from_slice(&encoded.body.whole()).map_err(|e| e.to_string())?;
    for member in ["texts", "input_type"] {
        same(member, &sent[member], &recorded[member])?;
    }
    let header = |name| {
        let is_input = name == "x-amzn-bedrock-input-token-count";
        interaction.input_tokens.as_deref().filter(|_| is_input)
    };
    let counted = meters_of_headers(header);
    let asked =
        VectorsAsked { shape: LIST, model: &model, estimated_tokens: 999, counted, quirks: &[] };
    let body = Bytes::from(interaction.response.clone().ok_or("without an answer")?);
    let reply = transcode_vectors(dialect, &asked, &body, &ReplyContext::unpriced());
    let reply = reply.map_err(|error| error.to_string())?;
    let told: Value = serde_json::from_slice(&reply.body).map_err(|e| e.to_string())?;
    let read: Value = serde_json::from_slice(&body).map_err(|e| e.to_string())?;
    let numbers = |vector: &Value| vector.as_array().map(Vec::len);
    let recorded = &read["embeddings"]["float"][0];
    same("numbers", &json!(numbers(&told["data"][0]["embedding"])), &json!(numbers(recorded)))?;
    let tokens = told["usage"]["prompt_tokens"].to_string();
    same("usage", &json!(tokens), &json!(interaction.input_tokens))
}

fn same(what: &str, told: &Value, recorded: &Value) -> Result<(), String> {
    if told == recorded { Ok(()) } else { Err(format!("{what}: {told} instead of {recorded}")) }
}
