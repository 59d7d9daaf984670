//! Virtual keys over any engine.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::watch;
use units::{KeyId, Label, Secret, Slug, UnixMicros};

use super::audit::{self, AuditSql};
use super::organisations::OrganisationSql;
use crate::engine::{Link, commit_policy};
use crate::rows::{self, Columns};
use crate::token::fresh_secret;
use crate::{
    Actor, Key, KeyAccess, KeyFilter, KeyOwner, KeySnapshot, Keys, NewAudit, NewKey, SecretHash,
    StoreError,
};

/// What every secret starts with, so that scanners can spot a leaked one.
const SECRET_PREFIX: &str = "tg_";
/// How many characters of a secret are kept to tell keys apart: 5 of the 43 random ones.
const SHOWN_CHARS: usize = 8;

/// The statements of keys.
#[async_trait]
pub(crate) trait KeySql: OrganisationSql {
    /// Adds a key. An unknown organisation is [`StoreError::NotFound`].
    async fn insert_key(link: &mut Link<Self>, key: &Key) -> Result<(), StoreError>;

    /// The key of an id; nobody else changes it before this transaction ends.
    async fn locked_key(link: &mut Link<Self>, id: KeyId) -> Result<Option<Key>, StoreError>;

    /// The key of an id.
    async fn key_of_id(link: &mut Link<Self>, id: KeyId) -> Result<Option<Key>, StoreError>;

    /// The key of a hash, in whatever state.
    async fn key_of_hash(
        link: &mut Link<Self>,
        hash: &SecretHash,
    ) -> Result<Option<Key>, StoreError>;

    /// Keys that pass a filter at an instant, by id.
    async fn keys_matching(
        link: &mut Link<Self>,
        filter: &KeyFilter,
        now: UnixMicros,
    ) -> Result<Vec<Key>, StoreError>;

    /// Every key that is not revoked, by id.
    async fn keys_not_revoked(link: &mut Link<Self>) -> Result<Vec<Key>, StoreError>;

    /// Writes when a key expires and when it was revoked.
    async fn set_key_end(link: &mut Link<Self>, key: &Key) -> Result<(), StoreError>;

    /// Moves the times of last use forward.
    async fn set_keys_used(
        link: &mut Link<Self>,
        uses: &BTreeMap<KeyId, UnixMicros>,
    ) -> Result<(), StoreError>;
}

/// [`Keys`] over one database.
#[derive(Debug)]
pub(super) struct StoredKeys<E>(pub(super) Arc<E>);

#[async_trait]
impl<E: KeySql + AuditSql> Keys for StoredKeys<E> {
    async fn create(&self, new: &NewKey, by: &Actor) -> Result<(Key, Secret), StoreError> {
        let (key, secret) = made(new, self.0.now())?;
        let mut transaction = self.0.begin().await?;
        E::insert_key(&mut transaction, &key).await?;
        let entry = NewAudit { after: described(&key), ..NewAudit::new(by, "key.create", key.id) };
        audit::append::<E>(&mut transaction, key.created_at, &entry).await?;
        commit_policy(&*self.0, transaction).await?;
        Ok((key, secret))
    }

    async fn list(&self, filter: &KeyFilter) -> Result<Vec<Key>, StoreError> {
        E::keys_matching(&mut *self.0.reader().await?, filter, self.0.now()).await
    }

    async fn find(&self, id: KeyId) -> Result<Option<Key>, StoreError> {
        E::key_of_id(&mut *self.0.reader().await?, id).await
    }

    async fn find_by_hash(&self, hash: &SecretHash) -> Result<Option<Key>, StoreError> {
        let found = E::key_of_hash(&mut *self.0.reader().await?, hash).await?;
        Ok(found.filter(|key| key.is_active(self.0.now())))
    }

    async fn revoke(&self, id: KeyId, by: &Actor) -> Result<Key, StoreError> {
        let now = self.0.now();
        let mut transaction = self.0.begin().await?;
        let mut key = E::locked_key(&mut transaction, id).await?.ok_or_else(|| missing(id))?;
        if key.revoked_at.is_some() {
            E::commit(transaction).await?;
            return Ok(key);
        }
        key.revoked_at = Some(now);
        E::set_key_end(&mut transaction, &key).await?;
        let entry = NewAudit {
            before: json!({ "revoked_at": null }),
            after: json!({ "revoked_at": now }),
            ..NewAudit::new(by, "key.revoke", id)
        };
        audit::append::<E>(&mut transaction, now, &entry).await?;
        commit_policy(&*self.0, transaction).await?;
        Ok(key)
    }

