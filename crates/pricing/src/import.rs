//! From a public catalog to a price file of ours: LiteLLM's map, models.dev, OpenRouter's `/models`.
//!
//! An import never rewrites the past. What a catalog says is taken to hold from the instant it was
//! observed; a changed price ends the sheet before it and opens a new one, and what was imported earlier
//! stays as it is. What the shipped catalog says already is not said again. Amounts are taken digit by
//! digit. What cannot be carried is told with its reason, never dropped in silence.
//!
//! It must never know a socket or a clock: text goes in and text comes out.

mod amount;
mod coverage;
mod error;
mod litellm;
mod merge;
mod models_dev;
mod offer;
mod openrouter;
mod providers;
mod read;
mod tollgate;
mod written;

use std::fmt;
use std::str::FromStr;

use units::UnixMicros;

use crate::book::PriceBook;
use crate::layer::{Layer, LayerKind};

pub use error::ImportError;
pub(crate) use providers::catalog_id;

use coverage::Below;
use merge::{History, Merged};
use offer::Collected;
use read::Source;
use written::LayerText;

/// Longest catalog read, bytes; LiteLLM's had 3.2 million in November 2026.
pub const CATALOG_BYTES_MAX: usize = 64 << 20;
/// Most models of a catalog; LiteLLM's had 4,553 in November 2026.
pub(crate) const MODELS_MAX: usize = 100_000;

/// Whose way of writing prices a catalog follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CatalogFormat {
    /// `model_prices_and_context_window.json` of LiteLLM (MIT).
    Litellm,
    /// `api.json` of models.dev (MIT).
    ModelsDev,
    /// The answer of OpenRouter's `/api/v1/models` (no licence: for import only).
    Openrouter,
    /// A price file of ours, taken as it is once it has been checked.
    Tollgate,
}

impl CatalogFormat {
    /// Every format.
    pub const ALL: [CatalogFormat; 4] = [
        CatalogFormat::Litellm,
        CatalogFormat::ModelsDev,
        CatalogFormat::Openrouter,
        CatalogFormat::Tollgate,
    ];

    /// The name of the format.
    pub const fn as_str(self) -> &'static str {
        match self {
            CatalogFormat::Litellm => "litellm",
            CatalogFormat::ModelsDev => "models-dev",
            CatalogFormat::Openrouter => "openrouter",
            CatalogFormat::Tollgate => "tollgate",
        }
    }

    /// What the imported layer says of its origin.
    const fn origin(self) -> &'static str {
        match self {
            CatalogFormat::Litellm => {
                "LiteLLM model_prices_and_context_window.json (MIT), imported"
            }
            CatalogFormat::ModelsDev => "models.dev api.json (MIT), imported",
            CatalogFormat::Openrouter => "OpenRouter /api/v1/models, imported",
            CatalogFormat::Tollgate => "a price file",
        }
    }
}

impl fmt::Display for CatalogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for CatalogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|format| format.as_str() == text).ok_or_else(|| {
            let known = Self::ALL.map(CatalogFormat::as_str).join("`, `");
            format!("`{text}` is no format of a catalog: write one of `{known}`")
        })
    }
}

/// A catalog to import.
#[derive(Debug, Clone, Copy)]
pub struct Catalog<'a> {
    /// How it is written.
    pub format: CatalogFormat,
    /// Its text, at most [`CATALOG_BYTES_MAX`] bytes.
    pub text: &'a str,
    /// What errors call it: a file name or an address.
    pub name: &'a str,
}

/// What an import came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The price file: a layer of the kind [`LayerKind::Imported`], the history of the last import of
    /// the same source included. The same text as that when nothing changed.
    pub layer_json: String,
    /// Models that were not in the last import.
    pub added: usize,
    /// Models of the last import whose prices, limits or life are others now.
    pub changed: usize,
    /// Models of which nothing new is known, and those the shipped catalog prices the same.
    pub unchanged: usize,
    /// What was not carried over, in the order of the catalog.
    pub skipped: Vec<Skip>,
}

/// Something of a catalog that was not carried over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skip {
    /// A model, or a model and its field: `gpt-image-1: output_cost_per_pixel`.
    pub what: String,
    /// Why.
    pub why: String,
}

/// Reads a catalog over what the shipped layers of `book` say. `previous` is the layer the last import
/// of the same source made, if there was one. The prices hold from `observed_at`, the instant the
/// catalog was fetched.
///
/// # Errors
/// When the catalog or the last import cannot be read, with the place and a remedy; when nothing in it
/// is a price; or when it was observed before the last import. Nothing is imported in part.
pub fn import(
    catalog: &Catalog<'_>,
    book: &PriceBook,
    previous: Option<&str>,
    observed_at: UnixMicros,
) -> Result<Imported, ImportError> {
    let Catalog { format, text, name } = *catalog;
    if text.len() > CATALOG_BYTES_MAX {
        return Err(ImportError::TooLarge { file: name.to_owned(), bytes: text.len() });
    }
    let below = Below::of(book, observed_at)?;
    let source = Source::new(name, text.trim_start_matches('\u{feff}'));
    let mut collected = Collected::new(&below);
    match format {
        CatalogFormat::Litellm => litellm::collect(&source, &mut collected)?,
        CatalogFormat::ModelsDev => models_dev::collect(&source, &mut collected)?,
        CatalogFormat::Openrouter => openrouter::collect(&source, &mut collected)?,
        CatalogFormat::Tollgate => return tollgate::take(&source, &below, previous),
    }
    let (offers, skipped) = collected.finish();
    if offers.is_empty() {
        return Err(ImportError::Nothing { file: name.to_owned(), format });
    }
    let history = previous.map(LayerText::parse).transpose()?.unwrap_or_default();
    let Merged { layer, added, changed, unchanged, skipped: unmerged } =
        History::new(history, observed_at).merge(offers, &below)?;
    let layer_json = layer.text(format.origin())?;
    below.accepts(Layer {
        kind: LayerKind::Imported,
        name: name.to_owned(),
        json: layer_json.clone(),
    })?;
    let skipped = skipped.into_iter().chain(unmerged).collect();
    Ok(Imported { layer_json, added, changed, unchanged, skipped })
}
