//! A request between client and provider of this dialect: every byte stays but for what policy
//! must change.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::peek::wants_usage;
use crate::json::{Edit, Object, is_null, text_of};
use crate::own::{OWN_FIELDS, typed, without_tags};
use crate::request::{Encoded, RequestError, Target, utf8};

/// The members policy may change. Reading them validates the whole body on the way.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    stream: Option<&'a RawValue>,
    #[serde(borrow)]
    stream_options: Option<&'a RawValue>,
    #[serde(borrow)]
    max_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    max_completion_tokens: Option<&'a RawValue>,
}

pub(super) fn rewrite(body: &Bytes, target: &Target<'_>) -> Result<Encoded, RequestError> {
    let text = utf8(body)?;
    let read: Body<'_> = serde_json::from_str(text).map_err(|e| RequestError::malformed(&e))?;
    let asked = match read.max_completion_tokens {
        Some(raw) => Some(typed::<u64>("max_completion_tokens", raw)?),
        None => read.max_tokens.map(|raw| typed("max_tokens", raw)).transpose()?,
    };
    let streams = read.stream.map(|raw| typed("stream", raw)).transpose()?.unwrap_or(false);
    let members = Object::scan(text)
        .ok_or_else(|| RequestError::invalid("body", "it must be one JSON object"))?;
    let limit = asked.into_iter().chain(target.max_output_tokens).min();
    let plan = Plan {
        model: target.model,
        limit: target.max_output_tokens,
        limit_name: asked.is_none().then(|| limit_name(target.model)),
        adds_usage: streams && !wants_usage(read.stream_options),
    };
    let added = plan.added(&members);
    let body = members.respelled(body, |key, json| plan.edit(key, json), &added);
    Ok(Encoded { body, dropped: Vec::new(), headers: Vec::new(), max_output_tokens: limit })
}

/// What is to change.
struct Plan<'a> {
    model: &'a str,
    limit: Option<u64>,
    /// The member that takes the limit when the client set none.
    limit_name: Option<&'static str>,
    adds_usage: bool,
}

impl Plan<'_> {
    fn edit(&self, key: &str, json: &str) -> Option<Edit> {
        match key {
            "model" => {
                let model = text_of(self.model);
                (json != model).then_some(Edit::Replace(model))
            }
            "max_tokens" | "max_completion_tokens" => self.edit_limit(key, json),
            "stream_options" if self.adds_usage => Some(Edit::Replace(with_usage(json))),
            "metadata" => without_tags(json).map(Edit::Replace),
            _ if OWN_FIELDS.contains(&key) => Some(Edit::Remove),
            _ => None,
        }
    }

    fn edit_limit(&self, key: &str, json: &str) -> Option<Edit> {
        let limit = self.limit?;
        if is_null(json) {
            return (self.limit_name == Some(key)).then(|| Edit::Replace(limit.to_string()));
        }
        let lowers = crate::json::whole(json).is_none_or(|asked| asked > limit);
        lowers.then(|| Edit::Replace(limit.to_string()))
    }

    fn added(&self, members: &Object<'_>) -> Vec<(&'static str, String)> {
        let has = |name: &str| members.iter().any(|(key, _)| key == name);
        let mut added = Vec::new();
        if !has("model") {
            added.push(("model", text_of(self.model)));
        }
        if let (Some(limit), Some(name)) = (self.limit, self.limit_name)
            && !has(name)
        {
            added.push((name, limit.to_string()));
        }
        if self.adds_usage && !has("stream_options") {
            added.push(("stream_options", with_usage("null")));
        }
        added
    }
}

/// The member a limit goes into when the client set none. OpenAI's reasoning models refuse
/// `max_tokens`; many compatible servers know nothing else.
pub(super) fn limit_name(model: &str) -> &'static str {
    let name = model.rsplit('/').next().unwrap_or(model);
    let is_o_series =
        name.strip_prefix('o').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let is_gpt = name.starts_with("gpt-") && !name.starts_with("gpt-oss");
    if is_o_series || is_gpt || name.starts_with("chatgpt-") {
        "max_completion_tokens"
    } else {
        "max_tokens"
    }
}

