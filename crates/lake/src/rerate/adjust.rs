//! The rows that correct others, column by column: who and what stays, every quantity is zero, and money
//! and its basis are those of the correction.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Decimal128Array, Int64Array, RecordBatch,
    StringArray, TimestampMicrosecondArray, UInt32Array, new_null_array,
};
use arrow::compute::{cast, take};
use arrow::datatypes::Int64Type;
use events::{AdjustmentKind, COLUMNS, Column, SCHEMA_VERSION};
use units::{UnixMicros, Usd};

use super::scan::Change;
use super::{PriceBasis, RERATE_NODE};
use crate::schema::{USD_PRECISION, USD_SCALE, arrow_type, usage_schema};
use crate::{LakeError, columns};

/// Column of the ordinal, which is given when the rows are committed.
pub(super) const SEQ: &str = "seq";

/// Columns that a correction does not take from the row it corrects.
pub(super) const REPLACED: &[&str] = &[
    "event_date",
    "revision",
    "first_byte_at",
    "ended_at",
    "ingested_at",
    "is_final",
    "request_bytes",
    "response_bytes",
    "input_text_tokens",
    "input_audio_tokens",
    "input_image_tokens",
    "input_tool_tokens",
    "cache_read_text_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "output_text_tokens",
    "output_audio_tokens",
    "output_image_tokens",
    "reasoning_tokens",
    "web_search_calls",
    "meters_other",
    "input_tokens_total",
    "output_tokens_total",
    "cost_list_usd",
    "cost_contract_usd",
    "cost_usd",
    "cache_saved_usd",
    "time_to_first_byte_us",
    "duration_us",
    "output_tokens_per_second",
    "redactions",
    "quality_score",
    "schema_version",
    "adjustment",
    "adjusts",
];

/// Rows to correct, and what their corrections have in common.
pub(super) struct Adjusting<'a> {
    pub(super) run: &'a str,
    /// Days since 1970.
    pub(super) day: i32,
    pub(super) now: UnixMicros,
    /// The rows, one per change, without what is [`REPLACED`].
    pub(super) rows: &'a RecordBatch,
}

/// One correction.
struct Line<'a> {
    change: &'a Change,
    /// The row corrected.
    row: usize,
    kind: AdjustmentKind,
}

impl Line<'_> {
    /// Corrections count up from the row's own revision.
    fn revision(&self) -> i64 {
        let is_second = self.kind == AdjustmentKind::Restatement && self.change.had.is_some();
        self.change.revision.saturating_add(1 + i64::from(is_second))
    }

    /// List, contract and billed cost, 1e-12 USD.
    fn costs(&self) -> [Option<i128>; 3] {
        let now = self.change.now;
        match (self.kind, self.change.had) {
            (AdjustmentKind::Retraction, Some(had)) => {
                [had.list, had.contract, Some(had.billed)].map(|had| had.map(i128::saturating_neg))
            }
            _ => [Some(now.list), now.contract, Some(now.billed)].map(|now| now.map(Usd::pico)),
        }
    }

    /// What the cost rests on, unless the row itself tells.
    fn basis(&self) -> Option<&PriceBasis> {
        match self.kind {
            AdjustmentKind::Retraction => self.change.had_basis.as_deref(),
            AdjustmentKind::Restatement => Some(&self.change.basis),
        }
    }
}

