//! Embeddings as Google's cloud serves them: most models by `predict`, in instances and predictions that count
//! their tokens, newer ones by `embedContent`, and none by `batchEmbedContents`.
//!
//! Sources: the cloud's reference of text embeddings (cloud.google.com/vertex-ai/generative-ai/docs/model-reference/
//! text-embeddings-api and …/docs/embeddings/get-text-embeddings, which has the limits) and the vendor's own library
//! (@google/genai 3.1 on npm, `tIsVertexEmbedContentModel` and its conversions for the cloud), read 2026-11-23.

use std::borrow::Cow;

use bytes::Bytes;
use events::{Meter, Meters};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::embed::{ContentBody, EmbedRequest};
use super::place;
use crate::error::decode as decode_error;
use crate::json::{List, append, whole};
use crate::reply::{Facts, ReplyError, Usage};
use crate::request::{RequestError, without_position};

/// The one model of its family that is asked by `predict`; it takes one text a request.
const FIRST_OF_ITS_FAMILY: &str = "gemini-embedding-001";
/// Texts one request of any other model may hold.
const INPUTS_MAX: usize = 250;

/// By which operation a model embeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CloudOperation {
    /// Instances in, predictions out.
    Predict {
        /// Texts one request may hold.
        inputs_max: usize,
    },
    /// One content, as elsewhere.
    EmbedContent,
}

impl CloudOperation {
    /// The operation of a model, by its name without collections before it.
    pub(crate) fn of(model: &str) -> Self {
        let name = model.rsplit('/').next().unwrap_or(model);
        if name == FIRST_OF_ITS_FAMILY {
            return Self::Predict { inputs_max: 1 };
        }
        // Models of others that are served as they are have it in their names.
        match name.contains("gemini") || name.contains("maas") {
            true => Self::EmbedContent,
            false => Self::Predict { inputs_max: INPUTS_MAX },
        }
    }

    /// Path of the operation.
    pub(crate) fn path(self, model: &str) -> Cow<'static, str> {
        let verb = match self {
            Self::Predict { .. } => "predict",
            Self::EmbedContent => "embedContent",
        };
        Cow::Owned(place(model, verb))
    }

    /// Words a request; `texts` is what the client calls its texts.
    ///
    /// # Errors
    /// There are more texts than one request may hold.
    pub(crate) fn encode(self, request: &EmbedRequest, texts: &str) -> Result<Bytes, RequestError> {
        let inputs_max = match self {
            Self::Predict { inputs_max } => inputs_max,
            Self::EmbedContent => 1,
        };
        if request.inputs.len() > inputs_max {
            let why = match inputs_max {
                1 => "it embeds one text a request: send each in a request of its own".to_owned(),
                many => format!("it embeds at most {many} texts at once"),
            };
            return Err(RequestError::unsupported(texts, why));
        }
        let mut out = Vec::new();
        match self {
            Self::Predict { .. } => append(&mut out, &InstancesBody::new(request)),
            Self::EmbedContent => append(&mut out, &ContentBody::new(request, 0, None)),
        }
        Ok(out.into())
    }
}

#[derive(Serialize)]
struct InstancesBody<'a> {
    instances: Vec<Instance<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Parameters>,
}

/// Unlike everything else of this vendor its members are not in camel case.
#[derive(Serialize)]
struct Instance<'a> {
    content: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Parameters {
    output_dimensionality: u64,
}

impl<'a> InstancesBody<'a> {
    fn new(request: &'a EmbedRequest) -> Self {
        let instance = |(at, content): (usize, &'a String)| Instance {
            content,
            task_type: request.task.as_deref(),
            title: request.title(at),
        };
        let dimensions = request.dimensions;
        Self {
            instances: request.inputs.iter().enumerate().map(instance).collect(),
            parameters: dimensions
                .map(|output_dimensionality| Parameters { output_dimensionality }),
        }
    }
}

#[derive(Deserialize)]
struct ReplyBody<'a> {
    #[serde(borrow)]
    predictions: Option<List<Prediction<'a>>>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Prediction<'a> {
    #[serde(borrow)]
    embeddings: Embeddings<'a>,
}

#[derive(Deserialize)]
struct Embeddings<'a> {
    values: Vec<f32>,
    #[serde(borrow)]
    statistics: Option<Statistics<'a>>,
}

#[derive(Deserialize)]
struct Statistics<'a> {
    #[serde(borrow)]
    token_count: Option<&'a RawValue>,
}

