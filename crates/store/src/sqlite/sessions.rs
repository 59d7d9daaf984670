//! Console sessions in SQLite.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use sqlx::sqlite::SqliteRow;
use units::{Secret, SessionId};

use super::database::Database;
use super::{audit, rows};
use crate::token::{derived_secret, fresh_secret};
use crate::{Actor, NewAudit, Role, SecretHash, Session, Sessions, StoreError};

/// What the CSRF token is derived for.
const CSRF_PURPOSE: &str = "tollgate 2026-11 console session csrf token";
/// How stale the time a session was last seen may get, microseconds: a page view should not write.
const SEEN_GRAIN_US: i64 = 60 * 1_000_000;

/// [`Sessions`] over one SQLite file.
#[derive(Debug)]
pub(super) struct SqliteSessions {
    db: Arc<Database>,
    lifetime_us: i64,
}

impl SqliteSessions {
    pub(super) fn new(db: Arc<Database>, lifetime_us: i64) -> Self {
        Self { db, lifetime_us }
    }
}

#[async_trait]
impl Sessions for SqliteSessions {
    async fn create(&self, role: Role) -> Result<(Session, Secret), StoreError> {
        let token = fresh_secret("")?;
        let now = self.db.now();
        let session = Session {
            id: SessionId::generate(),
            role,
            csrf: derived_secret(CSRF_PURPOSE, token.expose()),
            created_at: now,
            expires_at: now.plus_micros(self.lifetime_us),
            last_seen_at: now,
        };
        let mut transaction = self.db.begin().await?;
        sqlx::query(
            "INSERT INTO sessions (id, hash, role, created_at_us, expires_at_us, last_seen_at_us)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )
        .bind(session.id.to_string())
        .bind(SecretHash::of(token.expose()).as_bytes().to_vec())
        .bind(role.as_str())
        .bind(now.get())
        .bind(session.expires_at.get())
        .bind(now.get())
        .execute(&mut *transaction)
        .await?;
        let entry = NewAudit {
            after: json!({ "role": role, "expires_at": session.expires_at }),
            ..NewAudit::new(&Actor::Session(session.id), "session.create", session.id)
        };
        audit::append(&mut transaction, now, &entry).await?;
        transaction.commit().await?;
        Ok((session, token))
    }

    async fn find(&self, token: &str) -> Result<Option<Session>, StoreError> {
        let now = self.db.now();
        let row = sqlx::query(
            "SELECT id, role, created_at_us, expires_at_us, last_seen_at_us FROM sessions
             WHERE hash = ?1 AND expires_at_us > ?2",
        )
        .bind(SecretHash::of(token).as_bytes().to_vec())
        .bind(now.get())
        .fetch_optional(self.db.reader())
        .await?;
        let Some(row) = row else { return Ok(None) };
        let mut session = session(&row, token)?;
        if now.micros_since(session.last_seen_at) >= SEEN_GRAIN_US {
            session.last_seen_at = now;
            match self.seen(&session).await {
                // Someone holding the database must not lock everyone out of the pages.
                Ok(()) | Err(StoreError::Busy) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Some(session))
    }

    async fn delete(&self, id: SessionId, by: &Actor) -> Result<(), StoreError> {
        let mut transaction = self.db.begin().await?;
        let deleted = sqlx::query("DELETE FROM sessions WHERE id = ?1")
            .bind(id.to_string())
            .execute(&mut *transaction)
            .await?;
        if deleted.rows_affected() > 0 {
            let entry = NewAudit::new(by, "session.delete", id);
            audit::append(&mut transaction, self.db.now(), &entry).await?;
        }
        Ok(transaction.commit().await?)
    }

    async fn sweep(&self) -> Result<u64, StoreError> {
        let now = self.db.now().get();
        let mut transaction = self.db.begin().await?;
        let sessions = sqlx::query("DELETE FROM sessions WHERE expires_at_us <= ?1")
            .bind(now)
            .execute(&mut *transaction)
            .await?;
        let links = sqlx::query("DELETE FROM login_links WHERE expires_at_us <= ?1")
            .bind(now)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(sessions.rows_affected() + links.rows_affected())
    }
}

impl SqliteSessions {
    async fn seen(&self, session: &Session) -> Result<(), StoreError> {
        let mut transaction = self.db.begin().await?;
        sqlx::query("UPDATE sessions SET last_seen_at_us = ?2 WHERE id = ?1")
            .bind(session.id.to_string())
            .bind(session.last_seen_at.get())
            .execute(&mut *transaction)
            .await?;
        Ok(transaction.commit().await?)
    }
}

fn session(row: &SqliteRow, token: &str) -> Result<Session, StoreError> {
    Ok(Session {
        id: rows::parsed(row, "id", |text| text.parse::<SessionId>())?,
        role: rows::parsed(row, "role", |text| text.parse::<Role>())?,
        csrf: derived_secret(CSRF_PURPOSE, token),
        created_at: rows::instant(row, "created_at_us")?,
        expires_at: rows::instant(row, "expires_at_us")?,
        last_seen_at: rows::instant(row, "last_seen_at_us")?,
    })
}
