//! Calendar windows: the days, weeks, months, quarters and years that limits are counted in.
//!
//! Windows of one kind tile time: every instant lies in exactly one, and the end of one is the start
//! of the next, whatever the zone does with its clocks.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::{Span, ToSpan};
use serde::{Deserialize, Serialize};

use crate::{BillingZone, UnixMicros};

/// A kind of calendar window, cut in an organisation's zone.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum CalendarWindow {
    /// From midnight to midnight: 23, 24 or 25 hours.
    Day,
    /// From Monday to Monday.
    Week,
    /// A calendar month, the billing period.
    #[default]
    Month,
    /// January, April, July and October start one.
    Quarter,
    /// A calendar year.
    Year,
}

/// A text that names no window.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a window: write day, week, month, quarter or year")]
pub struct WindowError(String);

impl CalendarWindow {
    /// Every kind, shortest first.
    pub const ALL: [CalendarWindow; 5] =
        [Self::Day, Self::Week, Self::Month, Self::Quarter, Self::Year];

    /// The name, as written in configuration and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            CalendarWindow::Day => "day",
            CalendarWindow::Week => "week",
            CalendarWindow::Month => "month",
            CalendarWindow::Quarter => "quarter",
            CalendarWindow::Year => "year",
        }
    }

    /// The first instant of the window that contains `at`, and the first instant of the next one.
    pub fn range(self, at: UnixMicros, zone: &BillingZone) -> (UnixMicros, UnixMicros) {
        let mut first = self.first_day(zone.date_of(at));
        let mut start = first.and_then(|day| zone.start_of(day)).unwrap_or(EARLIEST);
        loop {
            first = first.and_then(|day| day.checked_add(self.length()).ok());
            let end = first.and_then(|day| zone.start_of(day)).unwrap_or(LATEST);
            // Where clocks are set back across midnight the old date is read again after the new
            // window has begun: the instant belongs to the window that has.
            if at < end || end == LATEST {
                return (start, end);
            }
            start = end;
        }
    }

    /// The first day of the window a date lies in.
    fn first_day(self, date: Date) -> Option<Date> {
        match self {
            CalendarWindow::Day => Some(date),
            CalendarWindow::Week => {
                let days = i64::from(date.weekday().to_monday_zero_offset());
                date.checked_sub(days.days()).ok()
            }
            CalendarWindow::Month => Some(date.first_of_month()),
            CalendarWindow::Quarter => {
                let months = i64::from((date.month() - 1) % 3);
                date.first_of_month().checked_sub(months.months()).ok()
            }
            CalendarWindow::Year => Some(date.first_of_year()),
        }
    }

    fn length(self) -> Span {
        match self {
            CalendarWindow::Day => 1.day(),
            CalendarWindow::Week => 1.week(),
            CalendarWindow::Month => 1.month(),
            CalendarWindow::Quarter => 3.months(),
            CalendarWindow::Year => 1.year(),
        }
    }
}

/// Stands for a start before the calendar's first day.
const EARLIEST: UnixMicros = UnixMicros::new(i64::MIN);
/// Stands for an end after the calendar's last day.
const LATEST: UnixMicros = UnixMicros::new(i64::MAX);

impl fmt::Display for CalendarWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for CalendarWindow {
    type Err = WindowError;

