//! Organisations in SQLite.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};
use sqlx::sqlite::SqliteRow;
use sqlx::{SqliteConnection, SqliteExecutor};
use units::{BillingZone, Label, Slug};

use super::audit;
use super::database::Database;
use super::rows;
use crate::{Actor, NewAudit, Organisation, Organisations, StoreError};

/// [`Organisations`] over one SQLite file.
#[derive(Debug)]
pub(super) struct SqliteOrganisations {
    db: Arc<Database>,
}

impl SqliteOrganisations {
    pub(super) fn new(db: Arc<Database>) -> Self {
        Self { db }
    }
}

#[async_trait]
impl Organisations for SqliteOrganisations {
    async fn put(&self, organisation: &Organisation, by: &Actor) -> Result<(), StoreError> {
        let now = self.db.now();
        let mut transaction = self.db.begin().await?;
        let before = of_slug(&mut *transaction, &organisation.slug).await?;
        if before.as_ref() == Some(organisation) {
            return Ok(transaction.rollback().await?);
        }
        sqlx::query(
            "INSERT INTO organisations (slug, name, zone, created_at_us) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (slug) DO UPDATE SET name = excluded.name, zone = excluded.zone",
        )
        .bind(organisation.slug.as_str())
        .bind(organisation.name.as_str())
        .bind(organisation.zone.name())
        .bind(now.get())
        .execute(&mut *transaction)
        .await?;
        let entry = NewAudit {
            before: before.as_ref().map_or(Value::Null, described),
            after: described(organisation),
            ..NewAudit::new(by, "organisation.put", &organisation.slug)
        };
        audit::append(&mut transaction, now, &entry).await?;
        self.db.commit_policy(transaction).await
    }

    async fn find(&self, slug: &Slug) -> Result<Option<Organisation>, StoreError> {
        of_slug(self.db.reader(), slug).await
    }

    async fn list(&self) -> Result<Vec<Organisation>, StoreError> {
        let mut connection = self.db.reader().acquire().await?;
        all(&mut connection).await
    }
}

/// Every organisation, by slug.
pub(super) async fn all(
    connection: &mut SqliteConnection,
) -> Result<Vec<Organisation>, StoreError> {
    let rows = sqlx::query("SELECT slug, name, zone FROM organisations ORDER BY slug")
        .fetch_all(connection)
        .await?;
    rows.iter().map(organisation).collect()
}

async fn of_slug(
    executor: impl SqliteExecutor<'_>,
    slug: &Slug,
) -> Result<Option<Organisation>, StoreError> {
    let row = sqlx::query("SELECT slug, name, zone FROM organisations WHERE slug = ?1")
        .bind(slug.as_str())
        .fetch_optional(executor)
        .await?;
    row.as_ref().map(organisation).transpose()
}

fn organisation(row: &SqliteRow) -> Result<Organisation, StoreError> {
    Ok(Organisation {
        slug: rows::parsed(row, "slug", Slug::try_from)?,
        name: rows::parsed(row, "name", Label::try_from)?,
        zone: rows::parsed(row, "zone", |name| BillingZone::named(&name))?,
    })
}

fn described(organisation: &Organisation) -> Value {
    json!({ "name": organisation.name, "zone": organisation.zone.name() })
}
