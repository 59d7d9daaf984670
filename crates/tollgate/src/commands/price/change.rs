//! Putting a layer in force: composed first, recorded with its book, told to the audit log.

use pricing::{LayerKind, PriceBook};
use serde_json::Value;
use store::{Actor, NewAudit, NewPriceLayer, PriceChange, Store};

use crate::failure::CommandError;
use crate::prices::{self, Laid};

/// A change that composes.
pub(super) struct Change {
    layer: NewPriceLayer,
    follows: u64,
    /// The book as it is with the layer.
    pub(super) book: PriceBook,
}

impl Change {
    /// What a layer makes of the prices in force; nothing is changed yet.
    ///
    /// # Errors
    /// When the layer, or what it makes of the others, is no price book.
    pub(super) fn of(laid: &Laid, layer: NewPriceLayer) -> Result<Self, CommandError> {
        let book = prices::compose(&laid.with(&layer))?;
        Ok(Self { layer, follows: laid.stored.revision, book })
    }

    /// Records it; `false` when it was in force already. `told` is what the audit log says of it.
    pub(super) async fn record(
        self,
        store: &Store,
        action: &'static str,
        told: Value,
    ) -> Result<bool, CommandError> {
        let entry =
            NewAudit { after: told, ..NewAudit::new(&Actor::Cli, action, &self.layer.name) };
        let book = prices::recorded(&self.book);
        let change = PriceChange { layer: self.layer, follows: self.follows, book, entry };
        Ok(store.prices().record(&change).await?)
    }
}

/// The book without what was negotiated: what list prices are read from.
pub(super) fn list_book(laid: &Laid) -> Result<PriceBook, CommandError> {
    let mut over = laid.layers();
    over.retain(|layer| layer.kind < LayerKind::Contract);
    Ok(prices::compose(&over)?)
}
