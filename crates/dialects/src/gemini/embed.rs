//! Embeddings as clients of this dialect ask for them, one content or several, and as they are
//! answered. Where the vectors come from is not known here.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::contents::{Calls, turns};
use super::member::{many, value};
use crate::chat::Content;
use crate::json::{Text, append, whole};
use crate::path::Verb;
use crate::request::{RequestError, utf8};

/// Contents one request may hold (the vendor's limit, read 2026-11-22).
pub(super) const INPUTS_MAX: usize = 100;

/// What is to be embedded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EmbedRequest {
    /// The texts, in order; at least one.
    pub inputs: Vec<String>,
    /// Numbers a vector is to have; `None` leaves it to the model.
    pub dimensions: Option<u64>,
    /// What the vectors are for, as the client words it (`RETRIEVAL_QUERY`, …).
    pub task: Option<String>,
    /// What each input is called, empty for one without a title; no list where none has one.
    pub titles: Vec<String>,
}

impl EmbedRequest {
    /// What an input is called.
    pub(crate) fn title(&self, at: usize) -> Option<&str> {
        self.titles.get(at).map(String::as_str).filter(|title| !title.is_empty())
    }

    /// The same request in the shape most providers of embeddings take
    /// ([`crate::peek_embeddings`] reads it).
    pub fn to_embeddings(&self, model: &str) -> Bytes {
        #[derive(Serialize)]
        struct Body<'a> {
            model: &'a str,
            input: &'a [String],
            encoding_format: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            dimensions: Option<u64>,
        }
        let dimensions = self.dimensions;
        let body = Body { model, input: &self.inputs, encoding_format: "float", dimensions };
        let mut out = Vec::new();
        append(&mut out, &body);
        out.into()
    }
}

/// One content to embed, as a provider takes it alone or in a batch.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ContentBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    content: PartsBody<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_dimensionality: Option<u64>,
}

#[derive(Serialize)]
struct PartsBody<'a> {
    parts: [TextBody<'a>; 1],
}

#[derive(Serialize)]
struct TextBody<'a> {
    text: &'a str,
}

impl<'a> ContentBody<'a> {
    /// One input of a request; a batch names the model again in each.
    pub(super) fn new(request: &'a EmbedRequest, at: usize, model: Option<&'a str>) -> Self {
        let text = request.inputs.get(at).map_or("", String::as_str);
        Self {
            model,
            content: PartsBody { parts: [TextBody { text }] },
            task_type: request.task.as_deref(),
            title: request.title(at),
            output_dimensionality: request.dimensions,
        }
    }
}

/// The vectors of an answer in the shape most providers of embeddings give, in the order of the
/// inputs; `None` when it is none, or tells them in another form than lists of numbers.
pub fn read_vectors(body: &[u8]) -> Option<Vec<Vec<f32>>> {
    #[derive(Deserialize)]
    struct Body {
        data: Vec<Entry>,
    }
    #[derive(Deserialize)]
    struct Entry {
        #[serde(default)]
        index: usize,
        embedding: Vec<f32>,
    }
    let mut data = serde_json::from_slice::<Body>(body).ok()?.data;
    data.sort_by_key(|entry| entry.index);
    Some(data.into_iter().map(|entry| entry.embedding).collect())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OneBody<'a> {
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    #[serde(borrow, alias = "task_type")]
    task_type: Option<Text<'a>>,
    #[serde(borrow)]
    title: Option<Text<'a>>,
    #[serde(borrow, alias = "output_dimensionality")]
    output_dimensionality: Option<&'a RawValue>,
    #[serde(borrow, alias = "embed_content_config")]
    embed_content_config: Option<ConfigBody<'a>>,
}

/// The same settings where newer libraries write them.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct ConfigBody<'a> {
    #[serde(borrow, alias = "task_type")]
    task_type: Option<Text<'a>>,
    #[serde(borrow)]
    title: Option<Text<'a>>,
    #[serde(borrow, alias = "output_dimensionality")]
    output_dimensionality: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct BatchBody<'a> {
    #[serde(borrow)]
    requests: Option<&'a RawValue>,
}

/// Reads a request of `embedContent` or, for [`Verb::BatchEmbedContents`], `batchEmbedContents`. The
/// texts of one content are one input; settings but for titles are those of the first content.
///
/// # Errors
/// The body is no such request, holds no text, or more than text.
pub fn decode_embed_request(verb: Verb, body: &[u8]) -> Result<EmbedRequest, RequestError> {
    let text = utf8(body)?;
    let whole_body: &RawValue =
        serde_json::from_str(text).map_err(|e| RequestError::malformed(&e))?;
    let mut request = EmbedRequest::default();
    if verb != Verb::BatchEmbedContents {
        one(&mut request, whole_body.get(), "content")?;
        return Ok(request);
    }
    let batch: BatchBody<'_> = value("body", whole_body.get())?;
    let requests = batch.requests.ok_or_else(|| RequestError::missing("requests"))?;
    let requests = many("requests", requests.get())?;
    if requests.is_empty() || requests.len() > INPUTS_MAX {
        let text = format!("it must hold 1 to {INPUTS_MAX} requests");
        return Err(RequestError::invalid("requests", text));
    }
    for (position, raw) in requests.into_iter().enumerate() {
        one(&mut request, raw.get(), &format!("requests[{position}].content"))?;
    }
    Ok(request)
}

