//! The statements of console sessions in SQLite.

use async_trait::async_trait;
use sqlx::SqliteConnection;
use units::{SessionId, Slug, UnixMicros};

use super::database::Database;
use crate::stored::{SessionSql, session};
use crate::{SecretHash, Session, StoreError};

#[async_trait]
impl SessionSql for Database {
    async fn insert_session(
        link: &mut SqliteConnection,
        hash: &SecretHash,
        session: &Session,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO sessions (id, hash, role, team, created_at_us, expires_at_us,
                                   last_seen_at_us)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(session.id.to_string())
        .bind(hash.as_bytes().to_vec())
        .bind(session.role.as_str())
        .bind(session.team.as_ref().map(Slug::as_str))
        .bind(session.created_at.get())
        .bind(session.expires_at.get())
        .bind(session.last_seen_at.get())
        .execute(link)
        .await?;
        Ok(())
    }

    async fn session_of_token(
        link: &mut SqliteConnection,
        token: &str,
        now: UnixMicros,
    ) -> Result<Option<Session>, StoreError> {
        let row = sqlx::query(
            "SELECT id, role, team, created_at_us, expires_at_us, last_seen_at_us FROM sessions
             WHERE hash = $1 AND expires_at_us > $2",
        )
        .bind(SecretHash::of(token).as_bytes().to_vec())
        .bind(now.get())
        .fetch_optional(link)
        .await?;
        row.as_ref().map(|row| session(row, token)).transpose()
    }

    async fn session_seen(
        link: &mut SqliteConnection,
        id: SessionId,
        at: UnixMicros,
    ) -> Result<(), StoreError> {
        sqlx::query("UPDATE sessions SET last_seen_at_us = $2 WHERE id = $1")
            .bind(id.to_string())
            .bind(at.get())
            .execute(link)
            .await?;
        Ok(())
    }

    async fn delete_session(
        link: &mut SqliteConnection,
        id: SessionId,
    ) -> Result<bool, StoreError> {
        let deleted = sqlx::query("DELETE FROM sessions WHERE id = $1")
            .bind(id.to_string())
            .execute(link)
            .await?;
        Ok(deleted.rows_affected() > 0)
    }

    async fn sweep_sessions(
        link: &mut SqliteConnection,
        now: UnixMicros,
    ) -> Result<u64, StoreError> {
        let deleted = sqlx::query("DELETE FROM sessions WHERE expires_at_us <= $1")
            .bind(now.get())
            .execute(link)
            .await?;
        Ok(deleted.rows_affected())
    }
}
