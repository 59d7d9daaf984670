//! What a model recited, as this dialect words it (`citationMetadata`): sources with the part of the answer
//! each stands behind, told beside what the answer was grounded on or without it.
//!
//! Positions are bytes of UTF-8 in the text of the answer, the end not part of it (the vendor's reference of
//! `CitationSource`, <https://ai.google.dev/api/python/google/ai/generativelanguage/CitationSource>: "measured
//! in bytes", read 2026-11). Its cloud calls the list `citations`, adds titles, and says of positions only that
//! they are in the content; they are read the same. Licences and dates have no neutral word and are left out.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::chat::{CITATIONS_MAX, Citation, Source, Span, chars};
use crate::json::{List, Text};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MetadataBody<'a> {
    #[serde(borrow)]
    citation_sources: Option<List<&'a RawValue>>,
    #[serde(borrow)]
    citations: Option<List<&'a RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SourceBody<'a> {
    start_index: Option<usize>,
    end_index: Option<usize>,
    #[serde(borrow)]
    uri: Option<Text<'a>>,
    #[serde(borrow)]
    title: Option<Text<'a>>,
}

/// What was told so far; at most [`CITATIONS_MAX`]. Some events of a stream tell what is new and some repeat
/// all, so that each is kept once.
#[derive(Debug, Default)]
pub(super) struct Recited(Vec<Told>);

/// A source, and the bytes of the text it stands behind.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    start: usize,
    /// `None` where it does not say: the end of the text.
    end: Option<usize>,
    source: Source,
}

impl Told {
    fn read(raw: &RawValue) -> Option<Self> {
        let body: SourceBody<'_> = serde_json::from_str(raw.get()).ok()?;
        let title = body.title.as_ref().map(Text::as_str);
        let source = match body.uri.as_ref().map_or("", Text::as_str) {
            // A book has no address.
            "" => Source::document(None, None, title, None)?,
            uri => Source::web(uri, title)?,
        };
        Some(Self { start: body.start_index.unwrap_or(0), end: body.end_index, source })
    }

    /// The bytes of a text of `length`; all of it where it says nothing that can be.
    fn bytes(&self, length: usize) -> (usize, usize) {
        let end = self.end.unwrap_or(length).min(length);
        if self.start < end { (self.start, end) } else { (0, length) }
    }
}

impl Recited {
    /// Notes what an answer, or an event of one, tells. What cannot be read is none.
    pub(super) fn note(&mut self, json: &str) {
        let Ok(body) = serde_json::from_str::<MetadataBody<'_>>(json) else { return };
        let lists = [body.citation_sources, body.citations].into_iter().flatten();
        for raw in lists.flat_map(|list| list.0).take(CITATIONS_MAX) {
            if self.0.len() == CITATIONS_MAX {
                return;
            }
            let told = Told::read(raw).filter(|told| !self.0.contains(told));
            self.0.extend(told);
        }
    }

    /// The citations, where `text` is that of the whole answer.
    pub(super) fn citations(self, text: &str) -> Vec<Citation> {
        let bytes: Vec<(usize, usize)> = self.0.iter().map(|told| told.bytes(text.len())).collect();
        let counts = counts(text, bytes.iter().flat_map(|(start, end)| [*start, *end]));
        let count = |at: &usize| counts.get(at).copied().unwrap_or(0);
        let cite = |(told, (start, end)): (Told, &(usize, usize))| {
            Citation::new(told.source, None, Span::new(count(start), count(end)))
        };
        self.0.into_iter().zip(&bytes).map(cite).collect()
    }
}

/// Characters before each position of a text, which is read once however many positions there are.
fn counts(text: &str, positions: impl Iterator<Item = usize>) -> BTreeMap<usize, usize> {
    let mut counts: BTreeMap<usize, usize> = positions.map(|at| (at, 0)).collect();
    let (mut read, mut counted) = (0, 0);
    for (at, count) in &mut counts {
        // A position within a character is that character's.
        let at = text.floor_char_boundary(*at);
        counted += chars(text.get(read..at).unwrap_or_default());
        read = at;
        *count = counted;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(json: &str, text: &str) -> Vec<(usize, usize)> {
        let mut recited = Recited::default();
        recited.note(json);
        let spans = recited.citations(text).into_iter().map(|citation| citation.span);
        spans.map(|span| (span.start, span.end)).collect()
    }

    #[test]
    fn positions_are_bytes_and_what_says_none_is_behind_all_of_it() {
        let text = "Grüße 🌦: Zwölf";
        for (indices, span) in [
            (r#""startIndex":14,"endIndex":20"#, (9, 14)),
            (r#""endIndex":7"#, (0, 5)),
            (r#""startIndex":14"#, (9, 14)),
            (r#""startIndex":14,"endIndex":900"#, (9, 14)),
            (r#""startIndex":9,"endIndex":11"#, (6, 6)),
            (r#""startIndex":7,"endIndex":7"#, (0, 14)),
            (r#""startIndex":null"#, (0, 14)),
        ] {
            for list in ["citationSources", "citations"] {
                let json = format!(r#"{{"{list}":[{{{indices},"uri":"https://a"}}]}}"#);
                assert_eq!(spans(&json, text), [span], "{json}");
            }
        }
    }

    #[test]
    fn what_is_repeated_is_kept_once_and_what_has_no_name_not_at_all() {
        let mut recited = Recited::default();
        for json in [
            r#"{"citationSources":[{"uri":"https://a","license":"mit"},{"endIndex":3},7]}"#,
            r#"{"citations":[{"uri":"https://a"},{"title":"A book","endIndex":3}]}"#,
            r#"{"citations":{}}"#,
        ] {
            recited.note(json);
        }
        let titles = recited.citations("text").into_iter().map(|citation| citation.source);
        assert_eq!(
            titles.map(Some).collect::<Vec<_>>(),
            [Source::web("https://a", None), Source::document(None, None, Some("A book"), None)]
        );
        let one = |at: usize| format!(r#"{{"uri":"https://a/{at}"}}"#);
        let many: Vec<String> = (0..600).map(one).collect();
        let json = format!(r#"{{"citationSources":[{}]}}"#, many.join(","));
        assert_eq!(spans(&json, "text").len(), CITATIONS_MAX);
    }
}
