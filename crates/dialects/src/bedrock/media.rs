//! Pictures and files as this dialect takes them: data, or a place in the vendor's own storage.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use serde::Serialize;

use crate::chat::Image;
use crate::request::{Losses, RequestError};

/// Media types of pictures and their names here (botocore 1.44, `ImageFormat`).
const PICTURES: [(&str, &str); 5] = [
    ("image/png", "png"),
    ("image/jpeg", "jpeg"),
    ("image/jpg", "jpeg"),
    ("image/gif", "gif"),
    ("image/webp", "webp"),
];

/// Media types of files and their names here (botocore 1.44, `DocumentFormat`).
const FILES: [(&str, &str); 10] = [
    ("application/pdf", "pdf"),
    ("text/csv", "csv"),
    ("application/msword", "doc"),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"),
    ("application/vnd.ms-excel", "xls"),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
    ("text/html", "html"),
    ("text/plain", "txt"),
    ("text/markdown", "md"),
    ("text/x-markdown", "md"),
];

/// Longest name of a file (botocore 1.44, `DocumentBlock`), characters, with room for a number.
const NAME_CHARS_MAX: usize = 190;

#[derive(Serialize)]
pub(super) struct Picture<'r> {
    format: &'static str,
    source: Source<'r>,
}

#[derive(Serialize)]
pub(super) struct Document<'r> {
    format: &'static str,
    name: String,
    source: Source<'r>,
    #[serde(skip_serializing_if = "Option::is_none")]
    citations: Option<Citations>,
}

/// Whether answers cite a file (botocore 1.44, `CitationsConfig`).
#[derive(Serialize)]
struct Citations {
    enabled: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Source<'r> {
    Bytes(&'r str),
    Text(&'r str),
    S3Location { uri: &'r str },
}

/// A picture; `None` when its loss was noted.
pub(super) fn picture<'r>(
    image: &'r Image<'_>,
    param: &str,
    losses: &mut Losses,
) -> Result<Option<Picture<'r>>, RequestError> {
    let why = match image {
        Image::Data { media_type, data } => match named(&PICTURES, media_type) {
            Some(format) => return Ok(Some(Picture { format, source: Source::Bytes(data) })),
            None => Cow::Owned(format!("images of type {media_type} are not taken")),
        },
        Image::Url(uri) if uri.starts_with("s3://") => {
            let ending = uri.rsplit_once('.').map_or("", |(_, ending)| ending);
            match named(&PICTURES, &format!("image/{}", ending.to_ascii_lowercase())) {
                Some(format) => {
                    return Ok(Some(Picture { format, source: Source::S3Location { uri } }));
                }
                None => Cow::Borrowed("the address does not end in the picture's format"),
            }
        }
        Image::Url(_) => {
            Cow::Borrowed("images are taken as data or from S3 only, they are not fetched")
        }
    };
    losses.lose(param, &why)?;
    Ok(None)
}

/// A file; `None` when its type is not taken.
pub(super) fn document<'r>(
    media_type: &str,
    data: &'r str,
    name: impl FnOnce() -> String,
) -> Option<Document<'r>> {
    let format = named(&FILES, media_type)?;
    Some(Document { format, name: name(), source: Source::Bytes(data), citations: None })
}

impl<'r> Document<'r> {
    /// A text that is a file.
    pub(super) const fn text(text: &'r str, name: String) -> Self {
        Self { format: "txt", name, source: Source::Text(text), citations: None }
    }

    /// The same, to be cited or not.
    pub(super) fn cited(self, is_cited: bool) -> Self {
        Self { citations: is_cited.then_some(Citations { enabled: true }), ..self }
    }
}

fn named(names: &[(&str, &'static str)], media_type: &str) -> Option<&'static str> {
    let media_type = media_type.split(';').next().unwrap_or(media_type).trim();
    names.iter().find(|(name, _)| name.eq_ignore_ascii_case(media_type)).map(|(_, format)| *format)
}

/// The names files have in one request: no two alike, because the service refuses that.
#[derive(Default)]
pub(super) struct Names {
    used: HashSet<String>,
    /// The number the latest copy of a name got.
    copies: HashMap<String, u32>,
}

impl Names {
    /// A name for a file of this title, in the signs the service takes: letters, digits, single
    /// spaces, hyphens, parentheses, square brackets.
    pub(super) fn name(&mut self, title: Option<&str>) -> String {
        let title = title.unwrap_or_default();
        let title = title.rsplit_once('.').map_or(title, |(stem, _)| stem);
        let is_taken = |c: char| c.is_ascii_alphanumeric() || "-()[]".contains(c);
        let signs: String = title.chars().map(|c| if is_taken(c) { c } else { ' ' }).collect();
        let words: Vec<&str> = signs.split_whitespace().collect();
        let mut stem: String = words.join(" ").chars().take(NAME_CHARS_MAX).collect();
        if stem.trim().is_empty() {
            "document".clone_into(&mut stem);
        }
        let stem = stem.trim().to_owned();
        let mut name = stem.clone();
        let copy = self.copies.entry(stem.clone()).or_insert(1);
        while !self.used.insert(name.clone()) {
            *copy = copy.saturating_add(1);
            name = format!("{stem} {copy}");
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_what_the_service_takes_and_never_alike() {
        let mut names = Names::default();
        for (title, name) in [
            (Some("Q3 report (final).v2.pdf"), "Q3 report (final) v2"),
            (Some("Q3  report_(final).v2.pdf"), "Q3 report (final) v2 2"),
            (None, "document"),
            (Some("…"), "document 2"),
            (Some(""), "document 3"),
        ] {
            assert_eq!(names.name(title), name);
        }
        assert_eq!(names.name(Some(&"x".repeat(500))).len(), NAME_CHARS_MAX);
    }
}
