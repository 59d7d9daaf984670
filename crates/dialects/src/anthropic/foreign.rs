//! Reasoning of other providers in a conversation that goes on at one of this dialect, after a change
//! of route or a fallback. The provider would refuse the whole request for it, though nothing is lost
//! without it: what was said and called stays.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::seal::is_native;
use crate::json::{Edit, List, Object};

/// The messages without the reasoning nobody here takes back; `None` when there is none.
pub(super) fn left_out(messages: &str) -> Option<String> {
    // Nearly all conversations end here: nothing is taken apart.
    if !messages.contains("thinking") {
        return None;
    }
    let messages: List<&RawValue> = serde_json::from_str(messages).ok()?;
    let mut is_changed = false;
    let mut kept = Vec::with_capacity(messages.0.len());
    for raw in &messages.0 {
        match without_foreign(raw.get()) {
            Some(message) => {
                is_changed = true;
                kept.extend(message.map(Cow::Owned));
            }
            None => kept.push(Cow::Borrowed(raw.get())),
        }
    }
    is_changed.then(|| format!("[{}]", kept.join(",")))
}

/// The message without it, or nothing when it was nothing else; the outer `None` when it has none.
fn without_foreign(message: &str) -> Option<Option<String>> {
    if !message.contains("thinking") {
        return None;
    }
    let members = Object::scan(message)?;
    let content = members.get("content").filter(|json| json.starts_with('['))?;
    let blocks: List<&RawValue> = serde_json::from_str(content).ok()?;
    let kept: Vec<&str> =
        blocks.0.iter().map(|raw| raw.get()).filter(|block| !is_foreign(block)).collect();
    if kept.len() == blocks.0.len() {
        return None;
    }
    if kept.is_empty() {
        return Some(None);
    }
    let content = format!("[{}]", kept.join(","));
    let edit = |key: &str, _: &str| (key == "content").then(|| Edit::Replace(content.clone()));
    members.rewrite(edit, &[]).map(Some)
}

fn is_foreign(block: &str) -> bool {
    if !block.contains("thinking") {
        return false;
    }
    let Some(block) = Object::scan(block) else { return false };
    let sealed = match block.text("type").as_deref() {
        Some("thinking") => block.text("signature"),
        Some("redacted_thinking") => block.text("data"),
        _ => return false,
    };
    !is_native(&sealed.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = r#"{ "type":"thinking", "thinking":"a", "signature":"EsQB+/==" }"#;
    const CALL: &str = r#"{"type":"tool_use","id":"t","name":"thinking","input":{"a":1.0}}"#;

    fn turn(blocks: &[&str]) -> String {
        format!(r#"{{"role": "assistant", "x":1e5, "content":[{}]}}"#, blocks.join(","))
    }

    #[test]
    fn only_reasoning_of_others_is_left_out() {
        let user = r#"{"role":"user","content":"thinking aloud"}"#;
        for foreign in [
            r#"{"type":"thinking","thinking":"b","signature":""}"#,
            r#"{"type":"thinking","thinking":"b"}"#,
            r#"{"type":"thinking","thinking":"b","signature":"else:where"}"#,
            r#"{"type":"redacted_thinking","data":"tollgate.call:x"}"#,
        ] {
            let before = format!("[{user} , {}]", turn(&[OWN, foreign, CALL]));
            let after = format!("[{user},{}]", turn(&[OWN, CALL]));
            assert_eq!(left_out(&before), Some(after), "{foreign}");
            let alone = format!("[{user},{}]", turn(&[foreign]));
            assert_eq!(left_out(&alone), Some(format!("[{user}]")), "{foreign}");
        }
        for untouched in [format!("[{user},{}]", turn(&[OWN, CALL])), "[7]".into(), "7".into()] {
            assert_eq!(left_out(&untouched), None, "{untouched}");
        }
    }
}
