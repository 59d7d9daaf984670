//! The statements of the audit log in SQLite.

use async_trait::async_trait;
use sqlx::SqliteConnection;

use super::database::Database;
use crate::rows::{self, from_counter};
use crate::stored::{AuditSql, entry};
use crate::{AuditEntry, StoreError};

#[async_trait]
impl AuditSql for Database {
    async fn head(link: &mut SqliteConnection) -> Result<(u64, [u8; 32]), StoreError> {
        let row = sqlx::query("SELECT seq, hash FROM audit_head").fetch_one(link).await?;
        Ok((rows::count(&row, "seq")?, rows::hash(&row, "hash")?))
    }

    /// A transaction that may write holds the whole file.
    async fn locked_head(link: &mut SqliteConnection) -> Result<(u64, [u8; 32]), StoreError> {
        Self::head(link).await
    }

    async fn insert_entry(
        link: &mut SqliteConnection,
        entry: &AuditEntry,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO audit (seq, at_us, actor, action, subject, detail, previous_hash, hash)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(from_counter(entry.seq))
        .bind(entry.at.get())
        .bind(&entry.actor)
        .bind(&entry.action)
        .bind(&entry.subject)
        .bind(&entry.detail)
        .bind(entry.previous_hash.to_vec())
        .bind(entry.hash.to_vec())
        .execute(link)
        .await?;
        Ok(())
    }

    async fn entries_before(
        link: &mut SqliteConnection,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let rows = sqlx::query(
            "SELECT seq, at_us, actor, action, subject, detail, previous_hash, hash FROM audit
             WHERE $1 IS NULL OR seq < $1 ORDER BY seq DESC LIMIT $2",
        )
        .bind(before.map(from_counter))
        .bind(i64::from(limit))
        .fetch_all(link)
        .await?;
        rows.iter().map(entry).collect()
    }

    async fn entries_between(
        link: &mut SqliteConnection,
        (after, last): (u64, u64),
        limit: u32,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let rows = sqlx::query(
            "SELECT seq, at_us, actor, action, subject, detail, previous_hash, hash FROM audit
             WHERE seq > $1 AND seq <= $2 ORDER BY seq LIMIT $3",
        )
        .bind(from_counter(after))
        .bind(from_counter(last))
        .bind(i64::from(limit))
        .fetch_all(link)
        .await?;
        rows.iter().map(entry).collect()
    }
}
