//! Instants and the clock they are read from. A clock is injected everywhere time matters.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An instant: microseconds since 1970-01-01T00:00:00Z, the resolution of every time in the lake.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct UnixMicros(i64);

impl UnixMicros {
    /// An instant from microseconds since the Unix epoch.
    pub const fn new(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// Microseconds from `earlier` to this instant; negative when `earlier` is later.
    pub const fn micros_since(self, earlier: UnixMicros) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The instant `micros` later (earlier when negative).
    #[must_use]
    pub const fn plus_micros(self, micros: i64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    /// The same instant for calendar arithmetic, clamped to the range jiff represents.
    pub fn to_timestamp(self) -> Timestamp {
        Timestamp::from_microsecond(self.0).unwrap_or(if self.0 < 0 {
            Timestamp::MIN
        } else {
            Timestamp::MAX
        })
    }

    /// Days since 1970-01-01 in UTC: the lake's partition (`event_date`).
    pub fn utc_days(self) -> i32 {
        i32::try_from(self.0.div_euclid(86_400_000_000)).unwrap_or(i32::MAX)
    }
}

impl From<Timestamp> for UnixMicros {
    fn from(timestamp: Timestamp) -> Self {
        Self(timestamp.as_microsecond())
    }
}

/// RFC 3339 in UTC.
impl fmt::Display for UnixMicros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.to_timestamp(), f)
    }
}

/// Where the present comes from. Cheap, monotone enough for billing, shared by reference.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The present instant.
    fn now(&self) -> UnixMicros;
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    fn now(&self) -> UnixMicros {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UnixMicros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}

/// The machine's clock shifted by a constant, so that a demonstration can run at a chosen date.
#[derive(Debug, Clone, Copy)]
pub struct OffsetClock {
    offset_us: i64,
}

impl OffsetClock {
    /// A clock that reads `start` now and then runs at the usual speed.
    pub fn starting_at(start: UnixMicros) -> Self {
        Self { offset_us: start.micros_since(SystemClock.now()) }
    }
}

impl Clock for OffsetClock {
    fn now(&self) -> UnixMicros {
        SystemClock.now().plus_micros(self.offset_us)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_clock_starts_where_told_and_runs() {
        let start = UnixMicros::new(1_763_800_000_000_000);
        let clock = OffsetClock::starting_at(start);
        let read = clock.now();
        assert!((0..1_000_000).contains(&read.micros_since(start)), "{read}");
    }

    #[test]
    fn the_partition_of_an_instant_before_1970_is_the_day_it_lies_in() {
        assert_eq!(UnixMicros::new(-1).utc_days(), -1);
        assert_eq!(UnixMicros::new(86_400_000_000).utc_days(), 1);
    }

    #[test]
    fn instants_out_of_range_are_shown_clamped() {
        assert!(UnixMicros::new(i64::MAX).to_string().starts_with("9999-"));
    }
}
