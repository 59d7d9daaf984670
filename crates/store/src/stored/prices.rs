//! Prices over any engine.

use std::sync::Arc;

use async_trait::async_trait;
use pricing::LayerKind;
use units::UnixMicros;

use super::audit::{self, AuditSql};
use crate::engine::{Engine, Link, commit_policy};
use crate::rows::{self, Columns, storable};
use crate::{
    Actor, NewAudit, NewPriceBook, NewPriceLayer, PriceChange, PriceLayer, PriceLayerName,
    PriceVersion, Prices, PricesInForce, StoreError,
};

/// Most books listed at once.
const VERSIONS_MAX: u32 = 1_000;

/// The statements of prices.
#[async_trait]
pub(crate) trait PriceSql: Engine {
    /// How many changes there were.
    async fn price_revision(link: &mut Link<Self>) -> Result<u64, StoreError>;

    /// How many changes there were; nobody else changes prices before this transaction ends.
    async fn locked_price_revision(link: &mut Link<Self>) -> Result<u64, StoreError>;

    /// Says how many changes there were.
    async fn put_price_revision(link: &mut Link<Self>, revision: u64) -> Result<(), StoreError>;

    /// Adds a layer, unless it is known.
    async fn insert_price_layer(
        link: &mut Link<Self>,
        layer: &PriceLayer,
    ) -> Result<(), StoreError>;

    /// Adds a change.
    async fn insert_price_change(
        link: &mut Link<Self>,
        seq: u64,
        layer: &PriceLayer,
    ) -> Result<(), StoreError>;

    /// Adds a book without its layers; `false` when it is known.
    async fn insert_price_book(
        link: &mut Link<Self>,
        version: &str,
        at: UnixMicros,
        by: &str,
    ) -> Result<bool, StoreError>;

    /// Adds a layer to a book.
    async fn insert_book_layer(
        link: &mut Link<Self>,
        version: &str,
        position: u32,
        hash: &[u8; 32],
    ) -> Result<(), StoreError>;

    /// The layer in force of every kind and name.
    async fn layers_in_force(link: &mut Link<Self>) -> Result<Vec<PriceLayer>, StoreError>;

    /// Books without their layers, newest first.
    async fn newest_books(
        link: &mut Link<Self>,
        limit: u32,
    ) -> Result<Vec<PriceVersion>, StoreError>;

    /// What the layers of a book are known by, in the order they are laid.
    async fn layer_names(
        link: &mut Link<Self>,
        version: &str,
    ) -> Result<Vec<PriceLayerName>, StoreError>;

    /// The layers of a book in the order they are laid; none when there is no such book.
    async fn layers_of_book(
        link: &mut Link<Self>,
        version: &str,
    ) -> Result<Vec<PriceLayer>, StoreError>;
}

/// [`Prices`] over one database.
#[derive(Debug)]
pub(super) struct StoredPrices<E>(pub(super) Arc<E>);

#[async_trait]
impl<E: PriceSql + AuditSql> Prices for StoredPrices<E> {
    async fn in_force(&self) -> Result<PricesInForce, StoreError> {
        let mut view = self.0.view().await?;
        let revision = E::price_revision(&mut view).await?;
        let mut layers = E::layers_in_force(&mut view).await?;
        layers.sort_by(|a, b| (a.layer.kind, &a.layer.name).cmp(&(b.layer.kind, &b.layer.name)));
        Ok(PricesInForce { revision, layers })
    }

    async fn record(&self, change: &PriceChange) -> Result<bool, StoreError> {
        let (now, by) = (self.0.now(), change.entry.actor.to_string());
        let layer = kept(&change.layer, now, &by);
        let mut transaction = self.0.begin().await?;
        let revision = E::locked_price_revision(&mut transaction).await?;
        let known = E::layers_in_force(&mut transaction).await?;
        if known.iter().any(|known| known.hash == layer.hash) {
            E::commit(transaction).await?;
            return Ok(false);
        }
        if revision != change.follows {
            return Err(StoreError::Conflict {
                what: "price layer",
                id: change.layer.name.clone(),
                problem: "was made from prices that someone has changed meanwhile: do it again",
            });
        }
        E::insert_price_layer(&mut transaction, &layer).await?;
        E::insert_price_change(&mut transaction, revision + 1, &layer).await?;
        E::put_price_revision(&mut transaction, revision + 1).await?;
        put_book::<E>(&mut transaction, &change.book, now, &by).await?;
        let subject = storable(&change.entry.subject).into_owned();
        let entry = NewAudit { subject, ..change.entry.clone() };
        audit::append::<E>(&mut transaction, now, &entry).await?;
        commit_policy(&*self.0, transaction).await?;
        Ok(true)
    }

