//! Pages some servers list beside an answer, and the marks in its text, `[1]` and on, that name them by number.
//!
//! `citations` is a list of addresses, `search_results` one of addresses with titles, both beside `choices`. In
//! a stream they come with its last chunks, or again with every chunk that tells of a search, so that the latest
//! list counts (<https://docs.perplexity.ai/guides/streaming-responses> and
//! <https://docs.perplexity.ai/docs/sonar/pro-search/stream-mode>, read 2026-11). A mark cites its source over
//! its own characters, as this dialect's own citations do; where no mark stands, each source is behind all of
//! the text. Annotations go before all of this: they say the same, and where.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::chat::{CITATIONS_MAX, Citation, Source, Span, chars};
use crate::json::{List, Text};

/// Longest list kept while a stream goes on, bytes; several times what 20 results with their passages take. A
/// longer one is left out.
const LIST_BYTES_MAX: usize = 256 << 10;

/// Finds the marks of a text that arrives in pieces; keeps [`CITATIONS_MAX`] at most.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Characters read.
    said: usize,
    open: Option<Mark>,
    found: Vec<Mark>,
}

/// A mark; while it is open its span ends where it begins.
#[derive(Debug, Clone, Copy)]
struct Mark {
    /// 1, 2, …; 0 before its first digit.
    number: usize,
    span: Span,
}

impl Mark {
    fn begun(at: usize) -> Self {
        Self { number: 0, span: Span::new(at, at) }
    }

    /// The same with one more digit; `None` for a number no source has.
    fn with(self, digit: u32) -> Option<Self> {
        let number = self.number * 10 + usize::try_from(digit).ok()?;
        (1..=CITATIONS_MAX).contains(&number).then_some(Self { number, ..self })
    }
}

impl Marks {
    /// Characters read so far.
    pub(super) const fn said(&self) -> usize {
        self.said
    }

    /// Reads the next piece of the text.
    pub(super) fn read(&mut self, text: &str) {
        if self.open.is_none() && !text.contains('[') {
            self.said += chars(text);
            return;
        }
        for char in text.chars() {
            self.open = match (self.open.take(), char, char.to_digit(10)) {
                (_, '[', _) => Some(Mark::begun(self.said)),
                (Some(mark), _, Some(digit)) => mark.with(digit),
                (Some(mark), ']', _) if mark.number > 0 => {
                    self.close(mark);
                    None
                }
                _ => None,
            };
            self.said += 1;
        }
    }

    fn close(&mut self, mark: Mark) {
        if self.found.len() < CITATIONS_MAX {
            let span = Span::new(mark.span.start, self.said + 1);
            self.found.push(Mark { span, ..mark });
        }
    }

    /// What the text cites of the sources listed beside it.
    pub(super) fn citations(&self, sources: &[Option<Source>]) -> Vec<Citation> {
        let cite = |source: &Option<Source>, span| {
            source.as_ref().map(|source| Citation::new(source.clone(), None, span))
        };
        if self.said == 0 || sources.is_empty() {
            return Vec::new();
        }
        if self.found.is_empty() {
            let all = Span::new(0, self.said);
            return sources.iter().filter_map(|source| cite(source, all)).collect();
        }
        let source = |mark: &Mark| sources.get(mark.number.checked_sub(1)?);
        self.found.iter().filter_map(|mark| cite(source(mark)?, mark.span)).collect()
    }
}

/// The lists a stream told last.
#[derive(Debug, Default)]
pub(super) struct Lists {
    cited: String,
    found: String,
}

impl Lists {
    /// Notes what a chunk tells.
    pub(super) fn note(&mut self, cited: Option<&RawValue>, found: Option<&RawValue>) {
        for (kept, told) in [(&mut self.cited, cited), (&mut self.found, found)] {
            let told = told.map_or("", RawValue::get);
            // Most chunks that tell a list repeat it.
            if told.starts_with('[') && told.len() <= LIST_BYTES_MAX && told != kept {
                told.clone_into(kept);
            }
        }
    }

    /// Their sources.
    pub(super) fn sources(&self) -> Vec<Option<Source>> {
        sources(&self.cited, &self.found)
    }
}

