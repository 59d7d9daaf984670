//! What a scope's traffic would cost elsewhere: on another model, tier or terms, with or without caching.
//!
//! Quantities are the recorded ones where the model counts tokens as before, and then each figure is
//! exact; else they are converted between vocabularies, and each figure comes with a band. The sums must never
//! know a price: `repricing`, which does, is asked.

mod bill;
mod repricing;
mod tokenizers;

#[cfg(test)]
mod laws;

use std::collections::BTreeMap;

use events::Meters;
use lake::WhatIfGroup;
use units::Usd;

pub use bill::{Bill, Caching};
pub use repricing::{Repricing, TIERS_MAX, model_named, tier_starts, tier_starts_of};
pub use tokenizers::{Conversion, Ratio, TokenizerFamily, Tokenizers, TokenizersError};

/// Attodollars (1e-18 USD) in a picodollar, to which a line is rounded once.
const ATTO_PER_PICO: i128 = 1_000_000;

/// Where the traffic is thought to have gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alternative {
    /// The model; `None` leaves each where it was, on other terms.
    pub model: Option<String>,
    /// What is cached.
    pub caching: Caching,
    /// Input tokens from which a prompt falls into the model's next tier, ascending. The traffic is
    /// grouped by the same sizes, so that no group lies in two tiers.
    pub tiers: Vec<u64>,
}

/// An amount and how far off it may be, USD.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Estimate {
    /// At the fewest tokens the band allows.
    pub low: Usd,
    /// At the expected tokens.
    pub expected: Usd,
    /// At the most tokens the band allows.
    pub high: Usd,
}

/// Tokens and how far off their number may be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TokenBand {
    /// The fewest the band allows.
    pub low: u64,
    /// As many as expected.
    pub expected: u64,
    /// The most the band allows.
    pub high: u64,
}

/// What one model's traffic cost, and would have cost.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WhatIfLine {
    /// Provider it went to.
    pub provider: Option<String>,
    /// Model it went to; `None` of the sum of all as well.
    pub model: Option<String>,
    /// Attempts.
    pub requests: u64,
    /// What was billed for those whose cost is known, USD.
    pub billed: Usd,
    /// Attempts that have no recorded cost.
    pub unpriced: u64,
    /// What they would cost, those alone that the alternative has a price for, USD.
    pub would_cost: Estimate,
    /// Attempts the alternative has no price for: in `billed`, and not in `would_cost`.
    pub unknown: u64,
    /// Input and output tokens as they were counted.
    pub tokens: u64,
    /// The same as the alternative's vocabulary would count them.
    pub would_count: TokenBand,
    /// Tokens are counted as they were, so that `would_cost` is exact up to the rounding of each row
    /// (half of 1e-12 USD a request at most).
    pub is_exact: bool,
    /// Some prompts may fall into another tier when their tokens are converted.
    pub may_cross_tier: bool,
}

/// Traffic by model, and all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhatIf {
    /// By provider and model it went to, by name.
    pub lines: Vec<WhatIfLine>,
    /// The sum.
    pub total: WhatIfLine,
}

/// Sums before their one rounding, 1e-18 USD: at the low, the expected and the high count.
type Atto = [i128; 3];

/// Works out what traffic would cost. `price` says what a bill comes to in 1e-18 USD, at the rates that a
/// request of its shape gets; `None` where it knows no price.
pub fn what_if(
    groups: &[WhatIfGroup],
    alternative: &Alternative,
    tokenizers: &Tokenizers,
    price: impl Fn(&WhatIfGroup, &Bill) -> Option<i128>,
) -> WhatIf {
    let mut lines: BTreeMap<(Option<String>, Option<String>), (WhatIfLine, Atto)> = BTreeMap::new();
    let mut unpriced: BTreeMap<(Option<String>, Option<String>), i64> = BTreeMap::new();
    for group in groups {
        let key = (group.provider.clone(), group.model.clone());
        let open = unpriced.entry(key.clone()).or_default();
        *open = open.saturating_add(group.unpriced);
        let (line, sums) = lines.entry(key).or_insert_with(|| {
            let line = WhatIfLine {
                provider: group.provider.clone(),
                model: group.model.clone(),
                is_exact: true,
                ..WhatIfLine::default()
            };
            (line, [0; 3])
        });
        add_group(line, sums, group, (alternative, tokenizers), &price);
    }
    let lines: Vec<WhatIfLine> = lines
        .into_iter()
        .map(|(key, (line, sums))| WhatIfLine {
            unpriced: u64::try_from(unpriced.get(&key).copied().unwrap_or(0)).unwrap_or(0),
            would_cost: Estimate {
                low: rounded(sums[0]),
                expected: rounded(sums[1]),
                high: rounded(sums[2]),
            },
            ..line
        })
        .collect();
    let total = total(&lines);
    WhatIf { lines, total }
}

