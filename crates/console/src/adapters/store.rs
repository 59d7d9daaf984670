//! Access over the transactional store.

use async_trait::async_trait;
use store::{Actor, Store, StoreError};
use units::{Secret, SessionId};

use crate::Access;
use crate::access::{AccessError, Session};

/// Login links and sessions kept in the store.
#[derive(Debug, Clone)]
pub struct StoreAccess {
    store: Store,
}

impl StoreAccess {
    /// Access over this store.
    pub fn new(store: Store) -> Self {
        Self { store }
    }
}

#[async_trait]
impl Access for StoreAccess {
    async fn log_in(&self, link_token: &str) -> Result<Option<Secret>, AccessError> {
        let login = self.store.login_links().consume(link_token).await.map_err(failed)?;
        let Some(login) = login else { return Ok(None) };
        let sessions = self.store.sessions();
        let (_, token) = sessions.create(login.role, login.team.as_ref()).await.map_err(failed)?;
        Ok(Some(token))
    }

    async fn session(&self, token: &str) -> Result<Option<Session>, AccessError> {
        let session = self.store.sessions().find(token).await.map_err(failed)?;
        Ok(session.map(|session| Session {
            id: session.id,
            role: session.role,
            team: session.team,
            csrf: session.csrf,
            expires_at: session.expires_at,
        }))
    }

    async fn log_out(&self, session: SessionId) -> Result<(), AccessError> {
        self.store.sessions().delete(session, &Actor::Session(session)).await.map_err(failed)
    }

    async fn ready(&self) -> Result<(), AccessError> {
        self.store.ping().await.map_err(failed)
    }
}

fn failed(error: StoreError) -> AccessError {
    AccessError::Store(error.to_string())
}
