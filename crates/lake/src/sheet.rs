//! A table that was made elsewhere, written as a Parquet file: what a page shows, to take away.
//!
//! It must never know where its values come from.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use parquet::arrow::ArrowWriter;
use units::UnixMicros;

use crate::LakeError;

/// Most digits of a decimal, and those of the usage table's costs.
const PRECISION: u8 = 38;

/// Named columns of one length.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sheet {
    /// The columns, in order.
    pub columns: Vec<SheetColumn>,
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SheetColumn {
    /// Its name.
    pub name: String,
    /// Its values, one a row.
    pub values: SheetValues,
}

/// The values of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SheetValues {
    /// Text.
    Text(Vec<Option<String>>),
    /// Instants, UTC.
    Instant(Vec<Option<UnixMicros>>),
    /// Exact decimals: digits, of which the last `scale` are behind the point.
    Decimal {
        /// The digits.
        digits: Vec<Option<i128>>,
        /// How many of them are behind the point; at most 38.
        scale: i8,
    },
    /// Counts, which may be negative where they are differences.
    Count(Vec<Option<i64>>),
    /// Yes or no.
    Flag(Vec<bool>),
}

impl Sheet {
    /// The sheet as a Parquet file.
    ///
    /// # Errors
    /// When the columns differ in length, or a decimal has more than 38 digits.
    pub fn to_parquet(&self) -> Result<Vec<u8>, LakeError> {
        let columns: Vec<(&str, ArrayRef, bool)> = self
            .columns
            .iter()
            .map(|column| Ok((column.name.as_str(), column.values.to_array()?, true)))
            .collect::<Result<_, LakeError>>()?;
        let batch =
            RecordBatch::try_from_iter_with_nullable(columns).map_err(LakeError::columnar)?;
        let mut bytes = Vec::new();
        let mut writer =
            ArrowWriter::try_new(&mut bytes, batch.schema(), None).map_err(LakeError::columnar)?;
        writer.write(&batch).map_err(LakeError::columnar)?;
        writer.close().map_err(LakeError::columnar)?;
        Ok(bytes)
    }
}

impl SheetValues {
    fn to_array(&self) -> Result<ArrayRef, LakeError> {
        Ok(match self {
            SheetValues::Text(values) => Arc::new(StringArray::from_iter(values)),
            SheetValues::Instant(values) => {
                let micros = values.iter().map(|at| at.map(UnixMicros::get));
                Arc::new(TimestampMicrosecondArray::from_iter(micros).with_timezone("UTC"))
            }
            SheetValues::Decimal { digits, scale } => {
                let array = Decimal128Array::from(digits.clone())
                    .with_precision_and_scale(PRECISION, *scale)
                    .map_err(LakeError::columnar)?;
                array.validate_decimal_precision(PRECISION).map_err(LakeError::columnar)?;
                Arc::new(array)
            }
            SheetValues::Count(values) => Arc::new(Int64Array::from(values.clone())),
            SheetValues::Flag(values) => Arc::new(BooleanArray::from(values.clone())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::AsArray;
    use arrow::datatypes::Decimal128Type;
    use bytes::Bytes;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReader;

    fn column(name: &str, values: SheetValues) -> SheetColumn {
        SheetColumn { name: name.to_owned(), values }
    }

    #[test]
    fn a_sheet_reads_back_with_every_digit() {
        let digits = vec![Some(1_077_765_000_001), None, Some(-5)];
        let sheet = Sheet {
            columns: vec![
                column("team", SheetValues::Text(vec![Some("a".into()), None, Some("b".into())])),
                column("cost_usd", SheetValues::Decimal { digits: digits.clone(), scale: 12 }),
                column("from", SheetValues::Instant(vec![Some(UnixMicros::new(7)), None, None])),
                column("requests", SheetValues::Count(vec![Some(1), Some(2), None])),
                column("is_other", SheetValues::Flag(vec![false, false, true])),
            ],
        };
        let bytes = Bytes::from(sheet.to_parquet().unwrap());
        let batch = ParquetRecordBatchReader::try_new(bytes, 10).unwrap().next().unwrap().unwrap();
        assert_eq!((batch.num_rows(), batch.num_columns()), (3, 5));
        let costs = batch.column(1).as_primitive::<Decimal128Type>();
        assert_eq!(costs.iter().collect::<Vec<_>>(), digits);
        assert_eq!(costs.scale(), 12);
    }

    #[test]
    fn columns_of_different_length_are_refused() {
        let sheet = Sheet {
            columns: vec![
                column("a", SheetValues::Flag(vec![true])),
                column("b", SheetValues::Flag(vec![true, false])),
            ],
        };
        assert!(sheet.to_parquet().is_err());
    }
}
