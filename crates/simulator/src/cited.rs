//! The one answer that names its source: what it says, which of it rests on the source, and which that is.
//!
//! Characters of two and four bytes stand before the cited words, so that bytes, characters and UTF-16
//! units are told apart.

use crate::answer::{Part, PartKind};

/// What the answer says, the cited words within.
pub const CITED_ANSWER: &str = "Zölle für Brücken 🚧 are paid at the gate every morning.";
/// The words that rest on the source.
pub const CITED_WORDS: &str = "paid at the gate";
/// Address of the source, a page of the web.
pub const CITED_URL: &str = "https://tolls.example/brücken?at=gate&n=1";
/// Its title.
pub const CITED_TITLE: &str = "Zoll \u{2013} \"all\" bridges";
/// What the page says.
pub(crate) const CITED_PASSAGE: &str = "Tolls are paid at the gate.";

/// A source of a part of text, and which of the text rests on it; ends are not part of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Citation {
    /// In characters.
    pub(crate) chars: (usize, usize),
    /// In bytes of UTF-8.
    pub(crate) bytes: (usize, usize),
}

impl Part {
    /// The source of the part; only the answer of this file has one, when it is told whole.
    pub(crate) fn citation(&self) -> Option<Citation> {
        if self.kind != PartKind::Text || self.text != CITED_ANSWER {
            return None;
        }
        let (before, _) = self.text.split_once(CITED_WORDS)?;
        let chars = before.chars().count();
        Some(Citation {
            chars: (chars, chars + CITED_WORDS.chars().count()),
            bytes: (before.len(), before.len() + CITED_WORDS.len()),
        })
    }
}
