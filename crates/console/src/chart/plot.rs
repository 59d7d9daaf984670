//! What charts of several series have in common: their data, their axes, and how series are told
//! apart without relying on colour.

use std::fmt;

use askama::filters::HtmlSafe;

use super::scale::Scale;
use super::{BOTTOM, ChartText, HEIGHT, LEFT, TOP, Tick, WIDTH};
use crate::amount::{Amount, Unit};

/// Series with a paint of their own; the rest of a chart is drawn as one more.
pub(crate) const PAINTS: usize = 8;
/// Labels below a chart: more would touch each other.
const LABELS_MAX: usize = 12;

/// A chart's data.
#[derive(Debug, Clone)]
pub(crate) struct Plot<'a> {
    pub(crate) text: ChartText<'a>,
    pub(crate) unit: Unit,
    pub(crate) buckets: Vec<Bucket>,
    /// At most [`PAINTS`], and one more for the rest.
    pub(crate) series: Vec<PlotSeries>,
}

/// A stretch of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bucket {
    /// What is written below it: `3 Nov`.
    pub(crate) label: String,
    /// Its whole name: `Tue 3 Nov 2026`.
    pub(crate) title: String,
}

/// One series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlotSeries {
    pub(crate) name: String,
    /// Which paint it has.
    pub(crate) paint: usize,
    /// A value per bucket; `None` where there is none to show.
    pub(crate) values: Vec<Option<i128>>,
}

/// The patterned square, or the line with its mark, that stands for a series beside its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Swatch {
    pub(crate) paint: usize,
    pub(crate) is_line: bool,
}

impl fmt::Display for Swatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paint = self.paint;
        write!(
            f,
            "<svg class=\"swatch\" viewBox=\"0 0 24 14\" width=\"24\" height=\"14\" \
             aria-hidden=\"true\" focusable=\"false\">"
        )?;
        if self.is_line {
            write!(
                f,
                "<path class=\"line l{paint}\" d=\"M0,7h24\"/>\
                 <use class=\"point l{paint}\" href=\"#point-{paint}\" x=\"12\" y=\"7\"/>"
            )?;
        } else {
            write!(
                f,
                "<rect x=\"4\" width=\"16\" height=\"14\" rx=\"2\" fill=\"url(#paint-{paint})\"/>"
            )?;
        }
        f.write_str("</svg>")
    }
}

impl HtmlSafe for Swatch {}

/// A label below the chart.
pub(super) struct BucketLabel<'a> {
    pub(super) middle: u32,
    pub(super) text: &'a str,
}

impl Plot<'_> {
    /// Where a bucket starts and ends when the chart is `right` wide.
    pub(super) fn edges(&self, bucket: usize, right: u32) -> (u32, u32) {
        let count = u32::try_from(self.buckets.len()).unwrap_or(u32::MAX).max(1);
        let bucket = u32::try_from(bucket).unwrap_or(u32::MAX);
        let edge = |i: u32| LEFT + right.saturating_sub(LEFT).saturating_mul(i) / count;
        (edge(bucket), edge(bucket.saturating_add(1)))
    }

    /// Labels of so many buckets that they stay apart.
    pub(super) fn labels(&self, right: u32) -> Vec<BucketLabel<'_>> {
        let every = self.buckets.len().div_ceil(LABELS_MAX).max(1);
        let shown = self.buckets.iter().enumerate().step_by(every);
        shown
            .map(|(i, bucket)| {
                let (start, end) = self.edges(i, right);
                BucketLabel { middle: (start + end) / 2, text: &bucket.label }
            })
            .collect()
    }

    /// `Tue 3 Nov 2026, search: $12.34`.
    pub(super) fn title(&self, bucket: usize, series: &PlotSeries, value: i128) -> String {
        let when = self.buckets.get(bucket).map_or("", |bucket| bucket.title.as_str());
        let amount = Amount { digits: value, unit: self.unit }.short();
        format!("{when}, {}: {amount}", series.name)
    }
}

/// Grid lines with their amounts.
pub(super) fn ticks(scale: &Scale) -> Vec<Tick> {
    scale.ticks().map(|tick| Tick { y: y_of(scale, tick), label: scale.label(tick) }).collect()
}

/// The y coordinate of an amount.
pub(super) fn y_of(scale: &Scale, amount: i128) -> u32 {
    HEIGHT - BOTTOM - scale.part_of(amount, HEIGHT - BOTTOM - TOP)
}

/// A name no longer than `most` characters.
pub(super) fn clipped(name: &str, most: usize) -> String {
    if name.chars().count() <= most {
        return name.to_owned();
    }
    let kept: String = name.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// The whole drawing's size.
pub(super) const SIZE: (u32, u32) = (WIDTH, HEIGHT);
