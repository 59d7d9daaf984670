//! Virtual keys in SQLite.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteExecutor};
use tokio::sync::watch;
use units::{KeyId, Label, Secret, Slug, UnixMicros};

use super::database::{self, Database};
use super::{audit, organisations, rows};
use crate::token::fresh_secret;
use crate::{
    Actor, Key, KeyAccess, KeyFilter, KeyOwner, KeySnapshot, Keys, NewAudit, NewKey, SecretHash,
    StoreError,
};

/// What every secret starts with, so that scanners can spot a leaked one.
const SECRET_PREFIX: &str = "tg_";
/// How many characters of a secret are kept to tell keys apart: 5 of the 43 random ones.
const SHOWN_CHARS: usize = 8;

/// [`Keys`] over one SQLite file.
#[derive(Debug)]
pub(super) struct SqliteKeys {
    db: Arc<Database>,
}

impl SqliteKeys {
    pub(super) fn new(db: Arc<Database>) -> Self {
        Self { db }
    }
}

/// The statement that reads keys, with what follows `FROM keys`.
macro_rules! select_keys {
    ($rest:literal) => {
        concat!(
            "SELECT id, hash, prefix, name, organisation, team, project, user_id, feature,
                    allowed_models, trust_client_attribution,
                    created_at_us, expires_at_us, revoked_at_us, last_used_at_us
             FROM keys ",
            $rest
        )
    };
}

#[async_trait]
impl Keys for SqliteKeys {
    async fn create(&self, new: &NewKey, by: &Actor) -> Result<(Key, Secret), StoreError> {
        let secret = fresh_secret(SECRET_PREFIX)?;
        let key = Key {
            id: KeyId::generate(),
            hash: SecretHash::of(secret.expose()),
            prefix: secret.expose().chars().take(SHOWN_CHARS).collect(),
            name: new.name.clone(),
            owner: new.owner.clone(),
            access: new.access.clone(),
            created_at: self.db.now(),
            expires_at: new.expires_at,
            revoked_at: None,
            last_used_at: None,
        };
        let mut transaction = self.db.begin().await?;
        insert(&mut *transaction, &key).await?;
        let entry = NewAudit {
            after: json!({
                "name": key.name, "prefix": key.prefix, "owner": key.owner,
                "access": key.access, "expires_at": key.expires_at,
            }),
            ..NewAudit::new(by, "key.create", key.id)
        };
        audit::append(&mut transaction, key.created_at, &entry).await?;
        self.db.commit_policy(transaction).await?;
        Ok((key, secret))
    }

    async fn list(&self, filter: &KeyFilter) -> Result<Vec<Key>, StoreError> {
        let rows = sqlx::query(select_keys!(
            "WHERE (?1 IS NULL OR organisation = ?1) AND (?2 IS NULL OR team = ?2)
               AND (?3 IS NULL OR id > ?3)
               AND (?4 OR (revoked_at_us IS NULL AND (expires_at_us IS NULL OR expires_at_us > ?5)))
             ORDER BY id LIMIT ?6"
        ))
        .bind(filter.organisation.as_ref().map(Slug::as_str))
        .bind(filter.team.as_ref().map(Slug::as_str))
        .bind(filter.after.map(|id| id.to_string()))
        .bind(filter.include_inactive)
        .bind(self.db.now().get())
        .bind(i64::from(filter.limit))
        .fetch_all(self.db.reader())
        .await?;
        rows.iter().map(key).collect()
    }

    async fn find(&self, id: KeyId) -> Result<Option<Key>, StoreError> {
        of_id(self.db.reader(), id).await
    }

    async fn find_by_hash(&self, hash: &SecretHash) -> Result<Option<Key>, StoreError> {
        let row = sqlx::query(select_keys!("WHERE hash = ?1"))
            .bind(hash.as_bytes().to_vec())
            .fetch_optional(self.db.reader())
            .await?;
        let found = row.as_ref().map(key).transpose()?;
        Ok(found.filter(|key| key.is_active(self.db.now())))
    }

    async fn revoke(&self, id: KeyId, by: &Actor) -> Result<Key, StoreError> {
        let now = self.db.now();
        let mut transaction = self.db.begin().await?;
        let missing = || StoreError::NotFound { what: "key", id: id.to_string() };
        let mut key = of_id(&mut *transaction, id).await?.ok_or_else(missing)?;
        if key.revoked_at.is_some() {
            transaction.rollback().await?;
            return Ok(key);
        }
        sqlx::query("UPDATE keys SET revoked_at_us = ?2 WHERE id = ?1")
            .bind(id.to_string())
            .bind(now.get())
            .execute(&mut *transaction)
            .await?;
        key.revoked_at = Some(now);
        let entry = NewAudit {
            before: json!({ "revoked_at": null }),
            after: json!({ "revoked_at": now }),
            ..NewAudit::new(by, "key.revoke", id)
        };
        audit::append(&mut transaction, now, &entry).await?;
        self.db.commit_policy(transaction).await?;
        Ok(key)
    }

