//! A rate: an exact price of so many units, and the exact arithmetic that turns it into an amount.

use std::fmt;
use std::num::NonZeroU32;

use serde::Serialize;

use crate::decimal::Decimal;
use crate::factor::Factor;

/// Decimal places of a line's amount: 1e-18 USD, an attodollar.
const ATTO_DECIMALS: u32 = 18;
/// Attodollars in a picodollar, the unit of a row.
const ATTO_PER_PICO: i128 = 1_000_000;

/// A price: `usd` attodollars (1e-18 USD) for `per` units. Exact: a price with more than 18 decimals
/// is held as the price of more units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Rate {
    atto: i128,
    per: i128,
}

impl Rate {
    /// The rate of a decimal price for `per` units.
    pub(crate) fn new(price: Decimal, per: NonZeroU32) -> Self {
        let per = i128::from(per.get());
        match ATTO_DECIMALS.checked_sub(price.decimals) {
            Some(missing) => Self { atto: price.digits * 10_i128.pow(missing), per },
            None => {
                let surplus = price.decimals - ATTO_DECIMALS;
                Self { atto: price.digits, per: per * 10_i128.pow(surplus) }
            }
        }
    }

    /// The rate of `times` things of which `shared` requests use each at a time.
    #[must_use]
    pub(crate) fn shared(self, times: NonZeroU32, shared: NonZeroU32) -> Self {
        let atto = self.atto.saturating_mul(i128::from(times.get()));
        Self { atto, per: self.per * i128::from(shared.get()) }
    }

    /// The rate times a factor, saturating.
    #[must_use]
    pub fn times(self, factor: Factor) -> Self {
        if factor.is_one() {
            return self;
        }
        let (above, below) = factor.ratio();
        Self { atto: self.atto.saturating_mul(above), per: self.per.saturating_mul(below) }
    }

    /// The price of [`Rate::per`] units, in 1e-18 USD.
    pub const fn atto(self) -> i128 {
        self.atto
    }

    /// How many units [`Rate::atto`] buys; never zero.
    pub const fn per(self) -> i128 {
        self.per
    }

    /// The price of a quantity in 1e-18 USD, saturating. Exact whenever a unit's price has at most 18
    /// decimals; rounded half to even at the 18th otherwise.
    pub fn amount(self, quantity: u64) -> i128 {
        let quantity = i128::from(quantity);
        let (whole, rest) = (self.atto / self.per, self.atto % self.per);
        let amount = whole.saturating_mul(quantity);
        let part = match rest.checked_mul(quantity) {
            Some(product) => div_half_even(product, self.per),
            // So fine a rate that the product is too long: whole multiples of `per` apart.
            None => {
                let (often, left) = (quantity / self.per, quantity % self.per);
                let last = div_half_even(rest.saturating_mul(left), self.per);
                rest.saturating_mul(often).saturating_add(last)
            }
        };
        amount.saturating_add(part)
    }
}

/// A rate that many quantities are multiplied by: its division is done once, where it leaves no rest.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ready {
    /// So many attodollars a unit.
    Whole(i64),
    Rate(Rate),
}

impl Ready {
    pub(crate) fn new(rate: Rate) -> Self {
        // Division of machine words is several times as fast, and nearly every rate fits one.
        let whole = match (i64::try_from(rate.atto), i64::try_from(rate.per)) {
            (Ok(atto), Ok(per)) if atto % per == 0 => Some(atto / per),
            (Ok(_), Ok(_)) => None,
            _ if rate.atto % rate.per == 0 => i64::try_from(rate.atto / rate.per).ok(),
            _ => None,
        };
        whole.map_or(Self::Rate(rate), Self::Whole)
    }

    /// What [`Rate::amount`] gives.
    pub(crate) fn amount(&self, quantity: u64) -> i128 {
        match self {
            // 63 and 64 bits: the product always fits.
            Self::Whole(whole) => i128::from(*whole) * i128::from(quantity),
            Self::Rate(rate) => rate.amount(quantity),
        }
    }
}

/// The exact price and its unit: `2.50 USD per 1000000`.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = 10_i128.pow(ATTO_DECIMALS);
        let part = format!("{:018}", self.atto % scale);
        let part = format!("{:0<2}", part.trim_end_matches('0'));
        write!(f, "{}.{part} USD per {}", self.atto / scale, self.per)
    }
}

/// An amount of 1e-18 USD rounded half to even to 1e-12 USD: the one rounding of a row.
pub(crate) fn round_to_pico(atto: i128) -> i128 {
    // Amounts below 18 dollars, which is nearly all, fit a machine word, whose division is much faster.
    match u64::try_from(atto) {
        Ok(small) => i128::from(small_to_pico(small)),
        Err(_) => div_half_even(atto, ATTO_PER_PICO),
    }
}

/// [`round_to_pico`] of what fits a word.
fn small_to_pico(atto: u64) -> u64 {
    const PER: u64 = 1_000_000;
    let (quotient, rest) = (atto / PER, atto % PER);
    quotient + u64::from(rest > PER / 2 || (rest == PER / 2 && quotient % 2 == 1))
}

