//! Virtual keys: who may call the gateway, for whose money, and what they may say about themselves.
//!
//! It must never hold a key's secret for longer than the call that makes it.

use std::collections::BTreeSet;
use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use units::{KeyId, Label, Secret, Slug, UnixMicros};

use crate::{Actor, Organisation, SecretHash, StoreError};

/// A field of attribution the client may be trusted to set itself. The team is not among them: who
/// pays follows from the key alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientField {
    /// The customer served.
    Customer,
    /// The end user.
    User,
    /// The product feature.
    Feature,
    /// The session or conversation.
    Session,
    /// Free tags.
    Tags,
}

impl ClientField {
    /// Every field.
    pub const ALL: [ClientField; 5] = [
        ClientField::Customer,
        ClientField::User,
        ClientField::Feature,
        ClientField::Session,
        ClientField::Tags,
    ];
}

/// Who pays for what a key does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyOwner {
    /// Organisation; it must exist in the store.
    pub organisation: Slug,
    /// Team: the cost centre.
    pub team: Slug,
    /// Project within the team.
    pub project: Option<Slug>,
    /// Person or machine the key was handed to.
    pub user: Option<Label>,
    /// Product feature the key serves.
    pub feature: Option<Slug>,
}

/// What a key may do.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct KeyAccess {
    /// Models or routes, as clients name them; empty allows all.
    pub allowed_models: Vec<String>,
    /// What the client may say about itself; anything else it says is ignored.
    pub trust_client_attribution: BTreeSet<ClientField>,
}

/// A key to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// Name people read.
    pub name: Label,
    /// Who pays.
    pub owner: KeyOwner,
    /// What it may do.
    pub access: KeyAccess,
    /// From when on it is refused; `None` is never.
    pub expires_at: Option<UnixMicros>,
}

/// A virtual key as kept: everything but its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Key {
    /// Id, made later sorts later.
    pub id: KeyId,
    /// Hash of the secret; never shown.
    #[serde(skip)]
    pub hash: SecretHash,
    /// The first eight characters of the secret, to tell keys apart.
    pub prefix: String,
    /// Name people read.
    pub name: Label,
    /// Who pays.
    pub owner: KeyOwner,
    /// What it may do.
    pub access: KeyAccess,
    /// When it was made.
    pub created_at: UnixMicros,
    /// From when on it is refused; `None` is never.
    pub expires_at: Option<UnixMicros>,
    /// When it was revoked.
    pub revoked_at: Option<UnixMicros>,
    /// When it was last seen in use, as far as the store was told.
    pub last_used_at: Option<UnixMicros>,
    /// The key it took the place of when that was rotated.
    pub replaces: Option<KeyId>,
}

impl Key {
    /// Whether the key is accepted at an instant: not revoked, not expired.
    pub fn is_active(&self, at: UnixMicros) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|expiry| at < expiry)
    }
}

/// Which keys to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFilter {
    /// Of this organisation only.
    pub organisation: Option<Slug>,
    /// Of this team only.
    pub team: Option<Slug>,
    /// Also those that are revoked or expired.
    pub include_inactive: bool,
    /// Those made after this one: the cursor of a page.
    pub after: Option<KeyId>,
    /// At most this many.
    pub limit: u32,
}

/// Active keys of everyone, at most 500.
impl Default for KeyFilter {
    fn default() -> Self {
        Self { organisation: None, team: None, include_inactive: false, after: None, limit: 500 }
    }
}

/// What a gateway's snapshot is compiled from, read in one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySnapshot {
    /// The revision the rest is of.
    pub revision: u64,
    /// Every organisation, by slug.
    pub organisations: Vec<Organisation>,
    /// Every key that is not revoked, by id. Those that expire are among them: the gateway's own
    /// clock decides.
    pub keys: Vec<Key>,
}

/// The virtual keys of an installation.
#[async_trait]
pub trait Keys: Send + Sync + fmt::Debug {
    /// Makes a key. The secret is returned this once and kept nowhere. An unknown organisation is
    /// [`StoreError::NotFound`].
    async fn create(&self, key: &NewKey, by: &Actor) -> Result<(Key, Secret), StoreError>;

    /// Keys in the order they were made.
    async fn list(&self, filter: &KeyFilter) -> Result<Vec<Key>, StoreError>;

    /// The key of an id, revoked or not.
    async fn find(&self, id: KeyId) -> Result<Option<Key>, StoreError>;

    /// The active key whose secret has this hash. A revoked or expired key is not found.
    async fn find_by_hash(&self, hash: &SecretHash) -> Result<Option<Key>, StoreError>;

    /// Revokes a key for ever and returns it. Revoking it again changes nothing.
    async fn revoke(&self, id: KeyId, by: &Actor) -> Result<Key, StoreError>;

    /// Makes a key that is like another and takes its place; the other is still accepted for `grace_us`
    /// microseconds, or until its own expiry if that comes first. The new key keeps that expiry. The
    /// secret is returned this once. A key no longer accepted is [`StoreError::Conflict`].
    async fn rotate(
        &self,
        id: KeyId,
        grace_us: i64,
        by: &Actor,
    ) -> Result<(Key, Secret), StoreError>;

    /// Notes when keys were last used; earlier times than the one known are ignored, and so are
    /// unknown keys.
    async fn mark_used(&self, uses: &[(KeyId, UnixMicros)]) -> Result<(), StoreError>;

    /// Everything a gateway's snapshot is compiled from.
    async fn snapshot(&self) -> Result<KeySnapshot, StoreError>;

    /// A counter that changes with every write to keys or organisations, by whichever process: one
    /// indexed read, to be polled.
    async fn revision(&self) -> Result<u64, StoreError>;

    /// Told the new revision after every write by this process, so that its own changes need no poll.
    fn changes(&self) -> watch::Receiver<u64>;
}
