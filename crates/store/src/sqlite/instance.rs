//! The statements of the installation's own secrets in SQLite.

use async_trait::async_trait;
use sqlx::SqliteConnection;

use super::database::Database;
use crate::stored::{InstanceSql, secret};
use crate::{InstanceSecret, StoreError};

#[async_trait]
impl InstanceSql for Database {
    async fn secret_of_name(
        link: &mut SqliteConnection,
        name: &str,
    ) -> Result<Option<InstanceSecret>, StoreError> {
        let row = sqlx::query("SELECT secret FROM meta WHERE name = $1")
            .bind(name)
            .fetch_optional(link)
            .await?;
        row.as_ref().map(secret).transpose()
    }

    async fn insert_secret(
        link: &mut SqliteConnection,
        name: &str,
        bytes: [u8; 32],
        now_us: i64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO meta (name, secret, created_at_us) VALUES ($1, $2, $3)
             ON CONFLICT (name) DO NOTHING",
        )
        .bind(name)
        .bind(bytes.to_vec())
        .bind(now_us)
        .execute(link)
        .await?;
        Ok(())
    }

    async fn ping(link: &mut SqliteConnection) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").fetch_one(link).await?;
        Ok(())
    }
}