impl Adjusting<'_> {
    /// The corrections of the rows: retractions of what was known, and a restatement of each.
    pub(super) fn build(&self, changes: &[Change]) -> Result<RecordBatch, LakeError> {
        let all = || changes.iter().enumerate();
        let known = all().filter(|(_, change)| change.had.is_some());
        let line = |kind| move |(row, change)| Line { change, row, kind };
        let lines: Vec<Line<'_>> = known
            .map(line(AdjustmentKind::Retraction))
            .chain(all().map(line(AdjustmentKind::Restatement)))
            .collect();
        let places: Result<UInt32Array, _> = lines
            .iter()
            .map(|line| u32::try_from(line.row))
            .collect::<Result<Vec<_>, _>>()
            .map(UInt32Array::from);
        let places = places.map_err(LakeError::columnar)?;
        let columns: Result<Vec<ArrayRef>, LakeError> =
            COLUMNS.iter().map(|column| self.column(column, &lines, &places)).collect();
        RecordBatch::try_new(usage_schema(), columns?).map_err(LakeError::columnar)
    }

    fn column(
        &self,
        column: &Column,
        lines: &[Line<'_>],
        places: &UInt32Array,
    ) -> Result<ArrayRef, LakeError> {
        let count = lines.len();
        let texts = |text: &dyn Fn(&Line<'_>) -> String| -> ArrayRef {
            Arc::new(lines.iter().map(|line| Some(text(line))).collect::<StringArray>())
        };
        Ok(match column.name {
            "event_date" => Arc::new(Date32Array::from(vec![self.day; count])),
            "revision" => {
                Arc::new(lines.iter().map(|line| Some(line.revision())).collect::<Int64Array>())
            }
            "node_id" => texts(&|_| RERATE_NODE.to_owned()),
            "epoch" => texts(&|_| self.run.to_owned()),
            "ended_at" => self.taken("received_at", column, places)?,
            "ingested_at" => {
                let now = TimestampMicrosecondArray::from(vec![self.now.get(); count]);
                Arc::new(now.with_timezone("UTC"))
            }
            "is_final" => Arc::new(BooleanArray::from(vec![false; count])),
            "schema_version" => Arc::new(Int64Array::from(vec![SCHEMA_VERSION; count])),
            "adjustment" => texts(&|line| line.kind.as_str().to_owned()),
            "adjusts" => self.keys(lines)?,
            "cost_list_usd" => money(lines.iter().map(|line| line.costs()[0]))?,
            "cost_contract_usd" => money(lines.iter().map(|line| line.costs()[1]))?,
            "cost_usd" => money(lines.iter().map(|line| line.costs()[2]))?,
            "cost_reported_usd" => self.reported(column, places)?,
            "model_priced" => self.basis(column, lines, |basis| &basis.model_priced),
            "price_version" => self.basis(column, lines, |basis| &basis.price_version),
            "rate_set" => self.basis(column, lines, |basis| &basis.rate_set),
            name if is_quantity(name) => Arc::new(Int64Array::from(vec![0; count])),
            name if REPLACED.contains(&name) => new_null_array(&arrow_type(column.ty), count),
            SEQ => Arc::new(Int64Array::from(vec![0; count])),
            name => self.taken(name, column, places)?,
        })
    }

    /// A column of the rows corrected; NULL where their file lacks it.
    fn taken(
        &self,
        name: &str,
        column: &Column,
        places: &UInt32Array,
    ) -> Result<ArrayRef, LakeError> {
        let ty = arrow_type(column.ty);
        let Some(found) = self.rows.column_by_name(name) else {
            return Ok(new_null_array(&ty, places.len()));
        };
        let taken = take(found, places, None).map_err(LakeError::columnar)?;
        if *taken.data_type() == ty {
            Ok(taken)
        } else {
            cast(&taken, &ty).map_err(LakeError::columnar)
        }
    }

    /// The keys of the rows corrected.
    fn keys(&self, lines: &[Line<'_>]) -> Result<ArrayRef, LakeError> {
        let (nodes, epochs) = (self.text("node_id")?, self.text("epoch")?);
        let seqs = self.rows.column_by_name(SEQ).and_then(|c| c.as_primitive_opt::<Int64Type>());
        let seqs = seqs.ok_or_else(|| LakeError::columnar("a file has no column seq"))?;
        let key =
            |row: usize| format!("{}/{}/{}", nodes.value(row), epochs.value(row), seqs.value(row));
        Ok(Arc::new(lines.iter().map(|line| Some(key(line.row))).collect::<StringArray>()))
    }

    fn text(&self, name: &str) -> Result<&StringArray, LakeError> {
        let column = self.rows.column_by_name(name).and_then(|c| c.as_string_opt::<i32>());
        column.ok_or_else(|| LakeError::columnar(format!("a file has no column {name}")))
    }

    /// A cost the provider named counts once: its corrections say zero, so that they are found beside it.
    fn reported(&self, column: &Column, places: &UInt32Array) -> Result<ArrayRef, LakeError> {
        let named = self.taken(column.name, column, places)?;
        money((0..named.len()).map(|row| named.is_valid(row).then_some(0)))
    }

    fn basis(
        &self,
        column: &Column,
        lines: &[Line<'_>],
        of: fn(&PriceBasis) -> &String,
    ) -> ArrayRef {
        let own = self.text(column.name).ok();
        let text = |line: &Line<'_>| -> Option<String> {
            let own = || {
                own.filter(|own| own.is_valid(line.row)).map(|own| own.value(line.row).to_owned())
            };
            line.basis().map_or_else(own, |basis| Some(of(basis).clone()))
        };
        Arc::new(lines.iter().map(text).collect::<StringArray>())
    }
}

/// Whether a column counts something a correction has none of.
fn is_quantity(name: &str) -> bool {
    const OTHERS: &[&str] = &[
        "request_bytes",
        "response_bytes",
        "input_tokens_total",
        "output_tokens_total",
        "duration_us",
        "redactions",
    ];
    OTHERS.contains(&name) || columns::METERS.iter().any(|(own, _)| *own == name)
}

fn money(amounts: impl Iterator<Item = Option<i128>>) -> Result<ArrayRef, LakeError> {
    let amounts = amounts.collect::<Decimal128Array>();
    let amounts = amounts.with_precision_and_scale(USD_PRECISION, USD_SCALE);
    Ok(Arc::new(amounts.map_err(LakeError::columnar)?))
}
