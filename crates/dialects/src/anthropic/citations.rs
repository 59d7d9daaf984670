//! Sources a block of text names. The block is what rests on them: positions are those of the source.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::chat::{Citation, Place, PlaceUnit, Source, Span};
use crate::json::{List, Text};

/// One source as this dialect words it.
#[derive(Serialize)]
#[serde(tag = "type")]
pub(super) enum CitationBody<'a> {
    #[serde(rename = "web_search_result_location")]
    WebSearchResult {
        cited_text: &'a str,
        url: &'a str,
        title: Option<&'a str>,
        /// Opaque, and this vendor's: nobody else has one.
        encrypted_index: &'static str,
    },
    #[serde(rename = "char_location")]
    Characters {
        #[serde(flatten)]
        document: DocumentBody<'a>,
        start_char_index: u64,
        end_char_index: u64,
    },
    #[serde(rename = "page_location")]
    Pages {
        #[serde(flatten)]
        document: DocumentBody<'a>,
        start_page_number: u64,
        end_page_number: u64,
    },
    #[serde(rename = "content_block_location")]
    Blocks {
        #[serde(flatten)]
        document: DocumentBody<'a>,
        start_block_index: u64,
        end_block_index: u64,
    },
}

#[derive(Serialize)]
pub(super) struct DocumentBody<'a> {
    cited_text: &'a str,
    document_index: u64,
    document_title: Option<&'a str>,
    file_id: Option<&'a str>,
}

impl<'a> CitationBody<'a> {
    /// The words for a citation. A document whose place is not known is cited at its beginning.
    pub(super) fn new(citation: &'a Citation) -> Self {
        let cited_text = citation.quoted.as_deref().unwrap_or_default();
        let (id, index, title, place) = match &citation.source {
            Source::Web { url, title } => {
                let title = title.as_deref();
                return Self::WebSearchResult { cited_text, url, title, encrypted_index: "" };
            }
            Source::Document { id, index, title, place } => (id, index, title, place),
        };
        let document = DocumentBody {
            cited_text,
            document_index: index.unwrap_or(0),
            document_title: title.as_deref(),
            file_id: id.as_deref(),
        };
        let Place { unit, start, end } =
            place.unwrap_or(Place { unit: PlaceUnit::Char, start: 0, end: 0 });
        match unit {
            PlaceUnit::Char => {
                Self::Characters { document, start_char_index: start, end_char_index: end }
            }
            PlaceUnit::Page => {
                Self::Pages { document, start_page_number: start, end_page_number: end }
            }
            PlaceUnit::Block => {
                Self::Blocks { document, start_block_index: start, end_block_index: end }
            }
        }
    }
}

/// One source as a provider tells it; each kind has some of these members.
#[derive(Deserialize)]
struct ToldBody<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow)]
    cited_text: Option<Text<'a>>,
    #[serde(borrow)]
    url: Option<Text<'a>>,
    #[serde(borrow)]
    title: Option<Text<'a>>,
    #[serde(borrow)]
    source: Option<Text<'a>>,
    #[serde(borrow)]
    file_id: Option<Text<'a>>,
    #[serde(borrow)]
    document_title: Option<Text<'a>>,
    document_index: Option<u64>,
    #[serde(alias = "start_page_number", alias = "start_block_index")]
    start_char_index: Option<u64>,
    #[serde(alias = "end_page_number", alias = "end_block_index")]
    end_char_index: Option<u64>,
}

impl ToldBody<'_> {
    fn source(&self) -> Option<Source> {
        let text = |text: &Option<Text<'_>>| text.as_ref().map(|text| text.0.clone().into_owned());
        let (title, file) = (text(&self.title), text(&self.file_id));
        let unit = match self.kind.as_str() {
            "web_search_result_location" => {
                return Source::web(self.url.as_ref()?.as_str(), title.as_deref());
            }
            // A source the client found: an address, or a name of its own.
            "search_result_location" => {
                let source = self.source.as_ref()?.as_str();
                let is_page = source.starts_with("https://") || source.starts_with("http://");
                let place = self.place(PlaceUnit::Block);
                return if is_page {
                    Source::web(source, title.as_deref())
                } else {
                    Source::document(Some(source), None, title.as_deref(), place)
                };
            }
            "char_location" => PlaceUnit::Char,
            "page_location" => PlaceUnit::Page,
            "content_block_location" => PlaceUnit::Block,
            _ => return None,
        };
        let title = text(&self.document_title);
        Source::document(file.as_deref(), self.document_index, title.as_deref(), self.place(unit))
    }

    fn place(&self, unit: PlaceUnit) -> Option<Place> {
        Some(Place { unit, start: self.start_char_index?, end: self.end_char_index? })
    }
}

/// The citation of one source; what cannot be read is none, because an answer without it is whole.
pub(super) fn read(raw: &RawValue, span: Span) -> Option<Citation> {
    let told: ToldBody<'_> = serde_json::from_str(raw.get()).ok()?;
    let quoted = told.cited_text.as_ref().map(Text::as_str);
    Some(Citation::new(told.source()?, quoted, span))
}

/// The citations of a block.
pub(super) fn read_all(raw: Option<&RawValue>, span: Span) -> Vec<Citation> {
    let list = raw.and_then(|raw| serde_json::from_str::<List<&RawValue>>(raw.get()).ok());
    list.unwrap_or_default().0.into_iter().filter_map(|raw| read(raw, span)).collect()
}
