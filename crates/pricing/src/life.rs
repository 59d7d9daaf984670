//! When providers end models, and what they name in their stead.
//!
//! `data/lifecycle.json` holds what the providers' own pages said when they were read, each row with its
//! source; imports and the operator's files say more, and newer. This file must never know a price.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::book::PriceBook;
use crate::import::catalog_id;

/// What the product ships with.
const ROWS: &str = include_str!("../data/lifecycle.json");
/// What stands before a model's id where a provider serves it from a part of the world.
const GEOGRAPHIES: [&str; 7] = ["us.", "eu.", "apac.", "global.", "jp.", "au.", "us-gov."];

/// The life of a model, as far as its provider has told it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelLife {
    /// The provider's id in the price book.
    pub provider: String,
    /// The model as the provider calls it.
    pub model: String,
    /// The day its end was announced.
    pub deprecated_on: Option<Date>,
    /// The first day, UTC, on which it is not served any more, or may not be.
    pub retires_on: Option<Date>,
    /// The model the provider names in its stead.
    pub replacement: Option<String>,
    /// Who says so: an address, or what else brought it into the book.
    pub source: String,
    /// The day the source was read.
    pub checked_on: Option<Date>,
}

/// What is known of the lives of models.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lifecycle {
    /// By provider and model in lower case.
    lives: BTreeMap<(String, String), ModelLife>,
}

/// The shipped file cannot be read; ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("lifecycle.json: {0}")]
pub struct LifecycleError(String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    sources: BTreeMap<String, SourceRow>,
    models: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceRow {
    url: String,
    /// The copy of the page that was read, where it was not the page itself.
    #[serde(default, rename = "read_in")]
    _read_in: Option<String>,
    checked: Date,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    provider: String,
    model: String,
    deprecated: Option<Date>,
    retires: Option<Date>,
    replacement: Option<String>,
    source: String,
}

impl Lifecycle {
    /// What the product ships with.
    ///
    /// # Errors
    /// When the shipped file was damaged.
    pub fn embedded() -> Result<Self, LifecycleError> {
        Self::read(ROWS)
    }

    /// What the product ships with and, before it, what the layers of a book say: an operator's word
    /// and a fresh import go before a file that was checked in long ago.
    ///
    /// # Errors
    /// When the shipped file was damaged.
    pub fn of_book(book: &PriceBook) -> Result<Self, LifecycleError> {
        let mut lifecycle = Self::embedded()?;
        for provider in &book.providers {
            for model in &provider.models {
                let retires_on =
                    model.life.retires.map(|at| at.to_timestamp().to_zoned(TimeZone::UTC));
                if retires_on.is_none() && model.life.replacement.is_none() {
                    continue;
                }
                let slot = (provider.id.to_string(), model.id.to_lowercase());
                let shipped = lifecycle.lives.get(&slot);
                let life = ModelLife {
                    provider: provider.id.to_string(),
                    model: model.id.to_string(),
                    deprecated_on: shipped.and_then(|life| life.deprecated_on),
                    retires_on: retires_on
                        .map(|at| at.date())
                        .or(shipped.and_then(|life| life.retires_on)),
                    replacement: (model.life.replacement.clone())
                        .or_else(|| shipped.and_then(|life| life.replacement.clone())),
                    source: "the price book".to_owned(),
                    checked_on: None,
                };
                lifecycle.lives.insert(slot, life);
            }
        }
        Ok(lifecycle)
    }

    /// The life of a model by the exact name it is called by, with or without the provider or a part of
    /// the world before it; `None` when nobody told its end. A similar name is never taken for it.
    pub fn of(&self, provider: &str, model: &str) -> Option<&ModelLife> {
        let (named, model) = (provider.trim().to_lowercase(), model.trim().to_lowercase());
        let provider = catalog_id(&named).to_owned();
        let find = |model: &str| self.lives.get(&(provider.clone(), model.to_owned()));
        let bare = [&*named, &*provider]
            .iter()
            .find_map(|prefix| model.strip_prefix(prefix)?.strip_prefix('/'))
            .unwrap_or(&model);
        let everywhere = GEOGRAPHIES.iter().find_map(|geography| bare.strip_prefix(geography));
        find(&model).or_else(|| find(bare)).or_else(|| find(everywhere?))
    }

    /// The models that end on a day from `from` to just before `to`, the first to end first.
    pub fn dying(&self, from: Date, to: Date) -> Vec<&ModelLife> {
        let dies = |life: &&ModelLife| life.retires_on.is_some_and(|day| from <= day && day < to);
        let mut dying: Vec<&ModelLife> = self.lives.values().filter(dies).collect();
        // Stable: of one day by provider and model.
        dying.sort_by_key(|life| life.retires_on);
        dying
    }

    /// Every life known, by provider and model.
    pub fn iter(&self) -> impl Iterator<Item = &ModelLife> {
        self.lives.values()
    }

    fn read(text: &str) -> Result<Self, LifecycleError> {
        let file: File =
            serde_json::from_str(text).map_err(|error| LifecycleError(error.to_string()))?;
        let mut lives = BTreeMap::new();
        for row in file.models {
            let fault =
                |what: &str| LifecycleError(format!("{} {}: {what}", row.provider, row.model));
            let source =
                file.sources.get(&row.source).ok_or_else(|| fault("its source is not listed"))?;
            if row.retires.is_none() && row.replacement.is_none() && row.deprecated.is_none() {
                return Err(fault("it says nothing"));
            }
            let slot = (row.provider.clone(), row.model.to_lowercase());
            let life = ModelLife {
                provider: row.provider.clone(),
                model: row.model.clone(),
                deprecated_on: row.deprecated,
                retires_on: row.retires,
                replacement: row.replacement.clone(),
                source: source.url.clone(),
                checked_on: Some(source.checked),
            };
            if lives.insert(slot, life).is_some() {
                return Err(fault("it stands twice"));
            }
        }
        Ok(Self { lives })
    }
}
