//! The statements of prices in PostgreSQL.

use async_trait::async_trait;
use sqlx::PgConnection;
use units::UnixMicros;

use super::database::{Bounded, Database};
use crate::rows::{self, from_counter};
use crate::stored::{PriceSql, layer_name, price_layer, price_version};
use crate::{PriceLayer, PriceLayerName, PriceVersion, StoreError};

#[async_trait]
impl PriceSql for Database {
    async fn price_revision(link: &mut PgConnection) -> Result<u64, StoreError> {
        let row =
            sqlx::query("SELECT revision FROM revisions WHERE name = 'prices'").one(link).await?;
        rows::count(&row, "revision")
    }

    async fn locked_price_revision(link: &mut PgConnection) -> Result<u64, StoreError> {
        let row = sqlx::query("SELECT revision FROM revisions WHERE name = 'prices' FOR UPDATE")
            .one(link)
            .await?;
        rows::count(&row, "revision")
    }

    async fn put_price_revision(link: &mut PgConnection, revision: u64) -> Result<(), StoreError> {
        sqlx::query("UPDATE revisions SET revision = $1 WHERE name = 'prices'")
            .bind(from_counter(revision))
            .run(link)
            .await?;
        Ok(())
    }

    async fn insert_price_layer(
        link: &mut PgConnection,
        layer: &PriceLayer,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO price_layers (hash, kind, name, source_version, text, recorded_at_us,
                                       recorded_by)
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (hash) DO NOTHING",
        )
        .bind(layer.hash.to_vec())
        .bind(layer.layer.kind.as_str())
        .bind(&layer.layer.name)
        .bind(layer.layer.source_version.as_deref())
        .bind(&layer.layer.text)
        .bind(layer.recorded_at.get())
        .bind(&layer.recorded_by)
        .run(link)
        .await?;
        Ok(())
    }

    async fn insert_price_change(
        link: &mut PgConnection,
        seq: u64,
        layer: &PriceLayer,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO price_changes (seq, kind, name, layer, recorded_at_us, recorded_by)
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(from_counter(seq))
        .bind(layer.layer.kind.as_str())
        .bind(&layer.layer.name)
        .bind(layer.hash.to_vec())
        .bind(layer.recorded_at.get())
        .bind(&layer.recorded_by)
        .run(link)
        .await?;
        Ok(())
    }

    async fn insert_price_book(
        link: &mut PgConnection,
        version: &str,
        at: UnixMicros,
        by: &str,
    ) -> Result<bool, StoreError> {
        let inserted = sqlx::query(
            "INSERT INTO price_books (version, recorded_at_us, recorded_by) VALUES ($1, $2, $3)
             ON CONFLICT (version) DO NOTHING",
        )
        .bind(version)
        .bind(at.get())
        .bind(by)
        .run(link)
        .await?;
        Ok(inserted > 0)
    }

    async fn insert_book_layer(
        link: &mut PgConnection,
        version: &str,
        position: u32,
        hash: &[u8; 32],
    ) -> Result<(), StoreError> {
        sqlx::query("INSERT INTO price_book_layers (version, position, layer) VALUES ($1, $2, $3)")
            .bind(version)
            .bind(i64::from(position))
            .bind(hash.to_vec())
            .run(link)
            .await?;
        Ok(())
    }

    async fn layers_in_force(link: &mut PgConnection) -> Result<Vec<PriceLayer>, StoreError> {
        let rows = sqlx::query(
            "SELECT l.hash, l.kind, l.name, l.source_version, l.text, l.recorded_at_us, l.recorded_by
             FROM price_changes c JOIN price_layers l ON l.hash = c.layer
             WHERE c.seq = (SELECT max(seq) FROM price_changes o WHERE o.kind = c.kind
                                                                   AND o.name = c.name)",
        )
        .all(link)
        .await?;
        rows.iter().map(price_layer).collect()
    }

    async fn newest_books(
        link: &mut PgConnection,
        limit: u32,
    ) -> Result<Vec<PriceVersion>, StoreError> {
        let rows = sqlx::query(
            "SELECT version, recorded_at_us, recorded_by FROM price_books
             ORDER BY recorded_at_us DESC, version LIMIT $1",
        )
        .bind(i64::from(limit))
        .all(link)
        .await?;
        rows.iter().map(price_version).collect()
    }

    async fn layer_names(
        link: &mut PgConnection,
        version: &str,
    ) -> Result<Vec<PriceLayerName>, StoreError> {
        let rows = sqlx::query(
            "SELECT l.kind, l.name, l.source_version
             FROM price_book_layers b JOIN price_layers l ON l.hash = b.layer
             WHERE b.version = $1 ORDER BY b.position",
        )
        .bind(version)
        .all(link)
        .await?;
        rows.iter().map(layer_name).collect()
    }

    async fn layers_of_book(
        link: &mut PgConnection,
        version: &str,
    ) -> Result<Vec<PriceLayer>, StoreError> {
        let rows = sqlx::query(
            "SELECT l.hash, l.kind, l.name, l.source_version, l.text, l.recorded_at_us, l.recorded_by
             FROM price_book_layers b JOIN price_layers l ON l.hash = b.layer
             WHERE b.version = $1 ORDER BY b.position",
        )
        .bind(version)
        .all(link)
        .await?;
        rows.iter().map(price_layer).collect()
    }
}
