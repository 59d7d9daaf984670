//! The one way amounts are rounded so that they still add up: largest remainder, in integers.
//!
//! It must never know what the amounts are for.

use std::cmp::Reverse;

use units::Usd;

use crate::FinopsError;

/// Decimals of the ledger's own unit: nothing is finer than 1e-12 USD.
const LEDGER_DECIMALS: u32 = 12;

/// Amounts rounded so that they sum to their rounded total.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rounded {
    /// The amounts, in the order given, each less than one unit from its exact amount.
    pub parts: Vec<Usd>,
    /// The exact total rounded half to even: the sum of `parts`.
    pub total: Usd,
}

/// Rounds amounts to `decimals` places (at most 12) by largest remainder: each is rounded down, and
/// the units still missing from the rounded total go to the largest remainders, ties to the earlier
/// amount. Callers put amounts in a stable order first, so that the result depends on nothing else.
pub fn largest_remainder(amounts: &[Usd], decimals: u32) -> Result<Rounded, FinopsError> {
    let total = round_half_even(sum(amounts)?, decimals)?;
    Ok(Rounded { parts: apportion(amounts, decimals, total)?, total })
}

/// The exact sum; saturation is an error here, since a saturated total would not be that of its parts.
pub(crate) fn sum(amounts: &[Usd]) -> Result<Usd, FinopsError> {
    amounts
        .iter()
        .try_fold(0_i128, |total, amount| total.checked_add(amount.pico()))
        .map(Usd::from_pico)
        .ok_or(FinopsError::OutOfRange("amounts"))
}

/// Rounds amounts by largest remainder to a total that is already rounded and lies less than one unit
/// from the exact one: the step from a subtotal to its lines.
pub(crate) fn apportion(
    amounts: &[Usd],
    decimals: u32,
    total: Usd,
) -> Result<Vec<Usd>, FinopsError> {
    let unit = unit_pico(decimals);
    let mut units: Vec<i128> = amounts.iter().map(|usd| usd.pico().div_euclid(unit)).collect();
    let floor = units.iter().try_fold(0_i128, |sum, n| sum.checked_add(*n));
    let floor = floor.ok_or(FinopsError::OutOfRange("amounts"))?;
    let missing = total.pico().div_euclid(unit) - floor;
    let unreachable = FinopsError::Unreachable { parts: amounts.len(), missing };
    let raised = usize::try_from(missing).map_err(|_| unreachable.clone())?;
    if raised > amounts.len() {
        return Err(unreachable);
    }
    let mut order: Vec<usize> = (0..amounts.len()).collect();
    order.sort_by_key(|index| Reverse(amounts[*index].pico().rem_euclid(unit)));
    for index in &order[..raised] {
        units[*index] += 1;
    }
    units.into_iter().map(|n| from_units(n, unit)).collect()
}

/// An amount rounded half to even to `decimals` places.
fn round_half_even(amount: Usd, decimals: u32) -> Result<Usd, FinopsError> {
    let unit = unit_pico(decimals);
    let divisor = u64::try_from(unit).unwrap_or(u64::MAX);
    let units = amount.divided_by(divisor).unwrap_or_default();
    from_units(units.pico(), unit)
}

fn from_units(units: i128, unit: i128) -> Result<Usd, FinopsError> {
    units.checked_mul(unit).map(Usd::from_pico).ok_or(FinopsError::OutOfRange("amounts"))
}

/// One unit of the last decimal, in picodollars: at most 1e12.
fn unit_pico(decimals: u32) -> i128 {
    10_i128.pow(LEDGER_DECIMALS.saturating_sub(decimals))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn usd(texts: &[&str]) -> Vec<Usd> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn the_units_missing_go_to_the_largest_remainders_and_ties_to_the_earlier() {
        for (amounts, expected, total) in [
            (&["0.333", "0.333", "0.334"][..], &["0.33", "0.33", "0.34"][..], "1.00"),
            (&["0.005", "0.005", "0.005", "0.005"], &["0.01", "0.01", "0.00", "0.00"], "0.02"),
            (&["0.004", "0.004"], &["0.01", "0.00"], "0.01"),
            (&["0.004"], &["0.00"], "0.00"),
            (&["-1.006", "2.001"], &["-1.00", "2.00"], "1.00"),
            (&["-0.004", "-0.004"], &["0.00", "-0.01"], "-0.01"),
            (&["7", "0"], &["7", "0"], "7"),
            (&[], &[], "0"),
        ] {
            let rounded = largest_remainder(&usd(amounts), 2).unwrap();
            assert_eq!(rounded.parts, usd(expected), "{amounts:?}");
            assert_eq!(rounded.total, total.parse().unwrap(), "{amounts:?}");
        }
    }

    #[test]
    fn a_sum_out_of_range_is_refused_rather_than_saturated() {
        let amounts = [Usd::MAX, Usd::from_pico(1)];
        let error = largest_remainder(&amounts, 12).unwrap_err();
        assert_eq!(error.to_string(), "the sum of amounts is out of range");
        assert!(largest_remainder(&[Usd::MAX], 2).is_err(), "it cannot be rounded up");
    }

    #[test]
    fn a_total_too_far_from_its_parts_is_refused() {
        let error = apportion(&usd(&["0.01"]), 2, "0.03".parse().unwrap()).unwrap_err();
        assert_eq!(error, FinopsError::Unreachable { parts: 1, missing: 2 });
        assert!(apportion(&usd(&["0.01"]), 2, Usd::ZERO).is_err());
    }

    proptest! {
        #[test]
        fn rounded_parts_sum_to_the_rounded_total_and_none_is_a_unit_off(
            picos in prop::collection::vec(-(1_i128 << 90)..(1_i128 << 90), 0..40),
            decimals in 0_u32..14,
        ) {
            let amounts: Vec<Usd> = picos.iter().copied().map(Usd::from_pico).collect();
            let rounded = largest_remainder(&amounts, decimals).unwrap();
            let unit = unit_pico(decimals);
            prop_assert_eq!(sum(&rounded.parts).unwrap(), rounded.total);
            prop_assert_eq!(rounded.total.to_fixed(decimals), sum(&amounts).unwrap().to_fixed(decimals));
            for (part, exact) in rounded.parts.iter().zip(&amounts) {
                prop_assert_eq!(part.pico() % unit, 0);
                prop_assert!((part.pico() - exact.pico()).abs() < unit);
            }
        }
    }
}
