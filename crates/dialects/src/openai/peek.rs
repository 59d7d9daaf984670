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
    stream_options: Option<&'a RawValue>,
    #[serde(borrow)]
    max_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    max_completion_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    n: Option<&'a RawValue>,
    #[serde(borrow)]
    user: Option<&'a RawValue>,
    #[serde(borrow)]
    safety_identifier: Option<&'a RawValue>,
    #[serde(borrow)]
    session_id: Option<&'a RawValue>,
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
    let limit = match body.max_completion_tokens {
        Some(raw) => Some(typed("max_completion_tokens", raw)?),
        None => body.max_tokens.map(|raw| typed("max_tokens", raw)).transpose()?,
    };
    let (metadata, tags) = labels(body.metadata);
    Ok(Peek {
        model,
        stream: body.stream.map(|raw| typed("stream", raw)).transpose()?.unwrap_or(false),
        wants_usage: wants_usage(body.stream_options),
        max_output_tokens: limit,
        choices: body.n.map(|raw| typed("n", raw)).transpose()?.unwrap_or(1).max(1),
        user: label(body.user).or_else(|| label(body.safety_identifier)),
        session_id: label(body.session_id),
        metadata,
        tags,
    })
}

/// Whether `stream_options` asks for usage.
pub(super) fn wants_usage(stream_options: Option<&RawValue>) -> bool {
    stream_options
        .and_then(|raw| Object::scan(raw.get()))
        .and_then(|options| options.get("include_usage"))
        .is_some_and(|json| json.trim_ascii() == "true")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn everything_routing_needs_is_read() {
        let peek = peek(
            br#"{"messages":[{"role":"user","content":"{\"model\":\"decoy\"}"}],"mod\u0065l":"gpt-x",
            "stream":true,"stream_options":{"include_usage":true},"max_tokens":7,"max_completion_tokens":9,
            "n":2,"safety_identifier":"u1","session_id":"s1",
            "metadata":{"feature":"search","n":3,"deep":{},"tags":["a",1,null]}}"#,
        )
        .unwrap();
        assert_eq!(peek.model, "gpt-x");
        assert!(peek.stream && peek.wants_usage);
        assert_eq!((peek.max_output_tokens, peek.choices), (Some(9), 2));
        assert_eq!((peek.user.as_deref(), peek.session_id.as_deref()), (Some("u1"), Some("s1")));
        assert_eq!(peek.tags, ["a", "1"]);
        let metadata: Vec<_> = peek.metadata.iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(metadata, ["feature=search", "n=3"]);
    }

    #[test]
    fn nulls_are_as_good_as_absent() {
        let peek = peek(br#"{"model":"m","stream":null,"stream_options":null,"max_tokens":null,"n":null,"user":null,"metadata":null}"#).unwrap();
        assert_eq!(peek, Peek { model: "m".into(), choices: 1, ..Peek::default() });
    }

    #[test]
    fn a_bad_body_says_where_or_which() {
        for (body, code, param) in [
            (&b"{\"model\":\"m\",\n  oops}"[..], "invalid_json", None),
            (b"[]", "invalid_json", None),
            (b"{\"model\":\"\xff\"}", "invalid_json", None),
            (b"{}", "missing_required_parameter", Some("model")),
            (br#"{"model":null}"#, "missing_required_parameter", Some("model")),
            (br#"{"model":""}"#, "missing_required_parameter", Some("model")),
            (br#"{"model":7}"#, "invalid_value", Some("model")),
            (br#"{"model":"m","stream":"yes"}"#, "invalid_value", Some("stream")),
            (br#"{"model":"m","max_tokens":-1}"#, "invalid_value", Some("max_tokens")),
        ] {
            let error = peek(body).unwrap_err();
            assert_eq!((error.code(), error.param()), (code, param), "{error}");
        }
        let error = peek(b"{\"model\":\"m\",\n  oops}").unwrap_err();
        assert!(error.to_string().contains("line 2 column 3"), "{error}");
    }

    proptest! {
        #[test]
        fn no_body_panics(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = peek(&body);
        }
    }
}
