//! Writes rows of a roll-up table as Parquet files, one per month, and describes them for the log.
//!
//! It must never write the log.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::{cast, concat_batches, max, min};
use arrow::datatypes::{Date32Type, TimestampMicrosecondType};
use deltalake::kernel::Add;
use events::ColumnType;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;
use serde_json::{Map, Value, json};
use units::UnixMicros;
use uuid::Uuid;

use super::generation::{CUBE, MONTH};
use super::schema::{BUCKET, BUCKET_DATE, MEASURES, RollupTable};
use super::view::stored_schema;
use crate::LakeError;
use crate::files::{date_text, instant_text};

/// Rows of a row group: few enough that a day of a month's file is read alone.
const GROUP_ROWS: usize = 32_768;

static PROPERTIES: LazyLock<WriterProperties> = LazyLock::new(|| {
    let level = ZstdLevel::try_new(3).unwrap_or_default();
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(GROUP_ROWS));
    let counts = MEASURES.iter().filter(|measure| measure.ty == ColumnType::Int64);
    for name in counts.map(|measure| measure.name).chain([BUCKET]) {
        let path = ColumnPath::from(name);
        builder = builder
            .set_column_dictionary_enabled(path.clone(), false)
            .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
    }
    builder.build()
});

/// Writes rows, which are sorted by time, and returns what the log must say of the files.
pub(crate) async fn write(
    store: &dyn ObjectStore,
    table: &RollupTable,
    batches: &[RecordBatch],
    now: UnixMicros,
) -> Result<Vec<Add>, LakeError> {
    let rows = as_stored(table, batches)?;
    let mut adds = Vec::new();
    for (month, range) in months(&rows)? {
        let part = rows.slice(range.start, range.len());
        let path =
            format!("{CUBE}={}/{MONTH}={month}/{}.parquet", table.name, Uuid::now_v7().simple());
        let bytes = parquet(&part)?;
        let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        store.put(&Path::from(path.as_str()), bytes.into()).await?;
        adds.push(Add {
            path,
            partition_values: HashMap::from([
                (CUBE.to_owned(), Some(table.name.to_owned())),
                (MONTH.to_owned(), Some(month)),
            ]),
            size,
            modification_time: now.get().div_euclid(1_000),
            data_change: true,
            stats: Some(stats(&part)),
            tags: None,
            deletion_vector: None,
            base_row_id: None,
            default_row_commit_version: None,
            clustering_provider: None,
        });
    }
    Ok(adds)
}

fn as_stored(table: &RollupTable, batches: &[RecordBatch]) -> Result<RecordBatch, LakeError> {
    let schema = stored_schema(table);
    let converted: Result<Vec<RecordBatch>, LakeError> = batches
        .iter()
        .map(|batch| {
            let columns: Result<Vec<_>, LakeError> = schema
                .fields()
                .iter()
                .map(|field| {
                    let column = batch.column_by_name(field.name());
                    let column = column.ok_or_else(|| {
                        LakeError::columnar(format!("no column {}", field.name()))
                    })?;
                    cast(column, field.data_type()).map_err(LakeError::columnar)
                })
                .collect();
            RecordBatch::try_new(schema.clone(), columns?).map_err(LakeError::columnar)
        })
        .collect();
    concat_batches(&schema, &converted?).map_err(LakeError::columnar)
}

/// The months rows lie in, with the rows of each; rows are sorted by day.
fn months(rows: &RecordBatch) -> Result<Vec<(String, Range<usize>)>, LakeError> {
    let days = rows
        .column_by_name(BUCKET_DATE)
        .and_then(|days| days.as_primitive_opt::<Date32Type>())
        .ok_or_else(|| LakeError::columnar("no column bucket_date"))?;
    let mut months: Vec<(String, Range<usize>)> = Vec::new();
    let mut last: Option<i32> = None;
    for (row, day) in days.values().iter().enumerate() {
        if last != Some(*day) {
            last = Some(*day);
            let month: String = date_text(*day).chars().take(7).collect();
            if months.last().is_none_or(|(known, _)| *known != month) {
                months.push((month, row..row));
            }
        }
        if let Some((_, range)) = months.last_mut() {
            range.end = row + 1;
        }
    }
    Ok(months)
}

fn parquet(batch: &RecordBatch) -> Result<Vec<u8>, LakeError> {
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(PROPERTIES.clone()))
        .map_err(LakeError::columnar)?;
    writer.write(batch).map_err(LakeError::columnar)?;
    writer.into_inner().map_err(LakeError::columnar)
}

/// Row count, and the days and quarters covered.
fn stats(batch: &RecordBatch) -> String {
    let (mut first, mut last) = (Map::new(), Map::new());
    let days = batch.column_by_name(BUCKET_DATE).and_then(|c| c.as_primitive_opt::<Date32Type>());
    if let Some((from, to)) = days.and_then(|days| Some((min(days)?, max(days)?))) {
        first.insert(BUCKET_DATE.to_owned(), date_text(from).into());
        last.insert(BUCKET_DATE.to_owned(), date_text(to).into());
    }
    let buckets = batch.column_by_name(BUCKET);
    let buckets = buckets.and_then(|c| c.as_primitive_opt::<TimestampMicrosecondType>());
    if let Some((from, to)) = buckets.and_then(|buckets| Some((min(buckets)?, max(buckets)?))) {
        first.insert(BUCKET.to_owned(), instant_text(from).into());
        last.insert(BUCKET.to_owned(), instant_text(to).into());
    }
    let (first, last) = (Value::Object(first), Value::Object(last));
    json!({ "numRecords": batch.num_rows(), "minValues": first, "maxValues": last }).to_string()
}
