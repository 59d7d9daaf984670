//! Stretches of time one below the other on one axis: where a request spent its time.

use askama::Template;

use super::{ChartText, WIDTH};
use crate::figures::duration;

/// Where bars begin, pixels: names stand to the left.
const NAMES: u32 = 216;
/// Room for the durations at the ends of the bars, pixels.
const DURATIONS: u32 = 110;
/// Height of a row and of its bar, pixels.
const ROW: u32 = 26;
const BAR: u32 = 14;

/// A stretch of time, microseconds after the start of all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) name: String,
    pub(crate) from_us: u64,
    pub(crate) to_us: u64,
    /// Which paint it has.
    pub(crate) paint: usize,
}

/// Draws a bar per stretch. Fails only if the template does.
pub(crate) fn waterfall(
    text: ChartText<'_>,
    stretches: &[Stretch],
) -> Result<String, askama::Error> {
    let whole = stretches.iter().map(|stretch| stretch.to_us).max().unwrap_or(0).max(1);
    let room = WIDTH - NAMES - DURATIONS;
    let place = |us: u64| {
        let part = u128::from(us) * u128::from(room) / u128::from(whole);
        NAMES + u32::try_from(part).unwrap_or(room).min(room)
    };
    let rows: Vec<Row<'_>> = (0_u32..)
        .zip(stretches)
        .map(|(i, stretch)| Row {
            y: i * ROW + (ROW - BAR) / 2,
            name: &stretch.name,
            x: place(stretch.from_us),
            width: (place(stretch.to_us).saturating_sub(place(stretch.from_us))).max(2),
            paint: stretch.paint,
            lasted: duration(stretch.to_us.saturating_sub(stretch.from_us)),
        })
        .collect();
    let height = u32::try_from(rows.len()).unwrap_or(u32::MAX).saturating_mul(ROW).max(ROW);
    Waterfall { text, width: WIDTH, height, names: NAMES, bar: BAR, rows }.render()
}

#[derive(Template)]
#[template(path = "waterfall.svg")]
struct Waterfall<'a> {
    text: ChartText<'a>,
    width: u32,
    height: u32,
    names: u32,
    bar: u32,
    rows: Vec<Row<'a>>,
}

struct Row<'a> {
    y: u32,
    name: &'a str,
    x: u32,
    width: u32,
    paint: usize,
    lasted: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_lie_where_their_times_are_and_the_shortest_still_shows() {
        let stretch = |name: &str, from_us, to_us| Stretch {
            name: name.to_owned(),
            from_us,
            to_us,
            paint: 0,
        };
        let text = ChartText { title: "Times", description: "" };
        let svg = waterfall(text, &[stretch("a", 0, 500), stretch("b", 1_000, 1_000)]).unwrap();
        let half = (WIDTH - NAMES - DURATIONS) / 2;
        assert!(svg.contains(&format!("x=\"{NAMES}\" y=\"6\" width=\"{half}\"")), "{svg}");
        assert!(svg.contains("width=\"2\""), "{svg}");
        assert!(svg.contains("500 µs"), "{svg}");
    }
}
