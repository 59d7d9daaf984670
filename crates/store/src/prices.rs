//! Prices: layers of price files, which of them are in force, and every price book that ever priced.
//!
//! A layer is a text and never changes; a change puts another in force in its place; a book is a list of
//! layers under the name ledger rows know it by, so that a row can be priced again as it was. This must
//! never know what a price file says.

use std::fmt;

use async_trait::async_trait;
use pricing::LayerKind;
use serde::Serialize;
use units::UnixMicros;

use crate::{Actor, NewAudit, StoreError};

/// A layer to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPriceLayer {
    /// How far up it lies.
    pub kind: LayerKind,
    /// What it is known by; of one kind and name one layer is in force.
    pub name: String,
    /// What the source calls the state it was read in, such as a commit or a date.
    pub source_version: Option<String>,
    /// A price file, JSON.
    pub text: String,
}

impl NewPriceLayer {
    /// What tells it from every other: blake3 over kind, name and text.
    pub fn hash(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        for part in [self.kind.as_str(), &self.name, &self.text] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        *hasher.finalize().as_bytes()
    }
}

/// A layer as kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceLayer {
    /// What tells it from every other.
    pub hash: [u8; 32],
    /// What was recorded.
    pub layer: NewPriceLayer,
    /// When it was first recorded.
    pub recorded_at: UnixMicros,
    /// By whom, as the audit log names them.
    pub recorded_by: String,
}

/// The layers in force, beside the catalog and the file each process has of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PricesInForce {
    /// Counts the changes so far.
    pub revision: u64,
    /// By kind and name.
    pub layers: Vec<PriceLayer>,
}

/// A book to be recorded: everything prices are looked up in, in the order it is laid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPriceBook {
    /// What ledger rows call it: `pb_` and 16 hexadecimal digits.
    pub version: String,
    /// Every layer, that of the catalog included.
    pub layers: Vec<NewPriceLayer>,
}

/// A change of prices.
#[derive(Debug, Clone, PartialEq)]
pub struct PriceChange {
    /// The layer that comes into force, in place of the one of its kind and name.
    pub layer: NewPriceLayer,
    /// The revision it was made from: a change made meanwhile by someone else is not overwritten.
    pub follows: u64,
    /// The book as it is with the layer.
    pub book: NewPriceBook,
    /// What the audit log is told.
    pub entry: NewAudit,
}

/// A book as kept, without the texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PriceVersion {
    /// What ledger rows call it.
    pub version: String,
    /// When it was first recorded.
    pub recorded_at: UnixMicros,
    /// By whom, as the audit log names them.
    pub recorded_by: String,
    /// Its layers, in the order they are laid.
    pub layers: Vec<PriceLayerName>,
}

/// What a layer is known by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PriceLayerName {
    /// How far up it lies: `embedded`, `imported`, `operator`, `contract`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// What its source calls the state it was read in.
    pub source_version: Option<String>,
}

/// The prices of an installation.
#[async_trait]
pub trait Prices: Send + Sync + fmt::Debug {
    /// The layers in force.
    async fn in_force(&self) -> Result<PricesInForce, StoreError>;

    /// Puts a layer in force and records the book it gives; whoever compiles snapshots is told. `false`
    /// when that very layer is in force already, which changes nothing. Someone else's change meanwhile
    /// is a [`StoreError::Conflict`].
    async fn record(&self, change: &PriceChange) -> Result<bool, StoreError>;

    /// Records a book that is about to price, as a process composed it; `false` when it is known.
    async fn note(&self, book: &NewPriceBook, by: &Actor) -> Result<bool, StoreError>;

    /// Books, the newest first, at most `limit`.
    async fn versions(&self, limit: u32) -> Result<Vec<PriceVersion>, StoreError>;

    /// The layers of a book in the order they are laid; `None` when no book is known by that name.
    async fn at(&self, version: &str) -> Result<Option<Vec<PriceLayer>>, StoreError>;
}
