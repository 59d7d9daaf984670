//! Sources a block of text names, whole or one at a time in a stream.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::chat::{Citation, Place, PlaceUnit, Source, Span};
use crate::json::{List, Object, Text};

/// The kinds of places within documents, and what they count.
const PLACES: [(&str, PlaceUnit); 4] = [
    ("documentChar", PlaceUnit::Char),
    ("documentPage", PlaceUnit::Page),
    ("documentChunk", PlaceUnit::Block),
    ("searchResultLocation", PlaceUnit::Block),
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CitationBody<'a> {
    #[serde(borrow)]
    title: Option<Text<'a>>,
    /// Where a result of a search is from, as the client named it.
    #[serde(borrow)]
    source: Option<Text<'a>>,
    #[serde(borrow)]
    source_content: Option<List<PassageBody<'a>>>,
    #[serde(borrow)]
    location: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct PassageBody<'a> {
    #[serde(borrow)]
    text: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PlaceBody {
    #[serde(alias = "searchResultIndex")]
    document_index: Option<u64>,
    start: Option<u64>,
    end: Option<u64>,
}

impl CitationBody<'_> {
    fn source(&self) -> Option<Source> {
        let (title, named) =
            (self.title.as_ref().map(Text::as_str), self.source.as_ref().map(Text::as_str));
        let location = self.location.and_then(|raw| Object::scan(raw.get()));
        let Some(location) = location else {
            return Source::document(named, None, title, None);
        };
        if let Some(web) = location.child("web") {
            return Source::web(&web.text("url")?, title);
        }
        let page = named.filter(|n| n.starts_with("https://") || n.starts_with("http://"));
        if let Some(url) = page {
            return Source::web(url, title);
        }
        let (mut index, mut place) = (None, None);
        for (name, unit) in PLACES {
            let Some(json) = location.get(name) else { continue };
            let body: PlaceBody = serde_json::from_str(json).ok()?;
            index = body.document_index;
            place = body.start.zip(body.end).map(|(start, end)| Place { unit, start, end });
        }
        Source::document(named, index, title, place)
    }
}

/// The citation of one source; what cannot be read is none, because an answer without it is whole.
pub(super) fn read(raw: &RawValue, span: Span) -> Option<Citation> {
    let told: CitationBody<'_> = serde_json::from_str(raw.get()).ok()?;
    let passages = told.source_content.as_ref().map_or(&[][..], |list| &list.0);
    let quoted: String =
        passages.iter().filter_map(|p| p.text.as_ref()).map(Text::as_str).collect();
    Some(Citation::new(told.source()?, Some(&quoted), span))
}

/// The citations of a block.
pub(super) fn read_all(raw: Option<&RawValue>, span: Span) -> Vec<Citation> {
    let list = raw.and_then(|raw| serde_json::from_str::<List<&RawValue>>(raw.get()).ok());
    list.unwrap_or_default().0.into_iter().filter_map(|raw| read(raw, span)).collect()
}