    async fn rotate(
        &self,
        id: KeyId,
        grace_us: i64,
        by: &Actor,
    ) -> Result<(Key, Secret), StoreError> {
        let now = self.0.now();
        let mut transaction = self.0.begin().await?;
        let mut old = E::locked_key(&mut transaction, id).await?.ok_or_else(|| missing(id))?;
        if !old.is_active(now) {
            let problem = "is no longer accepted: make a new one";
            return Err(StoreError::Conflict { what: "key", id: id.to_string(), problem });
        }
        let (mut key, secret) = made(&successor(&old), now)?;
        key.replaces = Some(id);
        let expired_at = old.expires_at;
        let grace_ends = now.plus_micros(grace_us.max(0));
        old.expires_at = Some(expired_at.map_or(grace_ends, |expiry| expiry.min(grace_ends)));
        E::set_key_end(&mut transaction, &old).await?;
        E::insert_key(&mut transaction, &key).await?;
        let entry = NewAudit {
            before: json!({ "expires_at": expired_at }),
            after: json!({ "expires_at": old.expires_at, "replaced_by": key.id }),
            ..NewAudit::new(by, "key.rotate", id)
        };
        audit::append::<E>(&mut transaction, now, &entry).await?;
        let entry = NewAudit { after: described(&key), ..NewAudit::new(by, "key.create", key.id) };
        audit::append::<E>(&mut transaction, now, &entry).await?;
        commit_policy(&*self.0, transaction).await?;
        Ok((key, secret))
    }

    async fn mark_used(&self, uses: &[(KeyId, UnixMicros)]) -> Result<(), StoreError> {
        // One time for each key, in the order of ids: two processes never wait for one another.
        let mut latest = BTreeMap::new();
        for (id, at) in uses {
            let known = latest.entry(*id).or_insert(*at);
            *known = (*known).max(*at);
        }
        let mut transaction = self.0.begin().await?;
        E::set_keys_used(&mut transaction, &latest).await?;
        E::commit(transaction).await
    }

    async fn snapshot(&self) -> Result<KeySnapshot, StoreError> {
        // One view, so that the revision is that of the rows.
        let mut view = self.0.view().await?;
        let revision = E::revision(&mut view).await?;
        let organisations = E::organisations(&mut view).await?;
        let keys = E::keys_not_revoked(&mut view).await?;
        E::commit(view).await?;
        Ok(KeySnapshot { revision, organisations, keys })
    }

    async fn revision(&self) -> Result<u64, StoreError> {
        E::revision(&mut *self.0.reader().await?).await
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes().subscribe()
    }
}

fn missing(id: KeyId) -> StoreError {
    StoreError::NotFound { what: "key", id: id.to_string() }
}

/// A key as it is to be kept, and its secret.
fn made(new: &NewKey, now: UnixMicros) -> Result<(Key, Secret), StoreError> {
    let secret = fresh_secret(SECRET_PREFIX)?;
    let key = Key {
        id: KeyId::generate(),
        hash: SecretHash::of(secret.expose()),
        prefix: secret.expose().chars().take(SHOWN_CHARS).collect(),
        name: new.name.clone(),
        owner: new.owner.clone(),
        access: new.access.clone(),
        created_at: now,
        expires_at: new.expires_at,
        revoked_at: None,
        last_used_at: None,
        replaces: None,
    };
    Ok((key, secret))
}

fn successor(old: &Key) -> NewKey {
    NewKey {
        name: old.name.clone(),
        owner: old.owner.clone(),
        access: old.access.clone(),
        expires_at: old.expires_at,
    }
}

fn described(key: &Key) -> Value {
    json!({
        "name": key.name, "prefix": key.prefix, "owner": key.owner,
        "access": key.access, "expires_at": key.expires_at,
    })
}

/// A key from its row.
pub(crate) fn key(row: &impl Columns) -> Result<Key, StoreError> {
    Ok(Key {
        id: rows::parsed(row, "id", |text| text.parse::<KeyId>())?,
        hash: SecretHash::from_bytes(rows::hash(row, "hash")?),
        prefix: rows::text(row, "prefix")?,
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
        replaces: rows::parsed_option(row, "replaces", |text| text.parse::<KeyId>())?,
    })
}
