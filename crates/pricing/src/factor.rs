//! A factor on prices: a regional uplift, a negotiated discount. Exact to twelve decimals.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::decimal::Decimal;

const DECIMALS: u32 = 12;
const ONE: u64 = 1_000_000_000_000;
/// A factor of a thousand or more is a mistake.
const WHOLE_MAX: i128 = 1_000;

/// What a price is multiplied by, in units of 1e-12.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Factor(u64);

impl Factor {
    /// The factor that changes nothing.
    pub const ONE: Factor = Factor(ONE);

    /// Whether it changes nothing.
    pub const fn is_one(self) -> bool {
        self.0 == ONE
    }

    /// The factor in units of 1e-12.
    pub const fn pico(self) -> u64 {
        self.0
    }

    /// Both factors one after the other, rounded half up to twelve decimals, saturating.
    #[must_use]
    pub(crate) fn then(self, other: Factor) -> Factor {
        let product = u128::from(self.0) * u128::from(other.0) + u128::from(ONE / 2);
        Factor(u64::try_from(product / u128::from(ONE)).unwrap_or(u64::MAX))
    }

    /// Numerator and denominator without a common power of ten.
    pub(crate) fn ratio(self) -> (i128, i128) {
        let (mut above, mut below) = (self.0, ONE);
        while above % 10 == 0 && below > 1 {
            above /= 10;
            below /= 10;
        }
        (i128::from(above), i128::from(below))
    }
}

impl TryFrom<Decimal> for Factor {
    type Error = &'static str;

    fn try_from(decimal: Decimal) -> Result<Self, Self::Error> {
        let missing = DECIMALS
            .checked_sub(decimal.decimals)
            .ok_or("a factor has at most 12 decimals: round it")?;
        let one = i128::from(ONE);
        decimal
            .digits
            .checked_mul(10_i128.pow(missing))
            .filter(|pico| *pico < WHOLE_MAX * one)
            .and_then(|pico| u64::try_from(pico).ok())
            .map(Factor)
            .ok_or("a factor is below 1000: write 1.1 for ten per cent more")
    }
}

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = format!("{:012}", self.0 % ONE);
        let part = part.trim_end_matches('0');
        let dot = if part.is_empty() { "" } else { "." };
        f.pad(&format!("{}{dot}{part}", self.0 / ONE))
    }
}

impl Serialize for Factor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factor(text: &str) -> Result<Factor, &'static str> {
        text.parse::<Decimal>().unwrap().try_into()
    }

    #[test]
    fn factors_are_read_multiplied_and_written_exactly() {
        let uplift = factor("1.1").unwrap();
        assert_eq!((uplift.to_string().as_str(), uplift.ratio()), ("1.1", (11, 10)));
        assert_eq!(uplift.then(factor("0.85").unwrap()).to_string(), "0.935");
        assert_eq!(factor("0").unwrap().ratio(), (0, 1));
        assert_eq!(factor("1.000").unwrap(), Factor::ONE);
        assert_eq!(Factor(u64::MAX).then(Factor(u64::MAX)), Factor(u64::MAX));
        assert!(factor("1000").is_err() && factor("0.0000000000001").is_err());
    }
}