    async fn note(&self, book: &NewPriceBook, by: &Actor) -> Result<bool, StoreError> {
        let mut transaction = self.0.begin().await?;
        let is_new = put_book::<E>(&mut transaction, book, self.0.now(), &by.to_string()).await?;
        E::commit(transaction).await?;
        Ok(is_new)
    }

    async fn versions(&self, limit: u32) -> Result<Vec<PriceVersion>, StoreError> {
        let mut view = self.0.view().await?;
        let mut versions = E::newest_books(&mut view, limit.min(VERSIONS_MAX)).await?;
        for version in &mut versions {
            version.layers = E::layer_names(&mut view, &version.version).await?;
        }
        Ok(versions)
    }

    async fn at(&self, version: &str) -> Result<Option<Vec<PriceLayer>>, StoreError> {
        let layers = E::layers_of_book(&mut *self.0.reader().await?, &storable(version)).await?;
        Ok(Some(layers).filter(|layers| !layers.is_empty()))
    }
}

/// Records a book with its layers, all of it or nothing new.
async fn put_book<E: PriceSql>(
    link: &mut Link<E>,
    book: &NewPriceBook,
    now: UnixMicros,
    by: &str,
) -> Result<bool, StoreError> {
    if !E::insert_price_book(link, &book.version, now, by).await? {
        return Ok(false);
    }
    for (position, layer) in (0..).zip(&book.layers) {
        let layer = kept(layer, now, by);
        E::insert_price_layer(link, &layer).await?;
        E::insert_book_layer(link, &book.version, position, &layer.hash).await?;
    }
    Ok(true)
}

/// A layer as both engines can hold it.
fn kept(layer: &NewPriceLayer, now: UnixMicros, by: &str) -> PriceLayer {
    let layer = NewPriceLayer {
        kind: layer.kind,
        name: storable(&layer.name).into_owned(),
        source_version: layer.source_version.as_deref().map(|text| storable(text).into_owned()),
        text: storable(&layer.text).into_owned(),
    };
    PriceLayer { hash: layer.hash(), layer, recorded_at: now, recorded_by: by.to_owned() }
}

/// A layer from its row.
pub(crate) fn price_layer(row: &impl Columns) -> Result<PriceLayer, StoreError> {
    Ok(PriceLayer {
        hash: rows::hash(row, "hash")?,
        layer: NewPriceLayer {
            kind: rows::parsed(row, "kind", |text| text.parse::<LayerKind>())?,
            name: rows::text(row, "name")?,
            source_version: row.text("source_version")?,
            text: rows::text(row, "text")?,
        },
        recorded_at: rows::instant(row, "recorded_at_us")?,
        recorded_by: rows::text(row, "recorded_by")?,
    })
}

/// What a layer is known by, from its row.
pub(crate) fn layer_name(row: &impl Columns) -> Result<PriceLayerName, StoreError> {
    Ok(PriceLayerName {
        kind: rows::parsed(row, "kind", |text| text.parse::<LayerKind>())?.as_str(),
        name: rows::text(row, "name")?,
        source_version: row.text("source_version")?,
    })
}

/// A book from its row, without its layers.
pub(crate) fn price_version(row: &impl Columns) -> Result<PriceVersion, StoreError> {
    Ok(PriceVersion {
        version: rows::text(row, "version")?,
        recorded_at: rows::instant(row, "recorded_at_us")?,
        recorded_by: rows::text(row, "recorded_by")?,
        layers: Vec::new(),
    })
}
