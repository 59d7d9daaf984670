//! One-time login links in SQLite.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use units::Secret;

use super::database::Database;
use super::{audit, rows};
use crate::token::fresh_secret;
use crate::{Actor, LoginLinks, NewAudit, Role, SecretHash, StoreError};

/// [`LoginLinks`] over one SQLite file.
#[derive(Debug)]
pub(super) struct SqliteLoginLinks {
    db: Arc<Database>,
    lifetime_us: i64,
}

impl SqliteLoginLinks {
    pub(super) fn new(db: Arc<Database>, lifetime_us: i64) -> Self {
        Self { db, lifetime_us }
    }
}

#[async_trait]
impl LoginLinks for SqliteLoginLinks {
    async fn create(&self, role: Role, by: &Actor) -> Result<Secret, StoreError> {
        let token = fresh_secret("")?;
        let hash = SecretHash::of(token.expose());
        let now = self.db.now();
        let expires_at = now.plus_micros(self.lifetime_us);
        let mut transaction = self.db.begin().await?;
        sqlx::query(
            "INSERT INTO login_links (hash, role, created_at_us, expires_at_us)
             VALUES (?1, ?2, ?3, ?4)",
        )
        .bind(hash.as_bytes().to_vec())
        .bind(role.as_str())
        .bind(now.get())
        .bind(expires_at.get())
        .execute(&mut *transaction)
        .await?;
        let entry = NewAudit {
            after: json!({ "role": role, "expires_at": expires_at }),
            ..NewAudit::new(by, "login_link.create", hash.short())
        };
        audit::append(&mut transaction, now, &entry).await?;
        transaction.commit().await?;
        Ok(token)
    }

    async fn consume(&self, token: &str) -> Result<Option<Role>, StoreError> {
        let hash = SecretHash::of(token);
        let now = self.db.now();
        let mut transaction = self.db.begin().await?;
        let row = sqlx::query(
            "UPDATE login_links SET used_at_us = ?2
             WHERE hash = ?1 AND used_at_us IS NULL AND expires_at_us > ?2
             RETURNING role",
        )
        .bind(hash.as_bytes().to_vec())
        .bind(now.get())
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(row) = row else {
            transaction.rollback().await?;
            return Ok(None);
        };
        let role = rows::parsed(&row, "role", |text| text.parse::<Role>())?;
        let entry = NewAudit {
            after: json!({ "role": role }),
            ..NewAudit::new(&Actor::Anonymous, "login", hash.short())
        };
        audit::append(&mut transaction, now, &entry).await?;
        transaction.commit().await?;
        Ok(Some(role))
    }
}
