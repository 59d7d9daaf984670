//! When something is in force: dates, and hours of the day.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, de};
use units::UnixMicros;

/// Length of a day as it is written, `2026-11-22`.
const DAY_BYTES: usize = 10;
/// Length of a day, microseconds.
pub(crate) const MICROS_PER_DAY: i64 = 86_400_000_000;

/// An instant of a price file: a day, which is its first instant in UTC, or RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(pub(crate) UnixMicros);

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let day = || text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok();
        // By length: jiff would read the date of a time of day in no zone, too.
        let instant = if text.len() == DAY_BYTES {
            day().map(|at| at.timestamp())
        } else {
            text.parse::<jiff::Timestamp>().ok()
        };
        instant.map(|at| Self(at.into())).ok_or_else(|| {
            let shown: String = text.chars().take(64).collect();
            de::Error::custom(format!(
                "`{shown}` is no day and no instant: write 2026-11-22 or 2026-11-22T08:00:00Z"
            ))
        })
    }
}

/// When prices are in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Window {
    /// First instant.
    pub(crate) from: UnixMicros,
    /// First instant no longer.
    pub(crate) to: UnixMicros,
    /// Start and end, microseconds of the day in UTC; over midnight when the end is the smaller.
    pub(crate) daily: Option<(i64, i64)>,
}

impl Window {
    /// Always.
    pub(crate) const ALWAYS: Window =
        Window { from: UnixMicros::new(i64::MIN), to: UnixMicros::new(i64::MAX), daily: None };

    pub(crate) fn new(
        from: Option<Moment>,
        to: Option<Moment>,
        daily: Option<(Time, Time)>,
    ) -> Self {
        let of_day = |time: Time| {
            let seconds = i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60;
            (seconds + i64::from(time.second())) * 1_000_000
                + i64::from(time.subsec_nanosecond()) / 1_000
        };
        Self {
            from: from.map_or(Self::ALWAYS.from, |moment| moment.0),
            to: to.map_or(Self::ALWAYS.to, |moment| moment.0),
            daily: daily.map(|(start, end)| (of_day(start), of_day(end))),
        }
    }

    pub(crate) fn is_active(&self, at: UnixMicros) -> bool {
        // The last instant there is belongs to what has no end.
        let dated = at >= self.from && (at < self.to || self.to == Self::ALWAYS.to);
        let now = at.get().rem_euclid(MICROS_PER_DAY);
        dated
            && self.daily.is_none_or(|(start, end)| {
                if end < start { now >= start || now < end } else { (start..end).contains(&now) }
            })
    }

    /// Whether some instant is in both, hours of the day apart.
    pub(crate) fn overlaps(&self, other: &Window) -> bool {
        self.from < other.to && other.from < self.to
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> UnixMicros {
        text.parse::<jiff::Timestamp>().unwrap().into()
    }

    fn moment(text: &str) -> Option<Moment> {
        serde_json::from_str(&format!("\"{text}\"")).ok()
    }

    #[test]
    fn a_daily_window_holds_its_start_and_not_its_end() {
        let window = |start: &str, end: &str| {
            Window::new(None, None, Some((start.parse().unwrap(), end.parse().unwrap())))
        };
        let day = window("01:00", "04:00");
        assert!(!day.is_active(at("2026-05-17T00:59:59.999999Z")));
        assert!(day.is_active(at("2026-05-17T01:00:00Z")));
        assert!(day.is_active(at("1969-05-17T03:59:59.999999Z")));
        assert!(!day.is_active(at("2026-05-17T04:00:00Z")));
        let night = window("16:30", "00:30");
        assert!(night.is_active(at("2026-05-17T16:30:00Z")));
        assert!(night.is_active(at("2026-05-17T00:29:59Z")));
        assert!(!night.is_active(at("2026-05-17T00:30:00Z")));
    }

    #[test]
    fn a_dated_price_starts_at_its_first_instant_and_ends_before_its_last() {
        let window = Window::new(moment("2025-06-10"), moment("2025-06-11T08:30:00+02:00"), None);
        assert!(!window.is_active(at("2025-06-09T23:59:59.999999Z")));
        assert!(window.is_active(at("2025-06-10T00:00:00Z")));
        assert!(window.is_active(at("2025-06-11T06:29:59.999999Z")));
        assert!(!window.is_active(at("2025-06-11T06:30:00Z")));
        assert!(Window::ALWAYS.is_active(UnixMicros::new(i64::MAX)));
        assert!(Window::ALWAYS.is_active(UnixMicros::new(i64::MIN)));
    }

    #[test]
    fn what_is_neither_a_day_nor_an_instant_is_refused() {
        for text in ["2026-13-01", "2026-11-22T08:00:00", "22.11.2026", "", "today"] {
            assert_eq!(moment(text), None, "{text}");
        }
    }
}
