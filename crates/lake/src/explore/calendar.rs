//! The buckets a window is cut in, in Rust and in SQL, which must agree to the microsecond.
//!
//! A zone's local time is UTC plus an offset that changes now and then; between two changes cutting
//! time is integer arithmetic, which is what the statement does. `date_trunc` would be many times
//! slower, and knows neither quarters of an hour nor changes of the clock within one.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, ToSpan};
use units::{BillingZone, UnixMicros};

use crate::LakeError;
use crate::explore::Grain;
use crate::filter::Table;
use crate::literal;
use crate::rollup::Grain as Bucket;
use crate::rows::Rows;
use crate::window::{DAY_US, Window};

/// Most buckets of an answer.
const BUCKETS_MAX: usize = 1_000;
/// An hour, microseconds.
const HOUR_US: i64 = 3_600_000_000;

/// A stretch of time during which the zone's clocks keep one distance from UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    /// Its first instant.
    from: UnixMicros,
    /// Local time less UTC, microseconds.
    offset_us: i64,
}

/// The buckets of a window.
#[derive(Debug)]
pub(crate) struct Calendar {
    grain: Grain,
    pieces: Vec<Piece>,
    /// First instants, in order.
    starts: Vec<UnixMicros>,
    /// The first day of each, for days, weeks and months.
    dates: Vec<Date>,
}

impl Calendar {
    /// Cuts a window.
    ///
    /// # Errors
    /// When there are more buckets than an answer may have.
    pub(crate) fn new(grain: Grain, window: Window, zone: &BillingZone) -> Result<Self, LakeError> {
        let pieces = pieces(window, zone);
        let mut calendar = Self { grain, pieces, starts: Vec::new(), dates: Vec::new() };
        match grain {
            Grain::Total => calendar.starts.push(window.from),
            Grain::Hour => calendar.starts = calendar.hours(window),
            Grain::Day => calendar.cut(window, zone, zone.date_of(window.from), 1.day()),
            Grain::Week => {
                let date = zone.date_of(window.from);
                let since_monday = i64::from(date.weekday().to_monday_zero_offset());
                let monday = date.checked_sub(since_monday.days()).unwrap_or(date);
                calendar.cut(window, zone, monday, 1.week());
            }
            Grain::Month => {
                let first = zone.date_of(window.from).first_of_month();
                calendar.cut(window, zone, first, 1.month());
            }
        }
        if calendar.starts.len() > BUCKETS_MAX {
            let text =
                format!("an answer may have {BUCKETS_MAX} points at most: choose fewer days");
            return Err(LakeError::Query(text));
        }
        Ok(calendar)
    }

    /// The first instants of the buckets. The first bucket may begin before the window; its figures
    /// are those of the window's part of it.
    pub(crate) fn starts(&self) -> &[UnixMicros] {
        &self.starts
    }

    /// Whether days of UTC add up to every bucket.
    pub(crate) fn adds_up_from_utc_days(&self) -> bool {
        let is_utc = || self.pieces.iter().all(|piece| piece.offset_us == 0);
        self.grain == Grain::Total || (self.grain != Grain::Hour && is_utc())
    }

    fn cut(&mut self, window: Window, zone: &BillingZone, first: Date, step: Span) {
        let mut date = first;
        // One more than allowed is enough to know that there are too many.
        while self.starts.len() <= BUCKETS_MAX {
            let Some(start) = zone.start_of(date).filter(|start| *start < window.to) else { break };
            self.starts.push(start);
            self.dates.push(date);
            let Ok(next) = date.checked_add(step) else { break };
            date = next;
        }
    }

    fn hours(&self, window: Window) -> Vec<UnixMicros> {
        let mut starts = Vec::new();
        let mut at = window.from;
        while at < window.to && starts.len() <= BUCKETS_MAX {
            let position = self.pieces.partition_point(|piece| piece.from <= at).saturating_sub(1);
            let Some(piece) = self.pieces.get(position) else { break };
            let top = UnixMicros::new(piece.top_of_hour(at));
            starts.push(if position == 0 { top } else { top.max(piece.from) });
            let next = top.plus_micros(HOUR_US);
            at = self.pieces.get(position + 1).map_or(next, |change| next.min(change.from));
        }
        starts
    }

