//! Which names a model or a provider answers to: a boolean expression over the lower-case name.

use std::collections::HashMap;

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize, Serializer};

/// Largest compiled regular expression of a price file, in bytes: an operator's pattern cannot cost
/// more memory than this, and matching takes time linear in the name.
const PATTERN_BYTES_MAX: usize = 1 << 18;

/// A boolean expression over a lower-case name.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Clause {
    Equals(Lower),
    StartsWith(Lower),
    EndsWith(Lower),
    Contains(Lower),
    Regex(Pattern),
    Or(Parts),
    And(Parts),
    Not(Box<Clause>),
}

impl Clause {
    /// The clause that one id alone satisfies.
    pub(crate) fn equals(id: &str) -> Self {
        Clause::Equals(Lower::new(id))
    }

    /// Whether a lower-case name satisfies the clause.
    pub(crate) fn matches(&self, name: &str) -> bool {
        self.matches_subject(Subject::new(name))
    }

    /// [`Clause::matches`] for a name that is tried on many clauses.
    pub(crate) fn matches_subject(&self, subject: Subject<'_>) -> bool {
        let name = subject.name;
        match self {
            Clause::Equals(text) => name == &*text.text,
            Clause::StartsWith(text) => name.starts_with(&*text.text),
            Clause::EndsWith(text) => name.ends_with(&*text.text),
            // Most texts hold some letter that the name does not, which is seen without a search.
            Clause::Contains(text) => {
                text.letters & !subject.letters == 0 && name.contains(&*text.text)
            }
            Clause::Regex(pattern) => pattern.regex.is_match(name),
            Clause::Or(parts) => parts.0.iter().any(|part| part.matches_subject(subject)),
            Clause::And(parts) => parts.0.iter().all(|part| part.matches_subject(subject)),
            Clause::Not(part) => !part.matches_subject(subject),
        }
    }

    /// Notes every name that satisfies the clause by being equal to one of its texts, under
    /// `position` unless an earlier one holds it. Returns whether these names are all that satisfy it.
    pub(crate) fn note_names(&self, position: usize, names: &mut HashMap<Box<str>, usize>) -> bool {
        match self {
            Clause::Equals(text) => {
                names.entry(text.text.clone()).or_insert(position);
                true
            }
            Clause::Or(parts) => {
                // No short circuit: every part's names are wanted, whatever the earlier parts say.
                let mut only = true;
                for part in &parts.0 {
                    only &= part.note_names(position, names);
                }
                only
            }
            _ => false,
        }
    }
}

/// A lower-case name and the letters in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'n> {
    name: &'n str,
    letters: u64,
}

impl<'n> Subject<'n> {
    pub(crate) fn new(name: &'n str) -> Self {
        Self { name, letters: letters(name) }
    }
}

/// The bytes of a text as bits of a word; bytes may share a bit.
fn letters(text: &str) -> u64 {
    text.bytes().fold(0, |bits, byte| bits | 1 << (byte & 63))
}

/// A text to compare with, held in lower case and never empty (an empty one would match all).
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Lower {
    text: Box<str>,
    letters: u64,
}

impl Lower {
    fn new(text: &str) -> Self {
        let text: Box<str> = text.to_lowercase().into();
        Self { letters: letters(&text), text }
    }
}

impl Serialize for Lower {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl TryFrom<String> for Lower {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.is_empty() {
            return Err(
                "a match text is empty, which would match every name: write part of a name",
            );
        }
        Ok(Self::new(&text))
    }
}

/// The parts of an `or` or `and`, at least one.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Vec<Clause>")]
pub(crate) struct Parts(Vec<Clause>);

impl TryFrom<Vec<Clause>> for Parts {
    type Error = &'static str;
    fn try_from(parts: Vec<Clause>) -> Result<Self, Self::Error> {
        if parts.is_empty() {
            return Err("`or` and `and` need at least one clause");
        }
        Ok(Self(parts))
    }
}

/// A compiled regular expression; serialised as its source.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Pattern {
    regex: Regex,
}

impl TryFrom<String> for Pattern {
    type Error = String;
    fn try_from(source: String) -> Result<Self, String> {
        RegexBuilder::new(&source)
            .size_limit(PATTERN_BYTES_MAX)
            .build()
            .map(|regex| Self { regex })
            .map_err(|error| {
                let reason = error.to_string();
                let last = reason.lines().last().unwrap_or_default().to_owned();
                format!("`{source}` is not a usable regular expression ({last}): look-around is written as `not`")
            })
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.regex.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clause(json: &str) -> Clause {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn each_clause_matches_what_it_says() {
        for (json, matching, other) in [
            (r#"{"equals":"GPT-5"}"#, "gpt-5", "gpt-5.4"),
            (r#"{"starts_with":"Claude-"}"#, "claude-x", "x-claude-"),
            (r#"{"ends_with":":free"}"#, "a:free", "a:free2"),
            (r#"{"contains":"gemini"}"#, "google/gemini-3", "gemma"),
            (r#"{"regex":"^o[134]"}"#, "o3-mini", "o2"),
            (r#"{"or":[{"equals":"a"},{"equals":"b"}]}"#, "b", "c"),
            (r#"{"and":[{"starts_with":"a"},{"not":{"contains":"-tts"}}]}"#, "a-1", "a-tts"),
        ] {
            assert!(clause(json).matches(matching), "{json} {matching}");
            assert!(!clause(json).matches(other), "{json} {other}");
        }
    }

    #[test]
    fn a_clause_that_could_match_everything_by_mistake_is_refused() {
        for (json, said) in [
            (r#"{"contains":""}"#, "match text is empty"),
            (r#"{"and":[]}"#, "at least one clause"),
            (r#"{"regex":"(?!x)"}"#, "look-around is written as `not`"),
            (r#"{"regex":"(a{999}){999}"}"#, "not a usable regular expression"),
            (r#"{"like":"x"}"#, "expected one of `equals`"),
        ] {
            let error = serde_json::from_str::<Clause>(json).unwrap_err().to_string();
            assert!(error.contains(said), "{json}: {error}");
        }
    }

    #[test]
    fn names_are_noted_through_or_and_only_there() {
        let mut names = HashMap::new();
        assert!(
            clause(r#"{"or":[{"equals":"a"},{"or":[{"equals":"b"}]}]}"#).note_names(0, &mut names)
        );
        assert!(!clause(r#"{"or":[{"contains":"x"},{"equals":"c"}]}"#).note_names(1, &mut names));
        assert!(!clause(r#"{"and":[{"equals":"d"}]}"#).note_names(2, &mut names));
        assert!(clause(r#"{"equals":"a"}"#).note_names(3, &mut names));
        let mut found: Vec<(&str, usize)> = names.iter().map(|(name, at)| (&**name, *at)).collect();
        found.sort_unstable();
        assert_eq!(found, [("a", 0), ("b", 0), ("c", 1)]);
    }
}
