//! What the prices of an installation are composed of: the catalog of this release, the layers the store
//! has in force, and the operator's file.
//!
//! This must never know what a price file says.

use std::path::Path;

use pricing::{Layer, LayerKind, PriceBook, PriceBookError};
use store::{NewPriceBook, NewPriceLayer, PriceLayer, PricesInForce, Store};

use crate::config::Config;
use crate::failure::CommandError;

/// The layer that `tollgate price set` writes.
pub const SET: &str = "set";

/// Everything that lies over the catalog.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Laid {
    /// The operator's file (`pricing.file`).
    pub file: Option<Layer>,
    /// What the store has in force.
    pub stored: PricesInForce,
}

impl Laid {
    /// What the configured file and the store lay over the catalog.
    pub async fn read(config: &Config, store: &Store) -> Result<Self, CommandError> {
        Ok(Self { file: file(config)?, stored: store.prices().in_force().await? })
    }

    /// The layers over the catalog, the lowest first. Of one kind the configured file comes first, files
    /// taken over by command next, by name, and what was set model by model goes over them all.
    pub fn layers(&self) -> Vec<Layer> {
        let stored = self.stored.layers.iter().map(from_stored);
        by_kind(self.file.iter().cloned().chain(in_order(stored)))
    }

    /// The layers with one of them in place of that of its kind and name.
    pub fn with(&self, layer: &NewPriceLayer) -> Vec<Layer> {
        let replaced = |known: &&PriceLayer| {
            (known.layer.kind, &known.layer.name) == (layer.kind, &layer.name)
        };
        let others = self.stored.layers.iter().filter(|known| !replaced(known)).map(from_stored);
        let stored = in_order(others.chain([from_new(layer)]));
        by_kind(self.file.iter().cloned().chain(stored))
    }

    /// The layer in force of a kind and name.
    pub fn stored(&self, kind: LayerKind, name: &str) -> Option<&PriceLayer> {
        self.stored.layers.iter().find(|kept| kept.layer.kind == kind && kept.layer.name == name)
    }
}

/// The book of the catalog and what lies over it.
pub fn compose(over: &[Layer]) -> Result<PriceBook, PriceBookError> {
    if over.is_empty() {
        return PriceBook::embedded();
    }
    let all: Vec<Layer> = Layer::embedded().into_iter().chain(over.iter().cloned()).collect();
    PriceBook::compose(&all)
}

/// A book as the store records it, so that whatever it priced can be priced again.
pub fn recorded(book: &PriceBook) -> NewPriceBook {
    let layers = book.layers().iter().map(|layer| NewPriceLayer {
        kind: layer.kind,
        name: layer.name.clone(),
        source_version: None,
        text: layer.json.clone(),
    });
    NewPriceBook { version: book.version().to_owned(), layers: layers.collect() }
}

/// The book ledger rows know by a version.
pub async fn at(store: &Store, version: &str) -> Result<Option<PriceBook>, CommandError> {
    let Some(layers) = store.prices().at(version).await? else { return Ok(None) };
    let layers: Vec<Layer> = layers.iter().map(from_stored).collect();
    Ok(Some(PriceBook::compose(&layers)?))
}

/// The operator's file, unread by anyone yet.
pub fn file(config: &Config) -> Result<Option<Layer>, CommandError> {
    config.pricing.file.as_deref().map(|path| layer_of(path, "pricing.file")).transpose()
}

/// A price file as a layer of the operator's; `what` is what named it.
pub fn layer_of(path: &Path, what: &str) -> Result<Layer, CommandError> {
    let name = path.display().to_string();
    let json = std::fs::read_to_string(path)
        .map_err(CommandError::system(format!("cannot read {name} ({what})")))?;
    Ok(Layer { kind: LayerKind::Operator, name, json })
}

/// Layers of the store by name, what was set model by model last.
fn in_order(stored: impl Iterator<Item = Layer>) -> Vec<Layer> {
    let mut stored: Vec<Layer> = stored.collect();
    stored.sort_by(|a, b| (a.name == SET, &a.name).cmp(&(b.name == SET, &b.name)));
    stored
}

/// Stable: of one kind the order is kept.
fn by_kind(layers: impl Iterator<Item = Layer>) -> Vec<Layer> {
    let mut layers: Vec<Layer> = layers.collect();
    layers.sort_by_key(|layer| layer.kind);
    layers
}

/// A layer as the store keeps it.
pub fn from_stored(kept: &PriceLayer) -> Layer {
    from_new(&kept.layer)
}

fn from_new(layer: &NewPriceLayer) -> Layer {
    Layer { kind: layer.kind, name: layer.name.clone(), json: layer.text.clone() }
}

#[cfg(test)]
mod tests {
    use units::UnixMicros;

    use super::*;

    fn stored(kind: LayerKind, name: &str) -> PriceLayer {
        let layer = NewPriceLayer {
            kind,
            name: name.to_owned(),
            source_version: None,
            text: "{}".to_owned(),
        };
        let recorded_by = "cli".to_owned();
        PriceLayer { hash: layer.hash(), layer, recorded_at: UnixMicros::new(1), recorded_by }
    }

    #[test]
    fn what_was_set_goes_over_files_and_a_contract_over_all() {
        use LayerKind::{Contract, Imported, Operator};
        let layers = [
            (Contract, "annex"),
            (Operator, "set"),
            (Imported, "litellm"),
            (Operator, "zeta.json"),
            (Operator, "alpha.json"),
        ];
        let file = Layer { kind: Operator, name: "prices.json".into(), json: "{}".into() };
        let mut laid = Laid {
            file: Some(file),
            stored: PricesInForce {
                revision: 5,
                layers: layers.map(|(kind, name)| stored(kind, name)).into(),
            },
        };
        let names = |layers: Vec<Layer>| -> Vec<String> {
            layers.into_iter().map(|layer| layer.name).collect()
        };
        let expected = ["litellm", "prices.json", "alpha.json", "zeta.json", "set", "annex"];
        assert_eq!(names(laid.layers()), expected);
        // The order does not depend on which layer was changed last.
        for (kind, name) in layers {
            assert_eq!(names(laid.with(&stored(kind, name).layer)), expected, "{name}");
        }
        laid.stored.layers.retain(|kept| kept.layer.name != "set");
        assert_eq!(names(laid.with(&stored(Operator, "set").layer)), expected);
    }

    #[test]
    fn a_recorded_book_composes_to_itself() {
        let book = compose(&[]).unwrap();
        let recorded = recorded(&book);
        let layers: Vec<Layer> = recorded.layers.iter().map(from_new).collect();
        assert_eq!(PriceBook::compose(&layers).unwrap().version(), recorded.version);
    }
}
