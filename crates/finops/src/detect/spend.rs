//! Unusual spend: an hour against its baseline, and five minutes against the usual rate.
//!
//! It must never know whose spend it is. A difference counts only when it is unusual, large in money
//! and large in proportion: each alone alarms on noise.

use units::{UnixMicros, Usd};

use crate::baseline::{Baseline, Expected, HOUR_US, HourPoint};
use crate::incident::{Direction, Level};

/// Length of the window a burn rate is measured over, microseconds: five minutes.
pub const BURN_WINDOW_US: i64 = 300_000_000;
/// Burn windows of an hour.
const WINDOWS_PER_HOUR: u64 = 12;

/// When an hour is unusual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpendRule {
    /// Least distance from the median, tenths of a robust standard deviation.
    pub score_tenths_min: i64,
    /// Least difference from the typical amount.
    pub impact_min: Usd,
    /// Least difference, percent of the typical amount.
    pub percent_min: u32,
}

impl Default for SpendRule {
    fn default() -> Self {
        Self { score_tenths_min: 50, impact_min: Usd::from_dollars(5), percent_min: 50 }
    }
}

impl SpendRule {
    /// The amount below which differences say nothing to the baseline: a tenth of what alarms.
    pub fn unit(&self) -> Usd {
        self.impact_min.per_mille(100)
    }
}

/// When a rate is a runaway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BurnRule {
    /// How many times the usual rate.
    pub times: u32,
    /// Least spend of the window; ten times that where nothing is known to be usual.
    pub floor: Usd,
}

impl Default for BurnRule {
    fn default() -> Self {
        Self { times: 10, floor: Usd::from_dollars(1) }
    }
}

/// How a rule reads a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// How clearly it holds.
    pub level: Level,
    /// On which side.
    pub direction: Direction,
    /// What was expected of the window; `None` where nothing is known.
    pub expected: Option<Expected>,
    /// How unusual, tenths of a robust standard deviation.
    pub score_tenths: Option<i64>,
    /// The actual amount less the typical one.
    pub excess: Usd,
}

/// Reads an hour. One that is not over is held against the whole hour's expectation, so it can be too
/// much and never too little.
pub fn team_spend(
    baseline: &Baseline,
    hour: &HourPoint,
    is_over: bool,
    rule: &SpendRule,
) -> Reading {
    let expected = baseline.expect(hour.hour);
    let score = baseline.score_tenths(hour.hour, hour.cost);
    let excess = hour.cost - expected.typical;
    let direction = if excess < Usd::ZERO { Direction::Down } else { Direction::Up };
    let is_at_least = |per_mille: u32| {
        let part = |amount: Usd| amount.per_mille(per_mille);
        let size = if excess < Usd::ZERO { -excess } else { excess };
        let share = i128::from(rule.percent_min) * expected.typical.pico() / 100;
        score.abs() >= rule.score_tenths_min * i64::from(per_mille) / 1000
            && size >= part(rule.impact_min)
            && size >= part(Usd::from_pico(share))
    };
    let level = match direction {
        Direction::Down if !is_over => Level::Quiet,
        _ if is_at_least(1000) => Level::Alarm,
        // Half of everything holds what is open.
        _ if is_at_least(500) => Level::Holding,
        _ => Level::Quiet,
    };
    Reading { level, direction, expected: Some(expected), score_tenths: Some(score), excess }
}

/// Reads the last five minutes against the usual rate of the hour: `usual_hour` is its expectation,
/// `None` for a team without history.
pub fn burn_rate(spent: Usd, usual_hour: Option<Expected>, rule: &BurnRule) -> Reading {
    let part = |amount: Usd| amount.divided_by(WINDOWS_PER_HOUR).unwrap_or_default();
    let expected = usual_hour.map(|hour| Expected {
        typical: part(hour.typical),
        low: part(hour.low),
        high: part(hour.high),
    });
    let typical = expected.map_or(Usd::ZERO, |expected| expected.typical);
    let floor = if expected.is_some() { rule.floor } else { rule.floor.times(10) };
    let enough = floor.max(typical.times(rule.times.into()));
    let level = if spent >= enough && enough > Usd::ZERO {
        Level::Alarm
    } else if spent >= enough.per_mille(300) && enough > Usd::ZERO {
        Level::Holding
    } else {
        Level::Quiet
    };
    let excess = spent - typical;
    Reading { level, direction: Direction::Up, expected, score_tenths: None, excess }
}