/// Division rounded half to even, of what is not negative by what is positive.
fn div_half_even(value: i128, divisor: i128) -> i128 {
    let (quotient, rest) = (value / divisor, value % divisor);
    let twice = rest.saturating_mul(2);
    quotient + i128::from(twice > divisor || (twice == divisor && quotient % 2 == 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rate(price: &str, per: u32) -> Rate {
        Rate::new(price.parse().unwrap(), NonZeroU32::new(per).unwrap())
    }

    #[test]
    fn an_amount_is_exact_at_18_decimals_and_half_even_beyond() {
        for (price, per, quantity, atto) in [
            ("2.5", 1_000_000, 1, 2_500_000_000_000),
            ("10", 1_000, 3, 30_000_000_000_000_000),
            ("0.36", 3_600, 7, 700_000_000_000_000),
            ("1", 3, 1, 333_333_333_333_333_333),
            ("1", 3, 2, 666_666_666_666_666_667),
            ("0.000000000000000000000001", 1, 1_000_000, 1),
            ("0.000000000000000000000001", 1, 500_000, 0),
            ("0.000000000000000000000001", 1, 1_500_000, 2),
            ("0.000000000000000000000001", 1, 500_001, 1),
        ] {
            assert_eq!(rate(price, per).amount(quantity), atto, "{price} per {per} x {quantity}");
        }
    }

    #[test]
    fn an_absurd_amount_saturates_rather_than_wraps() {
        assert_eq!(rate("999999999", 1).amount(u64::MAX), i128::MAX);
        assert!(rate("999999999.999999999999999999999999", 1_000_000_000).amount(u64::MAX) > 0);
    }

    #[test]
    fn a_rate_reads_as_dollars_per_unit() {
        assert_eq!(rate("2.5", 1_000_000).to_string(), "2.50 USD per 1000000");
        assert_eq!(rate("0.036", 3_600).to_string(), "0.036 USD per 3600");
    }

    #[test]
    fn a_row_is_rounded_half_to_even() {
        for (atto, pico) in
            [(0, 0), (499_999, 0), (500_000, 0), (500_001, 1), (1_500_000, 2), (2_500_000, 2)]
        {
            assert_eq!(round_to_pico(atto), pico, "{atto}");
        }
    }

    #[test]
    fn a_factor_is_exact_and_changes_the_rate_alone() {
        let uplift = Factor::try_from("1.1".parse::<Decimal>().unwrap()).unwrap();
        assert_eq!(rate("2.5", 1_000_000).times(uplift).amount(3), 8_250_000_000_000);
        assert_eq!(rate("2.5", 1_000_000).times(Factor::ONE), rate("2.5", 1_000_000));
        let odd = Factor::try_from("0.123456789012".parse::<Decimal>().unwrap()).unwrap();
        let exact = 308_641_972_530_000_000;
        assert_eq!(rate("2.5", 1_000_000).times(odd).amount(1_000_000), exact);
        assert!(rate("999999999", 1).times(odd).amount(u64::MAX) > 0);
    }

    #[test]
    fn time_on_gpus_is_paid_for_each_and_shared_by_those_served_together() {
        let n = |n| NonZeroU32::new(n).unwrap();
        let hour = rate("2", 3_600_000_000).shared(n(8), n(4));
        assert_eq!(hour.amount(3_600_000_000), 4_000_000_000_000_000_000);
    }

    proptest! {
        #[test]
        fn a_ready_rate_gives_what_the_rate_gives(
            digits in 0_i128..1_000_000_000_000, decimals in 0_u32..=24, per in 1_u32..=1_000_000, quantity in any::<u64>(),
        ) {
            let rate = Rate::new(Decimal { digits, decimals }, NonZeroU32::new(per).unwrap());
            prop_assert_eq!(Ready::new(rate).amount(quantity), rate.amount(quantity));
        }

        #[test]
        fn a_word_is_rounded_as_any_amount_is(atto in any::<u64>(), half in any::<u32>()) {
            let on_the_half = u64::from(half) * 1_000_000 + 500_000;
            for atto in [atto, on_the_half] {
                let exact = div_half_even(i128::from(atto), ATTO_PER_PICO);
                prop_assert_eq!(i128::from(small_to_pico(atto)), exact);
            }
        }

        #[test]
        fn an_amount_is_within_half_a_unit_of_the_true_product(
            digits in 0_i128..1_000_000_000_000, decimals in 0_u32..=24, per in 1_u32..=1_000_000, quantity in 0_u64..1_000_000_000,
        ) {
            let rate = Rate::new(Decimal { digits, decimals }, NonZeroU32::new(per).unwrap());
            prop_assume!(rate.atto < 1_i128 << 95);
            let error = rate.amount(quantity) * rate.per - rate.atto * i128::from(quantity);
            prop_assert!(error.abs() * 2 <= rate.per);
        }
    }
}
