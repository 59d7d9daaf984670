//! A price as the command line writes it, `KEY=PRICE[/PER]`, in the unit usual for its key.

use std::str::FromStr;

use pricing::{PriceKey, Rate};

/// Most digits after the point of a price file.
const DECIMALS_MAX: usize = 24;

/// A price to set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SetRate {
    /// What it is of.
    pub(super) key: PriceKey,
    /// Dollars for the units usual for the key, as a price file writes them.
    pub(super) price: String,
}

impl FromStr for SetRate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("`{text}`: {why}");
        let (key, price) = text
            .split_once('=')
            .ok_or_else(|| wrong("write KEY=PRICE such as input=2.50, or KEY=PRICE/PER"))?;
        let key = key_of(key.trim()).map_err(|why| wrong(&why))?;
        let (price, per) = match price.split_once('/') {
            Some((price, per)) => {
                let per: i128 = per
                    .trim()
                    .parse()
                    .ok()
                    .filter(|per| (1..=1_000_000_000).contains(per))
                    .ok_or_else(|| wrong("PER is how many units the price buys, such as 1000"))?;
                (price, Some(per))
            }
            None => (price, None),
        };
        let (digits, decimals) = decimal(price.trim())
            .ok_or_else(|| wrong("a price is plain decimal dollars such as 2.50, zero or more"))?;
        let usual = i128::from(key.default_per().get());
        let price = match per.filter(|per| *per != usual) {
            None => price.trim().to_owned(),
            Some(per) => scaled(digits, decimals, usual, per).ok_or_else(|| {
                wrong(&format!("the price of {usual} units has no exact decimal form: use a price file with `per`"))
            })?,
        };
        Ok(Self { key, price })
    }
}

/// A price in force, in the unit usual for its key.
pub(super) fn of(key: PriceKey, rate: Rate) -> Result<String, String> {
    let usual = i128::from(key.default_per().get());
    scaled(rate.atto(), 18, usual, rate.per())
        .ok_or_else(|| format!("the price of `{key}` in force has no exact form here: set it, too"))
}

fn key_of(text: &str) -> Result<PriceKey, String> {
    let known = PriceKey::ALL.iter().find(|key| key.as_str() == text);
    known.copied().ok_or_else(|| {
        let all: Vec<&str> = PriceKey::ALL.iter().map(|key| key.as_str()).collect();
        format!("`{text}` is nothing that has a price: use one of {}", all.join(", "))
    })
}

/// The digits as one number, and how many of them stand after the point.
fn decimal(text: &str) -> Option<(i128, usize)> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !plain(whole) || !plain(part) || text.ends_with('.') {
        return None;
    }
    let digits = format!("{whole}{part}").parse().ok()?;
    (part.len() <= DECIMALS_MAX).then_some((digits, part.len()))
}

/// `digits / 10^decimals * times / by` as a decimal, if it has one of at most 24 places.
fn scaled(digits: i128, decimals: usize, times: i128, by: i128) -> Option<String> {
    let (mut above, mut below, mut places) = (digits.checked_mul(times)?, by, decimals);
    let common = gcd(above, below);
    (above, below) = (above / common, below / common);
    while above % below != 0 {
        if places >= DECIMALS_MAX {
            return None;
        }
        above = above.checked_mul(10)?;
        places += 1;
    }
    let text = format!("{:0>width$}", above / below, width = places + 1);
    let (whole, part) = text.split_at(text.len() - places);
    let part = part.trim_end_matches('0');
    Some(if part.is_empty() { whole.to_owned() } else { format!("{whole}.{part}") })
}

fn gcd(mut a: i128, mut b: i128) -> i128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_read_in_any_unit_and_kept_in_the_usual_one() {
        for (text, key, price) in [
            ("input=2.50", "input", "2.50"),
            ("input=0.0000025/1", "input", "2.5"),
            ("output=15/1000000", "output", "15"),
            ("web_search=0.01/1", "web_search", "10"),
            ("web_search = 10", "web_search", "10"),
            ("audio_seconds=0.006/60", "audio_seconds", "0.36"),
            ("input=3/3", "input", "1000000"),
            ("images=0", "images", "0"),
        ] {
            let rate: SetRate = text.parse().unwrap();
            assert_eq!((rate.key.as_str(), &*rate.price), (key, price), "{text}");
        }
    }

    #[test]
    fn what_is_no_price_is_refused_with_what_to_write() {
        for (text, said) in [
            ("input", "write KEY=PRICE"),
            ("inputs=1", "`inputs` is nothing that has a price"),
            ("input=", "plain decimal dollars"),
            ("input=-1", "plain decimal dollars"),
            ("input=1e-7", "plain decimal dollars"),
            ("input=$2", "plain decimal dollars"),
            ("input=1.", "plain decimal dollars"),
            ("input=1/0", "PER is how many units"),
            ("input=1/many", "PER is how many units"),
            ("images=1/3", "no exact decimal form"),
            ("input=0.0000000000000000000000001", "plain decimal dollars"),
        ] {
            let error = text.parse::<SetRate>().unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
