//! The statements of one-time login links in SQLite.

use async_trait::async_trait;
use sqlx::SqliteConnection;
use units::{Slug, UnixMicros};

use super::database::Database;
use crate::stored::{LoginLinkSql, login};
use crate::{Login, SecretHash, StoreError};

#[async_trait]
impl LoginLinkSql for Database {
    async fn insert_login_link(
        link: &mut SqliteConnection,
        hash: &SecretHash,
        login: &Login,
        (now, expires_at): (UnixMicros, UnixMicros),
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO login_links (hash, role, team, created_at_us, expires_at_us)
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(hash.as_bytes().to_vec())
        .bind(login.role.as_str())
        .bind(login.team.as_ref().map(Slug::as_str))
        .bind(now.get())
        .bind(expires_at.get())
        .execute(link)
        .await?;
        Ok(())
    }

    async fn use_login_link(
        link: &mut SqliteConnection,
        hash: &SecretHash,
        now: UnixMicros,
    ) -> Result<Option<Login>, StoreError> {
        let row = sqlx::query(
            "UPDATE login_links SET used_at_us = $2
             WHERE hash = $1 AND used_at_us IS NULL AND expires_at_us > $2
             RETURNING role, team",
        )
        .bind(hash.as_bytes().to_vec())
        .bind(now.get())
        .fetch_optional(link)
        .await?;
        row.as_ref().map(login).transpose()
    }

    async fn sweep_login_links(
        link: &mut SqliteConnection,
        now: UnixMicros,
    ) -> Result<u64, StoreError> {
        let deleted = sqlx::query("DELETE FROM login_links WHERE expires_at_us <= $1")
            .bind(now.get())
            .execute(link)
            .await?;
        Ok(deleted.rows_affected())
    }
}