/// Stream options that ask for usage and keep whatever else the client asked.
fn with_usage(options: &str) -> String {
    const ALONE: &str = r#"{"include_usage":true}"#;
    let yes = || "true".to_owned();
    let Some(options) = Object::scan(options) else { return ALONE.to_owned() };
    let has = options.iter().any(|(key, _)| key == "include_usage");
    let added = if has { vec![] } else { vec![("include_usage", yes())] };
    options
        .rewrite(|key, _| (key == "include_usage").then(|| Edit::Replace(yes())), &added)
        .unwrap_or_else(|| ALONE.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use events::Dialect;
    use proptest::prelude::*;
    use serde_json::Value;

    fn target(model: &str, limit: Option<u64>) -> Target<'_> {
        let dialect = Dialect::OpenaiChat;
        Target { dialect, model, max_output_tokens: limit, drop_params: false }
    }

    fn rewritten(body: &str, model: &str, limit: Option<u64>) -> String {
        let encoded =
            rewrite(&Bytes::copy_from_slice(body.as_bytes()), &target(model, limit)).unwrap();
        String::from_utf8(encoded.body.whole().to_vec()).unwrap()
    }

    #[test]
    fn a_body_that_needs_no_change_is_the_clients_own() {
        let body = Bytes::from_static(br#"{ "model": "gpt-x", "max_tokens": 5 }"#);
        let encoded = rewrite(&body, &target("gpt-x", Some(5))).unwrap();
        assert_eq!(encoded.body.pieces()[0].as_ptr(), body.as_ptr());
        assert_eq!(encoded.max_output_tokens, Some(5));
    }

    #[test]
    fn only_what_policy_must_change_changes() {
        for (before, limit, after) in [
            (r#"{"x":1.50,"model":"alias"}"#, None, r#"{"x":1.50,"model":"gpt-x"}"#),
            (
                r#"{"model":"gpt-x","max_tokens":90}"#,
                Some(9),
                r#"{"model":"gpt-x","max_tokens":9}"#,
            ),
            (
                r#"{"model":"gpt-x","max_completion_tokens":null}"#,
                Some(9),
                r#"{"model":"gpt-x","max_completion_tokens":9}"#,
            ),
            (r#"{"model":"gpt-x"}"#, Some(9), r#"{"model":"gpt-x","max_completion_tokens":9}"#),
            (
                r#"{"model":"gpt-x","stream":true}"#,
                None,
                r#"{"model":"gpt-x","stream":true,"stream_options":{"include_usage":true}}"#,
            ),
            (
                r#"{"model":"gpt-x","stream_options":null,"stream":true}"#,
                None,
                r#"{"model":"gpt-x","stream_options":{"include_usage":true},"stream":true}"#,
            ),
            (
                r#"{"model":"gpt-x","stream":true,"stream_options":{"a":1,"include_usage":false}}"#,
                None,
                r#"{"model":"gpt-x","stream":true,"stream_options":{"a":1,"include_usage":true}}"#,
            ),
            (
                r#"{"session_id":"s","model":"gpt-x","cache":{"ttl":1},"metadata":{"a":"b","tags":["t"]}}"#,
                None,
                r#"{"model":"gpt-x","metadata":{"a":"b"}}"#,
            ),
        ] {
            assert_eq!(rewritten(before, "gpt-x", limit), after, "{before}");
        }
        assert!(
            rewritten(r#"{"model":"a"}"#, "mistral-large", Some(9)).contains(r#""max_tokens":9"#)
        );
        assert!(
            rewritten(r#"{"model":"a"}"#, "openai/o3", Some(9))
                .contains(r#""max_completion_tokens":9"#)
        );
        assert!(
            rewritten(r#"{"model":"a"}"#, "openai/gpt-oss-20b", Some(9))
                .contains(r#""max_tokens":9"#)
        );
    }

    #[test]
    fn both_limits_are_lowered_when_a_client_sets_both() {
        let body = r#"{"model":"gpt-x","max_tokens":50,"max_completion_tokens":60}"#;
        assert_eq!(
            rewritten(body, "gpt-x", Some(9)),
            r#"{"model":"gpt-x","max_tokens":9,"max_completion_tokens":9}"#
        );
    }

    #[test]
    fn a_large_body_is_copied_once_and_never_parsed_into_a_tree() {
        let image = "A".repeat(8 << 20);
        let body = format!(
            r#"{{"messages":[{{"role":"user","content":[{{"type":"image_url","image_url":{{"url":"data:image/png;base64,{image}"}}}}]}}],"model":"alias"}}"#
        );
        let out = rewritten(&body, "gpt-x", None);
        assert_eq!(out, body.replace("alias", "gpt-x"));
    }

    proptest! {
        #[test]
        fn unknown_fields_survive_in_order_and_to_the_letter(
            fields in proptest::collection::vec(("x_[a-z]{1,6}", "[ ]{0,2}(1\\.0|-0|1e5|\"\\\\u00e9\\\\n\"|\\[ 1 ,2\\]|null|\\{\"a\":\\{\\}\\})"), 0..6),
            at in 0_usize..6,
            stream in any::<bool>(),
        ) {
            let mut members: Vec<String> = fields.iter().enumerate().map(|(i, (k, v))| format!("\"{k}{i}\":{v}")).collect();
            let model = at.min(members.len());
            members.insert(model, "\"model\": \"alias\"".to_owned());
            let before = format!("{{{}}}", members.join(" , "));
            let body = if stream { before.replacen('{', "{\"stream\":true,", 1) } else { before };
            let out = rewritten(&body, "gpt-x", None);
            let mut expected = body.replace("alias", "gpt-x");
            if stream {
                expected.truncate(expected.len() - 1);
                expected.push_str(",\"stream_options\":{\"include_usage\":true}}");
            }
            prop_assert!(serde_json::from_str::<Value>(&out).is_ok());
            prop_assert_eq!(out, expected);
        }
    }
}
