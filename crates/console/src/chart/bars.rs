//! Amounts side by side, largest first: one bar and one amount for each name.

use askama::Template;

use super::plot::{Plot, clipped};
use super::scale::Scale;
use super::{ChartText, WIDTH};
use crate::amount::Amount;

/// Where bars begin, pixels: names stand to the left.
const NAMES: u32 = 216;
/// Longest name, characters.
const NAME_CHARS: usize = 28;
/// Room for the amounts at the ends of the bars, pixels.
const AMOUNTS: u32 = 120;
/// Height of a row and of its bar, pixels.
const ROW: u32 = 30;
const BAR: u32 = 18;

/// Draws a bar for the first value of each series. Fails only if the template does.
pub(crate) fn ranked_bars(plot: &Plot<'_>) -> Result<String, askama::Error> {
    let value_of = |values: &[Option<i128>]| values.first().copied().flatten();
    let largest = plot.series.iter().filter_map(|series| value_of(&series.values)).max();
    let scale = Scale::up_to(largest.unwrap_or_default(), plot.unit);
    let room = WIDTH - NAMES - AMOUNTS;
    // The longest bar takes the room there is: no axis needs round ends here.
    let longest = scale.part_of(largest.unwrap_or_default(), room).max(1);
    let rows: Vec<Row> = (0_u32..)
        .zip(&plot.series)
        .map(|(i, series)| {
            let value = value_of(&series.values);
            let part = scale.part_of(value.unwrap_or_default(), room).saturating_mul(room);
            Row {
                y: i * ROW + (ROW - BAR) / 2,
                name: clipped(&series.name, NAME_CHARS),
                paint: series.paint,
                width: (part / longest).min(room).max(u32::from(value > Some(0))),
                amount: value
                    .map(|digits| Amount { digits, unit: plot.unit }.short())
                    .unwrap_or_else(|| "unknown".to_owned()),
            }
        })
        .collect();
    let height = u32::try_from(rows.len()).unwrap_or(u32::MAX).saturating_mul(ROW).max(ROW);
    Bars { text: plot.text, width: WIDTH, height, names: NAMES, bar: BAR, rows }.render()
}

#[derive(Template)]
#[template(path = "bars.svg")]
struct Bars<'a> {
    text: ChartText<'a>,
    width: u32,
    height: u32,
    names: u32,
    bar: u32,
    rows: Vec<Row>,
}

struct Row {
    y: u32,
    name: String,
    paint: usize,
    width: u32,
    amount: String,
}
