//! The usage a report covers, a span of time and perhaps one team, and how queries are told of it.

use datafusion::scalar::ScalarValue;
use jiff::civil::Date;
use units::{BillingPeriod, BillingZone, UnixMicros};

use crate::query::Params;

/// Length of the shortest rolled-up bucket, microseconds.
pub(crate) const QUARTER_US: i64 = 15 * 60 * 1_000_000;
/// An hour, microseconds.
pub(crate) const HOUR_US: i64 = 60 * 60 * 1_000_000;
/// A day of UTC, microseconds.
pub(crate) const DAY_US: i64 = 86_400_000_000;

/// The instants from `from` up to, but not including, `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First instant.
    pub from: UnixMicros,
    /// First instant after.
    pub to: UnixMicros,
}

impl Window {
    /// A calendar month in an organisation's zone.
    pub fn of_period(period: BillingPeriod, zone: &BillingZone) -> Self {
        let (from, to) = period.range(zone);
        Self { from, to }
    }

    /// Whole days in UTC, first and last included.
    pub fn of_days(first: Date, last: Date) -> Self {
        let start = |date| BillingZone::UTC.start_of(date);
        let from = start(first).unwrap_or(UnixMicros::new(i64::MIN));
        let to = last.tomorrow().ok().and_then(start).unwrap_or(UnixMicros::new(i64::MAX));
        Self { from, to }
    }

    /// The quarters of an hour, cut in UTC, that the window touches. Reports of sums cover these, so
    /// that their figures are the same whichever table they were read from. Every zone's days begin
    /// with a quarter.
    #[must_use]
    pub fn in_quarters(self) -> Self {
        let down = |at: i64| at.div_euclid(QUARTER_US).saturating_mul(QUARTER_US);
        let up = down(self.to.get().saturating_add(QUARTER_US - 1));
        Self { from: UnixMicros::new(down(self.from.get())), to: UnixMicros::new(up) }
    }

    /// The UTC days the window touches, first and last, in days since 1970-01-01.
    pub(crate) fn utc_days(self) -> (i32, i32) {
        let last = UnixMicros::new(self.to.get().saturating_sub(1));
        (self.from.utc_days(), last.utc_days())
    }

    /// The days of UTC that lie wholly in the window: the first, and the first after. Equal when
    /// there is none.
    pub(crate) fn whole_utc_days(self) -> (i32, i32) {
        let first = UnixMicros::new(self.from.get().saturating_add(DAY_US - 1)).utc_days();
        (first, self.to.utc_days().max(first))
    }

    /// Whether the window begins and ends with a day of UTC.
    pub(crate) fn is_whole_days(self) -> bool {
        let is_midnight = |at: UnixMicros| at.get().rem_euclid(DAY_US) == 0;
        is_midnight(self.from) && is_midnight(self.to)
    }

    /// The values of `$from`, `$to`, and of `$first_day` and `$last_day`, which select partitions.
    pub(crate) fn params(self) -> Params {
        let (first, last) = self.utc_days();
        vec![
            ("from", instant(self.from)),
            ("to", instant(self.to)),
            ("first_day", day(first)),
            ("last_day", day(last)),
        ]
    }
}

/// What a reader may see: a window, of everything or of one team alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lens {
    /// When.
    pub window: Window,
    /// The only team whose usage counts; `None` is everybody's, usage without a team included.
    pub team: Option<String>,
}

impl Lens {
    /// Everything in a window.
    pub const fn everything(window: Window) -> Self {
        Self { window, team: None }
    }

    /// What one team used in a window.
    pub fn of_team(window: Window, team: impl Into<String>) -> Self {
        Self { window, team: Some(team.into()) }
    }

    /// The values of [`Window::params`] and of `$team`, for queries that read rows.
    pub(crate) fn params(&self) -> Params {
        let mut params = self.window.params();
        params.push(("team", ScalarValue::Utf8(self.team.clone())));
        params
    }

    /// The values for queries that read rolled-up tables: those of [`Lens::params`], cut in quarters of
    /// an hour; `$whole_from` and `$whole_to`, the UTC days (end excluded) for which the day tables do;
    /// and whether there is anything to read of each kind (`$has_days`, `$has_edges`), so that what is
    /// not needed is dropped when the query is planned.
    pub(crate) fn rolled_params(&self) -> Params {
        let window = self.window.in_quarters();
        let mut params = Self { window, team: self.team.clone() }.params();
        let (whole_from, whole_to) = window.whole_utc_days();
        let has_days = whole_from < whole_to;
        let flag = |value| ScalarValue::Boolean(Some(value));
        params.extend([
            ("whole_from", day(whole_from)),
            ("whole_to", day(whole_to)),
            ("has_days", flag(has_days)),
            ("has_edges", flag(!(has_days && window.is_whole_days()))),
        ]);
        params
    }
}

