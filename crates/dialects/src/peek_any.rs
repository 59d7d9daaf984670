//! What a request of any shape says of model, length and user, as far as it does: for bodies that are
//! passed on as they are.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::{Object, whole};
use crate::own::{label, labels};
use crate::request::Peek;

/// The members that matter, in the words of any dialect.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, alias = "modelId")]
    model: Option<&'a RawValue>,
    #[serde(borrow)]
    stream: Option<&'a RawValue>,
    #[serde(borrow, alias = "max_completion_tokens", alias = "max_output_tokens")]
    max_tokens: Option<&'a RawValue>,
    #[serde(borrow, alias = "generation_config", alias = "inferenceConfig")]
    #[serde(rename = "generationConfig")]
    generation: Option<&'a RawValue>,
    #[serde(borrow)]
    n: Option<&'a RawValue>,
    #[serde(borrow)]
    user: Option<&'a RawValue>,
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
}

/// Reads what there is; the model is empty where none is named. What is not understood is left to
/// whoever the body is for.
pub fn peek_any(body: &[u8]) -> Peek {
    let nothing = || Peek { choices: 1, ..Peek::default() };
    let Ok(read) = serde_json::from_slice::<Body<'_>>(body) else { return nothing() };
    let generation = read.generation.and_then(|raw| Object::scan(raw.get()));
    let limit_inside = || {
        let generation = generation.as_ref()?;
        ["maxOutputTokens", "maxTokens"].into_iter().find_map(|name| whole(generation.get(name)?))
    };
    let (metadata, tags) = labels(read.metadata);
    let choices = read.n.and_then(|raw| whole(raw.get())).unwrap_or(1).max(1);
    Peek {
        model: label(read.model).unwrap_or_default(),
        stream: read.stream.is_some_and(|raw| raw.get() == "true"),
        max_output_tokens: read.max_tokens.and_then(|raw| whole(raw.get())).or_else(limit_inside),
        choices: u32::try_from(choices).unwrap_or(u32::MAX),
        user: label(read.user),
        metadata,
        tags,
        ..Peek::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_any_body_tells_is_read_and_nothing_is_refused() {
        for (body, model, limit, stream) in [
            (r#"{"model":"m","max_completion_tokens":9,"stream":true}"#, "m", Some(9), true),
            (r#"{"generationConfig":{"maxOutputTokens":7}}"#, "", Some(7), false),
            (r#"{"inferenceConfig":{"maxTokens":6}}"#, "", Some(6), false),
            (r#"{"model":5,"max_tokens":"x","stream":"x"}"#, "5", None, false),
            ("[]", "", None, false),
            ("--b", "", None, false),
            ("", "", None, false),
        ] {
            let peek = peek_any(body.as_bytes());
            let told = (peek.model.as_str(), peek.max_output_tokens, peek.stream);
            assert_eq!(told, (model, limit, stream), "{body}");
            assert_eq!(peek.choices, 1);
        }
    }
}
