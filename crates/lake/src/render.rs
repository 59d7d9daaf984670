//! Query results as text: a table for people, JSON and CSV for programs. Decimals keep every digit.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::cast;
use arrow::csv::WriterBuilder;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::json::ArrayWriter;
use arrow::json::writer::{JsonArray, WriterBuilder as JsonBuilder};
use arrow::util::pretty::pretty_format_batches_with_schema;

use crate::{LakeError, QueryResult};

/// How a result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rendering {
    /// Aligned columns.
    Table,
    /// A JSON array of objects; decimals as text, so that no reader makes floats of them, NULL as
    /// `null`.
    Json,
    /// Comma-separated values with a header.
    Csv,
}

impl QueryResult {
    /// The rows as text that ends in a line break.
    ///
    /// # Errors
    /// When a column has a type the form cannot hold, such as a map in CSV.
    pub fn render(&self, rendering: Rendering) -> Result<String, LakeError> {
        let text = match rendering {
            Rendering::Table => {
                pretty_format_batches_with_schema(Arc::clone(&self.schema), &self.batches)
                    .map(|table| format!("{table}\n"))
            }
            Rendering::Json => self.json(),
            Rendering::Csv => self.csv(),
        };
        text.map_err(|error| LakeError::Query(format!("the result cannot be written so: {error}")))
    }

    fn json(&self) -> Result<String, ArrowError> {
        let mut bytes = Vec::new();
        let builder = JsonBuilder::new().with_explicit_nulls(true);
        let mut writer: ArrayWriter<&mut Vec<u8>> = builder.build::<_, JsonArray>(&mut bytes);
        for batch in &self.batches {
            writer.write(&decimals_as_text(batch)?)?;
        }
        writer.finish()?;
        bytes.push(b'\n');
        utf8(bytes)
    }

    fn csv(&self) -> Result<String, ArrowError> {
        let mut bytes = Vec::new();
        if self.rows() == 0 {
            let names: Vec<&str> =
                self.schema.fields().iter().map(|field| field.name().as_str()).collect();
            return Ok(format!("{}\n", names.join(",")));
        }
        let mut writer = WriterBuilder::new().with_header(true).build(&mut bytes);
        for batch in &self.batches {
            writer.write(batch)?;
        }
        drop(writer);
        utf8(bytes)
    }
}

fn decimals_as_text(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let is_decimal =
        |kind: &DataType| matches!(kind, DataType::Decimal128(..) | DataType::Decimal256(..));
    let field = |field: &Arc<Field>| match is_decimal(field.data_type()) {
        true => Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8)),
        false => Arc::clone(field),
    };
    let schema: SchemaRef =
        Arc::new(Schema::new(batch.schema().fields().iter().map(field).collect::<Vec<_>>()));
    let column = |column: &ArrayRef| match is_decimal(column.data_type()) {
        true => cast(column, &DataType::Utf8),
        false => Ok(Arc::clone(column)),
    };
    RecordBatch::try_new(schema, batch.columns().iter().map(column).collect::<Result<_, _>>()?)
}

fn utf8(bytes: Vec<u8>) -> Result<String, ArrowError> {
    String::from_utf8(bytes).map_err(|error| ArrowError::ExternalError(Box::new(error)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Decimal128Array, StringArray};

    fn result() -> QueryResult {
        let cost = Decimal128Array::from(vec![Some(1_077_765_000_001), None])
            .with_precision_and_scale(38, 12)
            .unwrap();
        let team = StringArray::from(vec!["a,b", "c"]);
        let schema = Arc::new(Schema::new(vec![
            Field::new("team", DataType::Utf8, false),
            Field::new("cost_usd", DataType::Decimal128(38, 12), true),
        ]));
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(team), Arc::new(cost)])
            .unwrap();
        QueryResult { schema, batches: vec![batch], is_truncated: false }
    }

    #[test]
    fn every_digit_of_a_decimal_survives_in_every_form() {
        let json = result().render(Rendering::Json).unwrap();
        assert_eq!(
            json,
            "[{\"team\":\"a,b\",\"cost_usd\":\"1.077765000001\"},{\"team\":\"c\",\"cost_usd\":null}]\n"
        );
        assert_eq!(
            result().render(Rendering::Csv).unwrap(),
            "team,cost_usd\n\"a,b\",1.077765000001\nc,\n"
        );
        assert!(result().render(Rendering::Table).unwrap().contains("| 1.077765000001 |"));
    }

    #[test]
    fn an_empty_result_still_names_its_columns() {
        let empty = QueryResult { batches: Vec::new(), ..result() };
        assert_eq!(empty.render(Rendering::Csv).unwrap(), "team,cost_usd\n");
        assert_eq!(empty.render(Rendering::Json).unwrap(), "[]\n");
        assert!(empty.render(Rendering::Table).unwrap().contains("cost_usd"));
    }
}
