//! What an export says of itself, so that whoever receives it can check it.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use units::{UnixMicros, Usd};

/// Name of the manifest within the exported directory.
pub const MANIFEST_NAME: &str = "manifest.json";

/// The contents of `manifest.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// First day exported, UTC.
    pub from: Date,
    /// Last day exported, UTC, included.
    pub to: Date,
    /// The files, in the order they were written.
    pub files: Vec<ManifestFile>,
    /// Rows of all files.
    pub rows: u64,
    /// Size of all files, bytes.
    pub bytes: u64,
    /// Sum of `cost_usd` over the rows that have one, USD, as a decimal string.
    pub cost_usd: Usd,
    /// Rows whose `cost_usd` is NULL.
    pub rows_without_cost: u64,
    /// Version of the Delta table the rows were read at.
    pub table_version: u64,
    /// Version of the column list.
    pub schema_version: i64,
    /// When the export was made, microseconds since 1970-01-01T00:00:00Z.
    pub created_at_us: UnixMicros,
}

/// One exported file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFile {
    /// Name within the directory.
    pub name: String,
    /// Rows.
    pub rows: u64,
    /// Size, bytes.
    pub bytes: u64,
    /// blake3 of the contents, 64 hexadecimal digits.
    pub blake3: String,
}
