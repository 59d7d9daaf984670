//! Money as an integer number of picodollars. Never a float, in no direction.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::digits::Digits;

/// Decimal places of a [`Usd`]: 1e-12 USD is the finest unit any row of the ledger holds.
const DECIMALS: u32 = 12;
const PICO_PER_USD: i128 = 1_000_000_000_000;

/// An amount of US dollars in units of 1e-12 USD (a picodollar).
///
/// The range is that of `i128`, far beyond `Decimal128(38, 12)`, the type of the lake's cost columns.
/// Addition saturates instead of wrapping, so that a corrupt amount can never turn a debt into credit.
/// In JSON an amount is a decimal string, in binary formats the integer.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Usd(i128);

impl Usd {
    /// No money.
    pub const ZERO: Usd = Usd(0);
    /// The largest representable amount, for "no limit".
    pub const MAX: Usd = Usd(i128::MAX);

    /// An amount from picodollars (1e-12 USD).
    pub const fn from_pico(pico: i128) -> Self {
        Usd(pico)
    }

    /// An amount from whole dollars.
    pub const fn from_dollars(dollars: i64) -> Self {
        Usd(dollars as i128 * PICO_PER_USD)
    }

    /// The amount in picodollars (1e-12 USD).
    pub const fn pico(self) -> i128 {
        self.0
    }

    /// Whether the amount is exactly zero.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// `self - other`, but never below zero.
    #[must_use]
    pub fn saturating_sub_to_zero(self, other: Usd) -> Usd {
        Usd(self.0.saturating_sub(other.0).max(0))
    }

    /// The amount times a count, saturating.
    #[must_use]
    pub fn times(self, count: u64) -> Usd {
        Usd(self.0.saturating_mul(i128::from(count)))
    }

    /// The amount divided by a count, rounded half to even. `None` when the count is zero.
    #[must_use]
    pub fn divided_by(self, count: u64) -> Option<Usd> {
        (count != 0).then(|| Usd(div_half_even(self.0, i128::from(count))))
    }

    /// `per_mille` thousandths of the amount, rounded half to even.
    #[must_use]
    pub fn per_mille(self, per_mille: u32) -> Usd {
        Usd(div_half_even(self.0.saturating_mul(i128::from(per_mille)), 1000))
    }

    /// How many thousandths of `whole` this amount is, rounded down and clamped to `u32`; `None`
    /// when `whole` is not positive.
    pub fn share_per_mille(self, whole: Usd) -> Option<u32> {
        (whole.0 > 0).then(|| {
            let share = self.0.saturating_mul(1000) / whole.0;
            u32::try_from(share.max(0)).unwrap_or(u32::MAX)
        })
    }

    /// The amount rounded half to even to `decimals` places and written with exactly that many
    /// (at most 12), digits grouped by nothing: `1234.50`.
    pub fn to_fixed(self, decimals: u32) -> String {
        let decimals = decimals.min(DECIMALS);
        let step = 10_i128.pow(DECIMALS - decimals);
        let units = div_half_even(self.0, step);
        let scale = 10_u128.pow(decimals);
        let (whole, part) = (units.unsigned_abs() / scale, units.unsigned_abs() % scale);
        let sign = if units < 0 { "-" } else { "" };
        if decimals == 0 {
            format!("{sign}{whole}")
        } else {
            format!("{sign}{whole}.{part:0width$}", width = decimals as usize)
        }
    }
}

/// Division rounded half to even; `divisor` must be positive.
fn div_half_even(value: i128, divisor: i128) -> i128 {
    let (quotient, rest) = (value.div_euclid(divisor), value.rem_euclid(divisor));
    let twice = rest.saturating_mul(2);
    let round_up = twice > divisor || (twice == divisor && quotient.rem_euclid(2) == 1);
    quotient + i128::from(round_up)
}

/// Dollars and picodollars of a magnitude; most are divided in 64 bits, which takes a tenth of the time.
fn whole_and_part(pico: u128) -> (u128, u64) {
    let per_usd = PICO_PER_USD.unsigned_abs();
    match (u64::try_from(pico), u64::try_from(per_usd)) {
        (Ok(pico), Ok(per_usd)) => (u128::from(pico / per_usd), pico % per_usd),
        _ => (pico / per_usd, u64::try_from(pico % per_usd).unwrap_or_default()),
    }
}

/// Writes the exact amount with at least two and at most twelve decimals: `0.01`, `1.077765`.
impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Digits::new();
        let (whole, mut part) = whole_and_part(self.0.unsigned_abs());
        let mut decimals = DECIMALS;
        while decimals > 2 && part.is_multiple_of(10) {
            (part, decimals) = (part / 10, decimals - 1);
        }
        text.prepend_digits(part, decimals);
        text.prepend(b'.');
        text.prepend_number(whole);
        if self.0 < 0 {
            text.prepend(b'-');
        }
        f.pad(text.as_str())
    }
}

impl fmt::Debug for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Usd({self})")
    }
}

/// Why a text is not an amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UsdError {
    /// Not a plain decimal number.
    #[error("`{0}` is not an amount: write plain decimal dollars such as 12.50")]
    Malformed(String),
    /// More than twelve decimals that are not zero.
    #[error("`{0}` is finer than 1e-12 dollars, the smallest unit kept")]
    TooFine(String),
    /// Outside the representable range.
    #[error("`{0}` dollars are out of range")]
    OutOfRange(String),
}

