//! Billing periods: calendar months in an organisation's own time zone.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::UnixMicros;

/// The time zone one organisation's periods and windows are cut in (IANA name, `UTC` by default).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BillingZone(TimeZone);

impl BillingZone {
    /// Coordinated Universal Time.
    pub const UTC: BillingZone = BillingZone(TimeZone::UTC);

    /// The zone of an IANA name such as `Europe/Berlin`.
    pub fn named(name: &str) -> Result<Self, PeriodError> {
        TimeZone::get(name).map(Self).map_err(|_| PeriodError::UnknownZone(name.to_owned()))
    }

    /// The IANA name.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// The calendar date of an instant in this zone.
    pub fn date_of(&self, at: UnixMicros) -> Date {
        at.to_timestamp().to_zoned(self.0.clone()).date()
    }

    /// The first instant of a date in this zone; a date the calendar cannot hold gives `None`.
    pub fn start_of(&self, date: Date) -> Option<UnixMicros> {
        let midnight = date.to_zoned(self.0.clone()).ok()?;
        Some(midnight.start_of_day().ok()?.timestamp().into())
    }
}

impl Default for BillingZone {
    fn default() -> Self {
        Self::UTC
    }
}

/// Why a text is not a period or a zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    /// Not `YYYY-MM`.
    #[error("`{0}` is not a billing period: write year and month such as 2026-11")]
    Malformed(String),
    /// Not an IANA zone name this build knows.
    #[error("`{0}` is not a time zone: use an IANA name such as Europe/Berlin")]
    UnknownZone(String),
}

/// One calendar month, written `YYYY-MM`; years 1970 to 9998.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BillingPeriod {
    year: i16,
    month: i8,
}

impl BillingPeriod {
    /// The month an instant lies in, in `zone`.
    pub fn containing(at: UnixMicros, zone: &BillingZone) -> Self {
        let date = zone.date_of(at);
        Self { year: date.year().clamp(1970, 9998), month: date.month() }
    }

    /// The first day of the month.
    pub fn first_day(self) -> Date {
        jiff::civil::date(self.year, self.month, 1)
    }

    /// The month after this one.
    #[must_use]
    pub fn next(self) -> Self {
        if self.month == 12 {
            Self { year: self.year + 1, month: 1 }
        } else {
            Self { month: self.month + 1, ..self }
        }
    }

    /// The month before this one.
    #[must_use]
    pub fn previous(self) -> Self {
        if self.month == 1 {
            Self { year: self.year - 1, month: 12 }
        } else {
            Self { month: self.month - 1, ..self }
        }
    }

    /// The number of days in the month.
    pub fn days(self) -> u32 {
        u32::from(self.first_day().days_in_month().unsigned_abs())
    }

    /// The instants the month starts at and ends before, in `zone`.
    pub fn range(self, zone: &BillingZone) -> (UnixMicros, UnixMicros) {
        let start = zone.start_of(self.first_day()).unwrap_or_default();
        let end = zone.start_of(self.next().first_day()).unwrap_or(UnixMicros::new(i64::MAX));
        (start, end)
    }
}

impl fmt::Display for BillingPeriod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl FromStr for BillingPeriod {
    type Err = PeriodError;
    fn from_str(text: &str) -> Result<Self, PeriodError> {
        let malformed = || PeriodError::Malformed(text.chars().take(32).collect());
        let (year, month) = text.split_once('-').ok_or_else(malformed)?;
        let digits = |s: &str, n| s.len() == n && s.bytes().all(|b| b.is_ascii_digit());
        if !digits(year, 4) || !digits(month, 2) {
            return Err(malformed());
        }
        let (year, month) = (year.parse().unwrap_or(0), month.parse().unwrap_or(0));
        if !(1970..=9998).contains(&year) || !(1..=12).contains(&month) {
            return Err(malformed());
        }
        Ok(Self { year, month })
    }
}

impl TryFrom<String> for BillingPeriod {
    type Error = PeriodError;
    fn try_from(text: String) -> Result<Self, PeriodError> {
        text.parse()
    }
}

impl From<BillingPeriod> for String {
    fn from(period: BillingPeriod) -> String {
        period.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_cut_in_the_zone_it_is_billed_in() {
        let berlin = BillingZone::named("Europe/Berlin").unwrap();
        let (start, end) = "2026-03".parse::<BillingPeriod>().unwrap().range(&berlin);
        assert_eq!(start.to_string(), "2026-02-28T23:00:00Z");
        assert_eq!(end.to_string(), "2026-03-31T22:00:00Z");
        // March holds the spring change: 31 days less one hour.
        assert_eq!(end.micros_since(start), (31 * 24 - 1) * 3_600_000_000);
    }

    #[test]
    fn the_last_instant_of_december_belongs_to_december() {
        let last = UnixMicros::new(1_798_761_599_999_999);
        let period = BillingPeriod::containing(last, &BillingZone::UTC);
        assert_eq!(period.to_string(), "2026-12");
        assert_eq!(period.next().to_string(), "2027-01");
        assert_eq!(period.next().previous(), period);
        assert_eq!(period.days(), 31);
    }

    #[test]
    fn what_is_not_a_month_is_refused() {
        for bad in ["2026", "2026-13", "2026-00", "26-11", "2026-1", "+026-01", "2026-011"] {
            assert!(bad.parse::<BillingPeriod>().is_err(), "{bad}");
        }
        assert!(BillingZone::named("Mars/Olympus").is_err());
    }
}
