//! Amounts side by side, each with the range it may lie in: a bar as long as the expected, and a whisker
//! from the least to the most.

use askama::Template;

use super::plot::clipped;
use super::scale::Scale;
use super::{ChartText, WIDTH};
use crate::amount::{Amount, Unit};

/// Where bars begin, pixels: names stand to the left.
const NAMES: u32 = 268;
/// Longest name, characters.
const NAME_CHARS: usize = 38;
/// Room for the amounts at the ends of the bars, pixels.
const AMOUNTS: u32 = 120;
/// Height of a row, of its bar and of the ends of its whisker, pixels.
const ROW: u32 = 34;
const BAR: u32 = 18;
const CAP: u32 = 10;

/// An amount, picodollars, and the range it may lie in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RangeBar {
    pub(crate) name: String,
    /// Which paint it has.
    pub(crate) paint: usize,
    /// `None` where it is not known.
    pub(crate) expected: Option<i128>,
    /// The least and the most; `None` where the amount is exact.
    pub(crate) range: Option<(i128, i128)>,
}

/// Draws a bar for each. Fails only if the template does.
pub(crate) fn ranges(text: ChartText<'_>, bars: &[RangeBar]) -> Result<String, askama::Error> {
    let most = |bar: &RangeBar| bar.range.map(|(_, most)| most).max(bar.expected);
    let largest = bars.iter().filter_map(most).max().unwrap_or_default();
    let scale = Scale::up_to(largest, Unit::Usd);
    let room = WIDTH - NAMES - AMOUNTS;
    // The longest takes the room there is: no axis needs round ends here.
    let longest = scale.part_of(largest, room).max(1);
    let place =
        |amount: i128| (scale.part_of(amount, room).saturating_mul(room) / longest).min(room);
    let row = |(i, bar): (u32, &RangeBar)| {
        let y = i * ROW + (ROW - BAR) / 2;
        let width = bar.expected.map_or(0, |amount| place(amount).max(u32::from(amount > 0)));
        let whisker = bar.range.map(|(least, most)| {
            let (from, to) = (NAMES + place(least), NAMES + place(most));
            Whisker { from, to: to.max(from + 1), y: y + BAR / 2, top: y + (BAR - CAP) / 2 }
        });
        let end = whisker.as_ref().map_or(0, |whisker| whisker.to).max(NAMES + width);
        let shown = |digits: i128| Amount { digits, unit: Unit::Usd }.short();
        Row {
            y,
            name: clipped(&bar.name, NAME_CHARS),
            paint: bar.paint,
            width,
            end,
            amount: bar.expected.map_or_else(|| "unknown".to_owned(), shown),
            whisker,
        }
    };
    let rows: Vec<Row> = (0_u32..).zip(bars).map(row).collect();
    let height = u32::try_from(rows.len()).unwrap_or(u32::MAX).saturating_mul(ROW).max(ROW);
    Ranges { text, width: WIDTH, height, names: NAMES, bar: BAR, cap: CAP, rows }.render()
}

#[derive(Template)]
#[template(path = "ranges.svg")]
struct Ranges<'a> {
    text: ChartText<'a>,
    width: u32,
    height: u32,
    names: u32,
    bar: u32,
    cap: u32,
    rows: Vec<Row>,
}

struct Row {
    y: u32,
    name: String,
    paint: usize,
    width: u32,
    /// Where the amount is written.
    end: u32,
    amount: String,
    whisker: Option<Whisker>,
}

struct Whisker {
    from: u32,
    to: u32,
    y: u32,
    top: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(expected: i128, range: Option<(i128, i128)>) -> RangeBar {
        RangeBar { name: "<a>".to_owned(), paint: 0, expected: Some(expected), range }
    }

    #[test]
    fn a_whisker_spans_its_range_and_the_most_fills_the_room() {
        let text = ChartText { title: "Costs", description: "" };
        let usd = 1_000_000_000_000;
        let bars = [bar(5 * usd, None), bar(6 * usd, Some((4 * usd, 10 * usd)))];
        let svg = ranges(text, &bars).unwrap();
        let room = WIDTH - NAMES - AMOUNTS;
        let (low, high) = (NAMES + room * 4 / 10, NAMES + room);
        assert!(svg.contains(&format!("M{low},")) && svg.contains(&format!("H{high}")), "{svg}");
        assert!(svg.contains("&#60;a&#62;") && !svg.contains("style="), "{svg}");
        assert_eq!(svg.matches("class=\"whisker\"").count(), 1, "{svg}");
    }

    #[test]
    fn nothing_and_credits_are_still_a_chart() {
        let text = ChartText { title: "Costs", description: "" };
        for bars in [&[][..], &[bar(0, None)], &[bar(-5, Some((-9, 0)))]] {
            assert!(ranges(text, bars).unwrap().starts_with("<svg"), "{bars:?}");
        }
        let unknown = RangeBar { expected: None, ..bar(0, None) };
        assert!(ranges(text, &[unknown]).unwrap().contains("unknown"));
    }
}