/// Reads plain decimal dollars (`-12.5`, `0.000001`); no exponent, no currency sign.
impl FromStr for Usd {
    type Err = UsdError;

    fn from_str(text: &str) -> Result<Self, UsdError> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let plain = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !plain(whole) || !plain(part) || digits.ends_with('.') {
            return Err(UsdError::Malformed(text.chars().take(64).collect()));
        }
        let kept = part.trim_end_matches('0');
        if kept.len() > DECIMALS as usize {
            return Err(UsdError::TooFine(text.chars().take(64).collect()));
        }
        let joined = format!("{whole}{kept:0<width$}", width = DECIMALS as usize);
        let pico: i128 =
            joined.parse().map_err(|_| UsdError::OutOfRange(text.chars().take(64).collect()))?;
        Ok(Usd(if text.starts_with('-') { -pico } else { pico }))
    }
}

impl Add for Usd {
    type Output = Usd;
    fn add(self, other: Usd) -> Usd {
        Usd(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Usd {
    fn add_assign(&mut self, other: Usd) {
        *self = *self + other;
    }
}

impl Sub for Usd {
    type Output = Usd;
    fn sub(self, other: Usd) -> Usd {
        Usd(self.0.saturating_sub(other.0))
    }
}

impl SubAssign for Usd {
    fn sub_assign(&mut self, other: Usd) {
        *self = *self - other;
    }
}

impl Neg for Usd {
    type Output = Usd;
    fn neg(self) -> Usd {
        Usd(self.0.saturating_neg())
    }
}

impl Sum for Usd {
    fn sum<I: Iterator<Item = Usd>>(amounts: I) -> Usd {
        amounts.fold(Usd::ZERO, Add::add)
    }
}

impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_i128(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            text.parse().map_err(de::Error::custom)
        } else {
            i128::deserialize(deserializer).map(Usd)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn display_keeps_every_digit_and_at_least_two_decimals() {
        let shown = |pico| Usd::from_pico(pico).to_string();
        assert_eq!(shown(0), "0.00");
        assert_eq!(shown(1), "0.000000000001");
        assert_eq!(shown(1_077_765_000_000), "1.077765");
        assert_eq!(shown(-2_500_000_000_000), "-2.50");
        assert_eq!(shown(i128::from(u64::MAX) + 5), "18446744.07370955162");
        assert_eq!(shown(i128::MIN), "-170141183460469231731687303.715884105728");
        assert_eq!(format!("{:>6}|{:<6}", Usd::from_dollars(1), Usd::ZERO), "  1.00|0.00  ");
    }

    #[test]
    fn fixed_rounds_half_to_even() {
        let fixed = |text: &str| text.parse::<Usd>().map(|usd| usd.to_fixed(2));
        assert_eq!(fixed("0.005").as_deref(), Ok("0.00"));
        assert_eq!(fixed("0.015").as_deref(), Ok("0.02"));
        assert_eq!(fixed("-0.015").as_deref(), Ok("-0.02"));
        assert_eq!(fixed("1234567.891").as_deref(), Ok("1234567.89"));
        assert_eq!(Usd::from_dollars(7).to_fixed(0), "7");
    }

    #[test]
    fn text_that_is_no_amount_is_refused_with_a_reason() {
        for text in ["", "-", "1e-7", "$5", "1.", ".5", "1,000", "NaN"] {
            assert!(matches!(text.parse::<Usd>(), Err(UsdError::Malformed(_))), "{text}");
        }
        assert!(matches!("0.0000000000001".parse::<Usd>(), Err(UsdError::TooFine(_))));
        assert_eq!("0.0000000000010000".parse(), Ok(Usd::from_pico(1)));
        assert!(matches!("9".repeat(40).parse::<Usd>(), Err(UsdError::OutOfRange(_))));
    }

    #[test]
    fn arithmetic_saturates_rather_than_wraps() {
        assert_eq!(Usd::MAX + Usd::from_pico(1), Usd::MAX);
        assert_eq!(Usd::from_pico(3).saturating_sub_to_zero(Usd::from_pico(5)), Usd::ZERO);
        assert_eq!(Usd::from_pico(3).divided_by(0), None);
        assert_eq!(Usd::from_dollars(1).share_per_mille(Usd::from_dollars(3)), Some(333));
    }

    proptest! {
        #[test]
        fn writing_and_reading_an_amount_gives_it_back(pico in -(1_i128 << 100)..(1_i128 << 100)) {
            let usd = Usd::from_pico(pico);
            prop_assert_eq!(usd.to_string().parse::<Usd>(), Ok(usd));
            prop_assert_eq!(usd.to_fixed(12).parse::<Usd>(), Ok(usd));
        }

        #[test]
        fn a_division_is_never_off_by_more_than_half_a_unit(pico in -1_000_000_i128..1_000_000, n in 1_u64..1000) {
            let part = Usd::from_pico(pico).divided_by(n).unwrap_or_default();
            prop_assert!((part.times(n).pico() - pico).unsigned_abs() * 2 <= u128::from(n));
        }
    }
}
