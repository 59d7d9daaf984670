//! How rates are written for people: exact dollars and the unit they are for.

use pricing::Rate;

use crate::figures::exact_atto;

/// Tokens rates are compared by.
pub(crate) const MILLION: i128 = 1_000_000;
/// Units a rate is usually given for, and how they are written.
const PER_WORDS: [(i128, &str); 5] = [
    (1, "each"),
    (1_000, "per 1,000"),
    (3_600, "per hour"),
    (MILLION, "per million"),
    (3_600_000_000, "per hour"),
];

/// `$2.50 per million`.
pub(crate) fn rate_words(rate: Rate) -> String {
    let price = exact_atto(rate.atto());
    match PER_WORDS.iter().find(|(per, _)| *per == rate.per()) {
        Some((_, words)) => format!("{price} {words}"),
        None => format!("{price} per {}", rate.per()),
    }
}

/// The dollars of a million units, to the last digit; `None` where 18 decimals do not hold them.
pub(crate) fn per_million(rate: Rate) -> Option<String> {
    let product = rate.atto().checked_mul(MILLION)?;
    (product % rate.per() == 0).then(|| exact_atto(product / rate.per()))
}
