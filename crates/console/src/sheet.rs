//! A sheet as CSV (RFC 4180, UTF-8, CRLF). It must never compute a figure: it writes those it is given.

use csv::{Terminator, WriterBuilder};
use finops::neutralise;
use lake::{Sheet, SheetColumn, SheetValues};
use units::Usd;

/// Decimals of an amount of money.
const USD_SCALE: i8 = 12;

/// The sheet as CSV, its columns' names first. Text is kept from running as a formula.
pub(crate) fn to_csv(sheet: &Sheet) -> Result<String, String> {
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
    let names = sheet.columns.iter().map(|column| neutralise(&column.name).into_owned());
    writer.write_record(names).map_err(|error| error.to_string())?;
    for row in 0..rows(sheet) {
        let cells = sheet.columns.iter().map(|column| cell(column, row));
        writer.write_record(cells).map_err(|error| error.to_string())?;
    }
    let bytes = writer.into_inner().map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|error| error.to_string())
}

fn rows(sheet: &Sheet) -> usize {
    sheet.columns.first().map_or(0, |column| match &column.values {
        SheetValues::Text(values) => values.len(),
        SheetValues::Instant(values) => values.len(),
        SheetValues::Decimal { digits, .. } => digits.len(),
        SheetValues::Count(values) => values.len(),
        SheetValues::Flag(values) => values.len(),
    })
}

/// The value as text; empty where there is none.
fn cell(column: &SheetColumn, row: usize) -> String {
    let shown = match &column.values {
        SheetValues::Text(values) => {
            values.get(row).cloned().flatten().map(|text| neutralise(&text).into_owned())
        }
        SheetValues::Instant(values) => values.get(row).copied().flatten().map(|at| at.to_string()),
        SheetValues::Decimal { digits, scale } => {
            digits.get(row).copied().flatten().map(|digits| decimal(digits, *scale))
        }
        SheetValues::Count(values) => {
            values.get(row).copied().flatten().map(|count| count.to_string())
        }
        SheetValues::Flag(values) => values.get(row).map(ToString::to_string),
    };
    shown.unwrap_or_default()
}

/// Money as everywhere else; other decimals with all their places.
fn decimal(digits: i128, scale: i8) -> String {
    if scale == USD_SCALE {
        return Usd::from_pico(digits).to_string();
    }
    let places = usize::try_from(scale).unwrap_or_default();
    let sign = if digits < 0 { "-" } else { "" };
    let all = format!("{:0>width$}", digits.unsigned_abs(), width = places + 1);
    let (whole, part) = all.split_at(all.len() - places);
    if part.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_keep_their_digits_and_never_run_as_formulas() {
        let column = |name: &str, values| SheetColumn { name: name.to_owned(), values };
        let sheet = Sheet {
            columns: vec![
                column("tag:=x", SheetValues::Text(vec![Some("=1+1".into()), None])),
                column(
                    "cost_usd",
                    SheetValues::Decimal {
                        digits: vec![Some(-1_500_000_000_001), None],
                        scale: 12,
                    },
                ),
                column(
                    "percent",
                    SheetValues::Decimal { digits: vec![Some(-4), Some(125)], scale: 1 },
                ),
                column("requests", SheetValues::Count(vec![None, Some(7)])),
            ],
        };
        assert_eq!(
            to_csv(&sheet).unwrap(),
            "tag:=x,cost_usd,percent,requests\r\n'=1+1,-1.500000000001,-0.4,\r\n,,12.5,7\r\n"
        );
    }
}
