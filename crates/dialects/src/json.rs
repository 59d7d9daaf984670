//! JSON as text: borrowed strings, members of an object by position, numbers without floats.
//!
//! Bodies reach tens of megabytes, so nothing here builds a tree. It must never know what a member
//! means to a dialect.

mod list;
mod members;
mod number;
mod object;
mod text;

pub(crate) use list::List;
pub(crate) use members::Members;
pub(crate) use number::{usd, whole};
pub(crate) use object::{Edit, Object, Sink};
pub(crate) use text::Text;

use serde::Serialize;

/// Appends `value` as JSON. Memory can always be written and the values of this crate have string
/// keys only, so there is no failure to report.
pub(crate) fn append<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    let whole = out.len();
    if serde_json::to_writer(&mut *out, value).is_err() {
        out.truncate(whole);
    }
}

/// `value` as JSON text.
pub(crate) fn text_of<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// A text with other text in the place of one part, which must be a slice of it: else `None`.
pub(crate) fn spliced(text: &str, part: &str, with: &str) -> Option<String> {
    let start = part.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
    let (before, rest) = text.split_at_checked(start)?;
    let (_, after) = rest.split_at_checked(part.len())?;
    Some([before, with, after].concat())
}

/// Whether the JSON text is the literal `null`.
pub(crate) fn is_null(json: &str) -> bool {
    json.trim_ascii() == "null"
}

/// A JSON string, number or boolean as plain text; `None` for everything else.
pub(crate) fn plain_text(json: &str) -> Option<String> {
    let json = json.trim_ascii();
    match json.as_bytes().first()? {
        b'"' => serde_json::from_str(json).ok(),
        b'{' | b'[' | b'n' => None,
        _ => Some(json.to_owned()),
    }
}
