//! What routing and attribution need of a request, read in one pass over the body. The model and
//! whether the answer is streamed stand in the path, which is not known here.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::whole;
use crate::own::{label, labels};
use crate::request::{Peek, RequestError, utf8};

/// The members that matter. Everything else is skipped without being kept.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow, alias = "generation_config")]
    generation_config: Option<&'a RawValue>,
    #[serde(borrow)]
    labels: Option<&'a RawValue>,
    #[serde(borrow, rename = "session_id")]
    session_id: Option<&'a RawValue>,
}

/// The members of `generationConfig` that matter.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config<'a> {
    #[serde(borrow, alias = "max_output_tokens")]
    max_output_tokens: Option<&'a RawValue>,
    #[serde(borrow, alias = "candidate_count")]
    candidate_count: Option<&'a RawValue>,
}

/// A count that the vendor also takes as text.
fn counted(param: &str, raw: Option<&RawValue>) -> Result<Option<u64>, RequestError> {
    let Some(raw) = raw else { return Ok(None) };
    let count = whole(raw.get());
    count.map(Some).ok_or_else(|| RequestError::invalid(param, "it must be a whole number"))
}

pub(super) fn peek(body: &[u8]) -> Result<Peek, RequestError> {
    let text = utf8(body)?;
    let body: Body<'_> = serde_json::from_str(text).map_err(|e| RequestError::malformed(&e))?;
    let config: Config<'_> = match body.generation_config {
        Some(raw) => super::member::value("generationConfig", raw.get())?,
        None => Config::default(),
    };
    let choices = counted("generationConfig.candidateCount", config.candidate_count)?;
    let (metadata, tags) = labels(body.labels);
    Ok(Peek {
        model: label(body.model).unwrap_or_default(),
        // Every stream of this dialect tells its usage.
        wants_usage: true,
        max_output_tokens: max_output_tokens(&config)?,
        choices: u32::try_from(choices.unwrap_or(1)).unwrap_or(u32::MAX).max(1),
        session_id: label(body.session_id),
        metadata,
        tags,
        ..Peek::default()
    })
}

fn max_output_tokens(config: &Config<'_>) -> Result<Option<u64>, RequestError> {
    counted("generationConfig.maxOutputTokens", config.max_output_tokens)
}

/// The limit in the JSON text of a `generationConfig`.
pub(super) fn limit(config: &str) -> Result<Option<u64>, RequestError> {
    max_output_tokens(&super::member::value("generationConfig", config)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn everything_routing_needs_is_read_in_either_spelling() {
        for config in [
            r#""generationConfig":{"maxOutputTokens":9,"candidateCount":2,"x":[]}"#,
            r#""generation_config":{"max_output_tokens":"9","candidate_count":2}"#,
        ] {
            let body = format!(
                r#"{{"contents":[{{"parts":[{{"text":"{{\"model\":\"decoy\"}}"}}]}}],{config},"labels":{{"team":"a"}},"session_id":"s"}}"#
            );
            let peek = peek(body.as_bytes()).unwrap();
            assert_eq!((peek.max_output_tokens, peek.choices), (Some(9), 2));
            assert_eq!((peek.model.as_str(), peek.session_id.as_deref()), ("", Some("s")));
            assert_eq!(peek.metadata["team"], "a");
            assert!(peek.wants_usage && !peek.stream);
        }
        let bare = peek(br#"{"generationConfig":null}"#).unwrap();
        assert_eq!((bare.max_output_tokens, bare.choices), (None, 1));
    }

    #[test]
    fn a_bad_body_says_where_or_which() {
        for (body, code, param) in [
            (&b"{"[..], "invalid_json", None),
            (b"[]", "invalid_json", None),
            (br#"{"generationConfig":7}"#, "invalid_value", Some("generationConfig")),
            (
                br#"{"generationConfig":{"maxOutputTokens":-1}}"#,
                "invalid_value",
                Some("generationConfig.maxOutputTokens"),
            ),
        ] {
            let error = peek(body).unwrap_err();
            assert_eq!((error.code(), error.param()), (code, param), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_body_panics(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = peek(&body);
        }
    }
}