    /// The expression of a row's bucket; `None` when there is but one. Hours are instants, the others
    /// the date they begin with.
    pub(crate) fn sql(&self, table: Table) -> Option<String> {
        let column = match table {
            Table::Rows => "received_at",
            Table::Rollup(table) if table.grain == Bucket::Quarter => "bucket",
            Table::Rollup(_) => return self.sql_of_days(),
        };
        let micros = format!("CAST({column} AS BIGINT)");
        let local_day = || format!("({}) / {DAY_US}", self.local(column, &micros));
        match self.grain {
            Grain::Total => None,
            Grain::Hour => {
                Some(format!("to_timestamp_micros({})", self.sql_of_hours(column, &micros)))
            }
            Grain::Day => Some(format!("CAST(CAST({} AS INT) AS DATE)", local_day())),
            Grain::Week => Some(format!("CAST(CAST({} AS INT) AS DATE)", monday(&local_day()))),
            Grain::Month => {
                Some(self.months(|start| format!("{column} < {}", literal::instant(start))))
            }
        }
    }

    /// The same over a table of UTC days.
    fn sql_of_days(&self) -> Option<String> {
        match self.grain {
            Grain::Total | Grain::Hour => None,
            Grain::Day => Some("day".to_owned()),
            Grain::Week => Some(format!("CAST({} AS DATE)", monday("CAST(day AS INT)"))),
            Grain::Month => Some(
                self.months(|start| format!("day < DATE '{}'", BillingZone::UTC.date_of(start))),
            ),
        }
    }

    /// Local time, microseconds.
    fn local(&self, column: &str, micros: &str) -> String {
        match self.by_piece(column, |piece| piece.offset_us.to_string()).as_str() {
            "0" => micros.to_owned(),
            offset => format!("{micros} + {offset}"),
        }
    }

    /// The top of the local hour, as an instant. Zones mostly differ from UTC, and change, by whole
    /// hours, whose tops are those of UTC; where the clocks change within an hour, it is cut there.
    fn sql_of_hours(&self, column: &str, micros: &str) -> String {
        let is_cut = |piece: &Piece| piece.top_of_hour(piece.from) != piece.from.get();
        self.by_piece(column, |piece| {
            let past = piece.offset_us.rem_euclid(HOUR_US);
            let top = match past {
                0 => format!("{micros} / {HOUR_US} * {HOUR_US}"),
                past => format!("({micros} + {past}) / {HOUR_US} * {HOUR_US} - {past}"),
            };
            let is_first = self.pieces.first() == Some(piece);
            if is_first || !is_cut(piece) {
                top
            } else {
                format!("GREATEST({top}, {})", piece.from.get())
            }
        })
    }

    /// One expression per piece, chosen by the instant; just the one where all are the same.
    fn by_piece(&self, column: &str, expression: impl Fn(&Piece) -> String) -> String {
        let mut expressions: Vec<(UnixMicros, String)> = Vec::new();
        for piece in &self.pieces {
            let text = expression(piece);
            if expressions.last().is_none_or(|(_, last)| *last != text) {
                expressions.push((piece.from, text));
            }
        }
        let Some((_, last)) = expressions.last().cloned() else { return "0".to_owned() };
        let mut cases = String::new();
        for pair in expressions.windows(2) {
            if let [(_, before), (change, _)] = pair {
                let change = literal::instant(*change);
                cases.push_str(&format!(" WHEN {column} < {change} THEN {before}"));
            }
        }
        if cases.is_empty() { last } else { format!("CASE{cases} ELSE {last} END") }
    }

    fn months(&self, is_before: impl Fn(UnixMicros) -> String) -> String {
        let mut cases = String::new();
        for (date, next) in self.dates.iter().zip(self.starts.iter().skip(1)) {
            cases.push_str(&format!(" WHEN {} THEN DATE '{date}'", is_before(*next)));
        }
        let last = self.dates.last().copied().unwrap_or_default();
        if cases.is_empty() {
            format!("DATE '{last}'")
        } else {
            format!("CASE{cases} ELSE DATE '{last}' END")
        }
    }

    /// The position of a row's bucket.
    pub(crate) fn position(&self, rows: &Rows, row: usize) -> Result<usize, LakeError> {
        let found = match self.grain {
            Grain::Total => return Ok(0),
            Grain::Hour => {
                let at = rows.instant(row, "bucket")?.unwrap_or_default();
                self.starts.binary_search(&at)
            }
            Grain::Day | Grain::Week | Grain::Month => {
                self.dates.binary_search(&rows.day(row, "bucket")?)
            }
        };
        found.map_err(|_| LakeError::columnar("a bucket lies outside of the window"))
    }
}

