//! Where in the text of a price file something stands. Walked only once something is wrong.
//!
//! It must never know what is wrong.

use std::collections::HashMap;
use std::ops::Range;

use serde_json::value::RawValue;

/// A step from a JSON value to one inside it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step<'s> {
    /// The value of a key of an object.
    Key(&'s str),
    /// An element of a list, from 0.
    At(usize),
}

/// The bytes of the value a path leads to, or of the last one on the way that is there.
pub(crate) fn find(text: &str, path: &[Step<'_>]) -> Range<usize> {
    let mut value = text.trim();
    for step in path {
        let inner: Option<&RawValue> = match step {
            Step::Key(key) => serde_json::from_str::<HashMap<String, &RawValue>>(value)
                .ok()
                .and_then(|fields| fields.get(*key).copied()),
            Step::At(position) => serde_json::from_str::<Vec<&RawValue>>(value)
                .ok()
                .and_then(|items| items.get(*position).copied()),
        };
        match inner {
            Some(inner) => value = inner.get(),
            None => break,
        }
    }
    // Every value is a slice of the text, so that its address tells its place.
    let start = value.as_ptr().addr().saturating_sub(text.as_ptr().addr());
    start..start + value.len()
}

/// Line and column of a byte, both from 1; the column counts bytes.
pub(crate) fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
    (line, column)
}

/// The byte at a line and column as [`line_and_column`] counts them; the end of a shorter text.
pub(crate) fn offset(text: &str, line: usize, column: usize) -> usize {
    let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
    let start = starts.clone().nth(line.saturating_sub(1)).unwrap_or(text.len());
    (start + column.saturating_sub(1)).min(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_the_bytes_of_its_value() {
        let text = "\n{\"a\": [1, {\"b\": \"two\"}],\n \"c\": 3}";
        let at = |path: &[Step<'_>]| &text[find(text, path)];
        assert_eq!(at(&[Step::Key("a"), Step::At(1), Step::Key("b")]), "\"two\"");
        assert_eq!(at(&[Step::Key("c")]), "3");
        assert_eq!(at(&[Step::Key("a"), Step::At(7)]), "[1, {\"b\": \"two\"}]");
        assert_eq!(line_and_column(text, find(text, &[Step::Key("c")]).start), (3, 7));
    }

    #[test]
    fn a_place_and_its_line_and_column_are_the_same_place() {
        let text = "ab\n\ncde\n";
        for at in 0..=text.len() {
            let (line, column) = line_and_column(text, at);
            assert_eq!(offset(text, line, column), at);
        }
        assert_eq!(offset(text, 99, 1), text.len());
    }
}
