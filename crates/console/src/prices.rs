//! The price book in force and the queue of what it lacks, as the pages need them.
//!
//! It must never know where either is kept.

use std::sync::Arc;

use async_trait::async_trait;
use pricing::{LayerKind, PriceBook};
use units::{Slug, UnixMicros};

use crate::ledger::LedgerError;

/// The prices in force. A `team` restricts an answer to what that team used; `None` is everything.
#[async_trait]
pub trait PriceDesk: Send + Sync {
    /// The book, as it is now.
    fn book(&self) -> Arc<PriceBook>;

    /// When the layers of a book were first recorded; those never recorded are left out.
    async fn recorded(&self, version: &str) -> Result<Vec<RecordedLayer>, LedgerError>;

    /// Models with calls that still have no price, most called first.
    async fn unpriced(&self, team: Option<&Slug>) -> Result<Vec<UnpricedUse>, LedgerError>;
}

/// A layer, and since when it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedLayer {
    /// Whose word it is.
    pub kind: LayerKind,
    /// Its name.
    pub name: String,
    /// When it was first recorded.
    pub recorded_at: UnixMicros,
}

/// A model whose calls have no price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnpricedUse {
    /// Provider, as the configuration calls it.
    pub provider: Option<String>,
    /// Who bills for it, where the price book calls it something else.
    pub billed_as: Option<String>,
    /// Model as sent to the provider, or as asked for where nothing was sent.
    pub model: Option<String>,
    /// Attempts whose cost is unknown.
    pub requests: u64,
    /// Their input and output tokens.
    pub tokens: u64,
    /// When the first of them arrived.
    pub first_at: UnixMicros,
    /// When the last of them arrived.
    pub last_at: UnixMicros,
}
