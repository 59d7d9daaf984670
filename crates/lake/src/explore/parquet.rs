//! The figures of an answer as a Parquet file, one row per bucket and series.

use crate::explore::measure::Column;
use crate::explore::{ExploreQuery, Explored, Measure, Series};
use crate::schema::USD_SCALE;
use crate::{LakeError, Sheet, SheetColumn, SheetValues, columns};

/// A point of a series: its bucket's position, and its value.
type Point<'a> = (&'a Series, usize, Measure);

impl Explored {
    /// The figures as a Parquet file: `bucket_start` (UTC), a column per group-by, `is_other` for what
    /// all others sum up to, and the metric's own columns; money is Decimal(38, 12).
    ///
    /// # Errors
    /// When the file cannot be encoded.
    pub fn parquet(&self, query: &ExploreQuery) -> Result<Vec<u8>, LakeError> {
        let shown: Vec<&Series> = match query.group_by.len() {
            0 => vec![&self.total],
            _ => self.series.iter().chain(&self.other).collect(),
        };
        let points: Vec<Point<'_>> = shown
            .into_iter()
            .flat_map(|series| {
                series.points.iter().enumerate().map(move |(at, point)| (series, at, *point))
            })
            .collect();
        self.sheet(query, &points).to_parquet()
    }

    fn sheet(&self, query: &ExploreQuery, points: &[Point<'_>]) -> Sheet {
        let start = |at: usize| self.buckets.get(at).copied();
        let starts = points.iter().map(|(_, at, _)| start(*at)).collect();
        let mut columns = vec![column("bucket_start", SheetValues::Instant(starts))];
        for position in 0..query.group_by.len() {
            let key = |series: &Series| series.key.get(position).cloned().flatten();
            let keys = points.iter().map(|(series, _, _)| key(series)).collect();
            columns.push(column(query.alias(position), SheetValues::Text(keys)));
        }
        if !query.group_by.is_empty() {
            let others = points.iter().map(|(series, _, _)| series.key.is_empty()).collect();
            columns.push(column("is_other", SheetValues::Flag(others)));
        }
        let own = query.metric.columns().iter();
        columns.extend(own.map(|own| column(own.name, values(own, points))));
        Sheet { columns }
    }
}

fn column(name: impl Into<String>, values: SheetValues) -> SheetColumn {
    SheetColumn { name: name.into(), values }
}

fn values(column: &Column, points: &[Point<'_>]) -> SheetValues {
    let values = points.iter().map(|(_, _, measure)| *measure);
    if column.is_money {
        let digits = values.map(|measure| Some(measure.money().pico())).collect();
        SheetValues::Decimal { digits, scale: USD_SCALE }
    } else {
        let count = |measure: Measure| Some(columns::clamped(measure.count()));
        SheetValues::Count(values.map(count).collect())
    }
}
