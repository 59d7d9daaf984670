//! The installation's own secrets, in SQLite.

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::SqliteExecutor;

use super::database::Database;
use super::rows;
use crate::token::random_bytes;
use crate::{Instance, InstanceSecret, StoreError};

/// [`Instance`] over one SQLite file.
#[derive(Debug)]
pub(super) struct SqliteInstance {
    db: Arc<Database>,
}

impl SqliteInstance {
    pub(super) fn new(db: Arc<Database>) -> Self {
        Self { db }
    }
}

#[async_trait]
impl Instance for SqliteInstance {
    async fn secret(&self, name: &str) -> Result<InstanceSecret, StoreError> {
        if let Some(secret) = stored(self.db.reader(), name).await? {
            return Ok(secret);
        }
        let mut transaction = self.db.begin().await?;
        // Whoever comes first decides; everyone reads back what is there.
        sqlx::query(
            "INSERT INTO meta (name, secret, created_at_us) VALUES (?1, ?2, ?3)
             ON CONFLICT (name) DO NOTHING",
        )
        .bind(name)
        .bind(random_bytes()?.to_vec())
        .bind(self.db.now().get())
        .execute(&mut *transaction)
        .await?;
        let secret = stored(&mut *transaction, name).await?;
        transaction.commit().await?;
        secret.ok_or_else(|| StoreError::NotFound { what: "secret", id: name.to_owned() })
    }

    async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").fetch_one(self.db.reader()).await?;
        Ok(())
    }

    async fn close(&self) {
        self.db.close().await;
    }
}

async fn stored(
    executor: impl SqliteExecutor<'_>,
    name: &str,
) -> Result<Option<InstanceSecret>, StoreError> {
    let row = sqlx::query("SELECT secret FROM meta WHERE name = ?1")
        .bind(name)
        .fetch_optional(executor)
        .await?;
    row.map(|row| rows::hash(&row, "secret").map(InstanceSecret::new)).transpose()
}