/// A page as either list tells it.
#[derive(Deserialize, Default)]
struct Page<'a> {
    #[serde(borrow)]
    url: Option<Text<'a>>,
    #[serde(borrow)]
    title: Option<Text<'a>>,
}

impl<'a> Page<'a> {
    /// An address, or an object that has one. What is neither keeps its number and is no source.
    fn read(raw: &'a RawValue) -> Self {
        match serde_json::from_str::<Text<'a>>(raw.get()) {
            Ok(url) => Self { url: Some(url), title: None },
            Err(_) => serde_json::from_str(raw.get()).unwrap_or_default(),
        }
    }

    fn url(&self) -> &str {
        self.url.as_ref().map_or("", Text::as_str)
    }

    fn title(&self) -> Option<&str> {
        self.title.as_ref().map(Text::as_str)
    }
}

fn pages(list: &str) -> Vec<Page<'_>> {
    let list = serde_json::from_str::<List<&RawValue>>(list).unwrap_or_default().0;
    list.into_iter().take(CITATIONS_MAX).map(Page::read).collect()
}

/// The sources the marks of an answer count, from its two lists as JSON; `None` for one without an address.
pub(super) fn sources(cited: &str, found: &str) -> Vec<Option<Source>> {
    let (cited, found) = (pages(cited), pages(found));
    let titles: HashMap<&str, &str> =
        found.iter().filter_map(|page| Some((page.url(), page.title()?))).collect();
    let numbered = if cited.is_empty() { &found } else { &cited };
    let source = |page: &Page<'_>| {
        let title = page.title().or_else(|| titles.get(page.url()).copied());
        Source::web(page.url(), title)
    };
    numbered.iter().map(source).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(pieces: &[&str]) -> Vec<(usize, usize, usize)> {
        let mut marks = Marks::default();
        pieces.iter().for_each(|piece| marks.read(piece));
        marks.found.iter().map(|mark| (mark.number, mark.span.start, mark.span.end)).collect()
    }

    #[test]
    fn marks_are_found_however_the_text_is_cut() {
        for (text, found) in [
            ("Grüße[1][12] 🌦[3].", vec![(1, 5, 8), (12, 8, 12), (3, 14, 17)]),
            ("[[2]] [ 1] [1,2] [a1] [] [0] [07] [513] [99999999999999999999999]", vec![(2, 1, 4)]),
            ("a[1", vec![]),
        ] {
            assert_eq!(marks(&[text]), found, "{text}");
            let chars: Vec<String> = text.chars().map(String::from).collect();
            let pieces: Vec<&str> = chars.iter().map(String::as_str).collect();
            assert_eq!(marks(&pieces), found, "{text}, one by one");
        }
        assert_eq!(marks(&["[1]".repeat(600).as_str()]).len(), CITATIONS_MAX);
    }

    #[test]
    fn sources_are_numbered_by_the_list_that_is_cited_and_named_by_the_other() {
        let web = |url, title| Source::web(url, title);
        let found = r#"[{"url":"https://b","title":"B","date":"2026-01-01"},{"title":"nowhere"}]"#;
        for (cited, found, wanted) in [
            (
                r#"["https://a","https://b"]"#,
                found,
                vec![web("https://a", None), web("https://b", Some("B"))],
            ),
            ("", found, vec![web("https://b", Some("B")), None]),
            ("[]", "[]", vec![]),
            (r#"{"a":1}"#, "7", vec![]),
            (r#"[7,{"url":"https://c","title":"C"}]"#, "", vec![None, web("https://c", Some("C"))]),
        ] {
            assert_eq!(sources(cited, found), wanted, "{cited} {found}");
        }
    }

    #[test]
    fn a_mark_beyond_the_list_cites_nothing_and_a_text_without_marks_rests_on_all() {
        let sources = sources(r#"["https://a","https://b"]"#, "");
        let spans = |text: &str| -> Vec<(usize, usize)> {
            let mut marks = Marks::default();
            marks.read(text);
            let cited = marks.citations(&sources).into_iter();
            cited.map(|citation| (citation.span.start, citation.span.end)).collect()
        };
        assert_eq!(spans("One [3] two [2]."), [(12, 15)]);
        assert_eq!(spans("Nothing."), [(0, 8), (0, 8)]);
        assert_eq!(spans(""), []);
    }
}
