//! Turns rows into an Arrow batch of the usage table.
//!
//! It must never know files or the Delta log.

use std::borrow::Borrow;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, Int64Builder,
    MapBuilder, MapFieldNames, RecordBatch, StringBuilder, TimestampMicrosecondArray,
};
use events::{COLUMNS, Column, ColumnType};
use units::{UnixMicros, Usd};

use crate::columns::{self, Table, TextTable};
use crate::schema::{USD_PRECISION, USD_SCALE, usage_schema};
use crate::{LakeError, LakeRow};

/// Largest amount `Decimal128(38, 12)` holds, in units of 1e-12 USD.
const USD_PICO_MAX: i128 = 10_i128.pow(38) - 1;

/// Encodes rows as one batch of [`usage_schema`], `ingested_at` the present by the injected clock.
///
/// # Errors
/// [`LakeError::Columnar`] when Arrow refuses the columns, which is a defect of this crate.
pub fn encode<R: Borrow<LakeRow>>(
    rows: &[R],
    ingested_at: UnixMicros,
) -> Result<RecordBatch, LakeError> {
    let columns: Result<Vec<ArrayRef>, LakeError> =
        COLUMNS.iter().map(|column| array(column, rows, ingested_at)).collect();
    RecordBatch::try_new(usage_schema(), columns?).map_err(LakeError::columnar)
}

fn array<R: Borrow<LakeRow>>(
    column: &Column,
    rows: &[R],
    ingested_at: UnixMicros,
) -> Result<ArrayRef, LakeError> {
    let name = column.name;
    Ok(match column.ty {
        ColumnType::Utf8 => texts(name, rows)?,
        ColumnType::Int64 => Arc::new(Int64Array::from(integers(name, rows)?)),
        ColumnType::Float64 => Arc::new(Float64Array::from(values(columns::FLOATS, name, rows)?)),
        ColumnType::Boolean => Arc::new(BooleanArray::from(values(columns::FLAGS, name, rows)?)),
        ColumnType::Date => Arc::new(Date32Array::from(values(columns::DAYS, name, rows)?)),
        ColumnType::Timestamp => Arc::new(instants(name, rows, ingested_at)?),
        ColumnType::Usd => Arc::new(money(&values(columns::MONEY, name, rows)?)?),
        ColumnType::TagMap => tags(rows)?,
        ColumnType::MeterMap => other_meters(rows)?,
    })
}

fn source<T: Copy>(table: &[(&'static str, T)], name: &str) -> Result<T, LakeError> {
    let found = table.iter().find(|(column, _)| *column == name);
    found
        .map(|(_, source)| *source)
        .ok_or_else(|| LakeError::columnar(format!("column {name} has no source")))
}

fn values<T, R: Borrow<LakeRow>>(
    table: Table<T>,
    name: &str,
    rows: &[R],
) -> Result<Vec<T>, LakeError> {
    let get = source(table, name)?;
    Ok(rows.iter().map(|row| get(row.borrow())).collect())
}

fn texts<R: Borrow<LakeRow>>(name: &str, rows: &[R]) -> Result<ArrayRef, LakeError> {
    let table: TextTable = columns::TEXTS;
    let get = source(table, name)?;
    let mut builder = StringBuilder::new();
    for row in rows {
        builder.append_option(get(row.borrow()));
    }
    Ok(Arc::new(builder.finish()))
}

fn integers<R: Borrow<LakeRow>>(name: &str, rows: &[R]) -> Result<Vec<Option<i64>>, LakeError> {
    if let Ok(meter) = source(columns::METERS, name) {
        let quantity = |row: &R| Some(columns::clamped(row.borrow().event.meters.get(meter)));
        return Ok(rows.iter().map(quantity).collect());
    }
    values(columns::INTEGERS, name, rows)
}

fn instants<R: Borrow<LakeRow>>(
    name: &str,
    rows: &[R],
    ingested_at: UnixMicros,
) -> Result<TimestampMicrosecondArray, LakeError> {
    let micros: Vec<Option<i64>> = if name == columns::INGESTED_AT {
        vec![Some(ingested_at.get()); rows.len()]
    } else {
        let instants = values(columns::INSTANTS, name, rows)?;
        instants.into_iter().map(|at| at.map(UnixMicros::get)).collect()
    };
    Ok(TimestampMicrosecondArray::from(micros).with_timezone("UTC"))
}

fn money(amounts: &[Option<Usd>]) -> Result<Decimal128Array, LakeError> {
    amounts
        .iter()
        .map(|amount| amount.map(|usd| usd.pico().clamp(-USD_PICO_MAX, USD_PICO_MAX)))
        .collect::<Decimal128Array>()
        .with_precision_and_scale(USD_PRECISION, USD_SCALE)
        .map_err(LakeError::columnar)
}

fn field_names() -> Option<MapFieldNames> {
    Some(MapFieldNames { entry: "key_value".into(), key: "key".into(), value: "value".into() })
}

fn tags<R: Borrow<LakeRow>>(rows: &[R]) -> Result<ArrayRef, LakeError> {
    let mut builder = MapBuilder::new(field_names(), StringBuilder::new(), StringBuilder::new());
    for row in rows {
        let tags = &row.borrow().event.attribution.tags;
        for (name, value) in tags {
            builder.keys().append_value(name);
            builder.values().append_value(value);
        }
        builder.append(!tags.is_empty()).map_err(LakeError::columnar)?;
    }
    Ok(Arc::new(builder.finish()))
}

fn other_meters<R: Borrow<LakeRow>>(rows: &[R]) -> Result<ArrayRef, LakeError> {
    let mut builder = MapBuilder::new(field_names(), StringBuilder::new(), Int64Builder::new());
    for row in rows {
        let mut is_empty = true;
        for (meter, quantity) in columns::other_meters(&row.borrow().event) {
            builder.keys().append_value(meter.as_str());
            builder.values().append_value(columns::clamped(quantity));
            is_empty = false;
        }
        builder.append(!is_empty).map_err(LakeError::columnar)?;
    }
    Ok(Arc::new(builder.finish()))
}
