//! The answer to a question: complete buckets, the largest series, the rest, and the total.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use units::UnixMicros;

use crate::explore::calendar::Calendar;
use crate::explore::measure::UNPRICED;
use crate::explore::{ExploreQuery, Measure, Metric};
use crate::filter::Table;
use crate::rows::Rows;
use crate::{LakeError, Window};

/// What a question is answered with. The series and the rest add up to the total, in every bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explored {
    /// What the figures cover: the window asked for, in whole quarters of an hour.
    pub window: Window,
    /// The first instant of each bucket, in order; the first bucket may begin before the window.
    pub buckets: Vec<UnixMicros>,
    /// The largest by their total, largest first; empty when nothing is grouped by. Series with
    /// nothing in them are left out.
    pub series: Vec<Series>,
    /// All others as one; `None` when there are none.
    pub other: Option<Series>,
    /// Everything.
    pub total: Series,
    /// The statement that gives these figures, ready to be run.
    pub sql: String,
    /// Where they were read.
    pub reads: Source,
}

/// A metric over time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// A value per group-by; `None` where usage has none. Empty for the total and the rest.
    pub key: Vec<Option<String>>,
    /// A value per bucket.
    pub points: Vec<Measure>,
    /// The whole window.
    pub total: Measure,
    /// Attempts that used something but whose cost is unknown.
    pub unpriced: u64,
}

/// Where figures are read from. Both are exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// From sums kept ready.
    Rollup,
    /// From single rows.
    Raw,
}

impl Source {
    pub(super) const fn of(table: Table) -> Self {
        match table {
            Table::Rows => Source::Raw,
            Table::Rollup(_) => Source::Rollup,
        }
    }
}

impl Series {
    fn empty(metric: Metric, buckets: usize, key: Vec<Option<String>>) -> Self {
        let zero = metric.zero();
        Self { key, points: vec![zero; buckets], total: zero, unpriced: 0 }
    }

    fn add(&mut self, position: usize, measure: Measure, unpriced: u64) {
        if let Some(point) = self.points.get_mut(position) {
            *point = point.plus(measure);
        }
        self.total = self.total.plus(measure);
        self.unpriced = self.unpriced.saturating_add(unpriced);
    }

    fn is_empty(&self) -> bool {
        self.unpriced == 0 && self.total.is_zero() && self.points.iter().all(|p| p.is_zero())
    }
}

/// Reads the rows of a question's statement.
pub(super) fn read(
    query: &ExploreQuery,
    calendar: &Calendar,
    rows: &Rows,
) -> Result<Explored, LakeError> {
    let buckets = calendar.starts().len();
    let empty = |key| Series::empty(query.metric, buckets, key);
    let keys: Vec<String> =
        (0..query.group_by.len()).map(|position| query.alias(position)).collect();
    let mut total = empty(Vec::new());
    let mut other = empty(Vec::new());
    let mut series: BTreeMap<i64, Series> = BTreeMap::new();
    rows.each(|rows, row| {
        let measure = query.metric.read(rows, row)?;
        let unpriced = rows.count(row, UNPRICED.name)?;
        // The sum of no rows at all is one row of nothing, without a bucket.
        if measure.is_zero() && unpriced == 0 {
            return Ok(());
        }
        let position = calendar.position(rows, row)?;
        total.add(position, measure, unpriced);
        if keys.is_empty() {
            return Ok(());
        }
        let Some(place) = rows.integer(row, "place")? else {
            other.add(position, measure, unpriced);
            return Ok(());
        };
        if let Entry::Vacant(vacant) = series.entry(place) {
            let key: Result<_, LakeError> = keys.iter().map(|name| rows.text(row, name)).collect();
            vacant.insert(empty(key?));
        }
        if let Some(series) = series.get_mut(&place) {
            series.add(position, measure, unpriced);
        }
        Ok(())
    })?;
    Ok(Explored {
        window: query.lens.window,
        buckets: calendar.starts().to_vec(),
        series: series.into_values().filter(|series| !series.is_empty()).collect(),
        other: (!other.is_empty()).then_some(other),
        total,
        sql: String::new(),
        reads: Source::Raw,
    })
}
