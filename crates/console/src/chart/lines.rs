//! Averages over time as lines: amounts that must not be stacked. Each line has its own mark, and its
//! name stands at its end.

use std::fmt::Write;

use askama::Template;

use super::plot::{BucketLabel, Plot, PlotSeries, SIZE, clipped, ticks, y_of};
use super::scale::Scale;
use super::{BOTTOM, ChartText, HEIGHT, LEFT, TOP, Tick, WIDTH};

/// Room for the names at the right, pixels.
const NAMES: u32 = 168;
/// Longest name written there, characters.
const NAME_CHARS: usize = 22;
/// Least distance of two names, pixels.
const NAME_HEIGHT: u32 = 15;
/// With more buckets than this, marks would hide the lines.
const MARKED_MAX: usize = 62;

/// Draws a line per series. Fails only if the template does.
pub(crate) fn lines(plot: &Plot<'_>) -> Result<String, askama::Error> {
    let highest = plot.series.iter().flat_map(|series| series.values.iter().flatten()).max();
    let scale = Scale::up_to(highest.copied().unwrap_or_default(), plot.unit);
    let drawing = Lines {
        text: plot.text,
        size: SIZE,
        left: LEFT,
        right: WIDTH - NAMES,
        floor: HEIGHT - BOTTOM,
        ticks: ticks(&scale),
        lines: plot.series.iter().map(|series| line(plot, &scale, series)).collect(),
        names: names(plot, &scale),
        labels: plot.labels(WIDTH - NAMES),
    };
    drawing.render()
}

#[derive(Template)]
#[template(path = "lines.svg")]
struct Lines<'a> {
    text: ChartText<'a>,
    size: (u32, u32),
    left: u32,
    right: u32,
    floor: u32,
    ticks: Vec<Tick>,
    lines: Vec<Line>,
    names: Vec<Name>,
    labels: Vec<BucketLabel<'a>>,
}

struct Line {
    paint: usize,
    path: String,
    points: Vec<Point>,
}

struct Point {
    x: u32,
    y: u32,
    title: String,
}

struct Name {
    y: u32,
    text: String,
}

fn line(plot: &Plot<'_>, scale: &Scale, series: &PlotSeries) -> Line {
    let mut path = String::new();
    let mut points = Vec::new();
    let mut is_drawing = false;
    for (bucket, value) in series.values.iter().enumerate() {
        let Some(value) = *value else {
            is_drawing = false;
            continue;
        };
        let (start, end) = plot.edges(bucket, WIDTH - NAMES);
        let (x, y) = ((start + end) / 2, y_of(scale, value));
        // Writing to a String cannot fail.
        let _ = write!(path, "{}{x},{y}", if is_drawing { "L" } else { "M" });
        is_drawing = true;
        points.push(Point { x, y, title: plot.title(bucket, series, value) });
    }
    if plot.buckets.len() > MARKED_MAX {
        points.clear();
    }
    Line { paint: series.paint, path, points }
}

/// The names where their lines end, moved apart from the top down.
fn names(plot: &Plot<'_>, scale: &Scale) -> Vec<Name> {
    let mut names: Vec<Name> = Vec::new();
    for series in &plot.series {
        if let Some(last) = series.values.iter().rev().flatten().next() {
            names.push(Name { y: y_of(scale, *last), text: clipped(&series.name, NAME_CHARS) });
        }
    }
    names.sort_by_key(|name| name.y);
    let mut least = TOP;
    for name in &mut names {
        name.y = name.y.max(least);
        least = name.y + NAME_HEIGHT;
    }
    let mut most = HEIGHT - BOTTOM;
    for name in names.iter_mut().rev() {
        name.y = name.y.min(most);
        most = name.y.saturating_sub(NAME_HEIGHT);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::amount::Unit;
    use crate::chart::Bucket;

    #[test]
    fn names_at_the_ends_never_touch_and_stay_in_the_chart() {
        let series = |i| PlotSeries { name: format!("s{i}"), paint: i, values: vec![Some(0)] };
        let plot = Plot {
            text: ChartText { title: "", description: "" },
            unit: Unit::Count,
            buckets: vec![Bucket { label: String::new(), title: String::new() }],
            series: (0..9).map(series).collect(),
        };
        let names = names(&plot, &Scale::up_to(1, Unit::Count));
        assert!(names.windows(2).all(|pair| pair[1].y >= pair[0].y + NAME_HEIGHT));
        assert!(names.iter().all(|name| (TOP..=HEIGHT - BOTTOM).contains(&name.y)));
    }

    #[test]
    fn a_line_breaks_where_there_is_no_value() {
        let plot = Plot {
            text: ChartText { title: "Cost <each>", description: "Lines." },
            unit: Unit::Count,
            buckets: (0..4)
                .map(|i| Bucket { label: i.to_string(), title: format!("day {i}") })
                .collect(),
            series: vec![PlotSeries {
                name: "a & b".to_owned(),
                paint: 3,
                values: vec![Some(1), Some(2), None, Some(4)],
            }],
        };
        let svg = lines(&plot).unwrap();
        let path = svg.split(" d=\"").find(|part| part.starts_with("M1")).unwrap();
        assert_eq!(path.split('"').next().unwrap().matches('M').count(), 2, "{svg}");
        assert!(svg.contains("day 3, a &#38; b: 4") && !svg.contains("style="), "{svg}");
    }
}
