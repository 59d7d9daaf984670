//! A source of a text, as this dialect words it.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::chat::{Citation, Source, Span};
use crate::openai::annotations::UrlCitation;

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum AnnotationBody<'a> {
    UrlCitation(UrlCitation<'a>),
    FileCitation { file_id: &'a str, filename: &'a str, index: usize },
}

/// Whether there are words for a citation.
pub(super) fn carries(citation: &Citation) -> bool {
    match &citation.source {
        Source::Web { .. } => true,
        Source::Document { id, title, .. } => id.is_some() || title.is_some(),
    }
}

/// The words for a citation, `span` counted in the text it stands beside. A document is told by the id of
/// its file, or by its title where it has none; one that has only a number has no word here.
pub(super) fn annotation(citation: &Citation, span: Span) -> Option<Box<RawValue>> {
    let body = match &citation.source {
        Source::Web { .. } => AnnotationBody::UrlCitation(UrlCitation::new(citation, span)?),
        Source::Document { id, title, .. } => {
            let file_id = id.as_deref().or(title.as_deref())?;
            let filename = title.as_deref().unwrap_or(file_id);
            AnnotationBody::FileCitation { file_id, filename, index: span.end }
        }
    };
    to_raw_value(&body).ok()
}
