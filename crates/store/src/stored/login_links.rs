//! One-time login links over any engine.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use units::{Secret, Slug, UnixMicros};

use super::audit::{self, AuditSql};
use crate::engine::{Engine, Link};
use crate::rows::{self, Columns};
use crate::token::fresh_secret;
use crate::{Actor, Login, LoginLinks, NewAudit, Role, SecretHash, StoreError};

/// The statements of login links.
#[async_trait]
pub(crate) trait LoginLinkSql: Engine {
    /// Keeps a link that may be used from one instant until another.
    async fn insert_login_link(
        link: &mut Link<Self>,
        hash: &SecretHash,
        login: &Login,
        during: (UnixMicros, UnixMicros),
    ) -> Result<(), StoreError>;

    /// Marks the live link of a hash as used and gives what it opens.
    async fn use_login_link(
        link: &mut Link<Self>,
        hash: &SecretHash,
        now: UnixMicros,
    ) -> Result<Option<Login>, StoreError>;

    /// Removes links past their time; how many went.
    async fn sweep_login_links(link: &mut Link<Self>, now: UnixMicros) -> Result<u64, StoreError>;
}

/// [`LoginLinks`] over one database.
#[derive(Debug)]
pub(super) struct StoredLoginLinks<E> {
    db: Arc<E>,
    lifetime_us: i64,
}

impl<E> StoredLoginLinks<E> {
    pub(super) fn new(db: Arc<E>, lifetime_us: i64) -> Self {
        Self { db, lifetime_us }
    }
}

#[async_trait]
impl<E: LoginLinkSql + AuditSql> LoginLinks for StoredLoginLinks<E> {
    async fn create(
        &self,
        role: Role,
        team: Option<&Slug>,
        by: &Actor,
    ) -> Result<Secret, StoreError> {
        let token = fresh_secret("")?;
        let hash = SecretHash::of(token.expose());
        let login = Login { role, team: team.cloned() };
        let now = self.db.now();
        let expires_at = now.plus_micros(self.lifetime_us);
        let mut transaction = self.db.begin().await?;
        E::insert_login_link(&mut transaction, &hash, &login, (now, expires_at)).await?;
        let entry = NewAudit {
            after: json!({ "role": role, "team": team, "expires_at": expires_at }),
            ..NewAudit::new(by, "login_link.create", hash.short())
        };
        audit::append::<E>(&mut transaction, now, &entry).await?;
        E::commit(transaction).await?;
        Ok(token)
    }

    async fn consume(&self, token: &str) -> Result<Option<Login>, StoreError> {
        let hash = SecretHash::of(token);
        let now = self.db.now();
        let mut transaction = self.db.begin().await?;
        let Some(login) = E::use_login_link(&mut transaction, &hash, now).await? else {
            E::commit(transaction).await?;
            return Ok(None);
        };
        let entry = NewAudit {
            after: json!({ "role": login.role, "team": login.team }),
            ..NewAudit::new(&Actor::Anonymous, "login", hash.short())
        };
        audit::append::<E>(&mut transaction, now, &entry).await?;
        E::commit(transaction).await?;
        Ok(Some(login))
    }
}

/// What a link opens, from its row.
pub(crate) fn login(row: &impl Columns) -> Result<Login, StoreError> {
    Ok(Login {
        role: rows::parsed(row, "role", |text| text.parse::<Role>())?,
        team: rows::parsed_option(row, "team", Slug::try_from)?,
    })
}
