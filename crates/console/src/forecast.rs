//! Where the month will end if it goes on as it went, and how far daily variation may carry it to
//! either side. Integers throughout.

use finops::run_rate;
use units::Usd;

const DAY_US: i64 = 86_400_000_000;
/// Fewer whole days than this say nothing about variation.
const DAYS_FOR_RANGE_MIN: usize = 5;
/// 1.28 standard deviations hold four cases in five; its square times 1000.
const Z_SQUARED_PER_MILLE: u128 = 1_638;
/// Variation is computed in microdollars, so that its squares fit.
const PICO_PER_MICRO: i128 = 1_000_000;

/// The month's expected total.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Forecast {
    /// The straight line's end.
    pub(crate) total: Usd,
    /// Between which the total lies four times in five, if days vary as they have.
    pub(crate) range: Option<(Usd, Usd)>,
}

/// Extends `spent` in `elapsed_us` over `whole_us`; `None` before a first whole day. `days` are the
/// amounts of the days that are over.
pub(crate) fn linear(spent: Usd, days: &[Usd], elapsed_us: i64, whole_us: i64) -> Option<Forecast> {
    if elapsed_us < DAY_US || whole_us <= elapsed_us {
        return None;
    }
    let total = run_rate(spent, elapsed_us, whole_us)?;
    let range = spread(days, whole_us - elapsed_us).map(Usd::from_pico);
    let range = range.map(|half| ((total - half).max(spent), total + half));
    Some(Forecast { total, range })
}

/// Half the width of the range for what remains, in picodollars.
fn spread(days: &[Usd], remaining_us: i64) -> Option<i128> {
    if days.len() < DAYS_FOR_RANGE_MIN {
        return None;
    }
    let count = i128::try_from(days.len()).ok()?;
    let micros: Vec<i128> = days.iter().map(|day| day.pico() / PICO_PER_MICRO).collect();
    let mean = micros.iter().sum::<i128>() / count;
    let squares = micros.iter().try_fold(0_u128, |sum, day| {
        let distance = day.abs_diff(mean);
        sum.checked_add(distance.checked_mul(distance)?)
    })?;
    let variance = squares / u128::try_from(count - 1).ok()?;
    let remaining_hours = u128::try_from(remaining_us / 3_600_000_000).ok()?;
    let square = variance.checked_mul(remaining_hours)?.checked_mul(Z_SQUARED_PER_MILLE)? / 24_000;
    i128::try_from(square.isqrt()).ok()?.checked_mul(PICO_PER_MICRO)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dollars(amounts: &[i64]) -> Vec<Usd> {
        amounts.iter().map(|amount| Usd::from_dollars(*amount)).collect()
    }

    #[test]
    fn steady_days_extend_in_a_straight_line_without_a_margin() {
        let days = dollars(&[10; 10]);
        let forecast = linear(Usd::from_dollars(100), &days, 10 * DAY_US, 30 * DAY_US).unwrap();
        assert_eq!(forecast.total, Usd::from_dollars(300));
        assert_eq!(forecast.range, Some((Usd::from_dollars(300), Usd::from_dollars(300))));
    }

    #[test]
    fn uneven_days_widen_the_range_but_never_below_what_is_spent() {
        let days = dollars(&[0, 20, 0, 20, 0, 20]);
        let forecast = linear(Usd::from_dollars(60), &days, 6 * DAY_US, 31 * DAY_US).unwrap();
        let (low, high) = forecast.range.unwrap();
        // sd 10.954, 25 days left: 1.28 * 10.954 * 5 = 70.1
        assert_eq!((low.to_fixed(0), high.to_fixed(0)), ("240".into(), "380".into()));
        let wild = dollars(&[0, 0, 0, 0, 0, 600]);
        let forecast = linear(Usd::from_dollars(600), &wild, 6 * DAY_US, 7 * DAY_US).unwrap();
        assert_eq!(forecast.range.map(|(low, _)| low), Some(Usd::from_dollars(600)));
    }

    #[test]
    fn too_little_is_not_extended() {
        assert_eq!(linear(Usd::from_dollars(1), &[], DAY_US - 1, 30 * DAY_US), None);
        let forecast = linear(Usd::from_dollars(1), &[], 2 * DAY_US, 30 * DAY_US).unwrap();
        assert_eq!((forecast.total, forecast.range), (Usd::from_dollars(15), None));
        assert_eq!(linear(Usd::from_dollars(1), &[], 30 * DAY_US, 30 * DAY_US), None);
    }
}
