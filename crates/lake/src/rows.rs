//! Reads the rows of our own queries into plain values.
//!
//! A column that is missing or of another type is a defect of a query file, told by name. Money is
//! read from decimals, never through a float.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
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
