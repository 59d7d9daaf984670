//! Who may look: one-time login links and the sessions they open, as the pages need them.
//!
//! Tokens are made, hashed and kept by the store; here they only pass through. Nothing here knows
//! cookies.

use async_trait::async_trait;
use store::Role;
use units::{Secret, SessionId, Slug, UnixMicros};

use crate::PublicUrl;
use crate::error::ConsoleError;
use crate::permission::Permission;

/// Why access could not be decided. Always our fault; a retry may help.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The store of sessions failed.
    #[error("the session store could not be used: {0}")]
    Store(String),
}

/// Login links and sessions.
#[async_trait]
pub trait Access: Send + Sync {
    /// Uses up a login link and opens a session in exchange, giving the session's token; `None` when
    /// the link was used before, has expired or never existed. Of two concurrent calls at most one
    /// gets a session.
    async fn log_in(&self, link_token: &str) -> Result<Option<Secret>, AccessError>;

    /// The live session of a token; `None` when it never existed, was closed or has expired.
    async fn session(&self, token: &str) -> Result<Option<Session>, AccessError>;

    /// Ends a session; one that does not exist is ended already.
    async fn log_out(&self, session: SessionId) -> Result<(), AccessError>;

    /// Whether the store can answer at all.
    async fn ready(&self) -> Result<(), AccessError>;
}

/// Someone signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The session's id; not a secret.
    pub id: SessionId,
    /// What they are, which decides what they may do.
    pub role: Role,
    /// The only team whose things they see, on every page and in every answer; `None` sees all.
    pub team: Option<Slug>,
    /// What each of the session's forms must carry: keyed by the session's token.
    pub csrf: Secret,
    /// The first instant at which the session is over.
    pub expires_at: UnixMicros,
}

impl Session {
    /// Whether their role lets them.
    pub fn may(&self, permission: Permission) -> bool {
        permission.is_held_by(self.role)
    }

    /// Refuses what their role does not let them do.
    pub(crate) fn demand(&self, permission: Permission) -> Result<(), ConsoleError> {
        if self.may(permission) {
            Ok(())
        } else {
            Err(ConsoleError::Forbidden { role: self.role, permission })
        }
    }

    /// The team that everything read for them is restricted to.
    pub(crate) fn team(&self) -> Option<&Slug> {
        self.team.as_ref()
    }

    /// Whether they see things of a team; `None` is what belongs to no team or to several.
    pub(crate) fn sees(&self, team: Option<&str>) -> bool {
        self.team.as_ref().is_none_or(|own| team == Some(own.as_str()))
    }

    /// Hides what is another team's: it is not found, so that nobody learns what exists elsewhere.
    pub(crate) fn demand_sight(
        &self,
        team: Option<&str>,
        what: &'static str,
    ) -> Result<(), ConsoleError> {
        if self.sees(team) { Ok(()) } else { Err(ConsoleError::NotFound(what)) }
    }
}

/// The URL that uses a login link's token. Whoever has it can log in once.
pub fn login_url(public_url: &PublicUrl, link_token: &Secret) -> Secret {
    Secret::new(format!("{public_url}/login/{}", link_token.expose()))
}
