//! The quantities of a group as an alternative would have counted them.

use events::{Meter, Meters};
use lake::WhatIfGroup;

use super::{Conversion, Ratio};

/// Meters that count tokens of text, which every vocabulary counts its own way. Audio, images and calls
/// stay as they are.
const TEXT: &[Meter] = &[
    Meter::InputText,
    Meter::InputTool,
    Meter::CacheReadText,
    Meter::CacheWrite5m,
    Meter::CacheWrite30m,
    Meter::CacheWrite1h,
    Meter::CacheWrite12h,
    Meter::OutputText,
    Meter::Reasoning,
    Meter::Citation,
];

/// Text input that a provider's cache has to do with.
const CACHED: &[Meter] = &[
    Meter::CacheReadText,
    Meter::CacheWrite5m,
    Meter::CacheWrite30m,
    Meter::CacheWrite1h,
    Meter::CacheWrite12h,
];

/// What is thought to be cached of text input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Caching {
    /// What was.
    #[default]
    AsRecorded,
    /// Nothing.
    Nothing,
    /// Shares of all text input, in thousandths: read from a cache, and written to one of 5 minutes.
    Share {
        /// Read.
        read_per_mille: u16,
        /// Written.
        written_per_mille: u16,
    },
}

/// What is to be priced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bill {
    /// A usual request: its input tokens choose the tier.
    pub shape: Meters,
    /// All that was used: to be multiplied by the rates of such a request.
    pub total: Meters,
    /// Requests, for fees by the request.
    pub requests: u64,
    /// Their time together, microseconds, for models priced by it.
    pub duration_us: u64,
}

impl Bill {
    /// A group's, counted by another vocabulary.
    pub(super) fn of(group: &WhatIfGroup, ratio: Ratio, caching: Caching) -> Self {
        let total = caching.applied(converted(&group.meters, ratio));
        let bounds = (ratio.of(group.input_tokens.0), ratio.of(group.input_tokens.1));
        Self {
            shape: shape(&total, group.requests, bounds),
            total,
            requests: group.requests,
            duration_us: group.duration_us,
        }
    }
}

impl Caching {
    fn applied(self, mut meters: Meters) -> Meters {
        let share = |tokens: u64, per_mille: u16| {
            let part = u128::from(tokens) * u128::from(per_mille.min(1_000)) / 1_000;
            u64::try_from(part).unwrap_or(tokens)
        };
        if self == Caching::AsRecorded {
            return meters;
        }
        for meter in CACHED {
            meters.add(Meter::InputText, meters.get(*meter));
            meters.set(*meter, 0);
        }
        if let Caching::Share { read_per_mille, written_per_mille } = self {
            let all = meters.get(Meter::InputText);
            let read = share(all, read_per_mille);
            let written = share(all, written_per_mille).min(all - read);
            meters.set(Meter::InputText, all - read - written);
            meters.set(Meter::CacheReadText, read);
            meters.set(Meter::CacheWrite5m, written);
        }
        meters
    }
}

fn converted(meters: &Meters, ratio: Ratio) -> Meters {
    let convert = |(meter, quantity): (Meter, u64)| {
        let is_text = TEXT.contains(&meter);
        (meter, if is_text { ratio.of(quantity) } else { quantity })
    };
    meters.iter().map(convert).collect()
}

/// A request of average size, whose input is between the smallest and the largest of the group.
fn shape(total: &Meters, requests: u64, (least, most): (u64, u64)) -> Meters {
    let average = |(meter, quantity): (Meter, u64)| {
        (meter, quantity.checked_div(requests).unwrap_or(quantity).max(1))
    };
    let mut shape: Meters = total.iter().map(average).collect();
    let input = shape.input_tokens();
    let largest = Meter::ALL.iter().filter(|meter| meter.is_input());
    let largest = largest.max_by_key(|meter| shape.get(**meter)).copied();
    if let Some(meter) = largest.filter(|_| input > 0) {
        let held = shape.get(meter);
        let excess = input.saturating_sub(most.max(1));
        let lack = least.saturating_sub(input);
        shape.set(meter, held.saturating_sub(excess).max(1).saturating_add(lack));
    }
    shape
}

/// Whether a prompt of the group may lie in another tier than a request of average size.
pub(super) fn may_cross_tier(group: &WhatIfGroup, by: Conversion, tiers: &[u64]) -> bool {
    let tier = |tokens: u64| tiers.iter().filter(|start| tokens >= **start).count();
    let [low, _, high] = by.ratios();
    tier(low.of(group.input_tokens.0)) != tier(high.of(group.input_tokens.1))
}
