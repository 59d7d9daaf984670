//! The book as a list: what there is, for pages and tables.
//!
//! It must never be used to price: [`PriceBook::price`] alone knows which prices count for a request.

use std::sync::Arc;

use serde::{Serialize, Serializer};
use units::UnixMicros;

use crate::book::{ModelLife, ModelLimits, PriceBook};
use crate::context::PriceContext;
use crate::factor::Factor;
use crate::key::PriceKey;
use crate::layer::{LayerKind, Source};
use crate::lookup::{Found, Provider};
use crate::model::{Entry, Model, Sheet};
use crate::price::RateInForce;
use crate::rate::Rate;
use crate::window::Window;

/// A model of the book.
#[derive(Debug, Clone, Copy)]
pub struct ModelEntry<'a> {
    provider: &'a Provider,
    model: &'a Model,
}

/// Prices of a model with the time and the requests they are for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SheetEntry {
    /// Whose word it is.
    pub kind: LayerKind,
    /// The layer; `None` of a sheet without a price.
    #[serde(serialize_with = "shown_if_any")]
    pub source: Option<Arc<Source>>,
    /// First instant; `None` is always.
    pub from: Option<UnixMicros>,
    /// First instant no longer; `None` is never.
    pub to: Option<UnixMicros>,
    /// Start and end, microseconds of the day in UTC; over midnight when the end is the smaller.
    pub daily_us: Option<(i64, i64)>,
    /// The requests it is for, such as `service_tier = flex`; empty for all.
    pub when: String,
    /// Prices, in the order of the keys.
    pub rates: Vec<RateEntry>,
    /// Prices of longer prompts, the lowest threshold first; what one leaves out is that of `rates`.
    pub tiers: Vec<TierEntry>,
}

/// Prices of prompts beyond a length.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TierEntry {
    /// The prompt, cached tokens included, is longer than this, in tokens.
    pub above: u64,
    /// Prices, in the order of the keys.
    pub rates: Vec<RateEntry>,
}

/// One price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RateEntry {
    /// What it is of.
    pub key: PriceKey,
    /// The price.
    #[serde(serialize_with = "shown")]
    pub rate: Rate,
}

impl<'a> ModelEntry<'a> {
    /// The id of the provider.
    pub fn provider_id(&self) -> &'a str {
        &self.provider.id
    }

    /// The id of the model.
    pub fn id(&self) -> &'a str {
        &self.model.id
    }

    /// The sizes it accepts.
    pub fn limits(&self) -> ModelLimits {
        self.model.limits
    }

    /// When it ends, and what follows it.
    pub fn life(&self) -> &'a ModelLife {
        &self.model.life
    }

    /// The kinds of layers that have prices of it, the highest first.
    pub fn layers(&self) -> impl Iterator<Item = LayerKind> + 'a {
        self.model.stack.iter().map(|layer| layer.kind)
    }

    /// Every sheet of prices and variants: the highest layer first, within it as the file has them.
    pub fn sheets(&self) -> Vec<SheetEntry> {
        let of_layers = self.model.stack.iter().flat_map(|layer| {
            let sheets = layer.sheets.iter().chain(&layer.variants);
            sheets.map(|sheet| SheetEntry::of(sheet, layer.kind))
        });
        of_layers.collect()
    }

    /// The prices in force at an instant for a prompt of so many tokens.
    pub fn rates_at(
        &self,
        at: UnixMicros,
        context: &PriceContext<'_>,
        prompt_tokens: u64,
    ) -> Vec<RateInForce> {
        let rates = self.model.in_force(at, prompt_tokens, context, LayerKind::Contract);
        let multipliers = &self.provider.multipliers;
        let active = multipliers.active(at, context, self.model);
        let factor = |key| match active.is_none() {
            true => Factor::ONE,
            false => multipliers.factor(active, key),
        };
        let rate = |entry: &Entry| RateInForce {
            key: entry.key,
            rate: entry.rate,
            factor: factor(entry.key),
            source: Arc::clone(&entry.source),
        };
        rates.entries().map(rate).collect()
    }
}

impl SheetEntry {
    fn of(sheet: &Sheet, kind: LayerKind) -> Self {
        let mut entries = sheet.base.iter().chain(sheet.tiers.iter().flat_map(|t| &t.entries));
        let tier = |tier: &crate::model::Tier| TierEntry {
            above: tier.above,
            rates: rates(&tier.entries),
        };
        Self {
            kind,
            source: entries.next().map(|entry| Arc::clone(&entry.source)),
            from: Some(sheet.window.from).filter(|from| *from != Window::ALWAYS.from),
            to: Some(sheet.window.to).filter(|to| *to != Window::ALWAYS.to),
            daily_us: sheet.window.daily,
            when: sheet.when.to_string(),
            rates: rates(&sheet.base),
            tiers: sheet.tiers.iter().rev().map(tier).collect(),
        }
    }
}

fn rates(entries: &[Entry]) -> Vec<RateEntry> {
    entries.iter().map(|entry| RateEntry { key: entry.key, rate: entry.rate }).collect()
}

fn shown<S: Serializer>(value: &impl ToString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&value.to_string())
}

fn shown_if_any<S: Serializer>(
    value: &Option<Arc<Source>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    value.as_ref().map(ToString::to_string).serialize(serializer)
}

impl PriceBook {
    /// The ids of all providers, in the order they are tried.
    pub fn provider_ids(&self) -> impl Iterator<Item = &str> {
        self.providers.iter().map(|provider| &*provider.id)
    }

    /// The id of the provider that is known by a name.
    pub fn provider_named(&self, name: &str) -> Option<&str> {
        let provider = self.providers.get(self.position_of(name)?)?;
        Some(&provider.id)
    }

    /// Every model of every provider, in the order they are tried; those a provider resells are listed
    /// under their own.
    pub fn models(&self) -> impl Iterator<Item = ModelEntry<'_>> {
        self.providers.iter().flat_map(|provider| {
            provider.models.iter().map(move |model| ModelEntry { provider, model })
        })
    }

    /// The model that a provider's name and a model's name are, as of now and for good.
    pub fn model(&self, provider: &str, model: &str) -> Option<ModelEntry<'_>> {
        let Found { provider, model, .. } =
            self.find(provider, model, UnixMicros::new(i64::MAX))?;
        Some(ModelEntry { provider, model })
    }
}
