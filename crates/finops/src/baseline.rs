//! What a series usually spends in an hour of the week: median and MAD of logarithms, in integers.
//!
//! It must never know whose spend it is, nor the present time. Hours in which something was known to
//! be wrong are left out, so that an incident never becomes the new normal while it lasts.

pub(crate) mod log;
mod season;

use units::{BillingZone, UnixMicros, Usd};

use log::{Log2, OCTAVE};
use season::{HOURS_OF_WEEK, hour_of_week};

/// One hour, microseconds.
pub const HOUR_US: i64 = 3_600_000_000;
/// Fewer points than this say nothing about a group of hours.
pub const POINTS_MIN: usize = 14;
/// How far back the present level is taken from, microseconds: one week, so that every hour of the
/// week counts once.
const LEVEL_US: i64 = 7 * 24 * HOUR_US;
/// The level moves the expectation by at most a factor of two: more is no growth.
const LEVEL_MAX: Log2 = OCTAVE;
/// Least scale: about fifteen percent. A series that never varies is not alarmed by a cent, and one
/// hour that is half as dear again is noise in any series.
const SCALE_MIN: Log2 = OCTAVE / 5;
/// A median absolute deviation times this is the deviation of a bell curve, in thousandths.
const MAD_TO_SCALE_PER_MILLE: i64 = 1_483;
/// How many scales to either side of the typical amount are shown as expected: about 19 hours of 20.
const SHOWN_SCALES: i64 = 2;

/// What a series spent in one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HourPoint {
    /// Start of the hour, UTC.
    pub hour: UnixMicros,
    /// Billed cost of its requests, USD.
    pub cost: Usd,
}

/// A span of time, its end exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First instant.
    pub from: UnixMicros,
    /// First instant after.
    pub to: UnixMicros,
}

impl Span {
    /// Whether an instant lies in it.
    pub fn contains(&self, at: UnixMicros) -> bool {
        self.from <= at && at < self.to
    }
}

/// What is expected of one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// The median, at the present level.
    pub typical: Usd,
    /// About nineteen hours of twenty lie above.
    pub low: Usd,
    /// About nineteen hours of twenty lie below.
    pub high: Usd,
}

/// The usual spend of a series by hour of the week, in the zone it is billed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Baseline {
    zone: BillingZone,
    unit: Usd,
    level: Log2,
    /// Median and scale of each hour of the week.
    slots: Vec<(Log2, Log2)>,
}

impl Baseline {
    /// Learns from the hours of a series; hours that lie in `frozen` are left out. `unit` is an amount
    /// that matters little (about a tenth of the least worth an alarm): differences below it do not
    /// count. `None` when fewer than [`POINTS_MIN`] points are left.
    ///
    /// Hours without spend must be given as zero. An hour of the week with too few points borrows from
    /// its neighbours, then from the same hour of like days, then from all hours; its deviation is
    /// drawn towards that of the whole series the fewer points it has.
    pub fn learn(
        points: &[HourPoint],
        frozen: &[Span],
        zone: &BillingZone,
        unit: Usd,
    ) -> Option<Self> {
        let kept: Vec<(UnixMicros, usize, Log2)> = points
            .iter()
            .filter(|point| !frozen.iter().any(|span| touches(span, point.hour)))
            .map(|point| {
                (point.hour, hour_of_week(point.hour, zone), log::of_amount(point.cost, unit))
            })
            .collect();
        if kept.len() < POINTS_MIN {
            return None;
        }
        let mut by_slot = vec![Vec::new(); HOURS_OF_WEEK];
        for (_, slot, log) in &kept {
            by_slot[*slot].push(*log);
        }
        let centers: Vec<Log2> =
            (0..HOURS_OF_WEEK).map(|slot| median(season::group(&by_slot, slot))).collect();
        let level = level(&kept, &centers);
        let scales = scales(&kept, &centers);
        let slots = centers.into_iter().zip(scales).collect();
        Some(Self { zone: zone.clone(), unit, level, slots })
    }

    /// What is expected of the hour that starts at `hour`.
    pub fn expect(&self, hour: UnixMicros) -> Expected {
        let (center, scale) = self.slot(hour);
        let amount = |log| log::to_amount(log, self.unit);
        Expected {
            typical: amount(center),
            low: amount(center - SHOWN_SCALES * scale),
            high: amount(center + SHOWN_SCALES * scale),
        }
    }

    /// How unusual an amount is for an hour: tenths of a scale above (below when negative) the median.
    pub fn score_tenths(&self, hour: UnixMicros, actual: Usd) -> i64 {
        let (center, scale) = self.slot(hour);
        (log::of_amount(actual, self.unit) - center) * 10 / scale.max(1)
    }

    fn slot(&self, hour: UnixMicros) -> (Log2, Log2) {
        let slot = hour_of_week(hour, &self.zone);
        let (center, scale) = self.slots.get(slot).copied().unwrap_or((0, SCALE_MIN));
        ((center + self.level).max(0), scale)
    }
}

/// Whether an hour has any instant in a span.
fn touches(span: &Span, hour: UnixMicros) -> bool {
    span.from < hour.plus_micros(HOUR_US) && hour < span.to
}

/// How far the last week lies above the medians: growth, a launch, a price change.
fn level(kept: &[(UnixMicros, usize, Log2)], centers: &[Log2]) -> Log2 {
    let newest = kept.iter().map(|(hour, ..)| *hour).max().unwrap_or_default();
    let recent: Vec<Log2> = kept
        .iter()
        .filter(|(hour, ..)| newest.micros_since(*hour) < LEVEL_US)
        .map(|(_, slot, log)| log - centers[*slot])
        .collect();
    if recent.len() < POINTS_MIN {
        return 0;
    }
    median(recent).clamp(-LEVEL_MAX, LEVEL_MAX)
}

/// The deviation of each hour of the week, drawn towards that of all hours as if [`POINTS_MIN`] points
/// of those had been seen in it too.
fn scales(kept: &[(UnixMicros, usize, Log2)], centers: &[Log2]) -> Vec<Log2> {
    let mut by_slot = vec![Vec::new(); HOURS_OF_WEEK];
    for (_, slot, log) in kept {
        by_slot[*slot].push((log - centers[*slot]).abs());
    }
    let whole = median(by_slot.iter().flatten().copied().collect());
    let weight = i64::try_from(POINTS_MIN).unwrap_or(i64::MAX);
    (0..HOURS_OF_WEEK)
        .map(|slot| {
            let near = season::near(&by_slot, slot);
            let count = i64::try_from(near.len()).unwrap_or(0);
            let mad = (median(near) * count + whole * weight) / (count + weight);
            (mad * MAD_TO_SCALE_PER_MILLE / 1000).max(SCALE_MIN)
        })
        .collect()
}

/// The middle value, the mean of the middle two when their number is even; zero of none.
fn median(mut values: Vec<Log2>) -> Log2 {
    values.sort_unstable();
    let middle = values.len() / 2;
    match values.get(middle) {
        None => 0,
        Some(upper) if values.len() % 2 == 1 => *upper,
        Some(upper) => (values[middle - 1] + upper) / 2,
    }
}

#[cfg(test)]
mod tests;
