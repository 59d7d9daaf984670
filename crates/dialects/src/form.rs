//! A multipart form as bytes: where its fields lie, and how to change one of them and nothing else.
//!
//! It must never know what a field means.

use std::ops::Range;

use memchr::memmem;

/// Most fields of a form.
const FIELDS_MAX: usize = 256;
/// Longest head of a field, bytes.
const HEAD_BYTES_MAX: usize = 8 << 10;

/// A form.
pub(crate) struct Form<'a> {
    body: &'a [u8],
    delimiter: Vec<u8>,
    fields: Vec<Field>,
}

struct Field {
    name: String,
    value: Range<usize>,
}

impl<'a> Form<'a> {
    /// Reads a form; `None` when the body is none, or has more than 256 fields.
    pub(crate) fn scan(content_type: &str, body: &'a [u8]) -> Option<Self> {
        let (kind, parameters) = content_type.split_once(';')?;
        if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
            return None;
        }
        let boundary = parameter(parameters, "boundary").filter(|boundary| !boundary.is_empty())?;
        let delimiter = format!("--{boundary}").into_bytes();
        let between = [b"\r\n", delimiter.as_slice()].concat();
        let mut at = if body.starts_with(&delimiter) { 0 } else { find(body, &between, 0)? + 2 };
        let mut fields = Vec::new();
        loop {
            at += delimiter.len();
            if body.get(at..)?.starts_with(b"--") {
                return Some(Self { body, delimiter, fields });
            }
            let head = find(body, b"\r\n", at)?;
            let value = find(body, b"\r\n\r\n", head)? + 4;
            let is_short = value - head <= HEAD_BYTES_MAX && fields.len() < FIELDS_MAX;
            let name = name_of(body.get(head..value)?).filter(|_| is_short)?;
            // A field without anything in it ends where it begins.
            let end = find(body, &between, value)?;
            fields.push(Field { name, value: value..end });
            at = end + 2;
        }
    }

    /// The text of a field; `None` when it is not there or no text.
    pub(crate) fn text(&self, name: &str) -> Option<&'a str> {
        let field = self.fields.iter().find(|field| field.name == name)?;
        std::str::from_utf8(self.body.get(field.value.clone())?).ok()
    }

    /// How many fields have this name.
    pub(crate) fn count(&self, name: &str) -> usize {
        self.fields.iter().filter(|field| field.name == name).count()
    }

    /// The form with one field changed, or added in front; every other byte as it was.
    pub(crate) fn with(&self, name: &str, value: &str) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.body.len() + value.len() + 256);
        let known = self.fields.iter().find(|field| field.name == name);
        let (before, after) = match known {
            Some(field) => (self.body.get(..field.value.start), self.body.get(field.value.end..)),
            None => {
                out.extend_from_slice(&self.delimiter);
                out.extend_from_slice(b"\r\ncontent-disposition: form-data; name=\"");
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(b"\"\r\n\r\n");
                (None, None)
            }
        };
        out.extend_from_slice(before.unwrap_or_default());
        out.extend_from_slice(value.as_bytes());
        if known.is_none() {
            out.extend_from_slice(b"\r\n");
            out.extend_from_slice(self.body);
        }
        out.extend_from_slice(after.unwrap_or_default());
        out
    }
}

fn find(body: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    memmem::find(body.get(from..)?, needle).map(|at| from + at)
}

/// The name in the head of a field.
fn name_of(head: &[u8]) -> Option<String> {
    std::str::from_utf8(head).ok()?.split("\r\n").find_map(|line| {
        let (header, value) = line.split_once(':')?;
        let is_named = header.trim().eq_ignore_ascii_case("content-disposition");
        let (_, parameters) = value.split_once(';').filter(|_| is_named)?;
        parameter(parameters, "name")
    })
}

/// The first parameter of this name in `a=b; c="d; e"`, where quotes hide separators.
fn parameter(parameters: &str, wanted: &str) -> Option<String> {
    let mut rest = parameters;
    loop {
        let (name, after) = rest.split_once('=')?;
        let name = name.trim().trim_start_matches(';').trim();
        let mut value = String::new();
        let (mut is_quoted, mut is_escaped, mut end) = (false, false, after.len());
        for (at, letter) in after.char_indices() {
            match letter {
                _ if is_escaped => {
                    value.push(letter);
                    is_escaped = false;
                }
                '\\' if is_quoted => is_escaped = true,
                '"' => is_quoted = !is_quoted,
                ';' if !is_quoted => {
                    end = at + 1;
                    break;
                }
                _ => value.push(letter),
            }
        }
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value.trim().to_owned());
        }
        rest = after.get(end..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KIND: &str = "multipart/form-data; boundary=\"b 1\"";
    const BODY: &str = "--b 1\r\ncontent-disposition: form-data; filename=\"a; name=model\"; \
                        name=\"file\"\r\ncontent-type: audio/wav\r\n\r\n\u{1}--b 2\r\n\r\n\
                        --b 1\r\nContent-Disposition: form-data; name=model\r\n\r\nfast\r\n--b 1--\r\n";

    #[test]
    fn fields_are_found_by_their_own_name_only() {
        let form = Form::scan(KIND, BODY.as_bytes()).unwrap();
        assert_eq!(form.text("model"), Some("fast"));
        assert_eq!(form.text("file"), Some("\u{1}--b 2\r\n"));
        assert_eq!((form.count("model"), form.count("a")), (1, 0));
        for junk in ["", "--b 1", "--b 1\r\n\r\n", "--b 1\r\nx: y\r\n\r\nv\r\n--b 1--"] {
            assert!(Form::scan(KIND, junk.as_bytes()).is_none(), "{junk}");
        }
        assert!(Form::scan("application/json", BODY.as_bytes()).is_none());
    }

    #[test]
    fn one_field_is_changed_and_nothing_else() {
        let form = Form::scan(KIND, BODY.as_bytes()).unwrap();
        let changed = form.with("model", "whisper-1");
        assert_eq!(changed, BODY.replace("\r\n\r\nfast", "\r\n\r\nwhisper-1").into_bytes());
        let added = form.with("user", "u");
        let again = Form::scan(KIND, &added).unwrap();
        assert_eq!((again.text("user"), again.text("model")), (Some("u"), Some("fast")));
    }

    proptest! {
        #[test]
        fn no_form_panics(kind in "[a-z/;=\" ]{0,40}", body in "(--b|\r\n|[a-z:;=\"-]){0,20}") {
            let _ = Form::scan(&kind, body.as_bytes());
            let _ = Form::scan("multipart/form-data; boundary=b", body.as_bytes());
        }
    }
}
