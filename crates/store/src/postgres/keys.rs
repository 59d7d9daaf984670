//! The statements of virtual keys in PostgreSQL.

use std::collections::BTreeMap;

use async_trait::async_trait;
use sqlx::PgConnection;
use units::{KeyId, Label, Slug, UnixMicros};

use super::database::{Bounded, Database};
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
    async fn insert_key(link: &mut PgConnection, key: &Key) -> Result<(), StoreError> {
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
        .run(link)
        .await;
        match inserted {
            Err(StoreError::Database(sqlx::Error::Database(refusal)))
                if refusal.is_foreign_key_violation() =>
            {
                let id = key.owner.organisation.to_string();
                Err(StoreError::NotFound { what: "organisation", id })
            }
            other => other.map(drop),
        }
    }

    async fn locked_key(link: &mut PgConnection, id: KeyId) -> Result<Option<Key>, StoreError> {
        let row = sqlx::query(select_keys!("WHERE id = $1 FOR UPDATE"))
            .bind(id.to_string())
            .optional(link)
            .await?;
        row.as_ref().map(key).transpose()
    }

    async fn key_of_id(link: &mut PgConnection, id: KeyId) -> Result<Option<Key>, StoreError> {
        let row =
            sqlx::query(select_keys!("WHERE id = $1")).bind(id.to_string()).optional(link).await?;
        row.as_ref().map(key).transpose()
    }

    async fn key_of_hash(
        link: &mut PgConnection,
        hash: &SecretHash,
    ) -> Result<Option<Key>, StoreError> {
        let row = sqlx::query(select_keys!("WHERE hash = $1"))
            .bind(hash.as_bytes().to_vec())
            .optional(link)
            .await?;
        row.as_ref().map(key).transpose()
    }

    async fn keys_matching(
        link: &mut PgConnection,
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
        .all(link)
        .await?;
        rows.iter().map(key).collect()
    }

    async fn keys_not_revoked(link: &mut PgConnection) -> Result<Vec<Key>, StoreError> {
        let rows =
            sqlx::query(select_keys!("WHERE revoked_at_us IS NULL ORDER BY id")).all(link).await?;
        rows.iter().map(key).collect()
    }

    async fn set_key_end(link: &mut PgConnection, key: &Key) -> Result<(), StoreError> {
        sqlx::query("UPDATE keys SET expires_at_us = $2, revoked_at_us = $3 WHERE id = $1")
            .bind(key.id.to_string())
            .bind(key.expires_at.map(UnixMicros::get))
            .bind(key.revoked_at.map(UnixMicros::get))
            .run(link)
            .await?;
        Ok(())
    }

    async fn set_keys_used(
        link: &mut PgConnection,
        uses: &BTreeMap<KeyId, UnixMicros>,
    ) -> Result<(), StoreError> {
        let (ids, times): (Vec<String>, Vec<i64>) =
            uses.iter().map(|(id, at)| (id.to_string(), at.get())).unzip();
        // Locked in the order of ids, so that two processes never wait for one another.
        sqlx::query(
            "WITH used AS (
                 SELECT keys.id, told.at_us
                 FROM keys JOIN unnest($1::text[], $2::bigint[]) AS told (id, at_us) USING (id)
                 WHERE keys.last_used_at_us IS NULL OR keys.last_used_at_us < told.at_us
                 ORDER BY keys.id FOR UPDATE OF keys
             )
             UPDATE keys SET last_used_at_us = used.at_us FROM used WHERE keys.id = used.id",
        )
        .bind(ids)
        .bind(times)
        .run(link)
        .await?;
        Ok(())
    }
}
