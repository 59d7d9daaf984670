//! A Parquet file of usage, and the columns pricing needs as plain values.
//!
//! Files are read without a query engine: rows keep their places, so that the few that change are found
//! again. Columns an older build did not write read as NULL.

use std::sync::Arc;

use arrow::array::{
    Array, AsArray, DictionaryArray, Int64Array, MapArray, PrimitiveArray, RecordBatch, StringArray,
};
use arrow::datatypes::{
    DataType, Decimal128Type, Field, Int32Type, Int64Type, Schema, TimestampMicrosecondType,
};
use bytes::Bytes;
use events::{Meter, Meters};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder, RowSelection,
};
use units::UnixMicros;

use crate::{LakeError, columns};

/// Rows decoded at once.
const BATCH_ROWS: usize = 8_192;

/// Text columns of which a file holds few values: read as numbers of those.
const FEW_VALUES: &[&str] = &[
    "provider",
    "model_resolved",
    "model_answered",
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

/// A file in memory, as it lies in the table: a few dozen megabytes at most.
#[derive(Debug)]
pub(super) struct OpenFile {
    /// The day of its rows, days since 1970.
    pub(super) day: i32,
    bytes: Bytes,
    /// For reading single columns as numbers.
    coded: ArrowReaderMetadata,
    /// For reading columns as they are.
    plain: ArrowReaderMetadata,
}

impl OpenFile {
    pub(super) fn open(bytes: Bytes, day: i32) -> Result<Self, LakeError> {
        let options = ArrowReaderOptions::new();
        let plain = ArrowReaderMetadata::load(&bytes, options).map_err(LakeError::columnar)?;
        let fields: Vec<Field> = plain.schema().fields().iter().map(|field| coded(field)).collect();
        let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(fields)));
        let metadata = Arc::clone(plain.metadata());
        let coded = ArrowReaderMetadata::try_new(metadata, options).map_err(LakeError::columnar)?;
        Ok(Self { day, bytes, coded, plain })
    }

    /// How many row groups it has.
    pub(super) fn groups(&self) -> usize {
        self.plain.metadata().num_row_groups()
    }

    /// Rows of a group.
    pub(super) fn rows(&self, group: usize) -> usize {
        usize::try_from(self.plain.metadata().row_group(group).num_rows()).unwrap_or(0)
    }

    /// Columns of a group to price from.
    pub(super) fn priced(
        &self,
        group: usize,
        wanted: &[&str],
    ) -> Result<ParquetRecordBatchReader, LakeError> {
        self.reader(&self.coded, group, |name| wanted.contains(&name), None)
    }

    /// Some rows of a group, without some columns.
    pub(super) fn selected(
        &self,
        group: usize,
        unwanted: &[&str],
        rows: RowSelection,
    ) -> Result<ParquetRecordBatchReader, LakeError> {
        self.reader(&self.plain, group, |name| !unwanted.contains(&name), Some(rows))
    }

    fn reader(
        &self,
        metadata: &ArrowReaderMetadata,
        group: usize,
        is_wanted: impl Fn(&str) -> bool,
        rows: Option<RowSelection>,
    ) -> Result<ParquetRecordBatchReader, LakeError> {
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(
            self.bytes.clone(),
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

/// How a column is read to price from.
fn coded(field: &Field) -> Field {
    if !FEW_VALUES.contains(&field.name().as_str()) {
        return field.clone();
    }
    let number_of_text = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    field.clone().with_data_type(number_of_text)
}

/// A text column of few values.
#[derive(Clone, Copy)]
pub(super) struct Texts<'a>(Option<(&'a DictionaryArray<Int32Type>, &'a StringArray)>);

impl<'a> Texts<'a> {
    pub(super) fn of(batch: &'a RecordBatch, name: &str) -> Self {
        let column = batch.column_by_name(name).and_then(|c| c.as_dictionary_opt::<Int32Type>());
        Self(column.and_then(|column| Some((column, column.values().as_string_opt::<i32>()?))))
    }

    pub(super) fn get(self, row: usize) -> Option<&'a str> {
        let (column, values) = self.0?;
        let at = column.key(row)?;
        values.is_valid(at).then(|| values.value(at))
    }
}

/// A column of amounts.
pub(super) type Money<'a> = Option<&'a PrimitiveArray<Decimal128Type>>;

pub(super) fn money<'a>(batch: &'a RecordBatch, name: &str) -> Money<'a> {
    batch.column_by_name(name)?.as_primitive_opt::<Decimal128Type>()
}

/// An amount, 1e-12 USD.
pub(super) fn amount(column: Money<'_>, row: usize) -> Option<i128> {
    column.filter(|column| column.is_valid(row)).map(|column| column.value(row))
}

pub(super) fn integers<'a>(batch: &'a RecordBatch, name: &str) -> Option<&'a Int64Array> {
    batch.column_by_name(name)?.as_primitive_opt::<Int64Type>()
}

/// The instants rows were received at.
pub(super) fn received(
    batch: &RecordBatch,
) -> Result<&PrimitiveArray<TimestampMicrosecondType>, LakeError> {
    let column = batch.column_by_name("received_at");
    let column = column.and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>());
    column.ok_or_else(|| LakeError::columnar("a file has no column received_at"))
}

pub(super) fn instant(column: &PrimitiveArray<TimestampMicrosecondType>, row: usize) -> UnixMicros {
    UnixMicros::new(column.value(row))
}

/// The columns quantities are in.
pub(super) struct MeterColumns<'a> {
    own: Vec<(Meter, &'a Int64Array)>,
    others: Option<&'a MapArray>,
}

impl<'a> MeterColumns<'a> {
    pub(super) fn of(batch: &'a RecordBatch) -> Self {
        let own = columns::METERS.iter().filter_map(|(name, meter)| {
            let column = integers(batch, name)?;
            // Most meters of a batch are zero throughout.
            column.values().iter().any(|n| *n != 0).then_some((*meter, column))
        });
        let others = batch.column_by_name("meters_other").and_then(|column| column.as_map_opt());
        let others = others.filter(|others| others.null_count() < others.len());
        Self { own: own.collect(), others }
    }

    pub(super) fn get(&self, row: usize) -> Result<Meters, LakeError> {
        let mut meters = Meters::NONE;
        for (meter, column) in &self.own {
            meters.set(*meter, u64::try_from(column.value(row)).unwrap_or(0));
        }
        let Some(others) = self.others.filter(|others| others.is_valid(row)) else {
            return Ok(meters);
        };
        let entries = others.value(row);
        let (names, counts) = (
            entries.column(0).as_string_opt::<i32>(),
            entries.column(1).as_primitive_opt::<Int64Type>(),
        );
        let (Some(names), Some(counts)) = (names, counts) else {
            return Err(LakeError::columnar("column meters_other is of another type"));
        };
        for (name, count) in names.iter().zip(counts) {
            let meter: Meter = name.unwrap_or_default().parse().map_err(LakeError::columnar)?;
            meters.add(meter, count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0));
        }
        Ok(meters)
    }
}
