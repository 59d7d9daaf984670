//! What an attempt used on other models than the one that answered: a row of its own for each.
//!
//! A row shares with the attempt's own who pays, when it was, and which attempt caused it, and nothing
//! that is counted once an attempt: bytes, redactions, the outcome. There are at most as many as the
//! attempt kept room for; what is beyond is one last row of several models, which has no price.
//! This file must never know budgets or the spool.

use dialects::{ExtraUsage, Facts, Usage};
use events::{Cost, Decision, UsageEvent, UsageSource};

use super::price::{Pricing, price};

/// The kind of a row of several.
const SEVERAL: &str = "several";
/// What it is said to be billed on; a list of names could be taken for one of them.
const SEVERAL_MODELS: &str = "several-models";
/// Longest kind and name of a model kept, bytes; providers' own have a few dozen.
const NAME_BYTES_MAX: usize = 128;

/// Whether usage is billed on another model than the one that answered.
pub(super) fn is_beside(extra: &ExtraUsage, facts: &Facts) -> bool {
    extra.model.is_some() && extra.model != facts.model
}

/// One row in the making.
struct Part {
    kind: String,
    model: String,
    usage: Usage,
    event: UsageEvent,
}

/// The rows beside an attempt's own, which is complete; `room` at most.
pub(super) fn rows(
    own: &UsageEvent,
    facts: &Facts,
    pricing: &Pricing,
    room: usize,
) -> Vec<UsageEvent> {
    let mut parts: Vec<Part> = Vec::new();
    let extras = facts.extra.iter().filter(|extra| is_beside(extra, facts));
    for extra in extras.filter(|extra| !extra.usage.meters.is_empty()) {
        let part = Part::of(own, extra, pricing);
        let joined = parts.iter_mut().find_map(|known| {
            let joined = known.joined(&part, pricing)?;
            *known = joined;
            Some(())
        });
        if joined.is_none() {
            parts.push(part);
        }
    }
    if parts.len() > room {
        let rest = parts.split_off(room.saturating_sub(1).min(parts.len()));
        let models = rest.len();
        let request_id = own.ids.request_id;
        tracing::warn!(%request_id, models, room, "usage on several models shares a row without a price");
        parts.extend(folded(own, rest, pricing));
    }
    parts.into_iter().map(|part| part.event).collect()
}

impl Part {
    fn of(own: &UsageEvent, extra: &ExtraUsage, pricing: &Pricing) -> Self {
        let model = clipped(extra.model.clone().unwrap_or_default());
        Self::new(own, (clipped(extra.kind.clone()), model), extra.usage.clone(), pricing)
    }

    fn new(
        own: &UsageEvent,
        (kind, model): (String, String),
        usage: Usage,
        pricing: &Pricing,
    ) -> Self {
        let mut event = own.clone();
        event.decision.reason = Some(format!("{}{kind}", Decision::CAUSED));
        (event.decision.is_final, event.decision.is_retry, event.decision.is_hedge) =
            (false, false, false);
        event.times.first_byte_us = None;
        event.model.resolved = Some(model.clone());
        event.model.answered = Some(model.clone());
        (event.call.request_bytes, event.call.response_bytes) = (0, 0);
        event.outcome.finish_reason = None;
        event.meters = usage.meters;
        // What the provider says the answer cost is said in the answer's own row.
        event.cost = Cost::default();
        event.cache.saved = None;
        event.privacy.dropped_params.clear();
        event.privacy.redactions = 0;
        let source = match own.cost.usage_source {
            UsageSource::Drained => UsageSource::Drained,
            _ => UsageSource::Provider,
        };
        price(&mut event, pricing, &usage, source);
        Self { kind, model, usage, event }
    }

    /// Both as one, where they are of a kind and cost together what they cost apart; a longer prompt
    /// can be priced by another tier.
    fn joined(&self, other: &Self, pricing: &Pricing) -> Option<Self> {
        let same_terms = Usage { meters: self.usage.meters, ..other.usage.clone() } == self.usage;
        if self.kind != other.kind || self.model != other.model || !same_terms {
            return None;
        }
        let mut usage = self.usage.clone();
        for (meter, quantity) in other.usage.meters.iter() {
            usage.meters.add(meter, quantity);
        }
        let names = (self.kind.clone(), self.model.clone());
        let joined = Self::new(&self.event, names, usage, pricing);
        let costs = [&self.event, &other.event].map(|event| event.cost.contract);
        let apart = match costs {
            [Some(one), Some(another)] => Some(one + another),
            _ => None,
        };
        (joined.event.cost.contract == apart).then_some(joined)
    }
}

/// One row of several models: all that was used, at no price, since each has its own.
fn folded(own: &UsageEvent, parts: Vec<Part>, pricing: &Pricing) -> Option<Part> {
    let mut usage = Usage::default();
    let mut models: Vec<&str> = Vec::new();
    for part in &parts {
        for (meter, quantity) in part.usage.meters.iter() {
            usage.meters.add(meter, quantity);
        }
        if !models.contains(&part.model.as_str()) {
            models.push(&part.model);
        }
    }
    let names = (SEVERAL.to_owned(), SEVERAL_MODELS.to_owned());
    let mut part = Part::new(own, names, usage, pricing);
    part.event.model.answered = Some(clipped(models.join(",")));
    let Cost { price_version, usage_source, .. } = std::mem::take(&mut part.event.cost);
    part.event.cost = Cost { price_version, usage_source, ..Cost::default() };
    part.event.model.priced = None;
    (!parts.is_empty()).then_some(part)
}

fn clipped(mut name: String) -> String {
    name.truncate(name.floor_char_boundary(NAME_BYTES_MAX));
    name
}

#[cfg(test)]
mod tests;
