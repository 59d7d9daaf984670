//! The embedding operation: texts in, vectors out, in the shape OpenAI gave it and compatible servers
//! follow. Both of the vendor's dialects share it.
//!
//! Bytes pass through but for the model, the gateway's own fields, the cost, and vectors told in
//! another form than the client asked for.

mod between;

pub use between::{
    VectorShape, VectorsAsked, encode_vectors, peek_contents, transcode_vectors, vectors_path,
};

use bytes::Bytes;
use events::{Dialect, Meter, Meters};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::{Edit, List, Object, Text, text_of};
use crate::openai::error;
use crate::own::{self, OWN_FIELDS, label, labels, with_cost, without_tags};
use crate::path::Verb;
use crate::reply::{Facts, Reply, ReplyContext, ReplyError, Usage};
use crate::request::{Encoded, Peek, RequestError, Target, utf8, without_position};
use crate::tokens::estimate_text_tokens;
use crate::vectors::{VectorFormat, reworded};

/// What the gateway needs to know of a request for embeddings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EmbeddingsPeek {
    /// What routing and attribution need.
    pub peek: Peek,
    /// How the client wants its vectors.
    pub format: VectorFormat,
    /// How many texts are to be embedded.
    pub inputs: usize,
    /// Input tokens, an estimate by tokenizer; exact where the client sent tokens.
    pub estimated_tokens: u64,
}

/// The members that matter.
#[derive(Deserialize)]
struct RequestBody<'a> {
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow)]
    encoding_format: Option<Text<'a>>,
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
    model: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// Whether a dialect's vendor serves embeddings in this shape.
pub const fn has_embeddings(dialect: Dialect) -> bool {
    matches!(dialect, Dialect::OpenaiChat | Dialect::OpenaiResponses)
}

/// Path of the operation, to be appended to a base URL that ends in the API's version.
pub const fn embeddings_path() -> &'static str {
    "/embeddings"
}

/// Reads what routing and attribution need of a request for embeddings.
///
/// # Errors
/// The body is not JSON, has no model or input, or one of them is of the wrong type.
pub fn peek_embeddings(body: &[u8]) -> Result<EmbeddingsPeek, RequestError> {
    let text = utf8(body)?;
    let body: RequestBody<'_> =
        serde_json::from_str(text).map_err(|e| RequestError::malformed(&e))?;
    let model = own::model(body.model)?;
    let input = body.input.ok_or_else(|| RequestError::missing("input"))?;
    let (inputs, estimated_tokens) = measure(input.get())?;
    let format = match body.encoding_format.as_ref().map(Text::as_str) {
        None | Some("float") => VectorFormat::Float,
        Some("base64") => VectorFormat::Base64,
        Some(other) => {
            let text = format!("`{other}` is not one of float, base64");
            return Err(RequestError::invalid("encoding_format", text));
        }
    };
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
    Ok(EmbeddingsPeek { peek, format, inputs, estimated_tokens })
}

/// Input tokens of a request for vectors in any shape; `None` when it is none.
pub(crate) fn estimate(body: &[u8]) -> Option<u64> {
    if let Ok(asked) = peek_embeddings(body) {
        return Some(asked.estimated_tokens);
    }
    [Verb::EmbedContent, Verb::BatchEmbedContents]
        .into_iter()
        .find_map(|verb| Some(peek_contents(verb, "", body).ok()?.estimated_tokens))
}

/// How many texts an input holds, and tokens in all: a text, tokens, or a list of either.
fn measure(input: &str) -> Result<(usize, u64), RequestError> {
    let invalid = || {
        RequestError::invalid("input", "it must be a text, a list of texts, or tokens as numbers")
    };
    if let Ok(text) = serde_json::from_str::<Text<'_>>(input) {
        return Ok((1, estimate_text_tokens(text.as_str())));
    }
    let items: List<&RawValue> = serde_json::from_str(input).map_err(|_| invalid())?;
    let first = items
        .0
        .first()
        .ok_or_else(|| RequestError::invalid("input", "there must be at least one text"))?;
    if first.get().starts_with(|c: char| c.is_ascii_digit()) {
        return Ok((1, items.0.len() as u64));
    }
    let mut tokens = 0_u64;
    for item in &items.0 {
        let told = match serde_json::from_str::<Text<'_>>(item.get()) {
            Ok(text) => estimate_text_tokens(text.as_str()),
            Err(_) if item.get().starts_with('[') => {
                let tokens: List<u64> = serde_json::from_str(item.get()).map_err(|_| invalid())?;
                tokens.0.len() as u64
            }
            Err(_) => return Err(invalid()),
        };
        tokens = tokens.saturating_add(told);
    }
    Ok((items.0.len(), tokens))
}

