//! What single providers take otherwise than their dialect has it, and the one place that does something
//! about it.
//!
//! Who has which quirk is data (`providers.toml`). What providers *report* otherwise is recognised by the
//! fields they send, in each dialect's own reading of usage.

use bytes::Bytes;
use serde::Deserialize;

use crate::json::{Edit, Object, whole};
use crate::request::Encoded;

/// The name of the limit that every server of the dialect knows.
const OLD_LIMIT: &str = "max_tokens";
/// The name that came later.
const NEW_LIMIT: &str = "max_completion_tokens";
const STREAM_OPTIONS: &str = "stream_options";

/// One thing a provider does otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Quirk {
    /// It reads the limit of output from `max_tokens` only: `max_completion_tokens` is refused, or worse,
    /// ignored, so that an answer may cost more than was held for it.
    MaxTokensOnly,
    /// It refuses `stream_options`, and tells the usage of every stream without being asked.
    NoStreamOptions,
    /// It embeds by operations of its own ([`crate::encode_vectors`]): by `predict` or one content at a time,
    /// by the model.
    PredictsVectors,
}

/// Words a request as a provider with these quirks takes it. Of a body in several pieces that has to
/// change a copy is made.
pub fn adapt(encoded: &mut Encoded, quirks: &[Quirk]) {
    let is_of_bodies = |quirk: &Quirk| match quirk {
        Quirk::MaxTokensOnly | Quirk::NoStreamOptions => true,
        Quirk::PredictsVectors => false,
    };
    if !quirks.iter().any(is_of_bodies) {
        return;
    }
    let body = match encoded.body.pieces() {
        [one] => one.clone(),
        several => Bytes::from(several.concat()),
    };
    let Some(members) = std::str::from_utf8(&body).ok().and_then(Object::scan) else { return };
    let has = |name: &str| members.iter().any(|(key, _)| key == name);
    let renames = quirks.contains(&Quirk::MaxTokensOnly) && has(NEW_LIMIT);
    let drops = quirks.contains(&Quirk::NoStreamOptions) && has(STREAM_OPTIONS);
    if !renames && !drops {
        return;
    }
    let limits = members.iter().filter(|(key, _)| [OLD_LIMIT, NEW_LIMIT].contains(key));
    // Where a client writes both, the lower one is what was held.
    let limit = limits.filter_map(|(_, json)| whole(json)).min().map(|limit| limit.to_string());
    let mut added = Vec::new();
    if renames && !has(OLD_LIMIT) {
        added.extend(limit.clone().map(|limit| (OLD_LIMIT, limit)));
    }
    let edit = |key: &str, _: &str| match key {
        NEW_LIMIT if renames => Some(Edit::Remove),
        OLD_LIMIT if renames => limit.clone().map(Edit::Replace),
        STREAM_OPTIONS if drops => Some(Edit::Remove),
        _ => None,
    };
    encoded.body = members.respelled(&body, edit, &added);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Target;
    use events::Dialect;

    /// What a provider with these quirks is sent for a client's request.
    fn sent(quirks: &[Quirk], body: &str, limit: Option<u64>) -> String {
        let (dialect, model) = (Dialect::OpenaiChat, "m");
        let target = Target { dialect, model, max_output_tokens: limit, drop_params: false };
        let body = Bytes::copy_from_slice(body.as_bytes());
        let mut encoded = crate::encode_request(dialect, &body, &target).unwrap();
        adapt(&mut encoded, quirks);
        String::from_utf8(encoded.body.whole().to_vec()).unwrap()
    }

    #[test]
    fn a_limit_is_told_under_the_one_name_that_is_read() {
        let quirks = [Quirk::MaxTokensOnly];
        for (body, limit, expected) in [
            (r#"{"model":"m","max_completion_tokens":9}"#, None, r#"{"model":"m","max_tokens":9}"#),
            (
                r#"{"model":"m","max_completion_tokens":9,"n":1}"#,
                Some(5),
                r#"{"model":"m","n":1,"max_tokens":5}"#,
            ),
            (
                r#"{"model":"m","max_tokens":20,"max_completion_tokens":9}"#,
                None,
                r#"{"model":"m","max_tokens":9}"#,
            ),
            (
                r#"{"model":"m","max_tokens":null,"max_completion_tokens":9}"#,
                None,
                r#"{"model":"m","max_tokens":9}"#,
            ),
            (
                r#"{"model":"m","max\u005fcompletion_tokens":9}"#,
                None,
                r#"{"model":"m","max_tokens":9}"#,
            ),
            (r#"{"model":"m","max_completion_tokens":null}"#, None, r#"{"model":"m"}"#),
            (r#"{"model":"m","max_tokens":7}"#, None, r#"{"model":"m","max_tokens":7}"#),
        ] {
            assert_eq!(sent(&quirks, body, limit), expected, "{body}");
            let usual = sent(&[], body, limit);
            assert_eq!(usual.contains("completion_tokens"), body.contains("completion_tokens"));
        }
    }

    #[test]
    fn a_provider_that_refuses_stream_options_is_sent_none_whoever_wrote_them() {
        let quirks = [Quirk::NoStreamOptions];
        for body in [
            r#"{"model":"m","stream":true}"#,
            r#"{"model":"m","stream":true,"stream_options":{"include_usage":true}}"#,
        ] {
            assert!(sent(&[], body, None).contains("include_usage"), "{body}");
            assert_eq!(sent(&quirks, body, None), r#"{"model":"m","stream":true}"#, "{body}");
        }
    }

    #[test]
    fn a_long_body_keeps_every_other_byte() {
        let text = "x ".repeat(60_000);
        let body = format!(
            r#"{{"model":"alias","max_completion_tokens":9,"messages":[{{"role":"user","content":"{text}"}}]}}"#
        );
        let told = sent(&[Quirk::MaxTokensOnly, Quirk::NoStreamOptions], &body, None);
        let expected = body.replace("\"max_completion_tokens\":9,", "").replace("alias", "m");
        let expected = expected.replace("\"}]}", "\"}],\"max_tokens\":9}");
        assert_eq!(told, expected);
    }

    #[test]
    fn the_words_of_a_translation_are_adapted_too() {
        let target = Target {
            dialect: Dialect::OpenaiChat,
            model: "mistral-large-2512",
            max_output_tokens: None,
            drop_params: false,
        };
        let body = Bytes::from_static(
            br#"{"model":"a","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"x"}]}"#,
        );
        let mut encoded =
            crate::encode_request(Dialect::AnthropicMessages, &body, &target).unwrap();
        adapt(&mut encoded, &[Quirk::MaxTokensOnly, Quirk::NoStreamOptions]);
        let told = String::from_utf8(encoded.body.whole().to_vec()).unwrap();
        assert!(told.contains(r#""max_tokens":9"#) && !told.contains("stream_options"), "{told}");
    }
}
