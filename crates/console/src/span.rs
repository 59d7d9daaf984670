//! Spans of days as people choose them, and the span each compares with.

use jiff::civil::Date;
use jiff::{Span as Length, ToSpan};
use units::{BillingZone, UnixMicros};

use crate::explore::{Grain, Span};
use crate::moments;

/// The ledger keeps sums for stretches of this length; comparisons end where one does.
const QUARTER_HOUR_US: i64 = 900_000_000;
/// Days that still read well hour by hour.
const HOURLY_DAYS_MAX: i32 = 2;
/// Days that still read well day by day.
const DAILY_DAYS_MAX: i32 = 92;
/// Days that still read well week by week.
const WEEKLY_DAYS_MAX: i32 = 366;

/// Days from the first to the last, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Days {
    pub(crate) first: Date,
    pub(crate) last: Date,
}

/// Days named by their place before today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Preset {
    Today,
    Yesterday,
    SevenDays,
    ThirtyDays,
    Month,
    LastMonth,
    NinetyDays,
    Year,
}

impl Preset {
    /// All of them, as forms list them.
    pub(crate) const ALL: &'static [Preset] = &[
        Preset::Today,
        Preset::Yesterday,
        Preset::SevenDays,
        Preset::ThirtyDays,
        Preset::Month,
        Preset::LastMonth,
        Preset::NinetyDays,
        Preset::Year,
    ];

    /// The name in addresses.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Preset::Today => "today",
            Preset::Yesterday => "yesterday",
            Preset::SevenDays => "7d",
            Preset::ThirtyDays => "30d",
            Preset::Month => "month",
            Preset::LastMonth => "last-month",
            Preset::NinetyDays => "90d",
            Preset::Year => "year",
        }
    }

    /// The name people read.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Preset::Today => "Today",
            Preset::Yesterday => "Yesterday",
            Preset::SevenDays => "Last 7 days",
            Preset::ThirtyDays => "Last 30 days",
            Preset::Month => "This month",
            Preset::LastMonth => "Last month",
            Preset::NinetyDays => "Last 90 days",
            Preset::Year => "This year",
        }
    }

    /// The preset of a name.
    pub(crate) fn named(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|preset| preset.as_str() == text)
    }

    /// Its days as of today; today is the last of those that still run.
    pub(crate) fn days(self, today: Date) -> Days {
        let ago = |days: i64| before(today, days);
        let month = today.first_of_month();
        let (first, last) = match self {
            Preset::Today => (today, today),
            Preset::Yesterday => (ago(1), ago(1)),
            Preset::SevenDays => (ago(6), today),
            Preset::ThirtyDays => (ago(29), today),
            Preset::Month => (month, today),
            Preset::LastMonth => {
                let last = before(month, 1);
                (last.first_of_month(), last)
            }
            Preset::NinetyDays => (ago(89), today),
            Preset::Year => (today.first_of_year(), today),
        };
        Days { first, last }
    }
}

fn before(date: Date, days: i64) -> Date {
    date.checked_sub(days.days()).unwrap_or(date)
}

impl Days {
    /// How many they are.
    pub(crate) fn count(self) -> i32 {
        let length: Result<Length, _> = self.last.since(self.first);
        length.map_or(i32::MAX, |length| length.get_days().saturating_add(1))
    }

    /// Their instants in a zone; `None` beyond the calendar.
    pub(crate) fn span(self, zone: &BillingZone) -> Option<Span> {
        let from = zone.start_of(self.first)?;
        let to = zone.start_of(self.last.tomorrow().ok()?)?;
        Some(Span { from, to })
    }

    /// The days they compare with: of the month before, when they start a month and stay in it; else
    /// as many days right before them.
    pub(crate) fn before(self, today: Date) -> Days {
        let starts_month = self.first.day() == 1;
        if !starts_month || self.last.first_of_month() != self.first {
            let count = i64::from(self.count());
            return Days { first: before(self.first, count), last: before(self.first, 1) };
        }
        let previous = before(self.first, 1);
        let is_whole = self.last == self.last.last_of_month() && self.last < today;
        let last = if is_whole { previous } else { same_day(previous, self.last.day()) };
        Days { first: previous.first_of_month(), last }
    }