/// Words a client's request for embeddings for a target.
///
/// # Errors
/// The body is not a JSON object, or the target's dialect serves no embeddings in this shape.
pub fn encode_embeddings(
    from: Dialect,
    body: &Bytes,
    target: &Target<'_>,
) -> Result<Encoded, RequestError> {
    if !has_embeddings(from) || !has_embeddings(target.dialect) {
        return Err(RequestError::NoTranslation { from, to: target.dialect });
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
        "metadata" => without_tags(json).map(Edit::Replace),
        _ if OWN_FIELDS.contains(&key) => Some(Edit::Remove),
        _ => None,
    };
    let body = members.respelled(body, edit, &added);
    Ok(Encoded { body, dropped: Vec::new(), headers: Vec::new(), max_output_tokens: None })
}

/// Words a provider's vectors (status 2xx) for the client, in the form it asked for.
///
/// # Errors
/// The body is an error in spite of its status, or holds no vectors.
pub fn transcode_embeddings(
    bytes: &Bytes,
    format: VectorFormat,
    context: &ReplyContext,
) -> Result<Reply, ReplyError> {
    let garbage = |what: &str| ReplyError::Garbage(what.to_owned());
    let text = std::str::from_utf8(bytes).map_err(|_| garbage("it is not UTF-8"))?;
    let body: ReplyBody<'_> =
        serde_json::from_str(text).map_err(|e| garbage(&without_position(&e)))?;
    if let Some(member) = body.error {
        return Err(error::read(member.get()).into());
    }
    let data = body.data.ok_or_else(|| garbage("it has no list of vectors"))?;
    let data: List<&RawValue> =
        serde_json::from_str(data.get()).map_err(|e| garbage(&without_position(&e)))?;
    let usage = body.usage.and_then(|raw| read_usage(raw.get()));
    let cost = usage.as_ref().and_then(|usage| (context.cost)(usage));
    let vectors = vectors(&data.0, format);
    let facts = Facts { usage, model: label(body.model), ..Facts::default() };
    let edit = |key: &str, json: &str| match key {
        "usage" => cost.and_then(|cost| with_cost(json, cost)).map(Edit::Replace),
        "model" => context.model_shown.as_deref().map(|model| Edit::Replace(text_of(model))),
        "data" => vectors.clone().map(Edit::Replace),
        _ => None,
    };
    let changed = Object::scan(text).and_then(|members| members.rewrite(edit, &[]));
    let body = changed.map_or_else(|| bytes.clone(), Bytes::from);
    Ok(Reply { body, facts })
}

/// The list with its vectors in the form asked for; `None` when all of them are.
fn vectors(data: &[&RawValue], format: VectorFormat) -> Option<String> {
    let edit = |key: &str, json: &str| {
        (key == "embedding").then(|| reworded(json, format)).flatten().map(Edit::Replace)
    };
    let changed: Vec<Option<String>> =
        data.iter().map(|item| Object::scan(item.get())?.rewrite(edit, &[])).collect();
    if changed.iter().all(Option::is_none) {
        return None;
    }
    let items = data
        .iter()
        .zip(&changed)
        .map(|(item, changed)| changed.as_deref().unwrap_or_else(|| item.get()));
    Some(format!("[{}]", items.collect::<Vec<_>>().join(",")))
}

