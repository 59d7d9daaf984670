//! The statements of organisations in PostgreSQL.

use async_trait::async_trait;
use sqlx::PgConnection;
use units::{Slug, UnixMicros};

use super::database::{Bounded, Database};
use crate::stored::{OrganisationSql, organisation};
use crate::{Organisation, StoreError};

#[async_trait]
impl OrganisationSql for Database {
    async fn locked_organisation(
        link: &mut PgConnection,
        slug: &Slug,
    ) -> Result<Option<Organisation>, StoreError> {
        let row =
            sqlx::query("SELECT slug, name, zone FROM organisations WHERE slug = $1 FOR UPDATE")
                .bind(slug.as_str())
                .optional(link)
                .await?;
        row.as_ref().map(organisation).transpose()
    }

    async fn organisation_of_slug(
        link: &mut PgConnection,
        slug: &Slug,
    ) -> Result<Option<Organisation>, StoreError> {
        let row = sqlx::query("SELECT slug, name, zone FROM organisations WHERE slug = $1")
            .bind(slug.as_str())
            .optional(link)
            .await?;
        row.as_ref().map(organisation).transpose()
    }

    async fn organisations(link: &mut PgConnection) -> Result<Vec<Organisation>, StoreError> {
        let rows = sqlx::query("SELECT slug, name, zone FROM organisations ORDER BY slug")
            .all(link)
            .await?;
        rows.iter().map(organisation).collect()
    }

    async fn put_organisation(
        link: &mut PgConnection,
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
        .run(link)
        .await?;
        Ok(())
    }
}
