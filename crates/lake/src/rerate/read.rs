//! The columns pricing needs as plain values.
//!
//! It must never know how they are stored.

use arrow::array::{
    Array, AsArray, DictionaryArray, Int64Array, MapArray, PrimitiveArray, RecordBatch, StringArray,
};
use arrow::datatypes::{Decimal128Type, Int32Type, Int64Type, TimestampMicrosecondType};
use events::{Meter, Meters};

use crate::{LakeError, columns};

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

    /// The number of a row's text, below [`Texts::codes`]; 0 is NULL.
    pub(super) fn code(self, row: usize) -> usize {
        self.0.and_then(|(column, _)| column.key(row)).map_or(0, |at| at + 1)
    }

    /// How many numbers there are.
    pub(super) fn codes(self) -> usize {
        self.0.map_or(0, |(_, values)| values.len()) + 1
    }

    /// The text of a number.
    pub(super) fn text_of(self, code: usize) -> Option<&'a str> {
        let (_, values) = self.0?;
        let at = code.checked_sub(1)?;
        (at < values.len() && values.is_valid(at)).then(|| values.value(at))
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
