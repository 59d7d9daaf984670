//! What routing and attribution need of a request, read in one pass over the body.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::Object;
use crate::own::{label, labels, typed};
use crate::request::{Peek, RequestError, utf8};

/// The members that matter. Everything else is skipped without being kept.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow)]
    stream: Option<&'a RawValue>,
    #[serde(borrow)]
    max_output_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    user: Option<&'a RawValue>,
    #[serde(borrow)]
    safety_identifier: Option<&'a RawValue>,
    #[serde(borrow)]
    session_id: Option<&'a RawValue>,
    #[serde(borrow)]
    conversation: Option<&'a RawValue>,
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
}

pub(super) fn peek(body: &[u8]) -> Result<Peek, RequestError> {
    let text = utf8(body)?;
    let body: Body<'_> = serde_json::from_str(text).map_err(|e| RequestError::malformed(&e))?;
    let model = match body.model {
        Some(raw) => typed::<String>("model", raw)?,
        None => return Err(RequestError::missing("model")),
    };
    if model.is_empty() {
        return Err(RequestError::missing("model"));
    }
    let limit = body.max_output_tokens.map(|raw| typed("max_output_tokens", raw)).transpose()?;
    let conversation =
        label(body.conversation).or_else(|| Object::scan(body.conversation?.get())?.text("id"));
    let (metadata, tags) = labels(body.metadata);
    Ok(Peek {
        model,
        stream: body.stream.map(|raw| typed("stream", raw)).transpose()?.unwrap_or(false),
        // The dialect always tells it.
        wants_usage: true,
        max_output_tokens: limit,
        choices: 1,
        user: label(body.safety_identifier).or_else(|| label(body.user)),
        session_id: label(body.session_id).or(conversation),
        metadata,
        tags,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn everything_routing_needs_is_read() {
        let peek = peek(
            br#"{"input":"{\"model\":\"decoy\"}","model":"gpt-x","stream":true,"max_output_tokens":9,
            "user":"old","safety_identifier":"u1","conversation":{"id":"conv_1"},"metadata":{"feature":"search","tags":["a"]}}"#,
        )
        .unwrap();
        assert_eq!(peek.model, "gpt-x");
        assert!(peek.stream && peek.wants_usage);
        assert_eq!((peek.max_output_tokens, peek.choices), (Some(9), 1));
        assert_eq!(
            (peek.user.as_deref(), peek.session_id.as_deref()),
            (Some("u1"), Some("conv_1"))
        );
        assert_eq!(
            (peek.tags, peek.metadata["feature"].as_str()),
            (vec!["a".to_owned()], "search")
        );
    }

    #[test]
    fn a_bad_body_says_which_parameter() {
        for (body, code, param) in [
            (&b"{"[..], "invalid_json", None),
            (b"{}", "missing_required_parameter", Some("model")),
            (br#"{"model":1}"#, "invalid_value", Some("model")),
            (
                br#"{"model":"m","max_output_tokens":"x"}"#,
                "invalid_value",
                Some("max_output_tokens"),
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
