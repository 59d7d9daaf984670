//! The format of a price file: what `data/catalog.json`, imports, and an operator's own files look like.
//!
//! ```json
//! { "source": "our contract of 2026, annex 2",
//!   "per": {"web_search": 1000},
//!   "providers": [{ "id": "openai", "models": [{
//!     "id": "gpt-5.4",
//!     "match": {"or": [{"equals": "gpt-5.4"}, {"starts_with": "gpt-5.4-2"}]},
//!     "context_tokens": 1050000, "output_tokens": 128000,
//!     "retires": "2027-06-30", "replacement": "gpt-6",
//!     "prices": [{"rates": {"input": "2.50", "output": "15"},
//!                 "tiers": [{"above": 272000, "rates": {"input": "5", "output": "22.50"}}]},
//!                {"from": "2027-01-01", "to": "2027-07-01T08:00:00Z",
//!                 "rates": {"input": "2", "output": "12"}}],
//!     "variants": [{"when": {"service_tier": "flex"}, "rates": {"input": "1.25"}}],
//!     "minimum": {"audio_seconds": 10} },
//!    {"id": "our-llama", "gpus": 8, "concurrency": 32, "prices": [{"rates": {"gpu_hour": "2.10"}}]}] }],
//!   "multipliers": [{"provider": "openai", "models": {"starts_with": "gpt-6"}, "keys": ["tokens"],
//!                    "when": {"inference_geo": ["eu", "us"]}, "factor": "1.1"}],
//!   "aliases": [{"provider": "azure", "name": "prod-chat", "model": "gpt-5.4", "from": "2026-01-01"}] }
//! ```
//!
//! A tier is `above` so many tokens of prompt, or `at_least` so many, as its vendor counts. A `from` is
//! the first instant, a `to` the first one no longer; a day stands for its midnight in UTC.
//!
//! A price says all of a model: what it leaves out has no price. One that says `"keep_rates": true`
//! says all of its tokens only: searches, pages, images, seconds and fees it does not price keep the
//! price (and the `minimum`) of the layer below. Imports say so.
//!
//! What can be checked while the text is read is, so that its error has a line; the rest is in `check`.
//! Unknown fields, repeated ids and repeated rates are refused: a price that is silently ignored costs
//! money.

mod list;
mod rules;
mod sheet;

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use events::Meter;
use serde::Deserialize;

use crate::clause::Clause;
use crate::key::PriceKey;
use crate::window::Moment;

pub(crate) use rules::{AliasFile, KeySet, MultiplierFile, When};
pub(crate) use sheet::{PriceSheet, SheetFile, TierFile, VariantSheet};

use list::{Identified, distinct};

/// A whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BookFile {
    /// Where the prices come from, for people.
    pub(crate) source: Option<serde_json::Value>,
    /// How many units the prices of a key are for, where it is not the default of the key.
    #[serde(default)]
    pub(crate) per: BTreeMap<PriceKey, NonZeroU32>,
    #[serde(default, deserialize_with = "distinct")]
    pub(crate) providers: Vec<ProviderFile>,
    /// Factors on prices.
    #[serde(default)]
    pub(crate) multipliers: Vec<MultiplierFile>,
    /// Other names of models.
    #[serde(default)]
    pub(crate) aliases: Vec<AliasFile>,
}

/// A provider: who bills.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProviderFile {
    pub(crate) id: String,
    /// Other ids it is known by.
    #[serde(rename = "match")]
    pub(crate) clause: Option<Clause>,
    /// The models by whose name it is recognised where no provider is told.
    #[serde(rename = "model_match")]
    pub(crate) model_clause: Option<Clause>,
    /// Providers whose models it resells at their list prices.
    pub(crate) fallback: Option<Vec<String>>,
    #[serde(deserialize_with = "distinct")]
    pub(crate) models: Vec<ModelFile>,
}

/// A model of a provider.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModelFile {
    pub(crate) id: String,
    /// The names it answers to; the id alone where nothing is said.
    #[serde(rename = "match")]
    pub(crate) clause: Option<Clause>,
    pub(crate) context_tokens: Option<u64>,
    pub(crate) output_tokens: Option<u64>,
    /// The last that is in force applies; where none is, the layer below speaks.
    pub(crate) prices: Option<Vec<PriceSheet>>,
    /// Partial prices for requests of a kind; for each rate the first that applies.
    #[serde(default)]
    pub(crate) variants: Vec<VariantSheet>,
    /// Requests of a kind keep the variants of the layers below: the source of this file knows no
    /// such prices.
    #[serde(default)]
    pub(crate) keep_variants: bool,
    /// The least quantity billed of a meter that was used at all.
    #[serde(default)]
    pub(crate) minimum: BTreeMap<Meter, u64>,
    /// How many GPUs the price of a `gpu_hour` is to be paid for; one where nothing is said.
    pub(crate) gpus: Option<NonZeroU32>,
    /// How many requests those GPUs serve at a time and share the price of; one where nothing is said.
    pub(crate) concurrency: Option<NonZeroU32>,
    /// The provider ends it then.
    pub(crate) retires: Option<Moment>,
    /// The model the provider names in its stead.
    pub(crate) replacement: Option<String>,
}

impl BookFile {
    /// What the file says of its origin.
    pub(crate) fn note(&self) -> String {
        match &self.source {
            None => String::new(),
            Some(serde_json::Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        }
    }
}

impl Identified for ProviderFile {
    const KIND: &'static str = "provider";
    fn id(&self) -> &str {
        &self.id
    }
}

impl Identified for ModelFile {
    const KIND: &'static str = "model";
    fn id(&self) -> &str {
        &self.id
    }

    fn complete(&self) -> Result<(), String> {
        let id = &self.id;
        match &self.prices {
            Some(sheets) if sheets.is_empty() && self.variants.is_empty() => {
                Err("`prices` is empty: give one entry with `rates`".to_owned())
            }
            None if self.variants.is_empty() && self.retires.is_none() => Err(format!(
                "model `{id}` says nothing of its price: add `prices` with one entry of `rates`"
            )),
            _ => Ok(()),
        }
    }
}
