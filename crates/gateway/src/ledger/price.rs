//! What the usage of an attempt costs, and how that stands in its row.
//!
//! An answer's body, its headers and its row tell the same cost: it is computed once. This file must
//! never know budgets or the spool.

use std::sync::{Arc, Mutex, PoisonError};

use dialects::Usage;
use events::{Cost, UsageEvent, UsageSource};
use pricing::{PriceBook, PriceContext, Query};
use units::{UnixMicros, Usd};

/// How an attempt is priced: by the book that was in force when it was sent.
pub(crate) struct Pricing {
    book: Arc<PriceBook>,
    /// Provider id in the book.
    provider: String,
    /// What was priced last.
    last: Mutex<Option<Receipt>>,
}

/// Usage and what it costs.
struct Receipt {
    model: String,
    at: UnixMicros,
    usage: Usage,
    bill: Bill,
}

/// What the book says some usage costs.
#[derive(Clone)]
struct Bill {
    list: Usd,
    contract: Usd,
    model_id: String,
    rate_set: String,
}

impl Pricing {
    /// Prices of `provider`, an id of the book.
    pub(crate) fn new(book: &Arc<PriceBook>, provider: &str) -> Self {
        Self { book: Arc::clone(book), provider: provider.to_owned(), last: Mutex::new(None) }
    }

    /// Version of the book.
    pub(super) fn version(&self) -> &str {
        self.book.version()
    }

    /// What the usage of a model costs its buyer; `None` while that is unknown.
    pub(crate) fn cost(&self, model: &str, at: UnixMicros, usage: &Usage) -> Option<Usd> {
        Some(self.bill(model, at, usage, None)?.contract)
    }

    /// `duration_us`: how long the request kept the machine, once that is known.
    fn bill(
        &self,
        model: &str,
        at: UnixMicros,
        usage: &Usage,
        duration_us: Option<u64>,
    ) -> Option<Bill> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        // What is used and priced without its duration is not priced by it.
        let known = last
            .as_ref()
            .filter(|known| known.at == at && known.model == model && known.usage == *usage);
        if let Some(known) = known {
            return Some(known.bill.clone());
        }
        let context = PriceContext { duration_us, ..price_context(usage) };
        let query = Query { provider: &self.provider, model, at, context, meters: &usage.meters };
        let priced = self.book.price(&query)?;
        let bill = Bill {
            list: priced.list,
            contract: priced.cost,
            model_id: priced.model_id.to_owned(),
            rate_set: priced.rate_set.to_string(),
        };
        if duration_us.is_none() && !usage.meters.is_empty() {
            let (model, usage) = (model.to_owned(), usage.clone());
            *last = Some(Receipt { model, at, usage, bill: bill.clone() });
        }
        Some(bill)
    }
}

/// What of the usage, besides its quantities, selects prices.
fn price_context(usage: &Usage) -> PriceContext<'_> {
    PriceContext {
        service_tier: usage.service_tier.as_deref(),
        processing: usage.processing.as_deref(),
        speed: usage.speed.as_deref(),
        inference_geo: usage.inference_geo.as_deref(),
        ..PriceContext::NONE
    }
}

/// Fills in what the quantities cost.
pub(super) fn price(event: &mut UsageEvent, pricing: &Pricing, usage: &Usage, source: UsageSource) {
    let bill = match source {
        UsageSource::Unknown => None,
        _ => {
            let model = event.model.resolved.as_deref().unwrap_or_default();
            // Models priced by the time on their machine are; a receipt reads the same times from the row.
            let duration_us = PriceContext::of(event).duration_us;
            pricing.bill(model, event.times.received_us, usage, duration_us)
        }
    };
    let (list, contract) = match (&bill, source) {
        (Some(bill), _) => (Some(bill.list), Some(bill.contract)),
        (None, UsageSource::None) => (Some(Usd::ZERO), Some(Usd::ZERO)),
        (None, _) => (None, None),
    };
    let (priced, rate_set) = bill.map(|bill| (bill.model_id, bill.rate_set)).unzip();
    event.model.priced = priced;
    event.cost = Cost {
        list,
        contract,
        billed: contract,
        provider_reported: usage.reported_cost.or(event.cost.provider_reported),
        price_version: Some(pricing.version().to_owned()),
        rate_set,
        usage_source: source,
        service_tier: usage.service_tier.clone(),
        processing: usage.processing.clone(),
        speed: usage.speed.clone(),
        inference_geo: usage.inference_geo.clone(),
        ..Cost::default()
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use events::{Meter, Meters};

    const AT: UnixMicros = UnixMicros::new(1_795_350_896_000_000);

    fn used(tokens: u64, tier: Option<&str>) -> Usage {
        let meters = Meters::NONE.with(Meter::InputText, tokens);
        Usage { meters, service_tier: tier.map(str::to_owned), ..Usage::default() }
    }

    #[test]
    fn another_quantity_tier_model_or_instant_is_never_given_the_price_of_the_last() {
        let book = Arc::new(PriceBook::embedded().unwrap());
        let fresh =
            |model: &str, at, usage: &Usage| Pricing::new(&book, "openai").cost(model, at, usage);
        let pricing = Pricing::new(&book, "openai");
        let long_ago = UnixMicros::new(1_577_836_800_000_000);
        for usage in [used(7, None), used(8, None), used(8, Some("flex")), used(0, None)] {
            for model in ["gpt-5.4", "gpt-5.4-mini", "no-such-model"] {
                for at in [AT, AT, long_ago] {
                    assert_eq!(pricing.cost(model, at, &usage), fresh(model, at, &usage));
                }
            }
        }
        assert_ne!(
            fresh("gpt-5.4", AT, &used(8, None)),
            fresh("gpt-5.4", AT, &used(8, Some("flex")))
        );
    }
}
