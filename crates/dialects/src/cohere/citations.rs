//! Sources an answer names: characters of one of its texts, and what they rest on.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::chat::{Citation, Source, Span};
use crate::json::{List, Object, Text};

#[derive(Deserialize)]
struct CitationBody<'a> {
    start: Option<u64>,
    end: Option<u64>,
    #[serde(borrow)]
    sources: Option<List<&'a RawValue>>,
    /// Which block of the content it counts in.
    content_index: Option<usize>,
    /// What it counts in: text, or reasoning.
    #[serde(borrow, rename = "type")]
    kind: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct SourceBody<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    /// The document as the client gave it: any members.
    #[serde(borrow)]
    document: Option<&'a RawValue>,
}

impl SourceBody<'_> {
    fn read(&self) -> Option<(Source, Option<String>)> {
        let document = self.document.and_then(|raw| Object::scan(raw.get()));
        let member = |name: &str| document.as_ref().and_then(|document| document.text(name));
        let title = member("title");
        let quoted = member("snippet").or_else(|| member("text"));
        if let Some(url) = member("url").filter(|url| url.starts_with("http")) {
            return Some((Source::web(&url, title.as_deref())?, quoted));
        }
        let id = self.id.as_ref().map(Text::as_str);
        Some((Source::document(id, None, title.as_deref(), None)?, quoted))
    }
}

/// The citations of one told by the provider, one for each of its sources. `bases` are where the blocks of
/// the content begin in the answer's text; without a block's number it is the last.
pub(super) fn read(json: &str, bases: &[usize]) -> Vec<Citation> {
    let Ok(told) = serde_json::from_str::<CitationBody<'_>>(json) else { return Vec::new() };
    if told.kind.as_ref().is_some_and(|kind| kind.as_str() != "TEXT_CONTENT") {
        return Vec::new();
    }
    let base = told.content_index.and_then(|index| bases.get(index)).or(bases.last());
    let (Some(start), Some(end)) = (told.start, told.end) else { return Vec::new() };
    let span = Span::told(base.copied().unwrap_or(0), start, end);
    let sources = told.sources.unwrap_or_default().0.into_iter();
    sources
        .filter_map(|raw| serde_json::from_str::<SourceBody<'_>>(raw.get()).ok()?.read())
        .map(|(source, quoted)| Citation::new(source, quoted.as_deref(), span))
        .collect()
}

/// The citations of a plain answer; what cannot be read is none, because an answer without it is whole.
pub(super) fn read_all(raw: Option<&RawValue>, bases: &[usize]) -> Vec<Citation> {
    let list = raw.and_then(|raw| serde_json::from_str::<List<&RawValue>>(raw.get()).ok());
    list.unwrap_or_default().0.into_iter().flat_map(|raw| read(raw.get(), bases)).collect()
}
