//! One active file of a table: what a plan needs to find it, skip it or rewrite it.

use std::collections::HashMap;

use deltalake::kernel::{Add, Remove};
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;
use units::{BillingZone, UnixMicros};

/// How the files of a table say what span of time they cover, and which writers its log numbers.
pub(crate) struct Shape {
    /// Day column: a partition column, or one with statistics.
    pub(crate) days: &'static str,
    /// Instant column with statistics.
    pub(crate) instants: &'static str,
    /// How much later than the statistics say a row of the file may be, microseconds.
    pub(crate) instants_width_us: i64,
    /// Applications whose transaction versions matter.
    pub(crate) apps: &'static [&'static str],
}

/// An active file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LiveFile {
    /// Path below the table's root.
    pub(crate) path: String,
    /// Bytes.
    pub(crate) size: u64,
    /// Rows, if the log tells.
    pub(crate) rows: Option<u64>,
    /// Partition column to value.
    pub(crate) partition: HashMap<String, Option<String>>,
    /// First and last UTC day of its rows, days since 1970.
    pub(crate) days: Option<(i32, i32)>,
    /// First and last instant its rows may have, microseconds since 1970.
    pub(crate) instants: Option<(i64, i64)>,
    /// The version that brought its rows; 0 when that is older than what is known, or when it is a
    /// rewrite of rows that were there before.
    pub(crate) since: u64,
}

impl LiveFile {
    /// The file an entry of version `since` adds.
    pub(crate) fn of(add: &Add, since: u64, shape: &Shape) -> Self {
        let file = Self { since, ..Self::bare(add.path.clone(), add.size) };
        file.described(add.partition_values.clone(), add.stats.as_deref(), shape)
    }

    /// A file of which nothing but its place and size is known.
    pub(crate) fn bare(path: String, size: i64) -> Self {
        Self {
            path,
            size: u64::try_from(size).unwrap_or(0),
            rows: None,
            partition: HashMap::new(),
            days: None,
            instants: None,
            since: 0,
        }
    }

    /// The same file with its partition and what the log's statistics say of it.
    pub(crate) fn described(
        self,
        partition: HashMap<String, Option<String>>,
        stats: Option<&str>,
        shape: &Shape,
    ) -> Self {
        let stats = stats.and_then(|stats| serde_json::from_str(stats).ok()).unwrap_or(Value::Null);
        let text = |end: &str, column: &str| stats[end][column].as_str().map(str::to_owned);
        let both = |column: &str| Some((text("minValues", column)?, text("maxValues", column)?));
        let days = match partition.get(shape.days) {
            Some(value) => value.clone().map(|day| (day.clone(), day)),
            None => both(shape.days),
        };
        let instants = both(shape.instants);
        Self {
            rows: stats["numRecords"].as_u64(),
            days: days.and_then(|(first, last)| Some((day(&first)?, day(&last)?))),
            instants: instants.and_then(|(first, last)| {
                Some((micros(&first)?, micros(&last)?.saturating_add(shape.instants_width_us)))
            }),
            partition,
            ..self
        }
    }

    /// The action that takes the file out of the table; its rows are in a file that replaces it.
    pub(crate) fn replaced(&self, at: UnixMicros) -> Remove {
        Remove {
            path: self.path.clone(),
            data_change: false,
            deletion_timestamp: Some(at.get().div_euclid(1_000)),
            extended_file_metadata: Some(true),
            partition_values: Some(self.partition.clone()),
            size: i64::try_from(self.size).ok(),
            ..Remove::default()
        }
    }

    /// The value of a partition column.
    pub(crate) fn partition_value(&self, column: &str) -> Option<&str> {
        self.partition.get(column).and_then(Option::as_deref)
    }
}

fn day(text: &str) -> Option<i32> {
    let date: Date = text.parse().ok()?;
    Some(BillingZone::UTC.start_of(date)?.utc_days())
}

/// Reads an instant as any of the ways Delta writes one; without a zone it is UTC.
fn micros(text: &str) -> Option<i64> {
    let read = |text: &str| text.parse::<Timestamp>().ok().map(|at| at.as_microsecond());
    read(text).or_else(|| read(&format!("{text}Z")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape =
        Shape { days: "event_date", instants: "event_hour", instants_width_us: 0, apps: &[] };

    fn add(stats: Option<&str>) -> Add {
        let day = Some("2026-11-22".to_owned());
        Add {
            path: "event_date=2026-11-22/a.parquet".to_owned(),
            partition_values: HashMap::from([("event_date".to_owned(), day)]),
            size: 7,
            modification_time: 0,
            data_change: true,
            stats: stats.map(str::to_owned),
            tags: None,
            deletion_vector: None,
            base_row_id: None,
            default_row_commit_version: None,
            clustering_provider: None,
        }
    }

    #[test]
    fn instants_are_read_however_the_log_or_a_checkpoint_writes_them() {
        for text in [
            "2026-11-22T12:00:00.000Z",
            "2026-11-22T12:00:00Z",
            "2026-11-22 12:00:00",
            "2026-11-22T13:00:00+01:00",
        ] {
            let stats = format!(
                r#"{{"numRecords":3,"minValues":{{"event_hour":"{text}"}},"maxValues":{{"event_hour":"{text}"}}}}"#
            );
            let file = LiveFile::of(&add(Some(&stats)), 4, &SHAPE);
            let noon = 1_795_348_800_000_000;
            assert_eq!((file.instants, file.rows), (Some((noon, noon)), Some(3)), "{text}");
            assert_eq!(file.days, Some((20_779, 20_779)));
        }
    }

    #[test]
    fn a_file_without_statistics_is_never_skipped_by_instant() {
        let file = LiveFile::of(&add(None), 4, &SHAPE);
        assert_eq!((file.instants, file.rows, file.since), (None, None, 4));
        let odd = LiveFile::of(&add(Some("not JSON")), 4, &SHAPE);
        assert_eq!((odd.instants, odd.days), (None, Some((20_779, 20_779))));
    }
}