    /// The finest grain that still reads well.
    pub(crate) fn natural_grain(self) -> Grain {
        let days = self.count();
        let finest = [
            (HOURLY_DAYS_MAX, Grain::Hour),
            (DAILY_DAYS_MAX, Grain::Day),
            (WEEKLY_DAYS_MAX, Grain::Week),
        ];
        finest.into_iter().find(|(max, _)| days <= *max).map_or(Grain::Month, |(_, grain)| grain)
    }

    /// `1 Nov 2026 to 22 Nov 2026`, or one day.
    pub(crate) fn title(self) -> String {
        let (first, last) = (moments::day_long(self.first), moments::day_long(self.last));
        if first == last { first } else { format!("{first} to {last}") }
    }
}

/// The day of a month, or its last when it is shorter.
fn same_day(month: Date, day: i8) -> Date {
    month.with().day(day).build().unwrap_or(month.last_of_month())
}

/// The span before, cut where the present cuts this one, so that like compares with like.
pub(crate) fn span_before((now_span, now): (Span, UnixMicros), whole: Span) -> Span {
    if now >= now_span.to {
        return whole;
    }
    let elapsed = now.micros_since(now_span.from).max(0) / QUARTER_HOUR_US * QUARTER_HOUR_US;
    Span { to: whole.from.plus_micros(elapsed).min(whole.to), ..whole }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn days(first: (i16, i8, i8), last: (i16, i8, i8)) -> Days {
        let of = |(year, month, day)| date(year, month, day);
        Days { first: of(first), last: of(last) }
    }

    #[test]
    fn presets_are_counted_back_from_today() {
        let today = date(2026, 3, 1);
        for (preset, expected) in [
            (Preset::Today, days((2026, 3, 1), (2026, 3, 1))),
            (Preset::Yesterday, days((2026, 2, 28), (2026, 2, 28))),
            (Preset::SevenDays, days((2026, 2, 23), (2026, 3, 1))),
            (Preset::Month, days((2026, 3, 1), (2026, 3, 1))),
            (Preset::LastMonth, days((2026, 2, 1), (2026, 2, 28))),
            (Preset::Year, days((2026, 1, 1), (2026, 3, 1))),
        ] {
            assert_eq!(preset.days(today), expected, "{preset:?}");
            assert_eq!(Preset::named(preset.as_str()), Some(preset));
        }
        assert_eq!(Preset::SevenDays.days(today).count(), 7);
    }

    #[test]
    fn days_compare_with_as_many_before_and_months_with_months() {
        let today = date(2026, 11, 22);
        for (asked, expected) in [
            (days((2026, 11, 16), (2026, 11, 22)), days((2026, 11, 9), (2026, 11, 15))),
            (days((2026, 11, 1), (2026, 11, 22)), days((2026, 10, 1), (2026, 10, 22))),
            (days((2026, 10, 1), (2026, 10, 31)), days((2026, 9, 1), (2026, 9, 30))),
            (days((2026, 3, 1), (2026, 3, 31)), days((2026, 2, 1), (2026, 2, 28))),
            (days((2026, 3, 1), (2026, 3, 30)), days((2026, 2, 1), (2026, 2, 28))),
            (days((2026, 1, 1), (2026, 11, 22)), days((2025, 2, 9), (2025, 12, 31))),
        ] {
            assert_eq!(asked.before(today), expected, "{asked:?}");
        }
    }

    #[test]
    fn a_running_span_compares_with_the_same_stretch() {
        let at = UnixMicros::new;
        let hour = 4 * QUARTER_HOUR_US;
        let this = Span { from: at(100 * hour), to: at(124 * hour) };
        let whole = Span { from: at(76 * hour), to: at(100 * hour) };
        let now = at(103 * hour + 7);
        assert_eq!(span_before((this, now), whole).to, at(79 * hour));
        assert_eq!(span_before((this, this.to), whole), whole);
    }

    #[test]
    fn long_spans_are_cut_coarsely() {
        let today = date(2026, 11, 22);
        for (preset, grain) in [
            (Preset::Today, Grain::Hour),
            (Preset::Month, Grain::Day),
            (Preset::NinetyDays, Grain::Day),
            (Preset::Year, Grain::Week),
        ] {
            assert_eq!(preset.days(today).natural_grain(), grain);
        }
    }
}
