//! Charts as SVG. Geometry is integers, labels come pre-formatted from exact amounts, colours are
//! classes of the style sheet (so that dark mode, print and a strict CSP need nothing special).
//!
//! Drawn here rather than by a chart library: `charts-rs` writes colours into each element, where no
//! style sheet reaches them, and takes amounts as `f32`.

mod bars;
mod burn;
mod lines;
mod plot;
mod ranges;
mod scale;
mod stack;
mod waterfall;

use askama::Template;
use jiff::civil::Date;
use units::Usd;

use crate::amount::Unit;
use crate::{figures, moments};
use scale::Scale;

pub(crate) use bars::ranked_bars;
pub(crate) use burn::{BurnDown, burn_down};
pub(crate) use lines::lines;
pub(crate) use plot::{Bucket, PAINTS, Plot, PlotSeries, Swatch};
pub(crate) use ranges::{RangeBar, ranges};
pub(crate) use stack::stacked_bars;
pub(crate) use waterfall::{Stretch, waterfall};

const WIDTH: u32 = 960;
const HEIGHT: u32 = 264;
const LEFT: u32 = 68;
const RIGHT: u32 = 8;
const TOP: u32 = 12;
const BOTTOM: u32 = 28;

/// One day of a trend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrendPoint {
    /// The day.
    pub date: Date,
    /// What is written below it.
    pub label: String,
    /// Its spend; `None` for a day to come.
    pub cost: Option<Usd>,
    /// Spend of the same day of the month before; `None` when that month has no such day.
    pub previous: Option<Usd>,
    /// The day is not over yet.
    pub is_partial: bool,
}

/// What a chart is called, for those who do not see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChartText<'a> {
    /// Short name.
    pub title: &'a str,
    /// What it shows, in a sentence or two.
    pub description: &'a str,
}

/// A bar for each day's spend and a mark for the same day of the month before. Fails only if the
/// template does.
pub fn daily_trend(text: ChartText<'_>, points: &[TrendPoint]) -> Result<String, askama::Error> {
    Trend::of(text, points).render()
}

#[derive(Template)]
#[template(path = "trend.svg")]
struct Trend<'a> {
    text: ChartText<'a>,
    width: u32,
    height: u32,
    left: u32,
    right: u32,
    ticks: Vec<Tick>,
    days: Vec<Day<'a>>,
}

/// A grid line and its amount.
struct Tick {
    y: u32,
    label: String,
}

/// One day's column.
struct Day<'a> {
    label: &'a str,
    middle: u32,
    bar: Option<Bar>,
    mark: Option<Mark>,
}

struct Bar {
    x: u32,
    y: u32,
    width: u32,
    height: u32,
    title: String,
    is_partial: bool,
}

struct Mark {
    x: u32,
    y: u32,
    width: u32,
    title: String,
}

impl<'a> Trend<'a> {
    fn of(text: ChartText<'a>, points: &'a [TrendPoint]) -> Self {
        let largest = points.iter().flat_map(|p| [p.cost, p.previous]).flatten().max();
        let scale = Scale::up_to(largest.unwrap_or_default().pico(), Unit::Usd);
        let ticks = scale.ticks().map(|tick| Tick {
            y: height_of(&scale, Usd::from_pico(tick)),
            label: scale.label(tick),
        });
        Self {
            text,
            width: WIDTH,
            height: HEIGHT,
            left: LEFT,
            right: WIDTH - RIGHT,
            ticks: ticks.collect(),
            days: columns(points, &scale),
        }
    }

    /// The line amounts of zero stand on.
    fn floor(&self) -> u32 {
        HEIGHT - BOTTOM
    }
}

fn columns<'a>(points: &'a [TrendPoint], scale: &Scale) -> Vec<Day<'a>> {
    let count = u32::try_from(points.len()).unwrap_or(u32::MAX).max(1);
    let edge = |i: u32| LEFT + (WIDTH - LEFT - RIGHT).saturating_mul(i) / count;
    let column = |(i, point): (u32, &'a TrendPoint)| {
        let (start, end) = (edge(i), edge(i.saturating_add(1)));
        let gap = (end - start) / 6;
        let (from, to) = (start + gap, (end - gap).max(start + gap + 1));
        Day {
            label: &point.label,
            middle: (start + end) / 2,
            bar: point.cost.map(|cost| bar(point, cost, scale, (from, to))),
            mark: point.previous.map(|amount| Mark {
                x: from.saturating_sub(3),
                y: height_of(scale, amount).saturating_sub(2),
                width: to - from + 6,
                title: format!("Same day of the month before: {}", figures::usd(amount)),
            }),
        }
    };
    (0..).zip(points).map(column).collect()
}

fn bar(point: &TrendPoint, cost: Usd, scale: &Scale, (from, to): (u32, u32)) -> Bar {
    let y = height_of(scale, cost);
    let so_far = if point.is_partial { " so far" } else { "" };
    Bar {
        x: from,
        y,
        width: to - from,
        height: HEIGHT - BOTTOM - y,
        title: format!("{}: {}{so_far}", moments::day_title(point.date), figures::usd(cost)),
        is_partial: point.is_partial,
    }
}

/// The y coordinate of an amount. What is not zero is at least a pixel high, so that it shows.
fn height_of(scale: &Scale, amount: Usd) -> u32 {
    let room = HEIGHT - BOTTOM - TOP;
    let height = scale.part_of(amount.pico(), room).max(u32::from(amount > Usd::ZERO));
    HEIGHT - BOTTOM - height
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(amounts: &[&str]) -> Vec<TrendPoint> {
        let days = amounts.iter().zip(1_i8..).map(|(amount, day)| TrendPoint {
            date: jiff::civil::date(2026, 11, day),
            label: day.to_string(),
            cost: (!amount.is_empty()).then(|| amount.parse().unwrap()),
            previous: (day % 2 == 0).then(|| Usd::from_dollars(i64::from(day) * 10)),
            is_partial: day == 3,
        });
        days.collect()
    }

    const TEXT: ChartText<'_> = ChartText { title: "Daily <spend>", description: "Bars & marks." };

    #[test]
    fn a_trend_is_drawn_the_same_every_time() {
        let svg = daily_trend(TEXT, &points(&["12.50", "81.337", "0.0001", ""])).unwrap();
        insta::assert_snapshot!(svg);
    }

    #[test]
    fn a_trend_has_no_inline_style_and_escapes_its_text() {
        let svg = daily_trend(TEXT, &points(&["1", "2"])).unwrap();
        assert!(!svg.contains("style="), "{svg}");
        assert!(svg.contains("Daily &#60;spend&#62;"), "{svg}");
    }

    #[test]
    fn a_trend_of_nothing_is_still_a_chart() {
        for amounts in [&[][..], &["0", "0"], &["", ""]] {
            let svg = daily_trend(TEXT, &points(amounts)).unwrap();
            assert!(svg.starts_with("<svg"), "{svg}");
        }
    }

    #[test]
    fn the_smallest_amount_is_visible_beside_the_largest() {
        let scale = Scale::up_to(Usd::from_dollars(1_000_000).pico(), Unit::Usd);
        let floor = height_of(&scale, Usd::ZERO);
        assert_eq!(height_of(&scale, Usd::from_pico(1)), floor - 1);
        assert!(height_of(&scale, Usd::from_dollars(1_000_000)) >= TOP);
    }
}
