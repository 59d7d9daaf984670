//! What the shipped layers say already: an import adds nothing to what it only repeats.

use units::UnixMicros;

use crate::book::PriceBook;
use crate::context::{ContextKey, PriceContext};
use crate::decimal::Decimal;
use crate::import::ImportError;
use crate::import::offer::{Condition, Offer, Place, Rates, fallbacks};
use crate::key::PriceKey;
use crate::layer::{Layer, LayerKind};
use crate::lookup::Found;
use crate::rate::Rate;

/// The book of the shipped layers alone, so that what an import makes does not depend on other imports.
pub(super) struct Below {
    book: PriceBook,
    /// When the catalog was observed.
    at: UnixMicros,
}

impl Below {
    pub(super) fn of(book: &PriceBook, at: UnixMicros) -> Result<Self, ImportError> {
        let shipped = book.layers().iter().filter(|layer| layer.kind == LayerKind::Embedded);
        let layers: Vec<Layer> = shipped.map(|layer| (**layer).clone()).collect();
        PriceBook::compose(&layers).map(|book| Self { book, at }).map_err(ImportError::Unusable)
    }

    /// The id of the provider a name leads to.
    pub(super) fn provider_called(&self, name: &str) -> Option<String> {
        self.book.provider_named(name).map(str::to_owned)
    }

    /// Refuses a layer that makes no book over the shipped ones.
    pub(super) fn accepts(&self, layer: Layer) -> Result<(), ImportError> {
        let shipped = self.book.layers().iter().map(|layer| (**layer).clone());
        let layers: Vec<Layer> = shipped.chain([layer]).collect();
        PriceBook::compose(&layers).map(drop).map_err(ImportError::Unusable)
    }

    /// Whether the provider's own models include one of exactly this id: it keeps its names then.
    pub(super) fn has_id(&self, place: &Place) -> bool {
        let position = self.book.position_of(&place.provider);
        let provider = position.and_then(|at| self.book.providers.get(at));
        provider.is_some_and(|p| p.models.iter().any(|m| m.id.eq_ignore_ascii_case(&place.id)))
    }

    /// Whether a model is priced as one of the provider's own, not as one it resells.
    pub(super) fn is_own(&self, place: &Place) -> bool {
        self.found(place).is_some_and(|found| found.owner.is_none())
    }

    /// What the model that answers to a name costs besides its tokens: searches, pages, fees.
    pub(super) fn besides_tokens(&self, place: &Place) -> Rates {
        let Some(found) = self.found(place) else { return Rates::new() };
        let none = PriceContext::NONE;
        let rates = found.model.in_force(self.at, 0, &none, LayerKind::Embedded);
        let others = rates.entries().filter(|entry| !entry.key.is_tokens());
        others.filter_map(|entry| Some((entry.key, amount(entry.key, entry.rate)?))).collect()
    }

    /// The id in the book that a model is billed under.
    pub(super) fn billed_id(&self, place: &Place) -> Option<String> {
        self.found(place).map(|found| found.model.id.to_string())
    }

    /// Whether every price of an offer is in the book already, for prompts of every length.
    pub(super) fn says(&self, place: &Place, offer: &Offer) -> bool {
        let Some(found) = self.found(place) else { return false };
        let own = found.owner.is_none();
        let base = offer.sheets.get(&Condition::default());
        offer.sheets.iter().all(|(condition, sheet)| {
            // A reseller's prices are those of requests without any facts.
            let context = match &condition.when {
                _ if condition.daily.is_some() => return false,
                None => PriceContext::NONE,
                Some((key, value)) if own => match context(key, value) {
                    Some(context) => context,
                    None => return false,
                },
                Some(_) => return false,
            };
            prompts(offer, found).all(|prompt| {
                let held = found.model.in_force(self.at, prompt, &context, LayerKind::Embedded);
                let tiers = sheet.tiers.iter().rev().filter(|(above, _)| prompt > **above);
                let tiers: Vec<&Rates> = tiers.map(|(_, rates)| rates).collect();
                sheet.rates.iter().all(|(key, amount)| {
                    let amount = tiers.iter().find_map(|rates| rates.get(key)).unwrap_or(amount);
                    let mut keys = std::iter::once(*key).chain(fallbacks(*key).iter().copied());
                    let entry = keys.find_map(|key| held.get(key));
                    entry.is_some_and(|entry| rate(*key, amount) == Some(entry.rate))
                })
            }) && base.is_some()
        })
    }

    /// Whether the book multiplies the prices of a model's tokens by a factor already.
    pub(super) fn multiplies(
        &self,
        place: &Place,
        (key, value): (&str, &str),
        factor: &str,
    ) -> bool {
        let (Some(found), Some(context)) = (self.found(place), context(key, value)) else {
            return false;
        };
        let multipliers = &found.provider.multipliers;
        let active = multipliers.active(self.at, &context, found.model);
        multipliers.factor(active, PriceKey::Input).to_string() == factor
    }

    fn found(&self, place: &Place) -> Option<Found<'_>> {
        self.book.find(&place.provider, &place.id, self.at)
    }
}

/// Prompts on both sides of every threshold of an offer and of the model it would replace.
fn prompts(offer: &Offer, found: Found<'_>) -> impl Iterator<Item = u64> {
    let theirs = offer.sheets.values().flat_map(|sheet| sheet.tiers.keys().copied());
    let sheets =
        found.model.stack.iter().flat_map(|layer| layer.sheets.iter().chain(&layer.variants));
    let ours = sheets.flat_map(|sheet| sheet.tiers.iter().map(|tier| tier.above));
    let mut prompts: Vec<u64> = theirs.chain(ours).flat_map(|above| [above, above + 1]).collect();
    prompts.push(0);
    prompts.sort_unstable();
    prompts.dedup();
    prompts.into_iter()
}

/// A request with one fact.
fn context<'v>(key: &str, value: &'v str) -> Option<PriceContext<'v>> {
    let mut context = PriceContext::NONE;
    let slot = match key.parse::<ContextKey>().ok()? {
        ContextKey::DeploymentType => &mut context.deployment_type,
        ContextKey::InferenceGeo => &mut context.inference_geo,
        ContextKey::Processing => &mut context.processing,
        ContextKey::Route => &mut context.route,
        ContextKey::SearchType => &mut context.search_type,
        ContextKey::ServiceTier => &mut context.service_tier,
        ContextKey::Speed => &mut context.speed,
    };
    *slot = Some(value);
    Some(context)
}

/// A rate in decimal dollars for the default units of its key; `None` when it is for other units.
fn amount(key: PriceKey, rate: Rate) -> Option<String> {
    const ATTO_PER_USD: i128 = 1_000_000_000_000_000_000;
    let is_default = rate.per() == i128::from(key.default_per().get());
    let (whole, part) = (rate.atto() / ATTO_PER_USD, rate.atto() % ATTO_PER_USD);
    let text = format!("{whole}.{part:018}");
    is_default.then(|| text.trim_end_matches('0').trim_end_matches('.').to_owned())
}

fn rate(key: PriceKey, amount: &str) -> Option<Rate> {
    Some(Rate::new(amount.parse::<Decimal>().ok()?, key.default_per()))
}
