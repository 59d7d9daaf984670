//! Numbers of providers, read from their text: counts of tokens and amounts of money.

use units::Usd;

/// Decimal places of a picodollar.
const USD_PLACES: i32 = 12;
/// Fractional digits looked at; anything finer cannot move a picodollar.
const FRACTION_DIGITS_MAX: i32 = 30;

/// A count, leniently: `12`, `12.0`, `"12"`. Anything else, and anything negative, is `None`.
pub(crate) fn whole(json: &str) -> Option<u64> {
    // Almost every count is a few digits.
    let is_plain = matches!(json.len(), 1..=18) && json.bytes().all(|byte| byte.is_ascii_digit());
    if is_plain {
        return Some(json.bytes().fold(0, |count, byte| count * 10 + u64::from(byte - b'0')));
    }
    u64::try_from(scaled(json, 0)?).ok()
}

/// Dollars as a JSON number of any form (`0.0012`, `4.1148e-05`, `"0.5"`), rounded half to even to
/// 1e-12.
pub(crate) fn usd(json: &str) -> Option<Usd> {
    scaled(json, USD_PLACES).map(Usd::from_pico)
}

/// The number times ten to the power of `places`, rounded half to even.
fn scaled(json: &str, places: i32) -> Option<i128> {
    let text = json.trim_matches(|c: char| c == '"' || c.is_ascii_whitespace());
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() {
        return None;
    }
    let mut digits: i128 = 0;
    let mut fraction_digits = 0;
    for byte in whole.bytes() {
        digits = push_digit(digits, byte)?;
    }
    for byte in fraction.bytes().take(FRACTION_DIGITS_MAX.unsigned_abs() as usize) {
        digits = push_digit(digits, byte)?;
        fraction_digits += 1;
    }
    let shift = places.checked_add(exponent)?.checked_sub(fraction_digits)?;
    let magnitude = shifted(digits, shift)?;
    Some(if negative { -magnitude } else { magnitude })
}

fn push_digit(digits: i128, byte: u8) -> Option<i128> {
    byte.is_ascii_digit()
        .then(|| digits.checked_mul(10)?.checked_add(i128::from(byte - b'0')))
        .flatten()
}

/// `digits * 10^shift` for digits that are not negative, rounded half to even.
fn shifted(digits: i128, shift: i32) -> Option<i128> {
    if digits == 0 {
        return Some(0);
    }
    let power = 10_i128.checked_pow(shift.unsigned_abs());
    if shift >= 0 {
        return digits.checked_mul(power?);
    }
    let Some(divisor) = power else { return Some(0) };
    let (quotient, rest) = (digits / divisor, digits % divisor);
    // The divisor is at most 1e38, so that doubling the rest would overflow: compare the other half.
    let other = divisor - rest;
    let up = rest > other || (rest == other && quotient % 2 == 1);
    Some(quotient + i128::from(up))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_leniently_and_never_guessed() {
        for (text, count) in [("12", 12), ("12.0", 12), ("\"7\"", 7), ("1e3", 1000), ("0", 0)] {
            assert_eq!(whole(text), Some(count), "{text}");
        }
        for text in ["", "null", "-1", "{}", "[1]", "true", "1e99", "1.2.3", "--1", ".5"] {
            assert_eq!(whole(text), None, "{text}");
        }
    }

    #[test]
    fn dollars_keep_every_digit_down_to_a_picodollar() {
        for (text, pico) in [
            ("0.001875", 1_875_000_000),
            ("4.1148e-05", 41_148_000),
            ("0.000637029", 637_029_000),
            ("1E2", 100_000_000_000_000),
            ("0.0000000000005", 0),
            ("0.0000000000015", 2),
            ("-0.5", -500_000_000_000),
            ("1e-400", 0),
            ("0.1234567890123456789012345678901234567890123", 123_456_789_012),
        ] {
            assert_eq!(usd(text), Some(Usd::from_pico(pico)), "{text}");
        }
    }
}
