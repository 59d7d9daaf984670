//! Prices for what-if: what a bill comes to at the rates a request of its shape would get, on the terms
//! asked for.

use std::collections::BTreeSet;

use events::Meter;
use lake::WhatIfGroup;
use pricing::{Line, Measured, ModelEntry, PriceBook, PriceContext, Query};
use units::UnixMicros;

use super::Bill;

/// Most sizes prompts can be told apart by.
pub const TIERS_MAX: usize = 4;

/// How traffic is priced anew.
#[derive(Debug, Clone, Copy)]
pub struct Repricing<'a> {
    /// The prices.
    pub book: &'a PriceBook,
    /// Instant whose prices are used.
    pub at: UnixMicros,
    /// The model; `None` leaves each where it was.
    pub model: Option<ModelEntry<'a>>,
    /// Service tier; `None` is as recorded where the model stays, else the usual one.
    pub tier: Option<&'a str>,
    /// Way of processing, `batch`; `None` is as recorded where the model stays, else the usual one.
    pub processing: Option<&'a str>,
}

impl Repricing<'_> {
    /// What a bill of a group comes to, 1e-18 USD; `None` where the book has no price. `billed_as` is the
    /// book's name of the provider the group went to.
    pub fn price(&self, group: &WhatIfGroup, bill: &Bill, billed_as: &str) -> Option<i128> {
        let (provider, model) = match self.model {
            Some(model) => (model.provider_id(), model.id()),
            None => (billed_as, group.model.as_deref().unwrap_or_default()),
        };
        let priced = self.book.price(&Query {
            provider,
            model,
            at: self.at,
            context: PriceContext { duration_us: Some(bill.duration_us), ..self.context(group) },
            meters: &bill.shape,
        })?;
        let amount = |line: Line| {
            let quantity = match line.meter {
                Measured::Duration => bill.duration_us,
                Measured::Meter(Meter::Request) => bill.requests,
                Measured::Meter(meter) => bill.total.get(meter),
            };
            line.rate.times(line.factor).amount(quantity)
        };
        Some(priced.lines().map(amount).fold(0, i128::saturating_add))
    }

    /// The terms asked for; what is not asked for is as recorded where the model stays.
    fn context<'c>(&'c self, group: &'c WhatIfGroup) -> PriceContext<'c> {
        let is_elsewhere = self.model.is_some();
        let recorded = |told: &'c Option<String>| told.as_deref().filter(|_| !is_elsewhere);
        PriceContext {
            service_tier: self.tier.or(recorded(&group.terms.service_tier)),
            processing: self.processing.or(recorded(&group.terms.processing)),
            speed: recorded(&group.terms.speed),
            inference_geo: recorded(&group.terms.inference_geo),
            ..PriceContext::NONE
        }
    }
}

/// The input tokens from which a model has another price, ascending, [`TIERS_MAX`] at most.
pub fn tier_starts(model: &ModelEntry<'_>) -> Vec<u64> {
    tier_starts_of(std::iter::once(*model))
}

/// The same of several models together: no group of prompts cut there lies in two tiers of any of them.
pub fn tier_starts_of<'a>(models: impl IntoIterator<Item = ModelEntry<'a>>) -> Vec<u64> {
    let mut starts = BTreeSet::new();
    for model in models {
        let sheets = model.sheets();
        let tiers = sheets.iter().flat_map(|sheet| &sheet.tiers);
        starts.extend(tiers.map(|tier| tier.above.saturating_add(1)));
    }
    starts.into_iter().take(TIERS_MAX).collect()
}

/// The model of a name as people write it: `openai/gpt-5.4`, or a model's own name, which may have a
/// slash too; then of the provider whose models are called like this, else of the first that has it.
pub fn model_named<'b>(book: &'b PriceBook, name: &str) -> Option<ModelEntry<'b>> {
    let split =
        name.split_once('/').filter(|(provider, _)| book.provider_named(provider).is_some());
    let of_provider = split.and_then(|(provider, model)| book.model(provider, model));
    let own = || book.provider_of(name).and_then(|provider| book.model(provider, name));
    let anybody = || book.models().find(|model| model.id().eq_ignore_ascii_case(name));
    of_provider.or_else(own).or_else(anybody)
}
