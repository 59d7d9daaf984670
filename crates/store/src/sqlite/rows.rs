//! Reading columns into types that cannot be wrong. It must never know a table.

use std::fmt::Display;

use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use units::UnixMicros;

use crate::StoreError;

/// A text column, read by `parse`.
pub(super) fn parsed<T, E: Display>(
    row: &SqliteRow,
    column: &'static str,
    parse: impl FnOnce(String) -> Result<T, E>,
) -> Result<T, StoreError> {
    parse(row.try_get(column)?).map_err(|error| corrupt(column, error))
}

/// A text column that may be NULL, read by `parse`.
pub(super) fn parsed_option<T, E: Display>(
    row: &SqliteRow,
    column: &'static str,
    parse: impl FnOnce(String) -> Result<T, E>,
) -> Result<Option<T>, StoreError> {
    let text: Option<String> = row.try_get(column)?;
    text.map(parse).transpose().map_err(|error| corrupt(column, error))
}

/// A text column that holds JSON.
pub(super) fn json<T: DeserializeOwned>(
    row: &SqliteRow,
    column: &'static str,
) -> Result<T, StoreError> {
    parsed(row, column, |text| serde_json::from_str(&text))
}

/// A value as the JSON a text column holds.
pub(super) fn to_json<T: serde::Serialize>(
    value: &T,
    column: &'static str,
) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| corrupt(column, error))
}

/// A column of 32 bytes.
pub(super) fn hash(row: &SqliteRow, column: &'static str) -> Result<[u8; 32], StoreError> {
    let bytes: Vec<u8> = row.try_get(column)?;
    let length = bytes.len();
    bytes.try_into().map_err(|_| corrupt(column, format!("{length} bytes instead of 32")))
}

/// A column of microseconds.
pub(super) fn instant(row: &SqliteRow, column: &'static str) -> Result<UnixMicros, StoreError> {
    Ok(UnixMicros::new(row.try_get(column)?))
}

/// A column of microseconds that may be NULL.
pub(super) fn instant_option(
    row: &SqliteRow,
    column: &'static str,
) -> Result<Option<UnixMicros>, StoreError> {
    let micros: Option<i64> = row.try_get(column)?;
    Ok(micros.map(UnixMicros::new))
}

/// A number that counts.
pub(super) fn counter(value: i64, column: &'static str) -> Result<u64, StoreError> {
    u64::try_from(value).map_err(|error| corrupt(column, error))
}

/// A count as the database holds it.
pub(super) fn from_counter(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn corrupt(column: &'static str, problem: impl Display) -> StoreError {
    StoreError::Corrupt { column, problem: problem.to_string() }
}
