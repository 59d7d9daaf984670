//! Names people give to things: strict slugs for tenancy, bounded labels for what clients send.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest slug, in bytes: fits a DNS label, a Slack channel and a file name.
const SLUG_BYTES_MAX: usize = 63;
/// Longest label, in bytes.
const LABEL_BYTES_MAX: usize = 256;

/// An immutable name of an organisation, team, project or feature: `[a-z0-9][a-z0-9._-]*`, at most
/// 63 bytes. The lake keys history by it, so it never changes; display names live in the store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Slug(String);

/// Why a text is not a slug.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a slug: use lower-case letters, digits, `.`, `_` and `-`, at most 63, starting with a letter or digit"
)]
pub struct SlugError(String);

impl Slug {
    /// The slug as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Slug {
    type Error = SlugError;
    fn try_from(text: String) -> Result<Self, SlugError> {
        let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let mut bytes = text.bytes();
        let valid = text.len() <= SLUG_BYTES_MAX
            && bytes.next().is_some_and(alphanumeric)
            && bytes.all(|b| alphanumeric(b) || matches!(b, b'.' | b'_' | b'-'));
        if valid { Ok(Self(text)) } else { Err(SlugError(text.chars().take(80).collect())) }
    }
}

impl FromStr for Slug {
    type Err = SlugError;
    fn from_str(text: &str) -> Result<Self, SlugError> {
        text.to_owned().try_into()
    }
}

impl From<Slug> for String {
    fn from(slug: Slug) -> String {
        slug.0
    }
}

impl fmt::Display for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Text a client attached to a request (user, customer, session, tag): kept as sent, never empty,
/// at most 256 bytes, without control characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Label(String);

/// Why a text is not a label.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// Nothing, or white space alone.
    #[error("a label must not be empty")]
    Empty,
    /// A control character.
    #[error("a label must not contain control characters")]
    Control,
}

impl Label {
    /// A label from text of any length: trimmed, and cut at a character boundary to 256 bytes.
    pub fn clipped(text: &str) -> Result<Self, LabelError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(LabelError::Empty);
        }
        if text.chars().take(LABEL_BYTES_MAX).any(char::is_control) {
            return Err(LabelError::Control);
        }
        let end = text.floor_char_boundary(LABEL_BYTES_MAX);
        Ok(Self(text[..end].to_owned()))
    }

    /// The label as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Label {
    type Error = LabelError;
    fn try_from(text: String) -> Result<Self, LabelError> {
        Self::clipped(&text)
    }
}

impl From<Label> for String {
    fn from(label: Label) -> String {
        label.0
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_strict() {
        for good in ["search", "a", "team-7", "eu.west_1"] {
            assert!(good.parse::<Slug>().is_ok(), "{good}");
        }
        for bad in ["", "Search", "-x", "a b", "ä", &"x".repeat(64), "a/b"] {
            assert!(bad.parse::<Slug>().is_err(), "{bad}");
        }
    }

    #[test]
    fn labels_keep_what_was_sent_within_bounds() {
        assert_eq!(Label::clipped(" Ünïcode & <b> ").map(String::from), Ok("Ünïcode & <b>".into()));
        assert_eq!(Label::clipped("  "), Err(LabelError::Empty));
        assert_eq!(Label::clipped("a\u{0}b"), Err(LabelError::Control));
        assert_eq!(Label::clipped(&"é".repeat(500)).map(|l| l.as_str().len()), Ok(256));
    }
}