    async fn mark_used(&self, uses: &[(KeyId, UnixMicros)]) -> Result<(), StoreError> {
        let mut transaction = self.db.begin().await?;
        for (id, at) in uses {
            sqlx::query(
                "UPDATE keys SET last_used_at_us = ?2
                 WHERE id = ?1 AND (last_used_at_us IS NULL OR last_used_at_us < ?2)",
            )
            .bind(id.to_string())
            .bind(at.get())
            .execute(&mut *transaction)
            .await?;
        }
        Ok(transaction.commit().await?)
    }

    async fn snapshot(&self) -> Result<KeySnapshot, StoreError> {
        // One read transaction, so that the revision is that of the rows.
        let mut transaction = self.db.reader().begin().await?;
        let revision = database::revision(&mut transaction).await?;
        let organisations = organisations::all(&mut transaction).await?;
        let rows = sqlx::query(select_keys!("WHERE revoked_at_us IS NULL ORDER BY id"))
            .fetch_all(&mut *transaction)
            .await?;
        transaction.rollback().await?;
        let keys = rows.iter().map(key).collect::<Result<_, _>>()?;
        Ok(KeySnapshot { revision, organisations, keys })
    }

    async fn revision(&self) -> Result<u64, StoreError> {
        let mut connection = self.db.reader().acquire().await?;
        database::revision(&mut connection).await
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.db.changes()
    }
}

async fn insert(executor: impl SqliteExecutor<'_>, key: &Key) -> Result<(), StoreError> {
    let access = &key.access;
    let inserted = sqlx::query(
        "INSERT INTO keys (id, hash, prefix, name, organisation, team, project, user_id, feature,
                           allowed_models, trust_client_attribution, created_at_us, expires_at_us)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )
    .bind(key.id.to_string())
    .bind(key.hash.as_bytes().to_vec())
    .bind(&key.prefix)
    .bind(key.name.as_str())
    .bind(key.owner.organisation.as_str())
    .bind(key.owner.team.as_str())
    .bind(key.owner.project.as_ref().map(Slug::as_str))
    .bind(key.owner.user.as_ref().map(Label::as_str))
    .bind(key.owner.feature.as_ref().map(Slug::as_str))
    .bind(rows::to_json(&access.allowed_models, "allowed_models")?)
    .bind(rows::to_json(&access.trust_client_attribution, "trust_client_attribution")?)
    .bind(key.created_at.get())
    .bind(key.expires_at.map(UnixMicros::get))
    .execute(executor)
    .await;
    match inserted {
        Err(error) if error.as_database_error().is_some_and(|e| e.is_foreign_key_violation()) => {
            let id = key.owner.organisation.to_string();
            Err(StoreError::NotFound { what: "organisation", id })
        }
        Err(error) => Err(error.into()),
        Ok(_) => Ok(()),
    }
}

async fn of_id(executor: impl SqliteExecutor<'_>, id: KeyId) -> Result<Option<Key>, StoreError> {
    let row = sqlx::query(select_keys!("WHERE id = ?1"))
        .bind(id.to_string())
        .fetch_optional(executor)
        .await?;
    row.as_ref().map(key).transpose()
}

fn key(row: &SqliteRow) -> Result<Key, StoreError> {
    Ok(Key {
        id: rows::parsed(row, "id", |text| text.parse::<KeyId>())?,
        hash: SecretHash::from_bytes(rows::hash(row, "hash")?),
        prefix: row.try_get("prefix")?,
        name: rows::parsed(row, "name", Label::try_from)?,
        owner: KeyOwner {
            organisation: rows::parsed(row, "organisation", Slug::try_from)?,
            team: rows::parsed(row, "team", Slug::try_from)?,
            project: rows::parsed_option(row, "project", Slug::try_from)?,
            user: rows::parsed_option(row, "user_id", Label::try_from)?,
            feature: rows::parsed_option(row, "feature", Slug::try_from)?,
        },
        access: KeyAccess {
            allowed_models: rows::json(row, "allowed_models")?,
            trust_client_attribution: rows::json(row, "trust_client_attribution")?,
        },
        created_at: rows::instant(row, "created_at_us")?,
        expires_at: rows::instant_option(row, "expires_at_us")?,
        revoked_at: rows::instant_option(row, "revoked_at_us")?,
        last_used_at: rows::instant_option(row, "last_used_at_us")?,
    })
}
