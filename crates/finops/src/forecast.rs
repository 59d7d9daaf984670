//! The simplest forecast and comparison of a month, in integers. It must never know a calendar.

use serde::Serialize;
use units::Usd;

/// What a month comes to if it goes on as it began: the amount so far times `length_us / elapsed_us`,
/// rounded to the nearest picodollar. `None` before the month has begun or when it has no length; the
/// amount itself once the month is over.
///
/// `elapsed_us` and `length_us` are microseconds since the month's start, in the zone it is billed in,
/// so that a month with a change of clocks has its true length.
pub fn run_rate(month_to_date: Usd, elapsed_us: i64, length_us: i64) -> Option<Usd> {
    if length_us <= 0 {
        return None;
    }
    let elapsed = u64::try_from(elapsed_us).ok().filter(|elapsed| *elapsed > 0)?;
    if elapsed_us >= length_us {
        return Some(month_to_date);
    }
    // amount = quotient * elapsed + rest, so amount * length / elapsed needs no wide product: the
    // rest is below 2^63 and so is the length.
    let (amount, divisor) = (month_to_date.pico(), i128::from(elapsed));
    let (quotient, rest) = (amount.div_euclid(divisor), amount.rem_euclid(divisor));
    let whole = quotient.saturating_mul(i128::from(length_us));
    let part = Usd::from_pico(rest * i128::from(length_us)).divided_by(elapsed)?;
    Some(Usd::from_pico(whole) + part)
}

/// How an amount compares with the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The later amount less the earlier.
    pub difference: Usd,
    /// The difference in thousandths of the earlier amount, rounded towards zero; `None` when the
    /// earlier amount is not positive, since no share of nothing means anything.
    pub per_mille: Option<i64>,
}

impl Change {
    /// The change from one amount to a later one.
    pub fn between(earlier: Usd, later: Usd) -> Self {
        let difference = later - earlier;
        let per_mille = (earlier > Usd::ZERO).then(|| {
            let share = difference.pico().saturating_mul(1000) / earlier.pico();
            i64::try_from(share).unwrap_or(if share < 0 { i64::MIN } else { i64::MAX })
        });
        Self { difference, per_mille }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Thirty days.
    const MONTH_US: i64 = 30 * 86_400 * 1_000_000;

    #[test]
    fn a_third_of_the_month_is_a_third_of_the_forecast() {
        let forecast = |usd: &str, elapsed_us| run_rate(usd.parse().unwrap(), elapsed_us, MONTH_US);
        assert_eq!(forecast("12.50", MONTH_US / 3), "37.50".parse().ok());
        assert_eq!(forecast("12.50", MONTH_US), "12.50".parse().ok());
        assert_eq!(forecast("12.50", MONTH_US + 1), "12.50".parse().ok());
        assert_eq!(forecast("0", 1), Some(Usd::ZERO));
        assert_eq!(forecast("12.50", 0), None);
        assert_eq!(forecast("12.50", -1), None);
        assert_eq!(run_rate(Usd::ZERO, 1, 0), None);
    }

    #[test]
    fn a_change_is_told_in_money_and_in_thousandths() {
        let change = |a: &str, b: &str| Change::between(a.parse().unwrap(), b.parse().unwrap());
        assert_eq!(change("200", "250.50").difference, "50.50".parse().unwrap());
        assert_eq!(change("200", "250.50").per_mille, Some(252));
        assert_eq!(change("200", "0").per_mille, Some(-1000));
        assert_eq!(change("0", "5").per_mille, None);
        assert_eq!(Change::between(Usd::from_pico(1), Usd::MAX).per_mille, Some(i64::MAX));
    }

    proptest! {
        #[test]
        fn a_forecast_is_within_half_a_picodollar_of_the_exact_ratio(
            pico in 0_i128..(1 << 60), elapsed in 1_i64..MONTH_US,
        ) {
            let forecast = run_rate(Usd::from_pico(pico), elapsed, MONTH_US).unwrap();
            let error = forecast.pico() * i128::from(elapsed) - pico * i128::from(MONTH_US);
            prop_assert!(error.abs() * 2 <= i128::from(elapsed));
        }
    }
}
