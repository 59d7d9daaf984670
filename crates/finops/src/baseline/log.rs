//! Logarithms of amounts in fixed point: how far apart two amounts are as a ratio, without a float.
//!
//! It must never know what the amounts are for.

use units::Usd;

/// Fraction bits of a logarithm: one step is a ratio of about 1.00001.
const LOG_BITS: u32 = 16;
/// Fraction bits of the numbers logarithms are taken of and made into.
const MANTISSA_BITS: u32 = 31;

/// A base-2 logarithm, or the difference of two, in units of 2^-16.
pub(crate) type Log2 = i64;

/// One: a factor of two.
pub(crate) const OCTAVE: Log2 = 1 << LOG_BITS;

/// The logarithm of `1 + amount / unit`, where a negative amount counts as none. `unit` sets what is
/// small: amounts well below it are all near zero, so that cents do not look like outliers.
pub(crate) fn of_amount(amount: Usd, unit: Usd) -> Log2 {
    let unit = unit.pico().unsigned_abs().max(1);
    let amount = amount.pico().max(0).unsigned_abs();
    log2(amount.saturating_add(unit)) - log2(unit)
}

/// The amount whose logarithm this is, to about one part in 50,000; never negative.
pub(crate) fn to_amount(log: Log2, unit: Usd) -> Usd {
    let unit = unit.pico().unsigned_abs().max(1);
    let total = times_exp2(unit, log.max(0));
    Usd::from_pico(i128::try_from(total - unit.min(total)).unwrap_or(i128::MAX))
}

/// The logarithm of a number, which must not be zero, by squaring its mantissa once for each bit.
fn log2(value: u128) -> Log2 {
    let whole = value.max(1).ilog2();
    let mut mantissa = if whole >= MANTISSA_BITS {
        value >> (whole - MANTISSA_BITS)
    } else {
        value << (MANTISSA_BITS - whole)
    };
    let mut log = Log2::from(whole);
    for _ in 0..LOG_BITS {
        mantissa = (mantissa * mantissa) >> MANTISSA_BITS;
        let bit = mantissa >> (MANTISSA_BITS + 1);
        mantissa >>= bit;
        log = log * 2 + i64::from(bit == 1);
    }
    log
}

/// `value * 2^log` for a logarithm that is not negative, saturating.
fn times_exp2(value: u128, log: Log2) -> u128 {
    let whole = u32::try_from(log >> LOG_BITS).unwrap_or(u32::MAX);
    // The factor of each bit is the root of the one before it: 2^(1/2), 2^(1/4), ...
    let mut factor: u128 = 2 << MANTISSA_BITS;
    let mut mantissa: u128 = 1 << MANTISSA_BITS;
    for bit in (0..LOG_BITS).rev() {
        factor = (factor << MANTISSA_BITS).isqrt();
        if log >> bit & 1 == 1 {
            mantissa = (mantissa * factor) >> MANTISSA_BITS;
        }
    }
    // Split, so that neither product overflows before the result does.
    let (high, low) = (value >> MANTISSA_BITS, value & ((1 << MANTISSA_BITS) - 1));
    let scaled = high.saturating_mul(mantissa).saturating_add((low * mantissa) >> MANTISSA_BITS);
    let fits = scaled.leading_zeros() > whole;
    if fits { scaled << whole } else { u128::MAX }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const UNIT: Usd = Usd::from_pico(500_000_000_000);

    #[test]
    fn doubling_adds_one_octave_and_nothing_is_zero() {
        for exponent in 0..120 {
            assert_eq!(log2(1 << exponent), OCTAVE * exponent);
        }
        assert_eq!(of_amount(Usd::ZERO, UNIT), 0);
        assert_eq!(of_amount(Usd::from_dollars(-3), UNIT), 0);
        // 1 + 1.50 / 0.50 is 4.
        assert_eq!(of_amount("1.50".parse().unwrap(), UNIT), 2 * OCTAVE);
        assert_eq!(to_amount(2 * OCTAVE, UNIT), "1.50".parse().unwrap());
        // The logarithm of three is 1.58496.
        assert_eq!(log2(3) * 100_000 / OCTAVE, 158_496);
    }

    #[test]
    fn the_largest_amount_neither_panics_nor_wraps() {
        assert!(of_amount(Usd::MAX, Usd::from_pico(1)) > 126 * OCTAVE);
        assert_eq!(to_amount(200 * OCTAVE, UNIT), Usd::MAX);
    }

    proptest! {
        #[test]
        fn an_amount_survives_its_logarithm_to_one_part_in_ten_thousand(
            pico in 0_i128..1_i128 << 90, unit in 1_i128..1_i128 << 50,
        ) {
            let (amount, unit) = (Usd::from_pico(pico), Usd::from_pico(unit));
            let back = to_amount(of_amount(amount, unit), unit);
            let error = (back.pico() - pico).abs();
            prop_assert!(error * 10_000 <= pico + unit.pico() + 10_000, "{back} of {amount}");
        }

        #[test]
        fn a_larger_amount_never_has_a_smaller_logarithm(a in 0_i128..1 << 80, b in 0_i128..1 << 80) {
            let (low, high) = (a.min(b), a.max(b));
            prop_assert!(of_amount(Usd::from_pico(low), UNIT) <= of_amount(Usd::from_pico(high), UNIT));
        }
    }
}
