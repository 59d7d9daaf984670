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
pub const CITED_PASSAGE: &str = "Tolls are paid at the gate.";

/// The answer, in one piece, or cut where what it rests on changes.
pub(crate) fn pieces(is_cut: bool) -> Vec<&'static str> {
    match CITED_ANSWER.split_once(CITED_WORDS).filter(|_| is_cut) {
        Some((before, after)) => vec![before, CITED_WORDS, after],
        None => vec![CITED_ANSWER],
    }
}

/// A source of a part of text, and which of the text rests on it; ends are not part of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Citation {
    /// In characters.
    pub(crate) chars: (usize, usize),
    /// In bytes of UTF-8.
    pub(crate) bytes: (usize, usize),
}

impl Part {
    /// The source of the part; only the answer of this file has one, when it is told whole, and the piece of
    /// it that rests on the source.
    pub(crate) fn citation(&self) -> Option<Citation> {
        if self.kind != PartKind::Text || ![CITED_ANSWER, CITED_WORDS].contains(&&*self.text) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::Measure;

    #[test]
    fn the_cited_words_are_found_in_the_whole_and_are_a_piece_of_their_own() {
        let part = |text: &str| Part {
            kind: PartKind::Text,
            text: text.to_owned(),
            measure: Measure::Words,
        };
        let Citation { chars, bytes } = part(CITED_ANSWER).citation().unwrap();
        assert_eq!(&CITED_ANSWER[bytes.0..bytes.1], CITED_WORDS);
        let of_chars: String = CITED_ANSWER.chars().skip(chars.0).take(chars.1 - chars.0).collect();
        assert_eq!(of_chars, CITED_WORDS);
        assert!(bytes.0 > CITED_ANSWER[..bytes.0].encode_utf16().count());
        assert!(CITED_ANSWER[..bytes.0].encode_utf16().count() > chars.0);
        assert_eq!(pieces(true).concat(), CITED_ANSWER);
        let spans = pieces(true).into_iter().map(|text| part(text).citation().map(|c| c.chars));
        assert_eq!(spans.collect::<Vec<_>>(), [None, Some((0, CITED_WORDS.len())), None]);
    }
}
