//! A Parquet file of usage, read column by column: only the parts pricing needs are fetched.
//!
//! Files are read without a query engine: rows keep their places, so that the few that change are found
//! again. Columns an older build did not write read as NULL.

use std::ops::Range;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use bytes::Bytes;
use futures::future::BoxFuture;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, RowSelection};
use parquet::arrow::async_reader::{
    AsyncFileReader, ParquetRecordBatchStream, ParquetRecordBatchStreamBuilder,
};
use parquet::errors::ParquetError;
use parquet::file::metadata::{
    ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData,
};
use parquet::file::statistics::Statistics;

use crate::mirror::LiveFile;
use crate::{LakeError, columns};

/// Rows decoded at once.
const BATCH_ROWS: usize = 8_192;
/// What is read of a file's end at first: its description mostly fits.
const FOOTER_BYTES: usize = 1 << 18;

/// Text columns of which a file holds few values: read as numbers of those.
const FEW_VALUES: &[&str] = &[
    "provider",
    "model_resolved",
    "service_tier",
    "processing",
    "speed",
    "inference_geo",
    "usage_source",
    "adjustment",
    "organisation",
    "team",
    "project",
    "key_id",
    "user_id",
    "customer",
    "node_id",
    "epoch",
];

/// The rows of some columns of a row group.
pub(super) type Batches = ParquetRecordBatchStream<Stored>;

/// A file whose description was read: what it holds, not the rows.
#[derive(Debug)]
pub(super) struct OpenFile {
    /// The day of its rows, days since 1970.
    pub(super) day: i32,
    stored: Stored,
    /// For reading single columns as numbers.
    coded: ArrowReaderMetadata,
    /// For reading columns as they are.
    plain: ArrowReaderMetadata,
}

impl OpenFile {
    pub(super) async fn open(
        store: Arc<dyn ObjectStore>,
        file: &LiveFile,
        day: i32,
    ) -> Result<Self, LakeError> {
        let mut stored = Stored { store, path: Path::from(file.path.as_str()), size: file.size };
        let options = ArrowReaderOptions::new();
        let plain = ArrowReaderMetadata::load_async(&mut stored, options).await.map_err(failed)?;
        let fields: Vec<Field> = plain.schema().fields().iter().map(|field| coded(field)).collect();
        let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(fields)));
        let metadata = Arc::clone(plain.metadata());
        let coded = ArrowReaderMetadata::try_new(metadata, options).map_err(LakeError::columnar)?;
        Ok(Self { day, stored, coded, plain })
    }

    /// How many row groups it has.
    pub(super) fn groups(&self) -> usize {
        self.plain.metadata().num_row_groups()
    }

    /// Rows of a group.
    pub(super) fn rows(&self, group: usize) -> usize {
        usize::try_from(self.plain.metadata().row_group(group).num_rows()).unwrap_or(0)
    }

    /// Whether a row of the file may correct another, as its statistics tell.
    pub(super) fn may_correct(&self) -> bool {
        self.plain.metadata().row_groups().iter().any(|group| {
            let Some(chunk) = chunk(group, "adjustment") else { return false };
            let nulls = chunk.statistics().and_then(|known| known.null_count_opt());
            nulls.is_none_or(|nulls| i64::try_from(nulls) != Ok(group.num_rows()))
        })
    }

    /// Whether a group may have a row with a text, as the file's statistics tell.
    pub(super) fn may_hold(&self, group: usize, column: &str, text: &str) -> bool {
        let chunk = chunk(self.plain.metadata().row_group(group), column);
        let Some(known) = chunk.and_then(|chunk| chunk.statistics()) else { return true };
        match (known.min_bytes_opt(), known.max_bytes_opt()) {
            // Statistics of old writers compare bytes with a sign.
            (Some(least), Some(most)) if !known.is_min_max_deprecated() => {
                least <= text.as_bytes() && text.as_bytes() <= most
            }
            _ => true,
        }
    }

    /// Columns of a group to price from. One of which the statistics tell that it is NULL throughout, or
    /// a quantity that is zero, is left out: that is what a column that is not there reads as.
    pub(super) fn priced(&self, group: usize, wanted: &[&str]) -> Result<Batches, LakeError> {
        let chunks = self.plain.metadata().row_group(group);
        let says = |name: &str| !chunk(chunks, name).is_some_and(|chunk| is_void(chunks, chunk));
        self.reader(&self.coded, group, |name| wanted.contains(&name) && says(name), None)
    }

    /// Some rows of a group, without some columns.
    pub(super) fn selected(
        &self,
        group: usize,
        unwanted: &[&str],
        rows: RowSelection,
    ) -> Result<Batches, LakeError> {
        self.reader(&self.plain, group, |name| !unwanted.contains(&name), Some(rows))
    }

    fn reader(
        &self,
        metadata: &ArrowReaderMetadata,
        group: usize,
        is_wanted: impl Fn(&str) -> bool,
        rows: Option<RowSelection>,
    ) -> Result<Batches, LakeError> {
        let builder = ParquetRecordBatchStreamBuilder::new_with_metadata(
            self.stored.clone(),
            metadata.clone(),
        );
        let fields = builder.schema().fields().iter().enumerate();
        let roots: Vec<usize> =
            fields.filter(|(_, field)| is_wanted(field.name())).map(|(at, _)| at).collect();
        let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
        let mut builder =
            builder.with_projection(mask).with_row_groups(vec![group]).with_batch_size(BATCH_ROWS);
        if let Some(rows) = rows {
            builder = builder.with_row_selection(rows);
        }
        builder.build().map_err(LakeError::columnar)
    }
}

