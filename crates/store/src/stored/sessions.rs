//! Console sessions over any engine.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use units::{Secret, SessionId, Slug, UnixMicros};

use super::audit::{self, AuditSql};
use super::login_links::{LoginLinkSql, login};
use crate::engine::Link;
use crate::rows::{self, Columns};
use crate::token::{derived_secret, fresh_secret};
use crate::{Actor, Login, NewAudit, Role, SecretHash, Session, Sessions, StoreError};

/// What the CSRF token is derived for.
const CSRF_PURPOSE: &str = "tollgate 2026-11 console session csrf token";
/// How stale the time a session was last seen may get, microseconds: a page view should not write.
const SEEN_GRAIN_US: i64 = 60 * 1_000_000;

/// The statements of sessions.
#[async_trait]
pub(crate) trait SessionSql: LoginLinkSql {
    /// Keeps a session under the hash of its token.
    async fn insert_session(
        link: &mut Link<Self>,
        hash: &SecretHash,
        session: &Session,
    ) -> Result<(), StoreError>;

    /// The live session of a token.
    async fn session_of_token(
        link: &mut Link<Self>,
        token: &str,
        now: UnixMicros,
    ) -> Result<Option<Session>, StoreError>;

    /// Notes when a session was last seen.
    async fn session_seen(
        link: &mut Link<Self>,
        id: SessionId,
        at: UnixMicros,
    ) -> Result<(), StoreError>;

    /// Removes a session; whether there was one.
    async fn delete_session(link: &mut Link<Self>, id: SessionId) -> Result<bool, StoreError>;

    /// Removes sessions past their time; how many went.
    async fn sweep_sessions(link: &mut Link<Self>, now: UnixMicros) -> Result<u64, StoreError>;
}

/// [`Sessions`] over one database.
#[derive(Debug)]
pub(super) struct StoredSessions<E> {
    db: Arc<E>,
    lifetime_us: i64,
}

impl<E> StoredSessions<E> {
    pub(super) fn new(db: Arc<E>, lifetime_us: i64) -> Self {
        Self { db, lifetime_us }
    }
}

#[async_trait]
impl<E: SessionSql + AuditSql> Sessions for StoredSessions<E> {
    async fn create(
        &self,
        role: Role,
        team: Option<&Slug>,
    ) -> Result<(Session, Secret), StoreError> {
        let token = fresh_secret("")?;
        let now = self.db.now();
        let session = Session {
            id: SessionId::generate(),
            role,
            team: team.cloned(),
            csrf: derived_secret(CSRF_PURPOSE, token.expose()),
            created_at: now,
            expires_at: now.plus_micros(self.lifetime_us),
            last_seen_at: now,
        };
        let mut transaction = self.db.begin().await?;
        E::insert_session(&mut transaction, &SecretHash::of(token.expose()), &session).await?;
        let entry = NewAudit {
            after: json!({ "role": role, "team": team, "expires_at": session.expires_at }),
            ..NewAudit::new(&Actor::Session(session.id), "session.create", session.id)
        };
        audit::append::<E>(&mut transaction, now, &entry).await?;
        E::commit(transaction).await?;
        Ok((session, token))
    }

    async fn find(&self, token: &str) -> Result<Option<Session>, StoreError> {
        let now = self.db.now();
        let found = E::session_of_token(&mut *self.db.reader().await?, token, now).await?;
        let Some(mut session) = found else { return Ok(None) };
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
        if E::delete_session(&mut transaction, id).await? {
            let entry = NewAudit::new(by, "session.delete", id);
            audit::append::<E>(&mut transaction, self.db.now(), &entry).await?;
        }
        E::commit(transaction).await
    }

    async fn sweep(&self) -> Result<u64, StoreError> {
        let now = self.db.now();
        let mut transaction = self.db.begin().await?;
        let sessions = E::sweep_sessions(&mut transaction, now).await?;
        let links = E::sweep_login_links(&mut transaction, now).await?;
        E::commit(transaction).await?;
        Ok(sessions + links)
    }
}

impl<E: SessionSql> StoredSessions<E> {
    async fn seen(&self, session: &Session) -> Result<(), StoreError> {
        let mut transaction = self.db.begin().await?;
        E::session_seen(&mut transaction, session.id, session.last_seen_at).await?;
        E::commit(transaction).await
    }
}

/// A session from its row; `token` is what it was found by.
pub(crate) fn session(row: &impl Columns, token: &str) -> Result<Session, StoreError> {
    let Login { role, team } = login(row)?;
    Ok(Session {
        id: rows::parsed(row, "id", |text| text.parse::<SessionId>())?,
        role,
        team,
        csrf: derived_secret(CSRF_PURPOSE, token),
        created_at: rows::instant(row, "created_at_us")?,
        expires_at: rows::instant(row, "expires_at_us")?,
        last_seen_at: rows::instant(row, "last_seen_at_us")?,
    })
}
