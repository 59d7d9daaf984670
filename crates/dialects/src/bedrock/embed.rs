//! Embeddings that this service offers by `InvokeModel`: the path is the service's, the bodies are those
//! of each model's maker, and what was read is counted in a header.
//!
//! Sources: the service's user guide, pages "Amazon Titan Embeddings G1 - Text" (`model-parameters-titan-
//! embed-text`), "Cohere Embed v3" and "Cohere Embed v4" (`model-parameters-embed-v3`, `-v4`), read
//! 2026-11-23, and recordings of `cohere.embed-v4:0`.

use std::borrow::Cow;

use bytes::Bytes;
use events::{Meter, Meters};
use serde::{Deserialize, Serialize};

use super::sign;
use crate::json::append;
use crate::reply::{Facts, ReplyError, Usage};
use crate::request::without_position;

/// Headers that count what an invocation used, tokens, apart from each other.
const COUNTS: [(&str, Meter); 4] = [
    ("x-amzn-bedrock-input-token-count", Meter::InputText),
    ("x-amzn-bedrock-output-token-count", Meter::OutputText),
    ("x-amzn-bedrock-cache-read-input-token-count", Meter::CacheReadText),
    ("x-amzn-bedrock-cache-write-input-token-count", Meter::CacheWrite5m),
];

/// Whose words a model that embeds is spoken to in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// Amazon's own: one text a request.
    Titan {
        /// Whether a client may choose how long the vector is.
        has_dimensions: bool,
    },
    /// Cohere's: a list of texts.
    Cohere {
        /// Whether a client may choose how long the vectors are.
        has_dimensions: bool,
    },
}

/// The family of a model by its id, whatever region or account stands before it; `None` for one that is
/// not known to embed texts.
pub(crate) fn family(model: &str) -> Option<Family> {
    let is = |name: &str| model.contains(name);
    if is("amazon.titan-embed-text") || is("amazon.titan-embed-g1-text") {
        return Some(Family::Titan { has_dimensions: is("titan-embed-text-v2") });
    }
    // The third version has vectors of one length.
    is("cohere.embed").then(|| Family::Cohere { has_dimensions: !is("-v3") })
}

/// Path of the operation.
pub(crate) fn invoke_path(model: &str) -> Cow<'static, str> {
    Cow::Owned(format!("/model/{}/invoke", sign::encoded(model, false)))
}

/// Words a request for the vector of one text in Amazon's own words.
pub(crate) fn encode_text(text: &str, dimensions: Option<u64>) -> Bytes {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        input_text: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        dimensions: Option<u64>,
    }
    let mut out = Vec::new();
    append(&mut out, &Body { input_text: text, dimensions });
    out.into()
}

/// Reads the vector of an answer in Amazon's own words.
///
/// # Errors
/// The body holds no vector.
pub(crate) fn decode_vector(body: &str, facts: &mut Facts) -> Result<Vec<f32>, ReplyError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Body {
        embedding: Option<Vec<f32>>,
        input_text_token_count: Option<u64>,
    }
    let read: Body =
        serde_json::from_str(body).map_err(|e| ReplyError::Garbage(without_position(&e)))?;
    let vector =
        read.embedding.ok_or_else(|| ReplyError::Garbage("it has no vector".to_owned()))?;
    facts.usage = read.input_text_token_count.map(|tokens| Usage {
        meters: Meters::NONE.with(Meter::InputText, tokens),
        ..Usage::default()
    });
    Ok(vector)
}

/// What the names of headers that count begin with.
pub const COUNT_HEADERS: &str = "x-amzn-bedrock-";

/// What an answer's headers say was used; `None` where they say nothing. `header` looks one up by its
/// lower-case name.
pub fn meters_of_headers<'v>(header: impl Fn(&'static str) -> Option<&'v str>) -> Option<Meters> {
    let told = COUNTS.into_iter().filter_map(|(name, meter)| {
        let count = header(name)?.trim().parse::<u64>().ok()?;
        Some((meter, count))
    });
    let mut meters = None;
    for (meter, count) in told {
        meters = Some(meters.unwrap_or(Meters::NONE).with(meter, count));
    }
    meters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_known_by_its_id_wherever_it_runs() {
        let titan = |has_dimensions| Some(Family::Titan { has_dimensions });
        let cohere = |has_dimensions| Some(Family::Cohere { has_dimensions });
        for (model, expected) in [
            ("amazon.titan-embed-text-v1", titan(false)),
            ("amazon.titan-embed-g1-text-02", titan(false)),
            ("amazon.titan-embed-text-v2:0", titan(true)),
            ("cohere.embed-english-v3", cohere(false)),
            ("cohere.embed-multilingual-v3:0:512", cohere(false)),
            ("us.cohere.embed-v4:0", cohere(true)),
            ("arn:aws:bedrock:us-east-1::foundation-model/cohere.embed-v4:0", cohere(true)),
            ("amazon.titan-embed-image-v1", None),
            ("cohere.command-r-v1:0", None),
        ] {
            assert_eq!(family(model), expected, "{model}");
        }
        assert_eq!(invoke_path("cohere.embed-v4:0"), "/model/cohere.embed-v4%3A0/invoke");
    }

    #[test]
    fn amazons_own_words_are_one_text_and_one_vector() {
        assert_eq!(encode_text("a \"b\"", None), r#"{"inputText":"a \"b\""}"#);
        assert_eq!(encode_text("a", Some(256)), r#"{"inputText":"a","dimensions":256}"#);
        let mut facts = Facts::default();
        let told = r#"{"embedding":[0.5,-1],"embeddingsByType":{"float":[0.5,-1]},"inputTextTokenCount":3}"#;
        assert_eq!(decode_vector(told, &mut facts).unwrap(), [0.5, -1.0]);
        assert_eq!(facts.usage.unwrap().meters, Meters::NONE.with(Meter::InputText, 3));
        for junk in ["", "{}", "[]", r#"{"embedding":{}}"#, r#"{"message":"no"}"#] {
            assert!(decode_vector(junk, &mut Facts::default()).is_err(), "{junk}");
        }
    }

    #[test]
    fn headers_count_what_was_used_and_others_say_nothing() {
        let told = meters_of_headers(|name| match name {
            "x-amzn-bedrock-input-token-count" => Some("5"),
            "x-amzn-bedrock-output-token-count" => Some(" 2 "),
            "x-amzn-bedrock-cache-read-input-token-count" => Some("many"),
            _ => None,
        });
        let expected = Meters::NONE.with(Meter::InputText, 5).with(Meter::OutputText, 2);
        assert_eq!(told, Some(expected));
        assert_eq!(meters_of_headers(|_| None), None);
    }
}