/// What a failed read means: a file that is gone was rewritten and vacuumed since the run began.
pub(super) fn failed(error: ParquetError) -> LakeError {
    let is_gone = match &error {
        ParquetError::External(source) => {
            matches!(source.downcast_ref(), Some(object_store::Error::NotFound { .. }))
        }
        _ => false,
    };
    if is_gone { LakeError::FileLost(error.to_string()) } else { LakeError::columnar(error) }
}

fn chunk<'g>(group: &'g RowGroupMetaData, column: &str) -> Option<&'g ColumnChunkMetaData> {
    group.columns().iter().find(|chunk| chunk.column_path().parts() == [column])
}

/// Whether a column of a group is NULL throughout, or a quantity that is zero.
fn is_void(group: &RowGroupMetaData, chunk: &ColumnChunkMetaData) -> bool {
    let Some(known) = chunk.statistics() else { return false };
    let is_null = known.null_count_opt().and_then(|nulls| i64::try_from(nulls).ok());
    let is_zero = match known {
        Statistics::Int64(known) if is_meter(chunk) => {
            (known.min_opt(), known.max_opt()) == (Some(&0), Some(&0))
        }
        _ => false,
    };
    is_null == Some(group.num_rows()) || is_zero && is_null == Some(0)
}

/// Whether a column counts what was used: others may be zero and still tell rows apart.
fn is_meter(chunk: &ColumnChunkMetaData) -> bool {
    columns::METERS.iter().any(|(name, _)| chunk.column_path().parts() == [*name])
}

/// How a column is read to price from.
fn coded(field: &Field) -> Field {
    if !FEW_VALUES.contains(&field.name().as_str()) {
        return field.clone();
    }
    let number_of_text = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    field.clone().with_data_type(number_of_text)
}

/// A file where the table lies.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    store: Arc<dyn ObjectStore>,
    path: Path,
    /// Bytes.
    size: u64,
}

impl AsyncFileReader for Stored {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ParquetError>> {
        Box::pin(async move { Ok(self.store.get_range(&self.path, range).await?) })
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, Result<Vec<Bytes>, ParquetError>> {
        Box::pin(async move { Ok(self.store.get_ranges(&self.path, &ranges).await?) })
    }

    fn get_metadata<'a>(
        &'a mut self,
        _options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>, ParquetError>> {
        Box::pin(async move {
            let reader = ParquetMetaDataReader::new().with_prefetch_hint(Some(FOOTER_BYTES));
            let size = self.size;
            Ok(Arc::new(reader.load_and_finish(self, size).await?))
        })
    }
}
