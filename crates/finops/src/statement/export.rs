//! A statement as CSV (RFC 4180, UTF-8, CRLF): the lines, then one totals row, then what corrections
//! changed if they did, the same columns in each. It must never compute a figure: it writes those the statement holds.

use csv::{Terminator, WriterBuilder};

use super::{Adjustment, DISPLAY_DECIMALS, Figures, Statement, UNTAGGED};
use crate::FinopsError;
use crate::spreadsheet::neutralise;
use units::Usd;

/// The columns; quantities and amounts name their unit.
const HEADER: [&str; 20] = [
    "row_type",
    "statement_id",
    "organisation",
    "team",
    "period",
    "zone",
    "feature",
    "customer",
    "requests_count",
    "unpriced_requests_count",
    "input_tokens_count",
    "output_tokens_count",
    "cost_usd_exact",
    "cost_usd_cents_rounded",
    "content_digest",
    "model",
    "price_version_before",
    "price_version_after",
    "cost_usd_before",
    "cost_usd_after",
];

/// Columns of rows that correct nothing are empty from here on.
const OWN_OF_ADJUSTMENTS: usize = 5;

impl Statement {
    /// The statement as CSV. `row_type` is `line` or `total`, so that whoever sums a column can leave
    /// the total out; where prices were corrected also `recorded`, what the total was before, and
    /// `adjustment`, the differences, which together are the total once more. Text is kept from running as a formula, see [`crate::neutralise`].
    pub fn to_csv(&self) -> Result<String, FinopsError> {
        let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
        let failed = |error: csv::Error| FinopsError::Encoding(error.to_string());
        writer.write_record(HEADER).map_err(failed)?;
        for line in &self.lines {
            let names = [named(line.feature.as_deref()), named(line.customer.as_deref())];
            let row = self.row("line", names, &line.figures, line.cost_displayed);
            writer.write_record(row).map_err(failed)?;
        }
        let names = [String::new(), String::new()];
        let row = self.row("total", names, &self.totals.figures, self.totals.cost_displayed);
        writer.write_record(row).map_err(failed)?;
        if !self.adjustments.is_empty() {
            writer.write_record(self.recorded_row()).map_err(failed)?;
            for adjustment in &self.adjustments {
                writer.write_record(self.adjustment_row(adjustment)).map_err(failed)?;
            }
        }
        let bytes =
            writer.into_inner().map_err(|error| FinopsError::Encoding(error.to_string()))?;
        String::from_utf8(bytes).map_err(|error| FinopsError::Encoding(error.to_string()))
    }

    /// What the total was before any correction.
    fn recorded_row(&self) -> Vec<String> {
        let mut row = self.bare_row("recorded");
        row.extend([self.recorded().to_string(), String::new(), self.digest.clone()]);
        row.extend(std::iter::repeat_n(String::new(), OWN_OF_ADJUSTMENTS));
        row
    }

    fn adjustment_row(&self, adjustment: &Adjustment) -> Vec<String> {
        let text =
            |text: &Option<String>| neutralise(text.as_deref().unwrap_or_default()).into_owned();
        let mut row = self.bare_row("adjustment");
        row.extend([adjustment.difference().to_string(), String::new(), self.digest.clone()]);
        row.extend([
            text(&adjustment.model),
            text(&adjustment.version_before),
            text(&adjustment.version_after),
            adjustment.before.to_string(),
            adjustment.after.to_string(),
        ]);
        row
    }

    /// Whose statement a row is of, and no quantities: requests are counted in the lines, once.
    fn bare_row(&self, row_type: &str) -> Vec<String> {
        let mut row = self.scope_cells(row_type).to_vec();
        row.extend(std::iter::repeat_n(String::new(), 6));
        row
    }

    fn scope_cells(&self, row_type: &str) -> [String; 6] {
        [
            row_type.to_owned(),
            self.id.to_string(),
            self.scope.organisation.to_string(),
            self.scope.team.to_string(),
            self.scope.period.to_string(),
            neutralise(&self.scope.zone).into_owned(),
        ]
    }

    fn row(
        &self,
        row_type: &str,
        names: [String; 2],
        figures: &Figures,
        displayed: Usd,
    ) -> Vec<String> {
        let mut row = self.scope_cells(row_type).to_vec();
        row.extend(names);
        row.extend([
            figures.requests.to_string(),
            figures.unpriced_requests.to_string(),
            figures.input_tokens.to_string(),
            figures.output_tokens.to_string(),
            figures.cost.to_string(),
            displayed.to_fixed(DISPLAY_DECIMALS),
            self.digest.clone(),
        ]);
        row.extend(std::iter::repeat_n(String::new(), OWN_OF_ADJUSTMENTS));
        row
    }
}

/// A name as a cell. A client that calls itself `(untagged)` is marked as text like a formula, so that
/// it cannot hide in the bucket.
fn named(name: Option<&str>) -> String {
    match name {
        None => UNTAGGED.to_owned(),
        Some(UNTAGGED) => format!("'{UNTAGGED}"),
        Some(name) => neutralise(name).into_owned(),
    }
}
