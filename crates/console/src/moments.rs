//! How instants, days and months are written for people, always with their zone.

use jiff::civil::Date;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use units::{BillingPeriod, BillingZone, UnixMicros};

use crate::explore::Grain;
use crate::figures::counted;
use crate::markup::Stamp;

const MICROS_PER_SECOND: i64 = 1_000_000;

/// Writes instants in one zone.
#[derive(Debug, Clone)]
pub(crate) struct Moments {
    zone: TimeZone,
}

impl Moments {
    /// Writes in this zone.
    pub(crate) fn in_zone(zone: &BillingZone) -> Self {
        Self { zone: TimeZone::get(zone.name()).unwrap_or(TimeZone::UTC) }
    }

    /// `22 Nov 2026, 16:30 UTC`.
    pub(crate) fn stamp(&self, at: UnixMicros) -> Stamp {
        let shown = self.written(at, "%-d %b %Y, %H:%M %Z");
        Stamp { utc: at.to_string(), shown }
    }

    /// An instant to the second: `22 Nov 2026, 16:30:07`, for lists of one zone.
    pub(crate) fn second(&self, at: UnixMicros) -> Stamp {
        Stamp { utc: at.to_string(), shown: self.written(at, "%-d %b %Y, %H:%M:%S") }
    }

    /// An instant to the second without its year: `22 Nov, 16:30:07`, for lists of lately.
    pub(crate) fn lately(&self, at: UnixMicros) -> Stamp {
        Stamp { utc: at.to_string(), shown: self.written(at, "%-d %b, %H:%M:%S") }
    }

    /// What a bucket that starts at an instant is called, in short and in full.
    pub(crate) fn bucket(&self, start: UnixMicros, grain: Grain) -> (String, String) {
        let (short, full) = match grain {
            Grain::Total => ("%-d %b", "From %-d %b %Y"),
            Grain::Hour => ("%-d %b %H:%M", "%a %-d %b %Y, %H:%M %Z"),
            Grain::Day => ("%-d %b", "%a %-d %b %Y"),
            Grain::Week => ("%-d %b", "Week of %-d %b %Y"),
            Grain::Month => ("%b %Y", "%B %Y"),
        };
        (self.written(start, short), self.written(start, full))
    }

    fn written(&self, at: UnixMicros, format: &str) -> String {
        let zoned = at.to_timestamp().to_zoned(self.zone.clone());
        strtime::format(format, &zoned).unwrap_or_default()
    }
}

/// `November 2026`.
pub(crate) fn month_title(period: BillingPeriod) -> String {
    period.first_day().strftime("%B %Y").to_string()
}

/// `Nov 2026`, for column heads.
pub(crate) fn month_short(period: BillingPeriod) -> String {
    period.first_day().strftime("%b %Y").to_string()
}

/// `Sun 1 Nov`.
pub(crate) fn day_title(date: Date) -> String {
    date.strftime("%a %-d %b").to_string()
}

/// `1 Nov`.
pub(crate) fn day_short(date: Date) -> String {
    date.strftime("%-d %b").to_string()
}

/// `1 Nov 2026`.
pub(crate) fn day_long(date: Date) -> String {
    date.strftime("%-d %b %Y").to_string()
}

/// How long ago, in the largest whole unit: `3 seconds ago`.
pub(crate) fn ago(then: UnixMicros, now: UnixMicros) -> String {
    let seconds = u64::try_from(now.micros_since(then) / MICROS_PER_SECOND).unwrap_or(0);
    let (value, unit) = match seconds {
        0..=119 => (seconds, "second"),
        120..=7_199 => (seconds / 60, "minute"),
        7_200..=172_799 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{} ago", counted(value, unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_carry_the_zone_they_are_written_in() {
        let at = UnixMicros::new(1_795_365_000_000_000);
        let berlin = Moments::in_zone(&BillingZone::named("Europe/Berlin").unwrap()).stamp(at);
        assert_eq!(berlin.shown, "22 Nov 2026, 17:30 CET");
        assert_eq!(berlin.utc, "2026-11-22T16:30:00Z");
        assert_eq!(Moments::in_zone(&BillingZone::UTC).stamp(at).shown, "22 Nov 2026, 16:30 UTC");
    }

    #[test]
    fn ages_use_the_largest_whole_unit_and_never_lie_in_the_future() {
        let at = |seconds: i64| UnixMicros::new(seconds * MICROS_PER_SECOND);
        for (seconds, shown) in [
            (-5, "0 seconds ago"),
            (1, "1 second ago"),
            (600, "10 minutes ago"),
            (7_200, "2 hours ago"),
            (259_200, "3 days ago"),
        ] {
            assert_eq!(ago(at(0), at(seconds)), shown);
        }
    }
}
