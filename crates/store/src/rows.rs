//! Reading the columns of either engine into types that cannot be wrong. It must never know a table.

use std::borrow::Cow;
use std::fmt::Display;

use serde::de::DeserializeOwned;
use units::UnixMicros;

use crate::StoreError;

/// Longest text that is indexed as it is, bytes.
const INDEXED_BYTES_MAX: usize = 1_024;

/// What the rows of both engines can give; money comes as text.
pub(crate) trait Columns {
    /// A text column.
    fn text(&self, column: &'static str) -> Result<Option<String>, StoreError>;
    /// An integer column.
    fn integer(&self, column: &'static str) -> Result<Option<i64>, StoreError>;
    /// A column of bytes.
    fn bytes(&self, column: &'static str) -> Result<Vec<u8>, StoreError>;
}

/// A text column.
pub(crate) fn text(row: &impl Columns, column: &'static str) -> Result<String, StoreError> {
    row.text(column)?.ok_or_else(|| corrupt(column, "it is NULL"))
}

/// A text column, read by `parse`.
pub(crate) fn parsed<T, E: Display>(
    row: &impl Columns,
    column: &'static str,
    parse: impl FnOnce(String) -> Result<T, E>,
) -> Result<T, StoreError> {
    parse(text(row, column)?).map_err(|error| corrupt(column, error))
}

/// A text column that may be NULL, read by `parse`.
pub(crate) fn parsed_option<T, E: Display>(
    row: &impl Columns,
    column: &'static str,
    parse: impl FnOnce(String) -> Result<T, E>,
) -> Result<Option<T>, StoreError> {
    row.text(column)?.map(parse).transpose().map_err(|error| corrupt(column, error))
}

/// A text column that holds JSON.
pub(crate) fn json<T: DeserializeOwned>(
    row: &impl Columns,
    column: &'static str,
) -> Result<T, StoreError> {
    parsed(row, column, |text| serde_json::from_str(&text))
}

/// A value as the JSON a text column holds.
pub(crate) fn to_json<T: serde::Serialize>(
    value: &T,
    column: &'static str,
) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| corrupt(column, error))
}

/// A column of 32 bytes.
pub(crate) fn hash(row: &impl Columns, column: &'static str) -> Result<[u8; 32], StoreError> {
    let bytes = row.bytes(column)?;
    let length = bytes.len();
    bytes.try_into().map_err(|_| corrupt(column, format!("{length} bytes instead of 32")))
}

/// An integer column.
pub(crate) fn integer(row: &impl Columns, column: &'static str) -> Result<i64, StoreError> {
    row.integer(column)?.ok_or_else(|| corrupt(column, "it is NULL"))
}

/// A column that counts.
pub(crate) fn count<T: TryFrom<i64, Error: Display>>(
    row: &impl Columns,
    column: &'static str,
) -> Result<T, StoreError> {
    T::try_from(integer(row, column)?).map_err(|error| corrupt(column, error))
}

/// A column of microseconds.
pub(crate) fn instant(row: &impl Columns, column: &'static str) -> Result<UnixMicros, StoreError> {
    Ok(UnixMicros::new(integer(row, column)?))
}

/// A column of microseconds that may be NULL.
pub(crate) fn instant_option(
    row: &impl Columns,
    column: &'static str,
) -> Result<Option<UnixMicros>, StoreError> {
    Ok(row.integer(column)?.map(UnixMicros::new))
}

/// A count as the database holds it.
pub(crate) fn from_counter(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A text as both engines can hold it: PostgreSQL knows no NUL.
pub(crate) fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\u{fffd}").into() } else { text.into() }
}

/// A text as both engines can index it: PostgreSQL refuses entries longer than 2,704 bytes. Texts that
/// differ stay different.
pub(crate) fn indexable(text: &str) -> Cow<'_, str> {
    let text = storable(text);
    if text.len() <= INDEXED_BYTES_MAX {
        return text;
    }
    let kept: String = text.chars().take(INDEXED_BYTES_MAX / 8).collect();
    format!("{kept}…{}", blake3::hash(text.as_bytes()).to_hex()).into()
}

pub(crate) fn corrupt(column: &'static str, problem: impl Display) -> StoreError {
    StoreError::Corrupt { column, problem: problem.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_kept_as_it_is_unless_an_engine_could_not_hold_it() {
        let long = "é".repeat(600);
        for (text, expected) in [
            ("team:search", "team:search".to_owned()),
            ("a\0b", "a\u{fffd}b".to_owned()),
            (&long, format!("{}…{}", "é".repeat(128), blake3::hash(long.as_bytes()).to_hex())),
        ] {
            assert_eq!(indexable(text), expected);
        }
        assert_eq!(storable(&long), long);
    }
}
