//! Sources named beside an answer, in the words OpenAI's two dialects share: a page of the web with the
//! characters that rest on it. The chat nests it under its kind, responses do not.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::chat::{Citation, Source, Span};
use crate::json::{List, Text};

/// A page, and the characters that rest on it.
#[derive(Serialize)]
pub(crate) struct UrlCitation<'a> {
    start_index: usize,
    end_index: usize,
    url: &'a str,
    title: &'a str,
}

/// One source beside a message of the chat.
#[derive(Serialize)]
pub(super) struct Annotation<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    url_citation: UrlCitation<'a>,
}

impl<'a> UrlCitation<'a> {
    /// The words for a citation; `None` for a document, which has none.
    pub(crate) fn new(citation: &'a Citation, span: Span) -> Option<Self> {
        let Source::Web { url, title } = &citation.source else { return None };
        let title = title.as_deref().unwrap_or_default();
        Some(Self { start_index: span.start, end_index: span.end, url, title })
    }
}

impl<'a> Annotation<'a> {
    /// The words for a citation; `None` for a document, which the chat has no word for.
    pub(super) fn new(citation: &'a Citation) -> Option<Self> {
        let url_citation = UrlCitation::new(citation, citation.span)?;
        Some(Self { kind: "url_citation", url_citation })
    }
}

/// An annotation as a provider words it, in either dialect.
#[derive(Deserialize)]
struct AnnotationBody<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow)]
    url_citation: Option<&'a RawValue>,
    start_index: Option<u64>,
    end_index: Option<u64>,
    /// Where the mark of a file stands.
    index: Option<u64>,
    #[serde(borrow)]
    url: Option<Text<'a>>,
    #[serde(borrow)]
    title: Option<Text<'a>>,
    #[serde(borrow)]
    file_id: Option<Text<'a>>,
    #[serde(borrow)]
    filename: Option<Text<'a>>,
}

impl AnnotationBody<'_> {
    /// What it cites; `base` is where the text it counts in begins. What has no place rests on all text up
    /// to `said`.
    fn citation(&self, base: usize, said: usize) -> Option<Citation> {
        if let Some(nested) = self.url_citation {
            let nested: AnnotationBody<'_> = serde_json::from_str(nested.get()).ok()?;
            return nested.url(base, said);
        }
        match self.kind.as_ref().map_or("", Text::as_str) {
            "url_citation" => self.url(base, said),
            "file_citation" | "container_file_citation" => {
                let id = self.file_id.as_ref().map(Text::as_str);
                let title = self.filename.as_ref().map(Text::as_str);
                let source = Source::document(id, None, title, None)?;
                Some(Citation::new(source, None, self.span(base, said)))
            }
            // Paths of files the model wrote are no sources.
            _ => None,
        }
    }

    fn url(&self, base: usize, said: usize) -> Option<Citation> {
        let title = self.title.as_ref().map(Text::as_str);
        let source = Source::web(self.url.as_ref()?.as_str(), title)?;
        Some(Citation::new(source, None, self.span(base, said)))
    }

    fn span(&self, base: usize, said: usize) -> Span {
        match (self.start_index, self.end_index, self.index) {
            (Some(start), Some(end), _) => Span::told(base, start, end),
            (_, _, Some(index)) => Span::told(base, index, index),
            _ => Span::new(base, said),
        }
    }
}

/// The citation of one annotation; what cannot be read is none, because an answer without it is whole.
pub(crate) fn read(raw: &RawValue, base: usize, said: usize) -> Option<Citation> {
    serde_json::from_str::<AnnotationBody<'_>>(raw.get()).ok()?.citation(base, said)
}

/// The citations of a list of annotations.
pub(crate) fn read_all(raw: Option<&RawValue>, base: usize, said: usize) -> Vec<Citation> {
    let list = raw.and_then(|raw| serde_json::from_str::<List<&RawValue>>(raw.get()).ok());
    list.unwrap_or_default().0.into_iter().filter_map(|raw| read(raw, base, said)).collect()
}
