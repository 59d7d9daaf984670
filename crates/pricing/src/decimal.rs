//! Decimal numbers as people and price tables write them, read digit by digit. Never through a float.

use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;

/// Most decimals a price may have; public tables carry noise of up to 24.
const DECIMALS_MAX: usize = 24;
/// Most digits before the point: a price of a billion dollars is a mistake.
const WHOLE_DIGITS_MAX: usize = 9;

/// A non-negative decimal number: `digits / 10^decimals`, without trailing zeros after the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decimal {
    /// All digits as one integer; below 10^33, because both lengths above are bounded.
    pub(crate) digits: i128,
    /// How many of the digits stand after the point, at most 24.
    pub(crate) decimals: u32,
}

/// Why a text is not a price.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DecimalError {
    /// Not a number.
    #[error("`{0}` is not a price: write decimal dollars such as \"2.50\"")]
    Malformed(String),
    /// Below zero.
    #[error(
        "`{0}` is negative: a price is zero or more; write a discount as the lower price itself"
    )]
    Negative(String),
    /// More digits after the point than are kept.
    #[error("`{0}` has more than 24 decimals: round it, nothing bills finer than that")]
    TooFine(String),
    /// More digits before the point than make sense.
    #[error("`{0}` is a billion dollars or more: check the unit that `per` gives for this rate")]
    TooLarge(String),
}

impl std::str::FromStr for Decimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let shown = || text.chars().take(64).collect::<String>();
        let malformed = || DecimalError::Malformed(shown());
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, power)) => (mantissa, power.parse::<i16>().map_err(|_| malformed())?),
            None => (unsigned, 0),
        };
        let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
        let plain = |s: &str| !s.is_empty() && s.bytes().all(|byte| byte.is_ascii_digit());
        if !plain(whole) || !plain(part) {
            return Err(malformed());
        }
        let mut digits = format!("{whole}{part}");
        // Where the point stands in `digits`; the exponent moves it.
        let point =
            i64::try_from(whole.len()).unwrap_or(i64::MAX).saturating_add(i64::from(exponent));
        if digits.bytes().all(|byte| byte == b'0') {
            return Ok(Self { digits: 0, decimals: 0 });
        }
        if negative {
            return Err(DecimalError::Negative(shown()));
        }
        if point < 0 {
            let zeros = usize::try_from(point.unsigned_abs()).unwrap_or(usize::MAX);
            if zeros > DECIMALS_MAX {
                return Err(DecimalError::TooFine(shown()));
            }
            digits.insert_str(0, &"0".repeat(zeros));
        }
        let point = usize::try_from(point.max(0)).unwrap_or(usize::MAX);
        let after = digits.get(point..).unwrap_or("").trim_end_matches('0');
        let before = digits.get(..point).unwrap_or(&digits).trim_start_matches('0');
        let missing_zeros = point.saturating_sub(digits.len());
        if after.len() > DECIMALS_MAX {
            return Err(DecimalError::TooFine(shown()));
        }
        if before.len().saturating_add(missing_zeros) > WHOLE_DIGITS_MAX {
            return Err(DecimalError::TooLarge(shown()));
        }
        let joined = format!("{before}{}{after}", "0".repeat(missing_zeros));
        let digits = joined.parse().map_err(|_| malformed())?;
        Ok(Self { digits, decimals: u32::try_from(after.len()).map_err(|_| malformed())? })
    }
}

/// Reads a JSON string or a JSON number by its text, so that `2.675` is exactly that.
impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?.get();
        let text = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(raw);
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<(i128, u32), DecimalError> {
        text.parse::<Decimal>().map(|decimal| (decimal.digits, decimal.decimals))
    }

    #[test]
    fn a_decimal_keeps_every_digit_however_it_is_written() {
        for (text, digits, decimals) in [
            ("0", 0, 0),
            ("-0.00", 0, 0),
            ("12.50", 125, 1),
            ("0.00000250", 25, 7),
            ("2.5e-06", 25, 7),
            ("25E-7", 25, 7),
            ("1e3", 1000, 0),
            ("1.25e1", 125, 1),
            ("0.19999999999999996", 19_999_999_999_999_996, 17),
            ("0.000000000000000000000001", 1, 24),
            ("1e-24", 1, 24),
            ("999999999", 999_999_999, 0),
        ] {
            assert_eq!(read(text), Ok((digits, decimals)), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_price_is_refused_with_its_reason() {
        for text in ["", "free", "1.", ".5", "+1", "1,5", "0x1", "1e", "1e99999", "NaN", "$1", "1 "]
        {
            assert!(matches!(read(text), Err(DecimalError::Malformed(_))), "{text}");
        }
        assert!(matches!(read("-0.5"), Err(DecimalError::Negative(_))));
        assert!(matches!(read("1e-25"), Err(DecimalError::TooFine(_))));
        assert!(matches!(read("1e-30000"), Err(DecimalError::TooFine(_))));
        assert!(matches!(read("0.0000000000000000000000001"), Err(DecimalError::TooFine(_))));
        assert!(matches!(read("1000000000"), Err(DecimalError::TooLarge(_))));
        assert!(matches!(read("1e30000"), Err(DecimalError::TooLarge(_))));
    }

    #[test]
    fn a_json_number_is_read_by_its_text() {
        let parse = |json| serde_json::from_str::<Decimal>(json).ok();
        assert_eq!(parse("2.675"), "2.675".parse().ok());
        assert_eq!(parse("\"2.675\""), "2.675".parse().ok());
        assert_eq!(parse("1e-7"), "0.0000001".parse().ok());
        assert_eq!(parse("{}"), None);
        assert_eq!(parse("null"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_but_never_panics(text in "[-+0-9.eE]{0,40}") {
            let _ = read(&text);
        }

        #[test]
        fn moving_the_point_by_an_exponent_changes_nothing(digits in 1_u64..1_000_000_000, by in 0_u32..15) {
            let plain = read(&digits.to_string());
            let moved = read(&format!("{digits}{}e-{by}", "0".repeat(by as usize)));
            prop_assert_eq!(plain, moved);
        }
    }
}
