//! The statements of organisations in SQLite.

use async_trait::async_trait;
use sqlx::SqliteConnection;
use units::{Slug, UnixMicros};

use super::database::Database;
use crate::stored::{OrganisationSql, organisation};
use crate::{Organisation, StoreError};

#[async_trait]
impl OrganisationSql for Database {
    /// A transaction that may write holds the whole file.
    async fn locked_organisation(
        link: &mut SqliteConnection,
        slug: &Slug,
    ) -> Result<Option<Organisation>, StoreError> {
        Self::organisation_of_slug(link, slug).await
    }

    async fn organisation_of_slug(
        link: &mut SqliteConnection,
        slug: &Slug,
    ) -> Result<Option<Organisation>, StoreError> {
        let row = sqlx::query("SELECT slug, name, zone FROM organisations WHERE slug = $1")
            .bind(slug.as_str())
            .fetch_optional(link)
            .await?;
        row.as_ref().map(organisation).transpose()
    }

    async fn organisations(link: &mut SqliteConnection) -> Result<Vec<Organisation>, StoreError> {
        let rows = sqlx::query("SELECT slug, name, zone FROM organisations ORDER BY slug")
            .fetch_all(link)
            .await?;
        rows.iter().map(organisation).collect()
    }

    async fn put_organisation(
        link: &mut SqliteConnection,
        organisation: &Organisation,
        now: UnixMicros,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO organisations (slug, name, zone, created_at_us) VALUES ($1, $2, $3, $4)
             ON CONFLICT (slug) DO UPDATE SET name = excluded.name, zone = excluded.zone",
        )
        .bind(organisation.slug.as_str())
        .bind(organisation.name.as_str())
        .bind(organisation.zone.name())
        .bind(now.get())
        .execute(link)
        .await?;
        Ok(())
    }
}
