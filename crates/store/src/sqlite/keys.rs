//! The statements of virtual keys in SQLite.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sqlx::SqliteConnection;
use units::{KeyId, Label, Slug, UnixMicros};

use super::database::Database;
use crate::rows;
use crate::stored::{KeySql, key};
use crate::{Key, KeyFilter, SecretHash, StoreError};

/// The statement that reads keys, with what follows `FROM keys`.
macro_rules! select_keys {
    ($rest:literal) => {
        concat!(
            "SELECT id, hash, prefix, name, organisation, team, project, user_id, feature,
                    allowed_models, trust_client_attribution,
                    created_at_us, expires_at_us, revoked_at_us, last_used_at_us, replaces
             FROM keys ",
            $rest
        )
    };
}

#[async_trait]
impl KeySql for Database {
    async fn insert_key(link: &mut SqliteConnection, key: &Key) -> Result<(), StoreError> {
        let access = &key.access;
        let inserted = sqlx::query(
            "INSERT INTO keys (id, hash, prefix, name, organisation, team, project, user_id, feature,
                               allowed_models, trust_client_attribution, created_at_us, expires_at_us,
                               replaces)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
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
        .bind(key.replaces.map(|id| id.to_string()))
        .execute(link)
        .await;
        match inserted {
            Err(error)
                if error.as_database_error().is_some_and(|e| e.is_foreign_key_violation()) =>
            {
                let id = key.owner.organisation.to_string();
                Err(StoreError::NotFound { what: "organisation", id })
            }
            Err(error) => Err(error.into()),
            Ok(_) => Ok(()),
        }
    }

    /// A transaction that may write holds the whole file.
    async fn locked_key(link: &mut SqliteConnection, id: KeyId) -> Result<Option<Key>, StoreError> {
        Self::key_of_id(link, id).await
    }

    async fn key_of_id(link: &mut SqliteConnection, id: KeyId) -> Result<Option<Key>, StoreError> {
        let row = sqlx::query(select_keys!("WHERE id = $1"))
            .bind(id.to_string())
            .fetch_optional(link)
            .await?;
        row.as_ref().map(key).transpose()
    }

    async fn key_of_hash(
        link: &mut SqliteConnection,
        hash: &SecretHash,
    ) -> Result<Option<Key>, StoreError> {
        let row = sqlx::query(select_keys!("WHERE hash = $1"))
            .bind(hash.as_bytes().to_vec())
            .fetch_optional(link)
            .await?;
        row.as_ref().map(key).transpose()
    }

    async fn keys_matching(
        link: &mut SqliteConnection,
        filter: &KeyFilter,
        now: UnixMicros,
    ) -> Result<Vec<Key>, StoreError> {
        let rows = sqlx::query(select_keys!(
            "WHERE ($1 IS NULL OR organisation = $1) AND ($2 IS NULL OR team = $2)
               AND ($3 IS NULL OR id > $3)
               AND ($4 OR (revoked_at_us IS NULL AND (expires_at_us IS NULL OR expires_at_us > $5)))
             ORDER BY id LIMIT $6"
        ))
        .bind(filter.organisation.as_ref().map(Slug::as_str))
        .bind(filter.team.as_ref().map(Slug::as_str))
        .bind(filter.after.map(|id| id.to_string()))
        .bind(filter.include_inactive)
        .bind(now.get())
        .bind(i64::from(filter.limit))
        .fetch_all(link)
        .await?;
        rows.iter().map(key).collect()
    }

    async fn keys_not_revoked(link: &mut SqliteConnection) -> Result<Vec<Key>, StoreError> {
        let rows = sqlx::query(select_keys!("WHERE revoked_at_us IS NULL ORDER BY id"))
            .fetch_all(link)
            .await?;
        rows.iter().map(key).collect()
    }

    async fn set_key_end(link: &mut SqliteConnection, key: &Key) -> Result<(), StoreError> {
        sqlx::query("UPDATE keys SET expires_at_us = $2, revoked_at_us = $3 WHERE id = $1")
            .bind(key.id.to_string())
            .bind(key.expires_at.map(UnixMicros::get))
            .bind(key.revoked_at.map(UnixMicros::get))
            .execute(link)
            .await?;
        Ok(())
    }

    async fn set_keys_used(
        link: &mut SqliteConnection,
        uses: &BTreeMap<KeyId, UnixMicros>,
    ) -> Result<(), StoreError> {
        for (id, at) in uses {
            sqlx::query(
                "UPDATE keys SET last_used_at_us = $2
                 WHERE id = $1 AND (last_used_at_us IS NULL OR last_used_at_us < $2)",
            )
            .bind(id.to_string())
            .bind(at.get())
            .execute(&mut *link)
            .await?;
        }
        Ok(())
    }
}
