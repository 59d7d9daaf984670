//! A span of time a report covers, and how queries are told of it.

use datafusion::scalar::ScalarValue;
use jiff::civil::Date;
use units::{BillingPeriod, BillingZone, UnixMicros};

use crate::query::Params;

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

    /// The values of `$from`, `$to`, and of `$first_day` and `$last_day`, which select partitions.
    pub(crate) fn params(self) -> Params {
        let last = UnixMicros::new(self.to.get().saturating_sub(1));
        vec![
            ("from", instant(self.from)),
            ("to", instant(self.to)),
            ("first_day", ScalarValue::Date32(Some(self.from.utc_days()))),
            ("last_day", ScalarValue::Date32(Some(last.utc_days()))),
        ]
    }
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
}
