//! Console sessions. It must never know cookies or pages.

use std::fmt;

use async_trait::async_trait;
use units::{Secret, SessionId, Slug, UnixMicros};

use crate::{Actor, Role, StoreError};

/// How long a session lasts by default, whatever its use, microseconds: 12 hours, a working day.
pub const SESSION_LIFETIME_US: i64 = 12 * 3_600 * 1_000_000;

/// Someone logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Id, as the audit log names it. Not a secret.
    pub id: SessionId,
    /// What they may do.
    pub role: Role,
    /// The one team they may see; `None` sees the whole organisation.
    pub team: Option<Slug>,
    /// What every form of the session must carry. Derived from the session's token, so that it is
    /// stored nowhere.
    pub csrf: Secret,
    /// When they logged in.
    pub created_at: UnixMicros,
    /// When the session ends.
    pub expires_at: UnixMicros,
    /// When they were last seen, to the minute.
    pub last_seen_at: UnixMicros,
}

/// The sessions of the console.
#[async_trait]
pub trait Sessions: Send + Sync + fmt::Debug {
    /// Opens a session for a role, and for one team alone if one is named. The token (for the cookie)
    /// is returned this once; only its hash is kept.
    async fn create(
        &self,
        role: Role,
        team: Option<&Slug>,
    ) -> Result<(Session, Secret), StoreError>;

    /// The live session of a token, noting that it was seen. `None` when unknown or expired.
    async fn find(&self, token: &str) -> Result<Option<Session>, StoreError>;

    /// Ends a session. Ending one that is gone is no error.
    async fn delete(&self, id: SessionId, by: &Actor) -> Result<(), StoreError>;

    /// Removes sessions and login links past their time; how many rows went.
    async fn sweep(&self) -> Result<u64, StoreError>;
}
