//! What routing and attribution need of a request, read in one pass over the body.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::Object;
use crate::own::{label, labels, typed};
use crate::request::{Peek, RequestError, utf8};

/// Parts a coding agent's user id and the session within it, where both share the one field the
/// dialect has for them.
const SESSION_MARK: &str = "_session_";

/// The members that matter. Everything else is skipped without being kept.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    #[serde(borrow)]
    stream: Option<&'a RawValue>,
    #[serde(borrow)]
    max_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    session_id: Option<&'a RawValue>,
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
    let (mut metadata, tags) = labels(body.metadata);
    let end_user = metadata.remove("user_id").filter(|id| !id.is_empty()).map(EndUser::read);
    let (user, session) = end_user.map_or((None, None), |user| (Some(user.id), user.session));
    Ok(Peek {
        model,
        stream: body.stream.map(|raw| typed("stream", raw)).transpose()?.unwrap_or(false),
        // Streams of this dialect always tell it.
        wants_usage: true,
        max_output_tokens: body.max_tokens.map(|raw| typed("max_tokens", raw)).transpose()?,
        choices: 1,
        user,
        session_id: label(body.session_id).or(session),
        metadata,
        tags,
    })
}

/// Who is behind a request, by the one field the dialect has.
pub(super) struct EndUser {
    /// The person or installation.
    pub(super) id: String,
    /// Their session, which coding agents write into the same field.
    pub(super) session: Option<String>,
}

impl EndUser {
    /// Reads `metadata.user_id`: an id, an id with a session behind it, or a JSON object of both.
    pub(super) fn read(user_id: String) -> Self {
        if let Some(parts) = Object::scan(&user_id) {
            let session = parts.text("session_id");
            let id = parts.text("account_uuid").or_else(|| parts.text("device_id"));
            return match (id, session) {
                (Some(id), session) => Self { id, session },
                (None, session) => Self { id: user_id.clone(), session },
            };
        }
        match user_id.rsplit_once(SESSION_MARK) {
            Some((id, session)) if !id.is_empty() && !session.is_empty() => {
                Self { id: id.to_owned(), session: Some(session.to_owned()) }
            }
            _ => Self { id: user_id, session: None },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn everything_routing_needs_is_read() {
        let peek = peek(
            br#"{"messages":[{"role":"user","content":"{\"model\":\"decoy\"}"}],"mod\u0065l":"claude-x",
            "stream":true,"max_tokens":7,"metadata":{"user_id":"u1","feature":"search","tags":["a"]}}"#,
        )
        .unwrap();
        assert_eq!((peek.model.as_str(), peek.max_output_tokens), ("claude-x", Some(7)));
        assert!(peek.stream && peek.wants_usage);
        assert_eq!((peek.user.as_deref(), peek.choices), (Some("u1"), 1));
        assert_eq!(peek.tags, ["a"]);
        assert_eq!(
            peek.metadata.into_iter().collect::<Vec<_>>(),
            [("feature".into(), "search".into())]
        );
    }

    #[test]
    fn a_session_is_found_where_coding_agents_put_it() {
        for (user_id, id, session) in [
            ("u1", "u1", None),
            ("user_ab_account_cd_session_ef", "user_ab_account_cd", Some("ef")),
            (r#"{"device_id":"d","account_uuid":"a","session_id":"s"}"#, "a", Some("s")),
            (r#"{"device_id":"d","account_uuid":"","session_id":"s"}"#, "d", Some("s")),
            ("{}", "{}", None),
            ("_session_", "_session_", None),
        ] {
            let user = EndUser::read(user_id.to_owned());
            assert_eq!((user.id.as_str(), user.session.as_deref()), (id, session), "{user_id}");
        }
    }

    #[test]
    fn a_bad_body_says_where_or_which() {
        for (body, code, param) in [
            (&b"{\"model\":\"m\",\n  oops}"[..], "invalid_json", None),
            (b"[]", "invalid_json", None),
            (b"{\"model\":\"\xff\"}", "invalid_json", None),
            (b"{}", "missing_required_parameter", Some("model")),
            (br#"{"model":""}"#, "missing_required_parameter", Some("model")),
            (br#"{"model":7}"#, "invalid_value", Some("model")),
            (br#"{"model":"m","stream":"yes"}"#, "invalid_value", Some("stream")),
            (br#"{"model":"m","max_tokens":-1}"#, "invalid_value", Some("max_tokens")),
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
