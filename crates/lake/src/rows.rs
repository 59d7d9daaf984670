//! Reads the rows of our own queries into plain values.
//!
//! A column that is missing or of another type is a defect of a query file, told by name. Money is
//! read from decimals, never through a float.

use std::collections::BTreeMap;
use std::str::FromStr;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Int64Type, TimeUnit, TimestampMicrosecondType,
};
use jiff::civil::Date;
use units::{BillingZone, UnixMicros, Usd};

use crate::schema::{USD_PRECISION, USD_SCALE};
use crate::{LakeError, QueryResult};

/// All rows of a result, columns in the few types our queries use.
pub(crate) struct Rows {
    batch: RecordBatch,
    columns: Vec<ArrayRef>,
}

impl Rows {
    pub(crate) fn read(result: &QueryResult) -> Result<Self, LakeError> {
        if result.is_truncated {
            return Err(LakeError::columnar("the result of a named query was cut"));
        }
        let batch = concat_batches(&result.schema, &result.batches).map_err(LakeError::columnar)?;
        let columns: Result<Vec<ArrayRef>, LakeError> = batch
            .columns()
            .iter()
            .map(|column| {
                let target = plain_type(column.data_type());
                cast(column, &target).map_err(LakeError::columnar)
            })
            .collect();
        Ok(Self { columns: columns?, batch })
    }

    /// Reads every row with `read`, which is given the row's number.
    pub(crate) fn map<T>(
        &self,
        read: impl Fn(&Self, usize) -> Result<T, LakeError>,
    ) -> Result<Vec<T>, LakeError> {
        (0..self.batch.num_rows()).map(|row| read(self, row)).collect()
    }

    /// Visits every row with `visit`, which is given the row's number.
    pub(crate) fn each(
        &self,
        mut visit: impl FnMut(&Self, usize) -> Result<(), LakeError>,
    ) -> Result<(), LakeError> {
        (0..self.batch.num_rows()).try_for_each(|row| visit(self, row))
    }

    /// Reads the only row of an aggregate over everything.
    pub(crate) fn only<T>(
        &self,
        read: impl Fn(&Self, usize) -> Result<T, LakeError>,
    ) -> Result<T, LakeError> {
        match self.batch.num_rows() {
            1 => read(self, 0),
            n => Err(LakeError::columnar(format!("{n} rows where one was expected"))),
        }
    }

    /// Text, `None` for NULL.
    pub(crate) fn text(&self, row: usize, name: &str) -> Result<Option<String>, LakeError> {
        let column = self.column(name)?;
        let column = column.as_string_opt::<i32>().ok_or_else(|| wrong(name, column))?;
        Ok(column.is_valid(row).then(|| column.value(row).to_owned()))
    }

    /// Text of a column that has no NULLs.
    pub(crate) fn name(&self, row: usize, name: &str) -> Result<String, LakeError> {
        Ok(self.text(row, name)?.unwrap_or_default())
    }

    /// One of a closed set of names, `None` for NULL.
    pub(crate) fn parsed<T: FromStr>(
        &self,
        row: usize,
        name: &str,
    ) -> Result<Option<T>, LakeError> {
        let Some(text) = self.text(row, name)? else { return Ok(None) };
        let unknown = |_| {
            LakeError::columnar(format!(
                "`{text}` in column {name} is unknown to this version of Tollgate"
            ))
        };
        text.parse().map(Some).map_err(unknown)
    }

    /// A map to text; NULL reads as empty.
    pub(crate) fn texts(
        &self,
        row: usize,
        name: &str,
    ) -> Result<BTreeMap<String, String>, LakeError> {
        let (keys, values) = self.entries(row, name)?;
        let values = values.as_string_opt::<i32>().ok_or_else(|| wrong(name, &values))?;
        let pair = |at: usize| (keys.value(at).to_owned(), values.value(at).to_owned());
        Ok((0..keys.len()).filter(|at| values.is_valid(*at)).map(pair).collect())
    }

    /// A map to counts; NULL reads as empty.
    pub(crate) fn counts(
        &self,
        row: usize,
        name: &str,
    ) -> Result<BTreeMap<String, u64>, LakeError> {
        let (keys, values) = self.entries(row, name)?;
        let values = values.as_primitive_opt::<Int64Type>().ok_or_else(|| wrong(name, &values))?;
        let count = |at: usize| u64::try_from(values.value(at)).unwrap_or(0);
        let pair = |at: usize| (keys.value(at).to_owned(), count(at));
        Ok((0..keys.len()).filter(|at| values.is_valid(*at)).map(pair).collect())
    }

