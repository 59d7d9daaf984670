//! The price book: every provider, model and price known, and a name for exactly that content.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;
use units::UnixMicros;

use crate::alias::{Alias, check_cycles};
use crate::compose::{distribute, lay};
use crate::context::PriceContext;
use crate::edges::Edges;
use crate::error::PriceBookError;
use crate::layer::{Layer, LayerKind, Source};
use crate::lookup::Provider;
use crate::multiplier::Multiplier;

/// Every price known. Immutable once built; share it by `Arc`.
#[derive(Debug, Clone)]
pub struct PriceBook {
    /// In the order provider clauses are tried.
    pub(crate) providers: Vec<Provider>,
    /// Positions in `providers` by every name that is spelled out.
    pub(crate) ids: HashMap<Box<str>, usize>,
    /// The factors of all layers, the lowest layer first.
    pub(crate) multipliers: Vec<Arc<Multiplier>>,
    /// The aliases of all layers, the lowest layer first.
    pub(crate) aliases: Vec<Alias>,
    /// The layers, the lowest first.
    /// When anything in it may change.
    pub(crate) edges: Edges,
    layers: Vec<Arc<Layer>>,
    sources: Vec<Arc<Source>>,
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

/// When a provider ends a model, where the book knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ModelLife {
    /// The first instant it is no longer served.
    pub retires: Option<UnixMicros>,
    /// The model the provider names in its stead.
    pub replacement: Option<String>,
}

impl PriceBook {
    /// The catalog shipped with the product. Parses half a megabyte: once, at the start.
    ///
    /// # Errors
    /// When the shipped files were damaged.
    pub fn embedded() -> Result<Self, PriceBookError> {
        Self::compose(&Layer::embedded())
    }

    /// The book that layers make. Layers of different kinds may be given in any order; of layers of one
    /// kind that price the same model the later wins. Without a layer of the kind `Embedded` there is
    /// no catalog in the book.
    ///
    /// # Errors
    /// The first fault of the first faulty layer; there is no book then.
    pub fn compose(layers: &[Layer]) -> Result<Self, PriceBookError> {
        let mut layers: Vec<Arc<Layer>> = layers.iter().cloned().map(Arc::new).collect();
        layers.sort_by_key(|layer| layer.kind);
        let mut book = Self {
            providers: Vec::new(),
            ids: HashMap::new(),
            multipliers: Vec::new(),
            aliases: Vec::new(),
            edges: Edges::default(),
            layers: Vec::new(),
            sources: Vec::new(),
            version: String::new(),
        };
        for layer in layers {
            book.lay(layer)?;
        }
        book.finish()
    }

    /// This book with an operator's price file laid over it: all of the file or, in the error case,
    /// nothing. `name` is what errors call the file. Files that speak of different models may be laid
    /// in any order; of two that price the same model the later wins.
    ///
    /// # Errors
    /// The first fault of the file.
    pub fn with_overlay(mut self, json: &str, name: &str) -> Result<Self, PriceBookError> {
        let layer =
            Layer { kind: LayerKind::Operator, name: name.to_owned(), json: json.to_owned() };
        if self.layers.last().is_some_and(|top| top.kind > layer.kind) {
            let mut layers: Vec<Layer> =
                self.layers.iter().map(|layer| (**layer).clone()).collect();
            layers.push(layer);
            return Self::compose(&layers);
        }
        self.lay(Arc::new(layer))?;
        self.finish()
    }

    /// The name of exactly this content: `pb_` and 16 hexadecimal digits of a BLAKE3 hash over every
    /// price and every rule of all layers.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The layers the book is made of, the lowest first.
    pub fn layers(&self) -> &[Arc<Layer>] {
        &self.layers
    }

    /// What the lines call the layers, in the order of [`PriceBook::layers`].
    pub fn sources(&self) -> &[Arc<Source>] {
        &self.sources
    }

    /// Whether the book has a price for a model at an instant.
    pub fn is_priced(&self, provider: &str, model: &str, at: UnixMicros) -> bool {
        self.find(provider, model, at).is_some_and(|found| {
            let rates = found.model.in_force(at, 0, &PriceContext::NONE, LayerKind::Contract);
            rates.entries().next().is_some()
        })
    }

    /// The sizes a model accepts; nothing known gives both as `None`.
    pub fn limits(&self, provider: &str, model: &str) -> ModelLimits {
        let found = self.find(provider, model, UnixMicros::new(i64::MAX));
        found.map(|found| found.model.limits).unwrap_or_default()
    }

    /// When a model ends and what follows it; `None` when there is no such model.
    pub fn life(&self, provider: &str, model: &str) -> Option<&ModelLife> {
        Some(&self.find(provider, model, UnixMicros::new(i64::MAX))?.model.life)
    }

    fn lay(&mut self, layer: Arc<Layer>) -> Result<(), PriceBookError> {
        let source = Arc::new(lay(self, &layer)?);
        self.layers.push(layer);
        self.sources.push(source);
        Ok(())
    }

    /// What depends on all layers together.
    fn finish(mut self) -> Result<Self, PriceBookError> {
        distribute(&mut self)?;
        check_cycles(&self)?;
        self.edges = Edges::of(&self);
        self.version = self.hash().map_err(|error| PriceBookError::Unhashable {
            file: self.layers.last().map(|layer| layer.name.clone()).unwrap_or_default(),
            reason: error.to_string(),
        })?;
        Ok(self)
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
            let mut aliases: Vec<_> = provider.aliases.iter().collect();
            aliases.sort_unstable_by_key(|(name, _)| *name);
            serde_json::to_writer(&mut hasher, &aliases)?;
            for multiplier in provider.multipliers.all() {
                serde_json::to_writer(&mut hasher, multiplier)?;
            }
        }
        Ok(format!("pb_{}", &hasher.finalize().to_hex()[..16]))
    }
}
