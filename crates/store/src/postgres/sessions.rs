//! The statements of console sessions in PostgreSQL.

use async_trait::async_trait;
use sqlx::PgConnection;
use units::{SessionId, Slug, UnixMicros};

use super::database::{Bounded, Database};
use crate::stored::{SessionSql, session};
use crate::{SecretHash, Session, StoreError};

#[async_trait]
impl SessionSql for Database {
    async fn insert_session(
        link: &mut PgConnection,
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
        .run(link)
        .await?;
        Ok(())
    }

    async fn session_of_token(
        link: &mut PgConnection,
        token: &str,
        now: UnixMicros,
    ) -> Result<Option<Session>, StoreError> {
        let row = sqlx::query(
            "SELECT id, role, team, created_at_us, expires_at_us, last_seen_at_us FROM sessions
             WHERE hash = $1 AND expires_at_us > $2",
        )
        .bind(SecretHash::of(token).as_bytes().to_vec())
        .bind(now.get())
        .optional(link)
        .await?;
        row.as_ref().map(|row| session(row, token)).transpose()
    }

    async fn session_seen(
        link: &mut PgConnection,
        id: SessionId,
        at: UnixMicros,
    ) -> Result<(), StoreError> {
        sqlx::query("UPDATE sessions SET last_seen_at_us = $2 WHERE id = $1")
            .bind(id.to_string())
            .bind(at.get())
            .run(link)
            .await?;
        Ok(())
    }

    async fn delete_session(link: &mut PgConnection, id: SessionId) -> Result<bool, StoreError> {
        let deleted = sqlx::query("DELETE FROM sessions WHERE id = $1")
            .bind(id.to_string())
            .run(link)
            .await?;
        Ok(deleted > 0)
    }

    async fn sweep_sessions(link: &mut PgConnection, now: UnixMicros) -> Result<u64, StoreError> {
        let deleted = sqlx::query("DELETE FROM sessions WHERE expires_at_us <= $1")
            .bind(now.get())
            .run(link)
            .await?;
        Ok(deleted)
    }
}
