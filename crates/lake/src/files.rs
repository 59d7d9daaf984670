//! Writes rows as Parquet files of the usage table, one per day, and describes them for the log.
//!
//! A file that no log entry names is invisible to every reader that goes through the log. This file
//! must never write the log.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use arrow::array::{Array, RecordBatch, TimestampMicrosecondArray};
use arrow::compute::{max, min};
use deltalake::kernel::Add;
use events::{COLUMNS, ColumnType};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;
use units::{BillingZone, UnixMicros};
use uuid::Uuid;

use crate::encode::encode;
use crate::schema::PARTITION;
use crate::{LakeError, LakeRow};

/// Text columns in which nearly every value differs: a dictionary would only cost.
const HIGH_CARDINALITY: &[&str] =
    &["request_id", "trace_id", "session_id", "parent_id", "upstream_request_id", "prompt_hash"];

/// Compression level of files that are read soon and rewritten later.
const ZSTD_HOT: i32 = 1;

/// Compression level of files that are written once and kept.
const ZSTD_KEPT: i32 = 3;
/// Rows of a row group of files that are kept.
const GROUP_ROWS: usize = 131_072;

static HOT: LazyLock<WriterProperties> = LazyLock::new(|| writer_properties(ZSTD_HOT));

/// How rewritten files are laid out: a request is found through a filter in each row group.
pub(crate) static COMPACTED: LazyLock<WriterProperties> = LazyLock::new(|| {
    writer_properties(ZSTD_KEPT)
        .into_builder()
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_column_bloom_filter_enabled(ColumnPath::from("request_id"), true)
        .set_column_bloom_filter_max_ndv(ColumnPath::from("request_id"), GROUP_ROWS as u64)
        .build()
});

/// How the columns are laid out in Parquet, at a zstd level.
pub(crate) fn writer_properties(zstd: i32) -> WriterProperties {
    let level = ZstdLevel::try_new(zstd).unwrap_or_default();
    let mut builder = WriterProperties::builder().set_compression(Compression::ZSTD(level));
    for column in COLUMNS {
        let path = ColumnPath::from(column.name);
        if matches!(column.ty, ColumnType::Int64 | ColumnType::Timestamp) {
            builder = builder
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
        } else if HIGH_CARDINALITY.contains(&column.name) {
            builder = builder.set_column_dictionary_enabled(path, false);
        }
    }
    builder.build()
}

/// The rows of one day, encoded.
pub(crate) struct DayBatch {
    day: i32,
    batch: RecordBatch,
}

impl DayBatch {
    /// Rows of a day, counted from 1970-01-01 UTC, in the columns of the usage table.
    pub(crate) const fn new(day: i32, batch: RecordBatch) -> Self {
        Self { day, batch }
    }
}

/// Encodes rows, apart by day.
pub(crate) fn by_day(
    rows: &[LakeRow],
    ingested_at: UnixMicros,
) -> Result<Vec<DayBatch>, LakeError> {
    let mut days: BTreeMap<i32, Vec<&LakeRow>> = BTreeMap::new();
    for row in rows {
        days.entry(row.utc_days()).or_default().push(row);
    }
    days.into_iter()
        .map(|(day, rows)| Ok(DayBatch { day, batch: encode(&rows, ingested_at)? }))
        .collect()
}

/// Writes one file per day below the table's root and returns what the log must say of them.
pub(crate) async fn write(
    store: &dyn ObjectStore,
    days: &[DayBatch],
    now: UnixMicros,
) -> Result<Vec<Add>, LakeError> {
    let mut adds = Vec::with_capacity(days.len());
    for day in days {
        let date = date_text(day.day);
        let path = format!("{PARTITION}={date}/{}.parquet", Uuid::now_v7().simple());
        let bytes = parquet(&day.batch)?;
        let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        store.put(&Path::from(path.as_str()), bytes.into()).await?;
        adds.push(Add {
            path,
            partition_values: HashMap::from([(PARTITION.to_owned(), Some(date))]),
            size,
            modification_time: now.get().div_euclid(1_000),
            data_change: true,
            stats: Some(stats(&day.batch)),
            tags: None,
            deletion_vector: None,
            base_row_id: None,
            default_row_commit_version: None,
            clustering_provider: None,
        });
    }
    Ok(adds)
}

/// A day, counted from 1970-01-01 UTC, as text.
pub(crate) fn date_text(day: i32) -> String {
    let midnight = UnixMicros::new(i64::from(day).saturating_mul(86_400_000_000));
    BillingZone::UTC.date_of(midnight).to_string()
}

/// The batch as a Parquet file, without the partition column, which the path holds.
fn parquet(batch: &RecordBatch) -> Result<Vec<u8>, LakeError> {
    let kept: Vec<usize> = (0..batch.num_columns())
        .filter(|i| batch.schema_ref().field(*i).name() != PARTITION)
        .collect();
    let batch = batch.project(&kept).map_err(LakeError::columnar)?;
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(HOT.clone()))
        .map_err(LakeError::columnar)?;
    writer.write(&batch).map_err(LakeError::columnar)?;
    writer.into_inner().map_err(LakeError::columnar)
}

/// Statistics for file skipping: the row count and the hours covered. More would swell the log, of
/// which every reader parses every line, and the partition already narrows to the day.
fn stats(batch: &RecordBatch) -> String {
    let rows = batch.num_rows();
    let hours = batch
        .column_by_name("event_hour")
        .and_then(|hours| hours.as_any().downcast_ref::<TimestampMicrosecondArray>())
        .and_then(|hours| Some((min(hours)?, max(hours)?)));
    stats_of(rows as u64, hours)
}

/// The same for a file of so many rows that covers these hours, microseconds since 1970.
pub(crate) fn stats_of(rows: u64, hours: Option<(i64, i64)>) -> String {
    let stats = match hours {
        Some((first, last)) => serde_json::json!({
            "numRecords": rows,
            "minValues": { "event_hour": instant_text(first) },
            "maxValues": { "event_hour": instant_text(last) },
            "nullCount": { "event_hour": 0 },
        }),
        None => serde_json::json!({ "numRecords": rows }),
    };
    stats.to_string()
}

/// As Delta writes instants; hours and quarters are whole, so that milliseconds lose nothing.
pub(crate) fn instant_text(micros: i64) -> String {
    UnixMicros::new(micros).to_timestamp().strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}
