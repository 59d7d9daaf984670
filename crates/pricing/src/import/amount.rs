//! Amounts of a catalog, digit by digit: never through a float, never rounded.

use crate::decimal::Decimal;

/// Most digits after the point of a price, as in a price file.
const DECIMALS_MAX: usize = 24;
/// Most digits before the point of a price, as in a price file.
const WHOLE_DIGITS_MAX: usize = 9;

/// The text of a price times a number of units; `None` when it has more digits than a price has.
pub(super) fn times(price: Decimal, units: u32) -> Option<String> {
    text(price.digits.checked_mul(i128::from(units))?, price.decimals)
}

/// The text of a price times a factor, exactly.
pub(super) fn product(price: &str, factor: Decimal) -> Option<String> {
    let price: Decimal = price.parse().ok()?;
    text(price.digits.checked_mul(factor.digits)?, price.decimals.checked_add(factor.decimals)?)
}

/// `digits / 10^decimals` as people write it, without zeros that say nothing.
pub(super) fn text(digits: i128, decimals: u32) -> Option<String> {
    let decimals = usize::try_from(decimals).ok()?;
    let padded = format!("{digits:0>width$}", width = decimals + 1);
    let (whole, part) = padded.split_at_checked(padded.len() - decimals)?;
    let part = part.trim_end_matches('0');
    if whole.len() > WHOLE_DIGITS_MAX || part.len() > DECIMALS_MAX {
        return None;
    }
    let dot = if part.is_empty() { "" } else { "." };
    Some(format!("{whole}{dot}{part}"))
}

/// Whether a text made here is zero.
pub(super) fn is_zero(text: &str) -> bool {
    text == "0"
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scaled(text: &str, units: u32) -> Option<String> {
        times(text.parse().unwrap(), units)
    }

    #[test]
    fn a_price_of_one_becomes_the_price_of_many_to_the_last_digit() {
        for (one, units, many) in [
            ("1e-7", 1_000_000, Some("0.1")),
            ("2.5e-06", 1_000_000, Some("2.5")),
            ("3.333e-05", 3_600, Some("0.119988")),
            ("0.000000000000000000000001", 1_000_000, Some("0.000000000000000001")),
            ("1.9999999999999998e-05", 1_000_000, Some("19.999999999999998")),
            ("0", 1_000, Some("0")),
            ("0.0", 1, Some("0")),
            ("0.035", 1_000, Some("35")),
            ("1000", 1_000_000, None),
        ] {
            assert_eq!(scaled(one, units).as_deref(), many, "{one} x {units}");
        }
        let factor = |text: &str| text.parse().unwrap();
        assert_eq!(product("2.5", factor("1.1")).as_deref(), Some("2.75"));
        assert_eq!(product("0.000000000000000000000001", factor("0.1")), None);
    }

    proptest! {
        #[test]
        fn no_digit_is_lost(digits in 0_i128..1_000_000_000_000_000, decimals in 6_u32..=24, units in 1_u32..=1_000_000) {
            let price = format!("{digits}e-{decimals}");
            if let Some(many) = scaled(&price, units) {
                let many: Decimal = many.parse().unwrap();
                let power = |n: u32| 10_i128.pow(n);
                let left = many.digits * power(decimals.saturating_sub(many.decimals));
                let right = digits * i128::from(units) * power(many.decimals.saturating_sub(decimals));
                prop_assert_eq!(left, right);
            }
        }
    }
}
