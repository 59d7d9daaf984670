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

/// A count that may be negative: `−1,234`.
pub(crate) fn signed_count(value: i128) -> String {
    let sign = if value < 0 { "\u{2212}" } else { "" };
    format!("{sign}{}", grouped(&value.unsigned_abs().to_string()))
}

/// Thousandths that may be negative as a percentage with one decimal and a sign: `+12.3%`.
pub(crate) fn signed_percent(per_mille: i128) -> String {
    let sign = match per_mille {
        ..0 => "\u{2212}",
        0 => "",
        1.. => "+",
    };
    let size = per_mille.unsigned_abs();
    format!("{sign}{}.{}%", grouped(&(size / 10).to_string()), size % 10)
}

/// A round count in few letters: `500`, `20k`, `1.5M`. Digits that would be lost are kept.
pub(crate) fn compact_count(value: i128) -> String {
    for (unit, letter) in [(1_000_000_000, "B"), (1_000_000, "M"), (1_000, "k")] {
        let tenth = unit / 10;
        if value >= unit && value % tenth == 0 {
            let (whole, part) = (value / unit, value % unit / tenth);
            let part = if part == 0 { String::new() } else { format!(".{part}") };
            return format!("{}{part}{letter}", grouped(&whole.to_string()));
        }
    }
    signed_count(value)
}

/// An amount of attodollars (1e-18 USD) to its last digit, with at least two decimals.
pub(crate) fn exact_atto(atto: i128) -> String {
    const ATTO_PER_USD: u128 = 1_000_000_000_000_000_000;
    let (whole, part) = (atto.unsigned_abs() / ATTO_PER_USD, atto.unsigned_abs() % ATTO_PER_USD);
    let part = format!("{part:018}");
    let part = format!("{:0<2}", part.trim_end_matches('0'));
    let sign = if atto < 0 { "-" } else { "" };
    dollars(&format!("{sign}{whole}.{part}"))
}

/// Microseconds as people read durations: `840 µs`, `12 ms`, `3.4 s`, `2 min 5 s`.
pub(crate) fn duration(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..1_000_000 => format!("{} ms", us / 1_000),
        1_000_000..60_000_000 => format!("{}.{} s", us / 1_000_000, us % 1_000_000 / 100_000),
        _ => {
            let seconds = us / 1_000_000;
            format!("{} min {} s", grouped(&(seconds / 60).to_string()), seconds % 60)
        }
    }
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

    #[test]
    fn round_counts_are_short_and_others_keep_their_digits() {
        for (count, shown) in [
            (0, "0"),
            (500, "500"),
            (20_000, "20k"),
            (1_500_000, "1.5M"),
            (2_000_000_000, "2B"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(compact_count(count), shown);
        }
    }

    #[test]
    fn lines_keep_all_eighteen_decimals() {
        assert_eq!(exact_atto(2_500_000_000_000), "$0.0000025");
        assert_eq!(exact_atto(3_000_000_000_000_000_000), "$3.00");
        assert_eq!(exact_atto(-1), "\u{2212}$0.000000000000000001");
    }

    #[test]
    fn durations_and_changes_read_as_people_write_them() {
        for (us, shown) in
            [(840, "840 µs"), (12_900, "12 ms"), (3_450_000, "3.4 s"), (125_000_000, "2 min 5 s")]
        {
            assert_eq!(duration(us), shown);
        }
        assert_eq!(signed_percent(123), "+12.3%");
        assert_eq!(signed_percent(-4), "\u{2212}0.4%");
    }
}
