//! The Arrow schema of the usage table, generated from `events::COLUMNS` and from nothing else.

use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use deltalake::DeltaTable;
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake::kernel::{StructField, StructType};
use events::{COLUMNS, ColumnType};

use crate::LakeError;

/// The column the table is partitioned by.
pub(crate) const PARTITION: &str = "event_date";

/// Precision of a money column, decimal digits.
pub(crate) const USD_PRECISION: u8 = 38;
/// Scale of a money column: 1e-12 USD.
pub(crate) const USD_SCALE: i8 = 12;

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let fields: Vec<Field> = COLUMNS
        .iter()
        .map(|column| Field::new(column.name, arrow_type(column.ty), column.nullable))
        .collect();
    Arc::new(Schema::new(fields))
});

/// The schema of the usage table, columns in the order of `events::COLUMNS`.
pub fn usage_schema() -> SchemaRef {
    Arc::clone(&SCHEMA)
}

/// The type of a column in Arrow.
pub(crate) fn arrow_type(ty: ColumnType) -> DataType {
    match ty {
        ColumnType::Utf8 => DataType::Utf8,
        ColumnType::Int64 => DataType::Int64,
        ColumnType::Float64 => DataType::Float64,
        ColumnType::Boolean => DataType::Boolean,
        ColumnType::Date => DataType::Date32,
        ColumnType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        ColumnType::Usd => DataType::Decimal128(USD_PRECISION, USD_SCALE),
        ColumnType::TagMap => map_of(DataType::Utf8),
        ColumnType::MeterMap => map_of(DataType::Int64),
    }
}

/// A map whose parts are named as Delta and Parquet name them.
fn map_of(value: DataType) -> DataType {
    let entry = Fields::from(vec![
        Field::new("key", DataType::Utf8, false),
        Field::new("value", value, true),
    ]);
    DataType::Map(Arc::new(Field::new("key_value", DataType::Struct(entry), false)), false)
}

/// The schema in Delta's own types.
pub(crate) fn delta_schema() -> Result<StructType, LakeError> {
    usage_schema().as_ref().try_into_kernel().map_err(LakeError::columnar)
}

/// The columns a table of an older version lacks: the newest of ours, all of them nullable. Refuses a
/// table whose columns differ in any other way from those this build writes.
pub(crate) fn missing(table: &DeltaTable) -> Result<Vec<StructField>, LakeError> {
    let found = table.snapshot()?.schema();
    let mut missing: Vec<StructField> = Vec::new();
    for expected in delta_schema()?.fields() {
        match found.field(expected.name()) {
            // Columns are only ever appended: none that is there comes after one that is not.
            Some(column) if missing.is_empty() && column.data_type() == expected.data_type() => {}
            None if expected.is_nullable() => missing.push(expected.clone()),
            column => {
                let found =
                    column.map_or_else(|| "missing".to_owned(), |c| c.data_type().to_string());
                let (column, expected) =
                    (expected.name().clone(), expected.data_type().to_string());
                return Err(LakeError::SchemaMismatch { column, found, expected });
            }
        }
    }
    Ok(missing)
}