/// When the trouble an hour is in began: the start of the first of the hours before it, without a gap,
/// that were as unusual. `hours` are in order and end with the one looked at.
pub fn since(baseline: &Baseline, hours: &[HourPoint], rule: &SpendRule) -> Option<UnixMicros> {
    let last = hours.last()?;
    let direction = team_spend(baseline, last, true, rule).direction;
    let mut start = last.hour;
    for point in hours.iter().rev().skip(1) {
        let reading = team_spend(baseline, point, true, rule);
        let is_alike = reading.level > Level::Quiet && reading.direction == direction;
        if !is_alike || start.micros_since(point.hour) != HOUR_US {
            break;
        }
        start = point.hour;
    }
    Some(start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use units::BillingZone;

    fn hour(number: i64, cost: &str) -> HourPoint {
        HourPoint { hour: UnixMicros::new(number * HOUR_US), cost: cost.parse().unwrap() }
    }

    /// Four weeks of ten dollars an hour, give or take one.
    fn steady() -> Baseline {
        let points: Vec<HourPoint> =
            (0..672).map(|n| hour(n, ["9", "10", "11"][usize::try_from(n % 3).unwrap()])).collect();
        let unit = SpendRule::default().unit();
        Baseline::learn(&points, &[], &BillingZone::UTC, unit).unwrap()
    }

    #[test]
    fn an_hour_must_be_unusual_and_cost_enough_and_differ_enough() {
        use Direction::{Down, Up};
        let baseline = steady();
        let rule = SpendRule::default();
        for (cost, rule, is_over, expected) in [
            ("10.60", rule, true, (Level::Quiet, Up)),
            ("16", rule, true, (Level::Holding, Up)),
            ("25", rule, true, (Level::Alarm, Up)),
            ("25", rule, false, (Level::Alarm, Up)),
            (
                "25",
                SpendRule { impact_min: Usd::from_dollars(40), ..rule },
                true,
                (Level::Quiet, Up),
            ),
            ("25", SpendRule { percent_min: 200, ..rule }, true, (Level::Holding, Up)),
            ("25", SpendRule { score_tenths_min: 500, ..rule }, true, (Level::Quiet, Up)),
            ("0", rule, true, (Level::Alarm, Down)),
            ("0", rule, false, (Level::Quiet, Down)),
        ] {
            let reading = team_spend(&baseline, &hour(700, cost), is_over, &rule);
            assert_eq!((reading.level, reading.direction), expected, "{cost} {rule:?} {is_over}");
        }
    }

    #[test]
    fn a_burn_rate_is_ten_times_the_usual_and_at_least_the_floor() {
        let usual = |typical: &str| {
            let typical = typical.parse().unwrap();
            Some(Expected { typical, low: typical, high: typical })
        };
        for (spent, usual, level) in [
            // Twelve dollars an hour are one in five minutes.
            ("9.99", usual("12"), Level::Holding),
            ("10", usual("12"), Level::Alarm),
            ("2.99", usual("12"), Level::Quiet),
            // Ten times a cent is below the floor.
            ("0.99", usual("0.12"), Level::Holding),
            ("1", usual("0.12"), Level::Alarm),
            ("9.99", None, Level::Holding),
            ("10", None, Level::Alarm),
        ] {
            let reading = burn_rate(spent.parse().unwrap(), usual, &BurnRule::default());
            assert_eq!(reading.level, level, "{spent} against {usual:?}");
        }
        let free = BurnRule { floor: Usd::ZERO, times: 10 };
        assert_eq!(burn_rate(Usd::ZERO, usual("0"), &free).level, Level::Quiet);
    }

    #[test]
    fn trouble_began_with_the_first_of_the_unusual_hours_in_a_row() {
        let baseline = steady();
        let rule = SpendRule::default();
        let hours = [hour(699, "40"), hour(700, "10"), hour(701, "18"), hour(702, "40")];
        assert_eq!(since(&baseline, &hours, &rule), Some(hours[2].hour));
        assert_eq!(since(&baseline, &hours[..1], &rule), Some(hours[0].hour));
        assert_eq!(since(&baseline, &[], &rule), None);
    }
}