fn one(request: &mut EmbedRequest, json: &str, param: &str) -> Result<(), RequestError> {
    let body: OneBody<'_> = value(param, json)?;
    let content = body.content.ok_or_else(|| RequestError::missing(param))?;
    let mut input = String::new();
    for part in turns(content.get(), &mut Calls::default())?.iter().flat_map(|turn| &turn.parts) {
        match &part.content {
            Content::Text(text) => input.push_str(text),
            _ => return Err(RequestError::unsupported(param, "only text is embedded")),
        }
    }
    if input.is_empty() {
        return Err(RequestError::invalid(param, "it holds no text"));
    }
    let config = body.embed_content_config.unwrap_or_default();
    if request.inputs.is_empty() {
        request.task = body.task_type.or(config.task_type).map(|task| task.0.into_owned());
        let told = body.output_dimensionality.or(config.output_dimensionality);
        request.dimensions = told.and_then(|raw| whole(raw.get()));
    }
    if let Some(title) = body.title.or(config.title).filter(|title| !title.0.is_empty()) {
        request.titles.resize(request.inputs.len(), String::new());
        request.titles.push(title.0.into_owned());
    }
    request.inputs.push(input);
    Ok(())
}

#[derive(Serialize)]
struct ValuesBody<'a> {
    values: Cow<'a, [f32]>,
}

/// Words vectors as the answer to `verb`, in the order of the inputs. Of an `embedContent` without a
/// vector the list of numbers is empty.
pub fn encode_embed_reply(verb: Verb, vectors: &[Vec<f32>]) -> Bytes {
    #[derive(Serialize)]
    struct One<'a> {
        embedding: ValuesBody<'a>,
    }
    #[derive(Serialize)]
    struct Many<'a> {
        embeddings: Vec<ValuesBody<'a>>,
    }
    let mut embeddings = vectors.iter().map(|vector| ValuesBody { values: vector.into() });
    let mut out = Vec::new();
    if verb == Verb::BatchEmbedContents {
        append(&mut out, &Many { embeddings: embeddings.collect() });
    } else {
        let embedding = embeddings.next().unwrap_or(ValuesBody { values: Cow::Borrowed(&[]) });
        append(&mut out, &One { embedding });
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_and_several_contents_are_read() {
        let one = br#"{"content":{"parts":[{"text":"a"},{"text":"b"}]},"taskType":"RETRIEVAL_QUERY","output_dimensionality":8}"#;
        let expected = EmbedRequest {
            inputs: vec!["ab".into()],
            dimensions: Some(8),
            task: Some("RETRIEVAL_QUERY".into()),
            titles: vec![],
        };
        assert_eq!(decode_embed_request(Verb::EmbedContent, one).unwrap(), expected);
        let several = br#"{"requests":[
            {"model":"models/e","content":{"parts":{"text":"a"}},"embedContentConfig":{"outputDimensionality":8}},
            {"model":"models/e","title":"B","content":{"role":"user","parts":[{"text":"b"}]}}]}"#;
        let request = decode_embed_request(Verb::BatchEmbedContents, several).unwrap();
        assert_eq!((request.title(0), request.title(1)), (None, Some("B")));
        assert_eq!((request.inputs, request.dimensions), (vec!["a".into(), "b".into()], Some(8)));
    }

    #[test]
    fn what_cannot_be_embedded_is_named() {
        for (verb, body, param) in [
            (Verb::EmbedContent, "{}", Some("content")),
            (Verb::EmbedContent, r#"{"content":{"parts":[]}}"#, Some("content")),
            (
                Verb::EmbedContent,
                r#"{"content":{"parts":[{"inlineData":{"mimeType":"image/png","data":"A"}}]}}"#,
                Some("content"),
            ),
            (Verb::BatchEmbedContents, "{}", Some("requests")),
            (Verb::BatchEmbedContents, r#"{"requests":[]}"#, Some("requests")),
            (Verb::BatchEmbedContents, r#"{"requests":[{}]}"#, Some("requests[0].content")),
        ] {
            let error = decode_embed_request(verb, body.as_bytes()).unwrap_err();
            assert_eq!(error.param(), param, "{body}");
        }
    }

    #[test]
    fn vectors_have_the_shape_official_clients_read() {
        let vectors = [vec![0.5, -1.0], vec![0.25]];
        assert_eq!(
            encode_embed_reply(Verb::BatchEmbedContents, &vectors),
            r#"{"embeddings":[{"values":[0.5,-1.0]},{"values":[0.25]}]}"#
        );
        assert_eq!(
            encode_embed_reply(Verb::EmbedContent, &vectors),
            r#"{"embedding":{"values":[0.5,-1.0]}}"#
        );
    }

    #[test]
    fn a_request_and_its_vectors_go_through_the_common_shape() {
        let request = EmbedRequest {
            inputs: vec!["a".into(), "b".into()],
            dimensions: Some(2),
            ..EmbedRequest::default()
        };
        assert_eq!(
            request.to_embeddings("m"),
            r#"{"model":"m","input":["a","b"],"encoding_format":"float","dimensions":2}"#
        );
        let told = br#"{"data":[{"index":1,"embedding":[2]},{"index":0,"embedding":[1.5]}]}"#;
        assert_eq!(read_vectors(told), Some(vec![vec![1.5], vec![2.0]]));
        assert_eq!(read_vectors(br#"{"data":[{"embedding":"AAAA"}]}"#), None);
    }

    proptest! {
        #[test]
        fn no_body_panics(body in "[{}\\[\\]\",:a-zA-Z ]{0,60}") {
            for verb in [Verb::EmbedContent, Verb::BatchEmbedContents] {
                let _ = decode_embed_request(verb, body.as_bytes());
            }
        }
    }
}
