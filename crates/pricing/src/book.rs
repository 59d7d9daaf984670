//! The price book: every provider, model and price known, and a name for exactly that content.

use std::collections::HashMap;

use serde::Serialize;
use units::UnixMicros;

use crate::error::PriceBookError;
use crate::file::BookFile;
use crate::lookup::{Provider, provider_ids};
use crate::model::Context;
use crate::overlay::lay;

/// The embedded catalog; `data/convert.py` says how it is made and from what.
const CATALOG: &str = include_str!("../data/catalog.json");
/// What errors of the embedded catalog name as the file.
const CATALOG_NAME: &str = "catalog.json";

/// Every price known. Immutable once built; share it by `Arc`.
#[derive(Debug, Clone)]
pub struct PriceBook {
    /// In the order provider clauses are tried.
    pub(crate) providers: Vec<Provider>,
    /// Positions in `providers` by every name that is spelled out.
    pub(crate) ids: HashMap<Box<str>, usize>,
    version: String,
}

/// The sizes a model accepts, where the book knows them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ModelLimits {
    /// Longest prompt and answer together, tokens.
    pub context_tokens: Option<u64>,
    /// Longest answer, tokens.
    pub output_tokens: Option<u64>,
}

impl PriceBook {
    /// The catalog shipped with the product. Parses half a megabyte: once, at the start.
    pub fn embedded() -> Result<Self, PriceBookError> {
        Self { providers: Vec::new(), ids: HashMap::new(), version: String::new() }.lay(
            CATALOG,
            CATALOG_NAME,
            false,
        )
    }

    /// This book with an operator's price file laid over it: all of the file or, in the error case,
    /// nothing. `name` is what errors call the file. Files that speak of different models may be laid
    /// in any order; of two that price the same model the later wins.
    pub fn with_overlay(self, json: &str, name: &str) -> Result<Self, PriceBookError> {
        self.lay(json, name, true)
    }

    /// The name of exactly this content: `pb_` and 16 hexadecimal digits of a BLAKE3 hash over every
    /// price and every rule of the catalog and all files laid over it.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Whether the book has a price for a model at an instant.
    pub fn is_priced(&self, provider: &str, model: &str, at: UnixMicros) -> bool {
        self.find(provider, model).is_some_and(|found| {
            found.model.in_force(at, 0, &Context::NONE).entries().next().is_some()
        })
    }

    /// The sizes a model accepts; nothing known gives both as `None`.
    pub fn limits(&self, provider: &str, model: &str) -> ModelLimits {
        self.find(provider, model).map(|found| found.model.limits).unwrap_or_default()
    }

    fn lay(mut self, json: &str, name: &str, pinned: bool) -> Result<Self, PriceBookError> {
        let json = json.trim_start_matches('\u{feff}');
        let file: BookFile =
            serde_json::from_str(json).map_err(|error| PriceBookError::malformed(name, &error))?;
        lay(&mut self.providers, file, pinned);
        self.ids = provider_ids(&self.providers);
        self.check_fallbacks(name)?;
        self.version = self.hash().map_err(|error| PriceBookError::Unhashable {
            file: name.to_owned(),
            reason: error.to_string(),
        })?;
        Ok(self)
    }

    fn check_fallbacks(&self, name: &str) -> Result<(), PriceBookError> {
        let all = self.providers.iter().flat_map(|p| p.fallback.iter().map(move |f| (p, f)));
        for (provider, fallback) in all {
            if !self.ids.contains_key(fallback) {
                return Err(PriceBookError::UnknownFallback {
                    file: name.to_owned(),
                    provider: provider.id.to_string(),
                    fallback: fallback.to_string(),
                });
            }
        }
        Ok(())
    }

    /// The order of models and providers is part of the content, since the first match wins.
    fn hash(&self) -> Result<String, serde_json::Error> {
        let mut hasher = blake3::Hasher::new();
        for provider in &self.providers {
            let rules =
                (&provider.id, &provider.clause, &provider.model_clause, &provider.fallback);
            serde_json::to_writer(&mut hasher, &rules)?;
            for model in &provider.models {
                serde_json::to_writer(&mut hasher, &**model)?;
            }
        }
        Ok(format!("pb_{}", &hasher.finalize().to_hex()[..16]))
    }
}
