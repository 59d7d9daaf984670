//! A seeded source of hourly spend for the trials: the season of a week, growth, noise with a heavy
//! tail, and planted events. In integers, like what it tests.

use units::{UnixMicros, Usd};

use crate::baseline::{HOUR_US, HourPoint};

/// Hours of a week.
pub(super) const WEEK: usize = 168;
/// A Monday's first hour: 2026-01-05.
const MONDAY: i64 = 1_767_571_200_000_000;

/// Reproducible chance (SplitMix64).
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % bound
    }
}

/// Something that happens to a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// Calls are repeated: this many tenths of the usual, for a few hours.
    RetryLoop { tenths: u64, hours: usize },
    /// Metering is lost: this many tenths are left, for a few hours.
    Drop { tenths: u64, hours: usize },
    /// A price changes for good, percent of the old one.
    PriceChange { percent: u64 },
}

/// A series of whole weeks, in picodollars an hour.
pub(super) struct Series {
    pub(super) hours: Vec<HourPoint>,
}

impl Series {
    /// Weeks of a team's spend: 20 to 120 dollars in its busiest hour, up to four percent growth a
    /// week, noise of about an eighth and now and then a half more.
    pub(super) fn quiet(seed: u64, weeks: usize) -> Self {
        let mut chance = Chance::new(seed);
        let peak = 20 + chance.below(100);
        let growth_per_mille = chance.below(40);
        let hours = (0..weeks * WEEK)
            .map(|number| {
                let week = u64::try_from(number / WEEK).unwrap();
                let season = season_per_mille(number % WEEK);
                let grown = 1_000 + growth_per_mille * week;
                let noise = 1_000 + chance.below(160) + chance.below(160) + chance.below(160);
                let noise = (noise - 240) * if chance.below(100) < 2 { 3 } else { 2 } / 2;
                let pico = u128::from(peak * season) * u128::from(grown * noise) * 1_000;
                let offset = i64::try_from(number).unwrap() * HOUR_US;
                HourPoint {
                    hour: UnixMicros::new(MONDAY + offset),
                    cost: Usd::from_pico(i128::try_from(pico).unwrap()),
                }
            })
            .collect();
        Self { hours }
    }

    /// The same series with an event from an hour on.
    pub(super) fn with(mut self, event: Event, start: usize) -> Self {
        let (tenths, end) = match event {
            Event::RetryLoop { tenths, hours } | Event::Drop { tenths, hours } => {
                (tenths, start + hours)
            }
            Event::PriceChange { percent } => (percent / 10, self.hours.len()),
        };
        for point in &mut self.hours[start..end] {
            point.cost = point.cost.times(tenths).divided_by(10).unwrap();
        }
        self
    }
}

/// The share of its busiest hour that an hour of the week has.
fn season_per_mille(hour_of_week: usize) -> u64 {
    const WORKDAY: [u64; 24] = [
        150, 140, 130, 130, 140, 180, 260, 420, 680, 880, 960, 920, 780, 860, 980, 1_000, 940, 820,
        620, 450, 360, 290, 230, 180,
    ];
    let share = WORKDAY[hour_of_week % 24];
    if hour_of_week < 120 { share } else { share * 4 / 10 + 60 }
}
