//! The figures over time: the chart, and the same as a table of buckets by series.

use lake::{Sheet, SheetColumn, SheetValues};
use units::UnixMicros;

use super::findings::Findings;
use super::form::{Form, Question};
use super::totals::{RowKind, amounts, column_name, has_lines, points_of, series_name, texts};
use crate::ConsoleState;
use crate::amount::{Aligned, Unit};
use crate::chart::{self, Bucket, ChartText, PAINTS, Plot, PlotSeries, Swatch};
use crate::explore::{Grain, Series, Span};
use crate::pages::terms::address;

/// Buckets whose table is open at first.
const OPEN_ROWS_MAX: usize = 8;

/// Chart and table.
pub(super) struct Timeline {
    /// The chart, an SVG element of ours.
    pub(super) chart: String,
    pub(super) legend: Vec<(Swatch, String)>,
    /// `By day`.
    pub(super) title: String,
    pub(super) heads: Vec<String>,
    /// Empty where there is one bucket only: the totals say it all.
    pub(super) rows: Vec<BucketRow>,
    pub(super) is_open: bool,
}

/// One bucket.
pub(super) struct BucketRow {
    pub(super) title: String,
    pub(super) utc: String,
    /// Its requests; `None` for those who may not see them.
    pub(super) link: Option<String>,
    pub(super) cells: Vec<Option<Aligned>>,
}

impl Timeline {
    /// Draws what was found. Fails only if a template does.
    pub(super) fn of(
        state: &ConsoleState,
        form: &Form,
        (question, may_read): (&Question, bool),
        findings: &Findings,
    ) -> Result<Self, askama::Error> {
        let series = all_series(findings);
        let heads: Vec<String> =
            series.iter().map(|(kind, series)| head(*kind, series, question)).collect();
        let drawing = Drawing::of(state, question, findings);
        let mut rows = Vec::new();
        if question.asked.grain != Grain::Total {
            rows = bucket_rows(state, form, (question, may_read), (&series, findings));
        }
        Ok(Self {
            chart: drawing.draw(question)?,
            legend: drawing.legend(question),
            title: format!("By {}", question.asked.grain.title().to_lowercase()),
            heads,
            is_open: rows.len() <= OPEN_ROWS_MAX,
            rows,
        })
    }
}

/// Every series, what is left, and the whole where that adds something.
fn all_series(findings: &Findings) -> Vec<(RowKind, &Series)> {
    let shown = findings.shown().into_iter().map(|series| (RowKind::Series, series));
    let other = findings.answer.other.iter().map(|other| (RowKind::Other, other));
    let mut all: Vec<(RowKind, &Series)> = shown.chain(other).collect();
    if all.len() > 1 {
        all.push((RowKind::Total, &findings.answer.total));
    }
    all
}

fn head(kind: RowKind, series: &Series, question: &Question) -> String {
    match kind {
        RowKind::Series => series_name(series, question.asked.metric),
        RowKind::Other => "Other".to_owned(),
        RowKind::Total => "Total".to_owned(),
    }
}

fn bucket_rows(
    state: &ConsoleState,
    form: &Form,
    (question, may_read): (&Question, bool),
    (series, findings): (&[(RowKind, &Series)], &Findings),
) -> Vec<BucketRow> {
    let moments = state.moments();
    let columns: Vec<Vec<Option<Aligned>>> = series
        .iter()
        .map(|(_, series)| Aligned::column(&points_of(series, question.asked.metric)))
        .collect();
    let buckets = &findings.answer.buckets;
    let row = |(i, start): (usize, &UnixMicros)| BucketRow {
        title: moments.bucket(*start, question.asked.grain).1,
        utc: start.to_string(),
        link: may_read.then(|| requests_of(form, bucket_span(question, buckets, i))),
        cells: columns.iter().map(|column| column.get(i).copied().flatten()).collect(),
    };
    buckets.iter().enumerate().map(row).collect()
}

/// From a bucket's start to the next one's, within the span asked for.
fn bucket_span(question: &Question, buckets: &[UnixMicros], i: usize) -> Span {
    let whole = question.asked.span;
    let start = buckets.get(i).copied().unwrap_or(whole.from);
    let end = buckets.get(i.saturating_add(1)).copied().unwrap_or(whole.to);
    Span { from: start.max(whole.from), to: end.min(whole.to) }
}

/// Where the single requests of a span are, with the same filters.
fn requests_of(form: &Form, span: Span) -> String {
    let mut terms = form.terms.clone();
    terms.range = String::new();
    terms.from = String::new();
    terms.to = String::new();
    terms.since = span.from.to_string();
    terms.until = span.to.to_string();
    address("/requests", &terms.pairs())
}

