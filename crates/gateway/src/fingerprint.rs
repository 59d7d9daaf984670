//! Keyed hashes of a request's content: equal prompts can be counted without being kept.

use serde::Deserialize;
use serde_json::value::RawValue;

/// The members that hold a conversation, in the words of every dialect; a request uses one's.
#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow, default, alias = "contents", alias = "input")]
    messages: Option<&'a RawValue>,
    #[serde(borrow, default, alias = "instructions", alias = "systemInstruction")]
    system: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tools: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    role: Option<std::borrow::Cow<'a, str>>,
}

/// Hashes of the messages, and of the part that repeats between requests (tools and a leading
/// system message); 32 hexadecimal characters each. `None` where there is nothing to hash.
pub(crate) fn fingerprint(body: &[u8], key: &[u8; 32]) -> (Option<String>, Option<String>) {
    let Ok(content) = serde_json::from_slice::<Content<'_>>(body) else { return (None, None) };
    // A list of messages, or one text.
    let messages: Vec<&RawValue> = content
        .messages
        .map_or_else(Vec::new, |raw| serde_json::from_str(raw.get()).unwrap_or_else(|_| vec![raw]));
    let mut prompt = blake3::Hasher::new_keyed(key);
    for part in content.system.iter().chain(&messages) {
        prompt.update(part.get().as_bytes());
    }
    let leading = messages.first().filter(|message| {
        let parsed = serde_json::from_str::<Message<'_>>(message.get());
        parsed.is_ok_and(|m| matches!(m.role.as_deref(), Some("system" | "developer")))
    });
    let mut template = blake3::Hasher::new_keyed(key);
    let repeated: Vec<&&RawValue> =
        content.system.iter().chain(leading).chain(content.tools.as_ref()).collect();
    for part in &repeated {
        template.update(part.get().as_bytes());
    }
    let hex = |hasher: blake3::Hasher| hasher.finalize().to_hex()[..32].to_owned();
    ((!messages.is_empty()).then(|| hex(prompt)), (!repeated.is_empty()).then(|| hex(template)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_prompts_share_a_hash_and_another_key_gives_another() {
        let body = |system: &str, user: &str| {
            format!(
                r#"{{"model":"m","messages":[{{"role":"system","content":"{system}"}},{{"role":"user","content":"{user}"}}]}}"#
            )
        };
        let (key, other) = ([1; 32], [2; 32]);
        let (prompt, template) = fingerprint(body("s", "u").as_bytes(), &key);
        let (again, same_template) = fingerprint(body("s", "v").as_bytes(), &key);
        assert_eq!(template, same_template);
        assert_ne!(prompt, again);
        assert_ne!(prompt, fingerprint(body("s", "u").as_bytes(), &other).0);
        assert_eq!(prompt.map(|hash| hash.len()), Some(32));
        assert_eq!(fingerprint(br#"{"messages":[]}"#, &key), (None, None));
    }

    #[test]
    fn the_words_of_every_dialect_are_hashed() {
        let key = [1; 32];
        for (body, has_template) in [
            (r#"{"messages":[{"role":"user","content":"u"}],"system":"s"}"#, true),
            (r#"{"input":"u"}"#, false),
            (r#"{"input":[{"role":"user","content":"u"}],"instructions":"s"}"#, true),
            (r#"{"contents":[{"parts":[{"text":"u"}]}],"systemInstruction":{"parts":[]}}"#, true),
        ] {
            let (prompt, template) = fingerprint(body.as_bytes(), &key);
            assert_eq!((prompt.is_some(), template.is_some()), (true, has_template), "{body}");
        }
    }
}