    fn from_str(text: &str) -> Result<Self, WindowError> {
        let known = Self::ALL.into_iter().find(|window| window.name() == text);
        known.ok_or_else(|| WindowError(text.chars().take(32).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR_US: i64 = 3_600_000_000;

    fn at(text: &str) -> UnixMicros {
        text.parse::<jiff::Timestamp>().unwrap().into()
    }

    fn shown(window: CalendarWindow, instant: &str, zone: &str) -> (String, String) {
        let zone = BillingZone::named(zone).unwrap();
        let (start, end) = window.range(at(instant), &zone);
        (start.to_string(), end.to_string())
    }

    #[test]
    fn each_kind_starts_where_the_calendar_of_the_zone_says() {
        for (window, start, end) in [
            (CalendarWindow::Day, "2026-11-21T23:00:00Z", "2026-11-22T23:00:00Z"),
            (CalendarWindow::Week, "2026-11-15T23:00:00Z", "2026-11-22T23:00:00Z"),
            (CalendarWindow::Month, "2026-10-31T23:00:00Z", "2026-11-30T23:00:00Z"),
            (CalendarWindow::Quarter, "2026-09-30T22:00:00Z", "2026-12-31T23:00:00Z"),
            (CalendarWindow::Year, "2025-12-31T23:00:00Z", "2026-12-31T23:00:00Z"),
        ] {
            let range = shown(window, "2026-11-22T12:00:00Z", "Europe/Berlin");
            assert_eq!(range, (start.to_owned(), end.to_owned()), "{window}");
        }
    }

    #[test]
    fn a_day_on_which_clocks_change_has_23_or_25_hours() {
        let berlin = BillingZone::named("Europe/Berlin").unwrap();
        for (noon, hours) in [
            ("2026-03-29T10:00:00Z", 23),
            ("2026-10-25T11:00:00Z", 25),
            ("2026-06-01T10:00:00Z", 24),
        ] {
            let (start, end) = CalendarWindow::Day.range(at(noon), &berlin);
            assert_eq!(end.micros_since(start), hours * HOUR_US, "{noon}");
        }
    }

    #[test]
    fn a_midnight_that_comes_twice_starts_one_day_only() {
        // St. John's set its clocks back from 00:01 to 23:01 of the day before.
        let (start, end) = shown(CalendarWindow::Day, "2009-11-01T03:00:00Z", "America/St_Johns");
        assert_eq!(start, "2009-11-01T02:30:00Z");
        assert_eq!(end, "2009-11-02T03:30:00Z");
    }

    #[test]
    fn a_day_the_calendar_left_out_belongs_to_nobody() {
        // Samoa had no 30 December 2011.
        let range = shown(CalendarWindow::Day, "2011-12-30T09:59:59Z", "Pacific/Apia");
        assert_eq!(range, ("2011-12-29T10:00:00Z".into(), "2011-12-30T10:00:00Z".into()));
    }

    #[test]
    fn names_read_back_and_anything_else_is_refused() {
        for window in CalendarWindow::ALL {
            assert_eq!(window.to_string().parse(), Ok(window));
        }
        let error = "fortnight".parse::<CalendarWindow>().unwrap_err();
        assert!(error.to_string().contains("day, week, month, quarter or year"));
    }

    #[test]
    fn instants_at_the_ends_of_time_have_a_window_too() {
        for instant in [i64::MIN, i64::MAX - 1] {
            for window in CalendarWindow::ALL {
                let (start, end) = window.range(UnixMicros::new(instant), &BillingZone::UTC);
                assert!(start < end, "{window} {instant}");
            }
        }
    }

    proptest! {
        #[test]
        fn windows_tile_time_in_any_zone(
            micros in -2_000_000_000_000_000_i64..4_000_000_000_000_000,
            zone in proptest::sample::select(vec![
                "UTC", "Europe/Berlin", "America/St_Johns", "America/Havana", "Asia/Kathmandu",
                "Australia/Lord_Howe", "Pacific/Apia", "Asia/Beirut", "America/Sao_Paulo",
            ]),
            window in proptest::sample::select(CalendarWindow::ALL.to_vec()),
        ) {
            let zone = BillingZone::named(zone).unwrap();
            let (start, end) = window.range(UnixMicros::new(micros), &zone);
            prop_assert!(start.get() <= micros && micros < end.get(), "{} {}", start, end);
            prop_assert_eq!(window.range(start, &zone), (start, end));
            prop_assert_eq!(window.range(end.plus_micros(-1), &zone), (start, end));
            prop_assert_eq!(window.range(end, &zone).0, end);
        }
    }
}
