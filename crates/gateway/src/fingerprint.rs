//! Keyed hashes of a request's content: equal prompts can be counted without being kept.

use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow, default)]
    messages: Vec<&'a RawValue>,
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
    let mut prompt = blake3::Hasher::new_keyed(key);
    for message in &content.messages {
        prompt.update(message.get().as_bytes());
    }
    let system = content.messages.first().filter(|message| {
        let parsed = serde_json::from_str::<Message<'_>>(message.get());
        parsed.is_ok_and(|m| matches!(m.role.as_deref(), Some("system" | "developer")))
    });
    let mut template = blake3::Hasher::new_keyed(key);
    for part in system.into_iter().chain(content.tools.as_ref()) {
        template.update(part.get().as_bytes());
    }
    let has_template = system.is_some() || content.tools.is_some();
    let hex = |hasher: blake3::Hasher| hasher.finalize().to_hex()[..32].to_owned();
    ((!content.messages.is_empty()).then(|| hex(prompt)), has_template.then(|| hex(template)))
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
}