/// Usage of an embedding: input only, which some servers tell as a total.
fn read_usage(json: &str) -> Option<Usage> {
    let usage = Object::scan(json)?;
    let tokens = usage.count("prompt_tokens").max(usage.count("total_tokens"));
    let meters = Meters::NONE.with(Meter::InputText, tokens);
    Some(Usage {
        meters,
        reported_cost: crate::inclusive::reported_cost(&usage),
        ..Usage::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::Arc;
    use units::Usd;

    #[test]
    fn every_form_of_input_is_measured() {
        for (input, inputs, tokens) in [
            (r#""hello world""#, 1, 2),
            (r#"["hello world","hello"]"#, 2, 3),
            ("[1,2,3]", 1, 3),
            ("[[1,2],[3]]", 2, 3),
        ] {
            let body = format!(r#"{{"model":"m","input":{input},"encoding_format":"base64"}}"#);
            let peek = peek_embeddings(body.as_bytes()).unwrap();
            assert_eq!((peek.inputs, peek.estimated_tokens), (inputs, tokens), "{input}");
            assert_eq!(peek.format, VectorFormat::Base64);
        }
    }

    #[test]
    fn an_error_names_the_parameter() {
        for (body, param) in [
            (r#"{"input":"x"}"#, "model"),
            (r#"{"model":"m"}"#, "input"),
            (r#"{"model":"m","input":[]}"#, "input"),
            (r#"{"model":"m","input":{}}"#, "input"),
            (r#"{"model":"m","input":[true]}"#, "input"),
            (r#"{"model":"m","input":"x","encoding_format":"int8"}"#, "encoding_format"),
        ] {
            let error = peek_embeddings(body.as_bytes()).unwrap_err();
            assert_eq!(error.param(), Some(param), "{body}");
        }
    }

    #[test]
    fn only_the_model_of_a_request_changes() {
        let target = Target {
            dialect: Dialect::OpenaiChat,
            model: "text-embedding-3-small",
            max_output_tokens: None,
            drop_params: false,
        };
        let body =
            Bytes::from_static(br#"{"model":"small","input":["a"],"dimensions":8,"cache":{}}"#);
        let encoded = encode_embeddings(Dialect::OpenaiChat, &body, &target).unwrap();
        assert_eq!(
            encoded.body.whole(),
            br#"{"model":"text-embedding-3-small","input":["a"],"dimensions":8}"#.as_slice()
        );
        let elsewhere = Target { dialect: Dialect::AnthropicMessages, ..target };
        let error = encode_embeddings(Dialect::OpenaiChat, &body, &elsewhere).unwrap_err();
        assert_eq!(error.code(), "unsupported_dialect");
    }

    #[test]
    fn vectors_come_in_the_form_asked_for_with_their_cost() {
        let context = ReplyContext {
            cost: Arc::new(|usage: &Usage| {
                Some(Usd::from_pico(i128::from(usage.meters.input_tokens())))
            }),
            ..ReplyContext::unpriced()
        };
        let floats = r#"{"object":"list","data":[{"object":"embedding","x":1,"embedding":[1.0,-2.5],"index":0}],"model":"m","usage":{"prompt_tokens":4,"total_tokens":4}}"#;
        let bytes = Bytes::from(floats);
        let asked = transcode_embeddings(&bytes, VectorFormat::Base64, &context).unwrap();
        assert_eq!(
            asked.body,
            floats
                .replace("[1.0,-2.5]", "\"AACAPwAAIMA=\"")
                .replace("\"total_tokens\":4", "\"total_tokens\":4,\"cost\":0.000000000004")
        );
        assert_eq!(asked.facts.usage.unwrap().meters.input_tokens(), 4);
        let unpriced = ReplyContext::unpriced();
        let same = transcode_embeddings(&bytes, VectorFormat::Float, &unpriced).unwrap();
        assert_eq!(same.body.as_ptr(), bytes.as_ptr());
        let total_only = Bytes::from(r#"{"data":[],"usage":{"total_tokens":3}}"#);
        let told = transcode_embeddings(&total_only, VectorFormat::Float, &unpriced).unwrap();
        assert_eq!(told.facts.usage.unwrap().meters.input_tokens(), 3);
        for junk in ["", "{}", "[]", r#"{"data":5}"#] {
            let reply = transcode_embeddings(&Bytes::from(junk), VectorFormat::Float, &unpriced);
            assert!(matches!(reply, Err(ReplyError::Garbage(_))), "{junk}");
        }
        let error = Bytes::from(r#"{"error":{"message":"m","type":"rate_limit_error"}}"#);
        let reply = transcode_embeddings(&error, VectorFormat::Float, &unpriced);
        assert!(matches!(reply, Err(ReplyError::Upstream(e)) if e.status == 429));
    }

    proptest! {
        #[test]
        fn no_body_panics(body in "[{}\\[\\]\",:a-z0-9 \\\\]{0,80}") {
            let _ = peek_embeddings(body.as_bytes());
            let bytes = Bytes::from(body);
            let _ = transcode_embeddings(&bytes, VectorFormat::Base64, &ReplyContext::unpriced());
        }
    }
}
