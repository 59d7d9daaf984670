//! Pictures and files as URLs: data URLs taken apart without a copy, and written without one.

use std::borrow::Cow;
use std::fmt;

use serde::{Serialize, Serializer};

use crate::chat::{Content, Image};

/// The picture a URL stands for.
pub(crate) fn image(url: Cow<'_, str>) -> Image<'_> {
    match parse(&url) {
        Some((media_type, start)) => {
            let media_type = Cow::Owned(media_type.to_owned());
            Image::Data { media_type, data: tail(url, start) }
        }
        None => Image::Url(url),
    }
}

/// The file a data URL holds; `None` for any other URL.
pub(crate) fn document<'a>(url: Cow<'a, str>, title: Option<Cow<'a, str>>) -> Option<Content<'a>> {
    let (media_type, start) = parse(&url)?;
    let media_type = Cow::Owned(media_type.to_owned());
    Some(Content::Document { media_type, data: tail(url, start), title })
}

/// The media type of a base64 data URL and where its data starts.
fn parse(url: &str) -> Option<(&str, usize)> {
    let rest = url.strip_prefix("data:")?;
    let comma = rest.find(',')?;
    let head = rest[..comma].strip_suffix(";base64")?;
    let media_type = head.split(';').next().unwrap_or(head);
    Some((media_type, "data:".len() + comma + 1))
}

/// The text from `start` on, borrowed when the text is.
pub(crate) fn tail(text: Cow<'_, str>, start: usize) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[start..]),
        Cow::Owned(mut text) => Cow::Owned(text.split_off(start)),
    }
}

/// A URL, or data as one. The data is written where it goes, not copied first.
pub(crate) enum Url<'r> {
    /// To be fetched by the provider.
    Plain(&'r str),
    /// Carried along: media type and base64.
    Data {
        /// Such as `image/png`.
        media_type: &'r str,
        /// Base64.
        data: &'r str,
    },
}

impl<'r> From<&'r Image<'_>> for Url<'r> {
    fn from(image: &'r Image<'_>) -> Self {
        match image {
            Image::Data { media_type, data } => Url::Data { media_type, data },
            Image::Url(url) => Url::Plain(url),
        }
    }
}

impl fmt::Display for Url<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Url::Plain(url) => f.write_str(url),
            Url::Data { media_type, data } => {
                write!(f, "data:{media_type};base64,")?;
                f.write_str(data)
            }
        }
    }
}

impl Serialize for Url<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_reads_back_as_the_picture_it_was_written_from() {
        for url in [
            "data:image/png;base64,AAAA",
            "https://x/y.png",
            "data:text/plain,hello",
            "data:image/svg+xml;base64,",
        ] {
            assert_eq!(Url::from(&image(Cow::Borrowed(url))).to_string(), url);
        }
        let Image::Data { media_type, data } =
            image(Cow::Borrowed("data:image/png;name=x;base64,AAAA"))
        else {
            panic!()
        };
        assert_eq!((media_type.as_ref(), data.as_ref()), ("image/png", "AAAA"));
        assert!(matches!(data, Cow::Borrowed(_)));
        assert!(document(Cow::Borrowed("https://x/y.pdf"), None).is_none());
    }
}
