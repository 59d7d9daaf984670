//! How numbers are written for people: grouped digits, cents, shares. Pure text, no markup, and no
//! float anywhere: what is shown is the exact amount, rounded once.

use units::Usd;

/// Amounts below this are shown with more than two decimals (picodollars: one cent).
const CENT_PICO: u128 = 10_000_000_000;

/// An amount for a table: two decimals, or the first two significant digits when under a cent.
pub(crate) fn usd(amount: Usd) -> String {
    let size = amount.pico().unsigned_abs();
    let decimals = if size == 0 || size >= CENT_PICO {
        2
    } else {
        let leading_zeros = 12 - decimal_digits(size);
        (leading_zeros + 2).min(12)
    };
    dollars(&amount.to_fixed(decimals))
}

/// A small average, such as the cost of one request: four decimals, or as [`usd`] when that is more.
pub(crate) fn unit_usd(amount: Usd) -> String {
    let size = amount.pico().unsigned_abs();
    if size < CENT_PICO { usd(amount) } else { dollars(&amount.to_fixed(4)) }
}

/// An amount to its last digit, with at least two decimals.
pub(crate) fn exact_usd(amount: Usd) -> String {
    dollars(&amount.to_string())
}

/// A plain decimal as dollars: grouped, with a sign that lines up.
fn dollars(plain: &str) -> String {
    let (sign, digits) = plain.strip_prefix('-').map_or(("", plain), |digits| ("\u{2212}", digits));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let dot = if part.is_empty() { "" } else { "." };
    format!("{sign}${}{dot}{part}", grouped(whole))
}

fn decimal_digits(value: u128) -> u32 {
    value.checked_ilog10().map_or(1, |log| log + 1)
}

/// A count with its thousands grouped: `1,234,567`.
pub(crate) fn count(value: u64) -> String {
    grouped(&value.to_string())
}

fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Thousandths as a percentage with one decimal: `12.3%`.
pub(crate) fn percent(per_mille: u32) -> String {
    format!("{}.{}%", grouped(&(per_mille / 10).to_string()), per_mille % 10)
}

/// How many thousandths `part` is of `whole`, rounded down so that only the whole is 100 %; `None`
/// when there is no whole.
pub(crate) fn per_mille(part: u64, whole: u64) -> Option<u32> {
    let share = u128::from(part) * 1000;
    share.checked_div(u128::from(whole)).map(|share| u32::try_from(share).unwrap_or(u32::MAX))
}

/// `1 request`, `2 requests`.
pub(crate) fn counted(value: u64, singular: &str) -> String {
    format!("{} {singular}{}", count(value), if value == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_show_cents_or_what_is_left_below_a_cent() {
        for (amount, shown) in [
            ("0", "$0.00"),
            ("1234567.891", "$1,234,567.89"),
            ("999.995", "$1,000.00"),
            ("-12.5", "\u{2212}$12.50"),
            ("0.01", "$0.01"),
            ("0.0042", "$0.0042"),
            ("0.0000456789", "$0.000046"),
            ("0.000000000001", "$0.000000000001"),
        ] {
            assert_eq!(usd(amount.parse().unwrap()), shown, "{amount}");
        }
    }

    #[test]
    fn averages_keep_two_more_decimals() {
        assert_eq!(unit_usd("0.01054".parse().unwrap()), "$0.0105");
        assert_eq!(unit_usd("0.000123".parse().unwrap()), "$0.00012");
        assert_eq!(unit_usd("12".parse().unwrap()), "$12.0000");
    }

    #[test]
    fn exact_amounts_keep_every_digit() {
        assert_eq!(exact_usd("1077.765000000001".parse().unwrap()), "$1,077.765000000001");
        assert_eq!(exact_usd("3".parse().unwrap()), "$3.00");
    }

    #[test]
    fn counts_are_grouped_and_shares_never_round_up_to_all() {
        assert_eq!(count(1), "1");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(per_mille(9_999, 10_000).map(percent).as_deref(), Some("99.9%"));
        assert_eq!(per_mille(0, 0), None);
        assert_eq!(counted(1, "request"), "1 request");
        assert_eq!(counted(1_200, "model"), "1,200 models");
    }
}