    /// Keys and values of a map, as many of each.
    fn entries(&self, row: usize, name: &str) -> Result<(StringArray, ArrayRef), LakeError> {
        let column = self.column(name)?;
        let map = column.as_map_opt().ok_or_else(|| wrong(name, column))?;
        let entries = map.value(row);
        let entries = if map.is_valid(row) { entries } else { entries.slice(0, 0) };
        let (keys, values) = (entries.column(0), entries.column(1));
        let keys = cast(keys, &DataType::Utf8).map_err(LakeError::columnar)?;
        let target = plain_type(values.data_type());
        let values = cast(values, &target).map_err(LakeError::columnar)?;
        let keys = keys.as_string_opt::<i32>().ok_or_else(|| wrong(name, &keys))?;
        Ok((keys.clone(), values))
    }

    /// A whole number, `None` for NULL.
    pub(crate) fn integer(&self, row: usize, name: &str) -> Result<Option<i64>, LakeError> {
        let column = self.column(name)?;
        let column = column.as_primitive_opt::<Int64Type>().ok_or_else(|| wrong(name, column))?;
        Ok(column.is_valid(row).then(|| column.value(row)))
    }

    /// A count; the sum of no rows is zero.
    pub(crate) fn count(&self, row: usize, name: &str) -> Result<u64, LakeError> {
        Ok(u64::try_from(self.integer(row, name)?.unwrap_or(0)).unwrap_or(0))
    }

    /// An amount, `None` for NULL: unknown.
    pub(crate) fn money(&self, row: usize, name: &str) -> Result<Option<Usd>, LakeError> {
        let column = self.column(name)?;
        let column =
            column.as_primitive_opt::<Decimal128Type>().ok_or_else(|| wrong(name, column))?;
        Ok(column.is_valid(row).then(|| Usd::from_pico(column.value(row))))
    }

    /// The sum of the amounts that are known; how many are not must be counted beside it.
    pub(crate) fn known_sum(&self, row: usize, name: &str) -> Result<Usd, LakeError> {
        Ok(self.money(row, name)?.unwrap_or(Usd::ZERO))
    }

    /// An instant, `None` for NULL.
    pub(crate) fn instant(&self, row: usize, name: &str) -> Result<Option<UnixMicros>, LakeError> {
        let column = self.column(name)?;
        let column = column
            .as_primitive_opt::<TimestampMicrosecondType>()
            .ok_or_else(|| wrong(name, column))?;
        Ok(column.is_valid(row).then(|| UnixMicros::new(column.value(row))))
    }

    /// A day of a column that has no NULLs.
    pub(crate) fn day(&self, row: usize, name: &str) -> Result<Date, LakeError> {
        let column = self.column(name)?;
        let column = column.as_primitive_opt::<Date32Type>().ok_or_else(|| wrong(name, column))?;
        let micros = i64::from(column.value(row)).saturating_mul(86_400_000_000);
        Ok(BillingZone::UTC.date_of(UnixMicros::new(micros)))
    }

    /// A flag; NULL reads as false.
    pub(crate) fn flag(&self, row: usize, name: &str) -> Result<bool, LakeError> {
        let column = self.column(name)?;
        let column = column.as_boolean_opt().ok_or_else(|| wrong(name, column))?;
        Ok(column.is_valid(row) && column.value(row))
    }

    fn column(&self, name: &str) -> Result<&ArrayRef, LakeError> {
        let index = self.batch.schema_ref().index_of(name).map_err(LakeError::columnar)?;
        self.columns.get(index).ok_or_else(|| LakeError::columnar(format!("no column {name}")))
    }
}

fn wrong(name: &str, column: &ArrayRef) -> LakeError {
    LakeError::columnar(format!("column {name} is {}", column.data_type()))
}

/// The one type each kind of column is read in, whatever width the engine chose.
fn plain_type(ty: &DataType) -> DataType {
    match ty {
        DataType::Utf8View | DataType::LargeUtf8 | DataType::Dictionary(..) => DataType::Utf8,
        ty if ty.is_integer() => DataType::Int64,
        ty if ty.is_decimal() => DataType::Decimal128(USD_PRECISION, USD_SCALE),
        DataType::Timestamp(..) => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        other => other.clone(),
    }
}