/// What the chart shows: as many series as there are paints, and the rest as one.
struct Drawing {
    buckets: Vec<Bucket>,
    series: Vec<PlotSeries>,
}

impl Drawing {
    fn of(state: &ConsoleState, question: &Question, findings: &Findings) -> Self {
        let moments = state.moments();
        let buckets = findings.answer.buckets.iter().map(|start| {
            let (label, title) = moments.bucket(*start, question.asked.grain);
            Bucket { label, title }
        });
        let shown = findings.shown();
        let (painted, rest) = shown.split_at(shown.len().min(PAINTS));
        let plotted = |(paint, series): (usize, &&Series)| PlotSeries {
            name: series_name(series, question.asked.metric),
            paint,
            values: values(series, question),
        };
        let mut series: Vec<PlotSeries> = painted.iter().enumerate().map(plotted).collect();
        let rest: Vec<&Series> =
            rest.iter().copied().chain(findings.answer.other.as_ref()).collect();
        if let Some(rest) = together(&rest) {
            let name = "Other".to_owned();
            series.push(PlotSeries { name, paint: PAINTS, values: values(&rest, question) });
        }
        Self { buckets: buckets.collect(), series }
    }

    fn draw(&self, question: &Question) -> Result<String, askama::Error> {
        let title = question.title();
        let plot = Plot {
            text: ChartText {
                title: &title,
                description: "The tables on this page have the same figures.",
            },
            unit: Unit::of(question.asked.metric),
            buckets: self.buckets.clone(),
            series: self.series.clone(),
        };
        if question.asked.grain == Grain::Total {
            chart::ranked_bars(&plot)
        } else if has_lines(question) {
            chart::lines(&plot)
        } else {
            chart::stacked_bars(&plot)
        }
    }

    /// Names beside their paints; ranked bars carry theirs themselves.
    fn legend(&self, question: &Question) -> Vec<(Swatch, String)> {
        if question.asked.grain == Grain::Total || self.series.len() < 2 {
            return Vec::new();
        }
        let is_line = has_lines(question);
        let entry = |s: &PlotSeries| (Swatch { paint: s.paint, is_line }, s.name.clone());
        self.series.iter().map(entry).collect()
    }
}

/// What the chart draws of a series: one bucket is the whole.
fn values(series: &Series, question: &Question) -> Vec<Option<i128>> {
    let points = points_of(series, question.asked.metric);
    points.into_iter().map(|point| point.map(|amount| amount.digits)).collect()
}

/// Several series as one.
fn together(series: &[&Series]) -> Option<Series> {
    let (first, others) = series.split_first()?;
    let mut sum = Series { key: Vec::new(), ..(*first).clone() };
    for other in others {
        sum.total = sum.total.plus(other.total);
        sum.unpriced = sum.unpriced.saturating_add(other.unpriced);
        for (point, more) in sum.points.iter_mut().zip(&other.points) {
            *point = point.plus(*more);
        }
    }
    Some(sum)
}

/// The table of buckets as a sheet: a row for each bucket and series, the wholes left out, so that a
/// column adds up to the total.
pub(super) fn sheet(question: &Question, findings: &Findings) -> Sheet {
    let cells: Vec<(usize, RowKind, &Series)> = (0..findings.answer.buckets.len())
        .flat_map(|bucket| {
            let series = all_series(findings).into_iter();
            series
                .filter(|(kind, _)| *kind != RowKind::Total)
                .map(move |(kind, series)| (bucket, kind, series))
        })
        .collect();
    let buckets = &findings.answer.buckets;
    let starts = cells.iter().map(|(bucket, ..)| buckets.get(*bucket).copied()).collect();
    let mut columns = vec![
        SheetColumn { name: "bucket_start".to_owned(), values: SheetValues::Instant(starts) },
        SheetColumn {
            name: "row_type".to_owned(),
            values: texts(cells.iter().map(|(_, kind, _)| Some(kind.as_str().to_owned()))),
        },
    ];
    for (i, by) in question.asked.group_by.iter().enumerate() {
        let values = texts(cells.iter().map(|(.., series)| series.key.get(i).cloned().flatten()));
        columns.push(SheetColumn { name: by.to_string(), values });
    }
    let metric = question.asked.metric;
    let points = cells
        .iter()
        .map(|(bucket, _, series)| points_of(series, metric).get(*bucket).copied().flatten());
    columns.push(amounts(column_name(metric), metric, points));
    Sheet { columns }
}
