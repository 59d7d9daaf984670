//! Message content, which both formats allow as a text or as a list of typed parts.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::ask::ToolCall;
use crate::dice::mix_text;
use crate::prompt::{Lifetime, Prompt};
use crate::refusal::Refusal;
use crate::tokens::IMAGE_TOKENS;

/// Bytes of a picture that tell it from others.
const IDENTITY_BYTES: usize = 512;

/// One typed part of a message.
#[derive(Debug, Deserialize)]
pub(super) struct Part<'a> {
    /// Its type.
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    /// Text, for those that have it.
    #[serde(borrow)]
    pub(super) text: Option<&'a RawValue>,
    /// What a tool returned, or a document holds.
    #[serde(borrow)]
    pub(super) content: Option<&'a RawValue>,
    /// Arguments of a tool's call.
    #[serde(borrow)]
    pub(super) input: Option<&'a RawValue>,
    /// What a document is called.
    #[serde(borrow)]
    pub(super) title: Option<&'a RawValue>,
    /// Whether a document is to be cited, or what a text in the history cites.
    #[serde(borrow)]
    pub(super) citations: Option<&'a RawValue>,
    /// Whether the prompt up to here is to be cached.
    pub(super) cache_control: Option<CacheControl>,
}

/// A mark in the prompt.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct CacheControl {
    ttl: Option<String>,
}

impl CacheControl {
    /// How long to keep the prefix.
    pub(super) fn lifetime(&self) -> Lifetime {
        if self.ttl.as_deref() == Some("1h") { Lifetime::OneHour } else { Lifetime::FiveMinutes }
    }
}

/// What the last message of a conversation says about the answer wanted.
#[derive(Debug, Clone, Default)]
pub(super) struct Hints {
    /// It mentions a tool.
    pub(super) mentions_tool: bool,
    /// It mentions doing things in parallel.
    pub(super) mentions_parallel: bool,
    /// It dictates a call: `the tool NAME with {…}`.
    dictated: Option<ToolCall>,
}

impl Hints {
    /// Notes what a text of the user mentions.
    pub(super) fn note(&mut self, text: &str) {
        if let Some(call) = dictation(text) {
            self.dictated = Some(call);
            self.mentions_tool = true;
        } else if !text.trim_start().starts_with('<') {
            // A text in a tag is what an agent adds to its user's words, and no wish of the user.
            self.mentions_tool |= text.contains("tool") || text.contains("Tool");
            self.mentions_parallel |= text.contains("parallel");
        }
    }

    /// What counts after a message that `said` so: the user's words, until they are answered.
    pub(super) fn after(self, role: &str, said: Hints) -> Hints {
        match role {
            "user" => said,
            "system" | "developer" => self,
            _ => Hints::default(),
        }
    }

    /// The tools to choose from: the dictated one with the dictated arguments, else all.
    pub(super) fn choose(&self, tools: Vec<ToolCall>) -> Vec<ToolCall> {
        let is_offered = |call: &&ToolCall| tools.iter().any(|tool| tool.name == call.name);
        match self.dictated.as_ref().filter(is_offered) {
            Some(call) => vec![call.clone()],
            None => tools,
        }
    }
}

/// The call a text dictates; its arguments become the only value of the schema.
fn dictation(text: &str) -> Option<ToolCall> {
    let (_, told) = text.split_once("the tool ")?;
    let (name, arguments) = told.split_once(" with {")?;
    if name.contains(char::is_whitespace) {
        return None;
    }
    let arguments = &told[told.len() - arguments.len() - 1..];
    let value = serde_json::Deserializer::from_str(arguments).into_iter::<Value>().next()?.ok()?;
    Some(ToolCall { name: name.to_owned(), schema: json!({"const": value}) })
}

/// The text of a raw JSON value: decoded when it is a string, else as written.
pub(super) fn text_of(raw: &RawValue) -> Cow<'_, str> {
    let json = raw.get();
    match json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(plain) if !plain.contains('\\') => Cow::Borrowed(plain),
        Some(_) => serde_json::from_str::<String>(json).map_or(Cow::Borrowed(json), Cow::Owned),
        None => Cow::Borrowed(json),
    }
}

/// The parts of a content that is a list; `None` when it is a text.
pub(super) fn parts_of(raw: &RawValue) -> Result<Option<Vec<Part<'_>>>, Refusal> {
    match raw.get().as_bytes().first() {
        Some(b'"') => Ok(None),
        Some(b'[') => serde_json::from_str(raw.get())
            .map(Some)
            .map_err(|error| Refusal::invalid(format!("Invalid content: {error}"))),
        _ => Err(Refusal::invalid("Invalid content: expected a string or an array of parts.")),
    }
}

/// Adds a picture, recording or file of any size.
pub(super) fn attach(prompt: &mut Prompt, raw: &str) {
    let beginning = &raw[..raw.floor_char_boundary(IDENTITY_BYTES)];
    let length = u64::try_from(raw.len()).unwrap_or(u64::MAX);
    prompt.fixed(IMAGE_TOKENS, mix_text(length, beginning));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(texts: &[&str]) -> Hints {
        let mut hints = Hints::default();
        texts.iter().for_each(|text| hints.note(text));
        hints
    }

    #[test]
    fn a_dictated_call_is_made_with_its_own_arguments_where_the_tool_is_offered() {
        let offered = |name: &str| ToolCall { name: name.to_owned(), schema: json!({}) };
        let hints =
            noted(&["<aside>tools</aside>", r#"Use the tool cat with {"a": {"b": 1}}, please."#]);
        let chosen = hints.choose(vec![offered("ls"), offered("cat")]);
        assert_eq!((chosen.len(), chosen[0].name.as_str()), (1, "cat"));
        assert_eq!(chosen[0].schema, json!({"const": {"a": {"b": 1}}}));
        assert_eq!(hints.choose(vec![offered("ls"), offered("rm")]).len(), 2);
        for text in ["the tool cat", "the tool cat with {", "the tool of all with {}", "with {}"] {
            assert!(dictation(text).is_none(), "{text}");
        }
    }

    #[test]
    fn what_an_agent_adds_in_tags_is_no_wish_and_instructions_after_a_wish_leave_it() {
        assert!(!noted(&[" <reminder>You have tools</reminder>"]).mentions_tool);
        let wish = || noted(&["use a tool"]);
        assert!(wish().after("developer", noted(&["x"])).mentions_tool);
        assert!(!wish().after("user", noted(&["x"])).mentions_tool);
        assert!(!wish().after("assistant", wish()).mentions_tool);
    }
}
