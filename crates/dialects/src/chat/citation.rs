//! What an answer says it rests on: a page of the web or a document, and the part of its text that does.
//!
//! Positions are characters (Unicode scalar values) of the answer's text, all its parts of text joined and
//! nothing else; a dialect that counts bytes, or within a part, is recounted where it is read and written.

use super::{OutputPart, StreamEvent};

/// Citations kept of one answer: several times what anybody was seen to tell. Those beyond are left out.
pub(crate) const CITATIONS_MAX: usize = 512;
/// Longest address, bytes. A longer one is left out with its citation: cut, it would lead elsewhere.
const URL_BYTES_MAX: usize = 2 << 10;
/// Longest title, name or id, bytes. What is beyond is cut.
const NAME_BYTES_MAX: usize = 512;
/// Longest quoted passage, bytes. What is beyond is cut.
const QUOTED_BYTES_MAX: usize = 4 << 10;

/// One source, and what rests on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Citation {
    /// What is cited.
    pub(crate) source: Source,
    /// The passage of the source.
    pub(crate) quoted: Option<String>,
    /// The text that rests on it.
    pub(crate) span: Span,
}

/// From a character of the answer's text up to another, which is not part of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Span {
    /// Where it begins.
    pub(crate) start: usize,
    /// Where it ends.
    pub(crate) end: usize,
}

/// What is cited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// A page of the web.
    Web {
        /// Its address.
        url: String,
        /// Its title.
        title: Option<String>,
    },
    /// A document the client gave, or one the provider keeps.
    Document {
        /// The provider's id of the file.
        id: Option<String>,
        /// 0, 1, … among the documents of the request.
        index: Option<u64>,
        /// Its title or file name.
        title: Option<String>,
        /// The cited place within it.
        place: Option<Place>,
    },
}

/// A place within a document, in whose units it is counted; the end is not part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// What is counted.
    pub(crate) unit: PlaceUnit,
    /// The first.
    pub(crate) start: u64,
    /// The one behind the last.
    pub(crate) end: u64,
}

/// What a place within a document is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PlaceUnit {
    /// Characters, from 0.
    Char,
    /// Pages, from 1.
    Page,
    /// Blocks of the document's content, from 0.
    Block,
}

impl Source {
    /// A page; `None` without an address anybody could follow.
    pub(crate) fn web(url: &str, title: Option<&str>) -> Option<Self> {
        let is_whole = !url.is_empty() && url.len() <= URL_BYTES_MAX;
        is_whole.then(|| Source::Web { url: url.to_owned(), title: name(title) })
    }

    /// A document; `None` when nothing says which.
    pub(crate) fn document(
        id: Option<&str>,
        index: Option<u64>,
        title: Option<&str>,
        place: Option<Place>,
    ) -> Option<Self> {
        let (id, title) = (name(id), name(title));
        let is_named = id.is_some() || index.is_some() || title.is_some();
        is_named.then_some(Source::Document { id, index, title, place })
    }
}

impl Citation {
    /// A citation, its passage cut to what is kept.
    pub(crate) fn new(source: Source, quoted: Option<&str>, span: Span) -> Self {
        Self { source, quoted: clipped(quoted, QUOTED_BYTES_MAX), span }
    }
}

impl Span {
    /// A span; one that ends before it begins is empty.
    pub(crate) fn new(start: usize, end: usize) -> Self {
        Self { start, end: end.max(start) }
    }

    /// Read from numbers a provider told, counted from `base`.
    pub(crate) fn told(base: usize, start: u64, end: u64) -> Self {
        let at = |told| base.saturating_add(usize::try_from(told).unwrap_or(usize::MAX));
        Self::new(at(start), at(end))
    }

    /// Where it lies in a piece of the text that begins at `base` and has `length` characters; `None` when
    /// it begins in another.
    pub(crate) fn within(self, base: usize, length: usize) -> Option<Self> {
        let start = self.start.checked_sub(base).filter(|start| *start < length)?;
        Some(Self::new(start, self.end.saturating_sub(base).min(length)))
    }

    /// The same part of `text` in bytes of UTF-8; what is beyond the text is its end.
    pub(crate) fn bytes_of(self, text: &str) -> (usize, usize) {
        let at = |chars| text.char_indices().nth(chars).map_or(text.len(), |(byte, _)| byte);
        (at(self.start), at(self.end))
    }
}

fn name(text: Option<&str>) -> Option<String> {
    clipped(text, NAME_BYTES_MAX)
}

fn clipped(text: Option<&str>, bytes_max: usize) -> Option<String> {
    let text = text.filter(|text| !text.is_empty())?;
    Some(text[..text.floor_char_boundary(bytes_max)].to_owned())
}

/// Characters of a text.
pub(crate) fn chars(text: &str) -> usize {
    text.chars().count()
}

/// Characters of text that parts of an answer say.
pub(crate) fn chars_of(parts: &[OutputPart<'_>]) -> usize {
    let text = |part: &OutputPart<'_>| match part {
        OutputPart::Text(text) => chars(text),
        OutputPart::Thinking { .. }
        | OutputPart::RedactedThinking(_)
        | OutputPart::ToolCall { .. } => 0,
    };
    parts.iter().map(text).sum()
}

/// Characters of text that steps of a stream say.
pub(crate) fn chars_told(steps: &[StreamEvent<'_>]) -> usize {
    steps.iter().map(|step| if let StreamEvent::Text(text) = step { chars(text) } else { 0 }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_of_characters_is_found_in_a_piece_and_in_bytes() {
        let text = "Zwölf 🌦 Grad";
        let span = Span::new(6, 12);
        assert_eq!(span.bytes_of(text), (7, 16));
        assert_eq!(span.within(6, 6), Some(Span::new(0, 6)));
        assert_eq!(span.within(5, 3), Some(Span::new(1, 3)), "the end is cut to the piece");
        assert_eq!((span.within(0, 6), span.within(7, 9)), (None, None));
        assert_eq!(Span::new(3, 900).bytes_of(text), (4, text.len()));
        assert_eq!(Span::told(usize::MAX, 7, u64::MAX), Span::new(usize::MAX, usize::MAX));
    }

    #[test]
    fn what_is_kept_of_a_source_is_bounded() {
        let long = "é".repeat(5_000);
        assert_eq!(Source::web(&long, None), None, "a cut address leads elsewhere");
        assert_eq!(Source::web("", Some("t")), None);
        assert_eq!(Source::document(None, None, Some(""), None), None);
        let source = Source::web("https://a", Some(&long)).unwrap();
        assert!(matches!(&source, Source::Web { title: Some(title), .. } if title.len() == 512));
        let citation = Citation::new(source, Some(&long), Span::default());
        assert_eq!(citation.quoted.map(|quoted| quoted.len()), Some(4_096));
    }
}
