//! What is left of a budget over its window, the even pace beside it, and where the rate leads.

use askama::Template;
use units::{UnixMicros, Usd};

use super::scale::Scale;
use super::{BOTTOM, ChartText, HEIGHT, LEFT, RIGHT, TOP, Tick, WIDTH};
use crate::amount::Unit;
use crate::figures;

/// A burn-down's data.
#[derive(Debug, Clone)]
pub(crate) struct BurnDown<'a> {
    pub(crate) text: ChartText<'a>,
    /// First instant of the window.
    pub(crate) from: UnixMicros,
    /// First instant after it.
    pub(crate) to: UnixMicros,
    pub(crate) limit: Usd,
    /// What was left at each instant, from the limit at the start to now; negative when passed.
    pub(crate) left: Vec<(UnixMicros, Usd)>,
    /// Where the rate so far leads.
    pub(crate) projected: Option<(UnixMicros, Usd)>,
    /// What is written below the chart, and where.
    pub(crate) labels: Vec<(UnixMicros, String)>,
}

/// The chart. Fails only if the template does.
pub(crate) fn burn_down(data: &BurnDown<'_>) -> Result<String, askama::Error> {
    let scale = Scale::up_to(data.limit.pico(), Unit::Usd);
    let point = |at: UnixMicros, left: Usd| Point { x: x_of(data, at), y: y_of(&scale, left) };
    let line: Vec<Point> = data.left.iter().map(|(at, left)| point(*at, *left)).collect();
    let now = data.left.last().copied();
    let projection = data.projected.zip(line.last().copied());
    Burn {
        text: data.text,
        width: WIDTH,
        height: HEIGHT,
        left: LEFT,
        right: WIDTH - RIGHT,
        ticks: scale
            .ticks()
            .map(|tick| Tick { y: y_of(&scale, Usd::from_pico(tick)), label: scale.label(tick) })
            .collect(),
        labels: data.labels.iter().map(|(at, text)| (x_of(data, *at), text.as_str())).collect(),
        area: area(&line, y_of(&scale, Usd::ZERO)),
        line: path(&line),
        pace: path(&[point(data.from, data.limit), point(data.to, Usd::ZERO)]),
        projection: projection.map(|((at, left), from)| path(&[from, point(at, left)])),
        now: now.zip(line.last().copied()).map(|((_, left), at)| (at, figures::usd(left))),
    }
    .render()
}

#[derive(Template)]
#[template(path = "burn.svg")]
struct Burn<'a> {
    text: ChartText<'a>,
    width: u32,
    height: u32,
    left: u32,
    right: u32,
    ticks: Vec<Tick>,
    labels: Vec<(u32, &'a str)>,
    area: String,
    line: String,
    pace: String,
    projection: Option<String>,
    now: Option<(Point, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Point {
    x: u32,
    y: u32,
}

fn path(points: &[Point]) -> String {
    let points: Vec<String> = points.iter().map(|p| format!("{},{}", p.x, p.y)).collect();
    if points.is_empty() { String::new() } else { format!("M{}", points.join("L")) }
}

/// The line closed along the floor.
fn area(line: &[Point], floor: u32) -> String {
    match (line.first(), line.last()) {
        (Some(first), Some(last)) => {
            format!("{}L{},{floor}L{},{floor}Z", path(line), last.x, first.x)
        }
        _ => String::new(),
    }
}

fn x_of(data: &BurnDown<'_>, at: UnixMicros) -> u32 {
    let length = i128::from(data.to.micros_since(data.from)).max(1);
    let since = i128::from(at.micros_since(data.from)).clamp(0, length);
    let room = WIDTH - LEFT - RIGHT;
    LEFT + u32::try_from(since * i128::from(room) / length).unwrap_or(room)
}

/// The y coordinate of an amount; what is below nothing lies on the floor.
fn y_of(scale: &Scale, amount: Usd) -> u32 {
    HEIGHT - BOTTOM - scale.part_of(amount.pico(), HEIGHT - BOTTOM - TOP)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(left: &[(i64, i64)]) -> BurnDown<'static> {
        BurnDown {
            text: ChartText { title: "Left of <b>", description: "Lines & areas." },
            from: UnixMicros::new(0),
            to: UnixMicros::new(1_000),
            limit: Usd::from_dollars(100),
            left: left
                .iter()
                .map(|(at, left)| (UnixMicros::new(*at), Usd::from_dollars(*left)))
                .collect(),
            projected: Some((UnixMicros::new(1_000), Usd::from_dollars(10))),
            labels: vec![(UnixMicros::new(0), "1 Nov".to_owned())],
        }
    }

    #[test]
    fn a_burn_down_is_drawn_the_same_every_time() {
        insta::assert_snapshot!(burn_down(&data(&[(0, 100), (250, 70), (500, 55)])).unwrap());
    }

    #[test]
    fn a_budget_passed_lies_on_the_floor_and_one_without_use_is_still_a_chart() {
        for left in [&[(0, 100), (500, -20)][..], &[], &[(0, 100)]] {
            let svg = burn_down(&data(left)).unwrap();
            assert!(svg.starts_with("<svg") && !svg.contains("style="), "{svg}");
            assert!(svg.contains("Left of &#60;b&#62;"), "{svg}");
        }
        let scale = Scale::up_to(Usd::from_dollars(100).pico(), Unit::Usd);
        assert_eq!(y_of(&scale, Usd::from_dollars(-20)), HEIGHT - BOTTOM);
    }
}