/// Reads the vectors of predictions, in the order of the instances, and the tokens they count.
///
/// # Errors
/// The body is an error in spite of its status, or holds no vectors.
pub(crate) fn decode_predictions(
    body: &str,
    facts: &mut Facts,
) -> Result<Vec<Vec<f32>>, ReplyError> {
    let read: ReplyBody<'_> =
        serde_json::from_str(body).map_err(|e| ReplyError::Garbage(without_position(&e)))?;
    if read.error.is_some() {
        return Err(decode_error(500, body.as_bytes()).into());
    }
    let predictions = read.predictions.unwrap_or_default().0;
    if predictions.is_empty() {
        return Err(ReplyError::Garbage("it has no vectors".to_owned()));
    }
    let count =
        |one: &Prediction<'_>| whole(one.embeddings.statistics.as_ref()?.token_count?.get());
    // Part of a count is none.
    let counts: Option<Vec<u64>> = predictions.iter().map(count).collect();
    facts.usage = counts.map(|counts| {
        let tokens = counts.into_iter().fold(0, u64::saturating_add);
        Usage { meters: Meters::NONE.with(Meter::InputText, tokens), ..Usage::default() }
    });
    Ok(predictions.into_iter().map(|one| one.embeddings.values).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_embeds_by_the_operation_the_vendors_library_asks_it_by() {
        let predict = |inputs_max| CloudOperation::Predict { inputs_max };
        for (model, operation, path) in [
            ("gemini-embedding-001", predict(1), "/models/gemini-embedding-001:predict"),
            ("text-embedding-005", predict(250), "/models/text-embedding-005:predict"),
            ("models/text-embedding-005", predict(250), "/models/text-embedding-005:predict"),
            (
                "gemini-embedding-2",
                CloudOperation::EmbedContent,
                "/models/gemini-embedding-2:embedContent",
            ),
            ("e5-maas", CloudOperation::EmbedContent, "/models/e5-maas:embedContent"),
        ] {
            assert_eq!(CloudOperation::of(model), operation, "{model}");
            assert_eq!(operation.path(model), path);
        }
    }

    #[test]
    fn texts_are_instances_and_one_text_a_content() {
        let mut request = EmbedRequest {
            inputs: vec!["a".into(), "b".into()],
            dimensions: Some(8),
            task: Some("RETRIEVAL_DOCUMENT".into()),
            titles: vec![String::new(), "B".into()],
        };
        let predict = CloudOperation::of("text-embedding-005");
        assert_eq!(
            predict.encode(&request, "input").unwrap(),
            r#"{"instances":[{"content":"a","task_type":"RETRIEVAL_DOCUMENT"},{"content":"b","task_type":"RETRIEVAL_DOCUMENT","title":"B"}],"parameters":{"outputDimensionality":8}}"#
        );
        for model in ["gemini-embedding-001", "gemini-embedding-2"] {
            let error = CloudOperation::of(model).encode(&request, "requests").unwrap_err();
            assert_eq!(error.param(), Some("requests"), "{model}");
        }
        request = EmbedRequest { inputs: vec!["a".into()], ..EmbedRequest::default() };
        for (model, expected) in [
            ("gemini-embedding-001", r#"{"instances":[{"content":"a"}]}"#),
            ("gemini-embedding-2", r#"{"content":{"parts":[{"text":"a"}]}}"#),
        ] {
            assert_eq!(CloudOperation::of(model).encode(&request, "input").unwrap(), expected);
        }
        request.inputs = vec!["a".into(); 251];
        assert_eq!(predict.encode(&request, "input").unwrap_err().param(), Some("input"));
    }

    #[test]
    fn predictions_are_vectors_and_their_tokens_are_counted_when_all_tell_them() {
        let one = |statistics: &str| {
            format!(r#"{{"embeddings":{{"values":[0.5,-1]{statistics}}},"x":1}}"#)
        };
        let counted = one(r#","statistics":{"truncated":false,"token_count":3}"#);
        let float = one(r#","statistics":{"token_count":4.0}"#);
        for (predictions, tokens) in [
            (vec![counted.clone()], Some(3)),
            (vec![counted.clone(), float], Some(7)),
            (vec![counted, one("")], None),
        ] {
            let body = format!(
                r#"{{"predictions":[{}],"metadata":{{"billableCharacterCount":9}}}}"#,
                predictions.join(",")
            );
            let mut facts = Facts::default();
            let vectors = decode_predictions(&body, &mut facts).unwrap();
            assert_eq!(vectors, vec![vec![0.5, -1.0]; predictions.len()]);
            assert_eq!(facts.usage.map(|usage| usage.meters.input_tokens()), tokens, "{body}");
        }
        for junk in ["", "{}", "[]", r#"{"predictions":[]}"#, r#"{"predictions":[{}]}"#] {
            assert!(decode_predictions(junk, &mut Facts::default()).is_err(), "{junk}");
        }
        let error = r#"{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}"#;
        let error = decode_predictions(error, &mut Facts::default());
        assert!(matches!(error, Err(ReplyError::Upstream(_))), "{error:?}");
    }
}