impl Piece {
    /// The top of the local hour `at` lies in, as an instant in microseconds.
    fn top_of_hour(&self, at: UnixMicros) -> i64 {
        let past = at.get().saturating_add(self.offset_us).rem_euclid(HOUR_US);
        at.get().saturating_sub(past)
    }
}

/// The Monday of the week a day number lies in; 1970-01-01 was a Thursday.
fn monday(day: &str) -> String {
    format!("({day} + 3) / 7 * 7 - 3")
}

/// The pieces of a window, in order; at least one.
fn pieces(window: Window, zone: &BillingZone) -> Vec<Piece> {
    let tz = TimeZone::get(zone.name()).unwrap_or(TimeZone::UTC);
    let offset_us =
        |offset: jiff::tz::Offset| i64::from(offset.seconds()).saturating_mul(1_000_000);
    let start = window.from.to_timestamp();
    let mut pieces = vec![Piece { from: window.from, offset_us: offset_us(tz.to_offset(start)) }];
    for change in tz.following(start) {
        let (from, offset_us) = (change.timestamp().into(), offset_us(change.offset()));
        if from >= window.to {
            break;
        }
        if pieces.last().is_none_or(|last| last.offset_us != offset_us) {
            pieces.push(Piece { from, offset_us });
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> UnixMicros {
        text.parse::<jiff::Timestamp>().unwrap().into()
    }

    fn calendar(grain: Grain, from: &str, to: &str, zone: &str) -> Calendar {
        let window = Window { from: at(from), to: at(to) };
        Calendar::new(grain, window, &BillingZone::named(zone).unwrap()).unwrap()
    }

    fn starts(grain: Grain, from: &str, to: &str, zone: &str) -> Vec<String> {
        calendar(grain, from, to, zone).starts.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_day_on_which_the_clocks_change_is_one_bucket() {
        assert_eq!(
            starts(Grain::Day, "2026-10-23T22:00:00Z", "2026-10-26T23:00:00Z", "Europe/Berlin"),
            ["2026-10-23T22:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"],
        );
        let week =
            starts(Grain::Week, "2026-10-23T22:00:00Z", "2026-10-26T23:00:00Z", "Europe/Berlin");
        assert_eq!(week, ["2026-10-18T22:00:00Z", "2026-10-25T23:00:00Z"]);
    }

    #[test]
    fn an_hour_read_twice_on_the_clock_is_two_buckets() {
        let hours =
            starts(Grain::Hour, "2026-10-25T00:00:00Z", "2026-10-25T03:00:00Z", "Europe/Berlin");
        assert_eq!(hours, ["2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"]);
    }

    #[test]
    fn an_hour_within_which_the_clocks_change_is_cut_there() {
        // Lord Howe goes back by half an hour at 02:00 local, 15:00 UTC.
        let hours = starts(
            Grain::Hour,
            "2026-04-04T14:00:00Z",
            "2026-04-04T17:30:00Z",
            "Australia/Lord_Howe",
        );
        let expected = ["14:00:00", "15:00:00", "15:30:00", "16:30:00"]
            .map(|time| format!("2026-04-04T{time}Z"));
        assert_eq!(hours, expected);
    }

    #[test]
    fn hours_of_a_zone_at_a_quarter_begin_at_its_own_full_hours() {
        let hours =
            starts(Grain::Hour, "2026-11-21T18:15:00Z", "2026-11-21T20:15:00Z", "Asia/Kathmandu");
        assert_eq!(hours, ["2026-11-21T18:15:00Z", "2026-11-21T19:15:00Z"]);
    }

    #[test]
    fn cutting_costs_no_more_than_the_zone_asks_for() {
        let (from, to) = ("2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z");
        let sql = |grain, zone| calendar(grain, from, to, zone).sql(Table::Rows).unwrap();
        assert_eq!(
            sql(Grain::Hour, "Europe/Berlin"),
            "to_timestamp_micros(CAST(received_at AS BIGINT) / 3600000000 * 3600000000)"
        );
        assert_eq!(
            sql(Grain::Day, "Asia/Kolkata"),
            "CAST(CAST((CAST(received_at AS BIGINT) + 19800000000) / 86400000000 AS INT) AS DATE)"
        );
        let berlin = sql(Grain::Day, "Europe/Berlin");
        assert!(
            berlin.contains(
                "CASE WHEN received_at < '2026-10-25T01:00:00Z' THEN 7200000000 ELSE 3600000000 END"
            ),
            "{berlin}"
        );
        assert_eq!(sql(Grain::Month, "UTC"), "DATE '2026-10-01'");
    }
}