fn add_group(
    line: &mut WhatIfLine,
    sums: &mut Atto,
    group: &WhatIfGroup,
    (alternative, tokenizers): (&Alternative, &Tokenizers),
    price: &impl Fn(&WhatIfGroup, &Bill) -> Option<i128>,
) {
    line.billed += group.cost;
    if group.requests == 0 {
        return;
    }
    line.requests = line.requests.saturating_add(group.requests);
    let conversion = match &alternative.model {
        Some(model) => tokenizers.conversion(group.model.as_deref().unwrap_or_default(), model),
        None => Conversion::SAME,
    };
    line.is_exact &= conversion.is_exact();
    line.may_cross_tier |= bill::may_cross_tier(group, conversion, &alternative.tiers);
    let bills = conversion.ratios().map(|ratio| Bill::of(group, ratio, alternative.caching));
    line.tokens = line.tokens.saturating_add(tokens_of(&group.meters));
    line.would_count.add(bills.map(|bill| tokens_of(&bill.total)));
    let costs = bills.map(|bill| price(group, &bill));
    match costs {
        [Some(low), Some(expected), Some(high)] => {
            // Fewer tokens may come to more, where a tier or a minimum lies between.
            let (least, most) = (low.min(expected).min(high), low.max(expected).max(high));
            for (sum, cost) in sums.iter_mut().zip([least, expected, most]) {
                *sum = sum.saturating_add(cost);
            }
        }
        _ => line.unknown = line.unknown.saturating_add(group.requests),
    }
}

fn total(lines: &[WhatIfLine]) -> WhatIfLine {
    let mut total = WhatIfLine { is_exact: true, ..WhatIfLine::default() };
    for line in lines {
        total.requests = total.requests.saturating_add(line.requests);
        total.billed += line.billed;
        total.unpriced = total.unpriced.saturating_add(line.unpriced);
        total.unknown = total.unknown.saturating_add(line.unknown);
        total.tokens = total.tokens.saturating_add(line.tokens);
        let TokenBand { low, expected, high } = line.would_count;
        total.would_count.add([low, expected, high]);
        total.would_cost.low += line.would_cost.low;
        total.would_cost.expected += line.would_cost.expected;
        total.would_cost.high += line.would_cost.high;
        total.is_exact &= line.is_exact;
        total.may_cross_tier |= line.may_cross_tier;
    }
    total
}

fn tokens_of(meters: &Meters) -> u64 {
    meters.input_tokens().saturating_add(meters.output_tokens())
}

impl TokenBand {
    fn add(&mut self, [low, expected, high]: [u64; 3]) {
        self.low = self.low.saturating_add(low);
        self.expected = self.expected.saturating_add(expected);
        self.high = self.high.saturating_add(high);
    }
}

/// Half to even, to 1e-12 USD.
fn rounded(atto: i128) -> Usd {
    let (whole, rest) = (atto.div_euclid(ATTO_PER_PICO), atto.rem_euclid(ATTO_PER_PICO));
    let half = ATTO_PER_PICO / 2;
    let is_up = rest > half || (rest == half && whole.rem_euclid(2) == 1);
    Usd::from_pico(whole.saturating_add(i128::from(is_up)))
}
