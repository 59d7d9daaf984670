//! Amounts over time as bars, the series of a bucket stacked.

use askama::Template;

use super::plot::{BucketLabel, Plot, SIZE, ticks, y_of};
use super::scale::Scale;
use super::{BOTTOM, ChartText, HEIGHT, LEFT, RIGHT, Tick, WIDTH};

/// Draws a bar per bucket, the first series at the bottom. Fails only if the template does.
pub(crate) fn stacked_bars(plot: &Plot<'_>) -> Result<String, askama::Error> {
    let tallest = (0..plot.buckets.len()).map(|bucket| height_of(plot, bucket)).max();
    let scale = Scale::up_to(tallest.unwrap_or_default(), plot.unit);
    let drawing = Stack {
        text: plot.text,
        size: SIZE,
        left: LEFT,
        right: WIDTH - RIGHT,
        floor: HEIGHT - BOTTOM,
        ticks: ticks(&scale),
        segments: (0..plot.buckets.len()).flat_map(|i| segments(plot, &scale, i)).collect(),
        labels: plot.labels(WIDTH - RIGHT),
    };
    drawing.render()
}

#[derive(Template)]
#[template(path = "stack.svg")]
struct Stack<'a> {
    text: ChartText<'a>,
    size: (u32, u32),
    left: u32,
    right: u32,
    floor: u32,
    ticks: Vec<Tick>,
    segments: Vec<Segment>,
    labels: Vec<BucketLabel<'a>>,
}

struct Segment {
    x: u32,
    y: u32,
    width: u32,
    height: u32,
    paint: usize,
    title: String,
}

/// What the bucket's bar adds up to; credits are not drawn.
fn height_of(plot: &Plot<'_>, bucket: usize) -> i128 {
    let values = plot.series.iter().filter_map(|series| series.values.get(bucket).copied()?);
    values.map(|value| value.max(0)).fold(0, i128::saturating_add)
}

fn segments(plot: &Plot<'_>, scale: &Scale, bucket: usize) -> Vec<Segment> {
    let (start, end) = plot.edges(bucket, WIDTH - RIGHT);
    let gap = (end - start) / 6;
    let (from, to) = (start + gap, (end - gap).max(start + gap + 1));
    let mut below = 0_i128;
    let mut segments = Vec::new();
    for series in &plot.series {
        let Some(value) = series.values.get(bucket).copied().flatten().filter(|v| *v > 0) else {
            continue;
        };
        // Each edge is rounded once, so that neighbours share it and the bar ends at its own sum.
        let bottom = y_of(scale, below);
        below = below.saturating_add(value);
        let top = y_of(scale, below).min(bottom.saturating_sub(u32::from(segments.is_empty())));
        if bottom > top {
            let (x, width) = (from, to - from);
            let title = plot.title(bucket, series, value);
            let height = bottom - top;
            segments.push(Segment { x, y: top, width, height, paint: series.paint, title });
        }
    }
    segments
}