impl From<Window> for Lens {
    fn from(window: Window) -> Self {
        Self::everything(window)
    }
}

/// A day as a query parameter.
fn day(utc_days: i32) -> ScalarValue {
    ScalarValue::Date32(Some(utc_days))
}

/// An instant as a query parameter.
pub(crate) fn instant(at: UnixMicros) -> ScalarValue {
    ScalarValue::TimestampMicrosecond(Some(at.get()), Some("UTC".into()))
}

/// Text as a query parameter.
pub(crate) fn text(value: &str) -> ScalarValue {
    ScalarValue::Utf8(Some(value.to_owned()))
}

/// A row limit as a query parameter.
pub(crate) fn limit(rows: u32) -> ScalarValue {
    ScalarValue::Int64(Some(rows.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_window_that_ends_at_midnight_does_not_read_the_next_day() {
        let window = Window::of_days(date(2026, 11, 21), date(2026, 11, 22));
        assert_eq!(window.to.micros_since(window.from), 2 * 86_400_000_000);
        let params = window.params();
        let day = |name| params.iter().find(|(n, _)| *n == name).map(|(_, value)| value.clone());
        let first = window.from.utc_days();
        assert_eq!(day("first_day"), Some(ScalarValue::Date32(Some(first))));
        assert_eq!(day("last_day"), Some(ScalarValue::Date32(Some(first + 1))));
    }

    #[test]
    fn a_month_in_a_zone_reads_the_utc_days_it_touches() {
        let berlin = BillingZone::named("Europe/Berlin").unwrap();
        let window = Window::of_period("2026-11".parse().unwrap(), &berlin);
        assert_eq!(window.from.to_string(), "2026-10-31T23:00:00Z");
        let params = window.params();
        let october = BillingZone::UTC.start_of(date(2026, 10, 31)).unwrap().utc_days();
        assert_eq!(params[2].1, ScalarValue::Date32(Some(october)));
    }

    fn value(params: &Params, name: &str) -> ScalarValue {
        params.iter().find(|(n, _)| *n == name).map(|(_, value)| value.clone()).unwrap()
    }

    #[test]
    fn a_month_in_a_zone_is_read_from_whole_utc_days_and_two_edges() {
        let kathmandu = BillingZone::named("Asia/Kathmandu").unwrap();
        let window = Window::of_period("2026-11".parse().unwrap(), &kathmandu);
        assert_eq!(window.in_quarters(), window);
        let params = Lens::of_team(window, "search").rolled_params();
        let november = BillingZone::UTC.start_of(date(2026, 11, 1)).unwrap().utc_days();
        assert_eq!(value(&params, "first_day"), ScalarValue::Date32(Some(november - 1)));
        assert_eq!(value(&params, "whole_from"), ScalarValue::Date32(Some(november)));
        assert_eq!(value(&params, "whole_to"), ScalarValue::Date32(Some(november + 29)));
        assert_eq!(value(&params, "has_edges"), ScalarValue::Boolean(Some(true)));
        assert_eq!(value(&params, "team"), text("search"));
    }

    #[test]
    fn whole_days_have_no_edges_and_a_short_window_has_no_days() {
        let days = Window::of_days(date(2026, 11, 21), date(2026, 11, 22));
        let params = Lens::everything(days).rolled_params();
        assert_eq!(value(&params, "has_edges"), ScalarValue::Boolean(Some(false)));
        assert_eq!(value(&params, "has_days"), ScalarValue::Boolean(Some(true)));
        assert_eq!(value(&params, "team"), ScalarValue::Utf8(None));
        let hour =
            Window { from: days.from.plus_micros(1), to: days.from.plus_micros(3_600_000_000) };
        let params = Lens::everything(hour).rolled_params();
        assert_eq!(value(&params, "has_days"), ScalarValue::Boolean(Some(false)));
        assert_eq!(value(&params, "has_edges"), ScalarValue::Boolean(Some(true)));
        assert_eq!(value(&params, "whole_from"), value(&params, "whole_to"));
        assert_eq!(value(&params, "from"), instant(days.from));
    }

    #[test]
    fn an_empty_window_stays_empty_when_it_is_cut_in_quarters() {
        let window = Window { from: UnixMicros::new(0), to: UnixMicros::new(0) };
        assert_eq!(window.in_quarters(), window);
        assert_eq!(window.whole_utc_days(), (0, 0));
    }
}
