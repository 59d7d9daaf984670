//! Virtual keys as the gateway sees them: never the secret, only its hash and what it may do.

use serde::{Deserialize, Serialize};
use units::{KeyId, Slug, UnixMicros};

/// blake3 of a key's secret.
pub type KeyHash = [u8; 32];

/// The hash under which a presented secret is looked up.
pub fn hash_secret(secret: &str) -> KeyHash {
    *blake3::hash(secret.as_bytes()).as_bytes()
}

/// One virtual key: who pays for what it sends, and what it may send.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Id, as recorded in every event.
    pub id: KeyId,
    /// Organisation that owns it.
    pub organisation: Slug,
    /// Team that pays.
    pub team: Slug,
    /// Project that pays, when bound to one.
    #[serde(default)]
    pub project: Option<Slug>,
    /// User it was issued to, when bound to one.
    #[serde(default)]
    pub user: Option<String>,
    /// Feature it serves, when bound to one.
    #[serde(default)]
    pub feature: Option<String>,
    /// Routes it may use; empty means all.
    #[serde(default)]
    pub routes: Vec<String>,
    /// What the client may say about attribution where the key itself is silent.
    #[serde(default)]
    pub client_may_set: ClientFields,
    /// Instant it stops working at.
    #[serde(default)]
    pub expires_at: Option<UnixMicros>,
}

impl Key {
    /// Whether the key may use a route.
    pub fn allows_route(&self, name: &str) -> bool {
        self.routes.is_empty() || self.routes.iter().any(|route| route == name)
    }

    /// Whether the key has expired at an instant.
    pub fn is_expired(&self, at: UnixMicros) -> bool {
        self.expires_at.is_some_and(|expiry| at >= expiry)
    }
}

/// The attribution fields a client may fill in. A team is never among them: it decides who pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientFields {
    /// End user.
    pub user: bool,
    /// Customer served.
    pub customer: bool,
    /// Product feature.
    pub feature: bool,
    /// Session, trace and parent ids.
    pub session: bool,
    /// Free tags.
    pub tags: bool,
}

impl Default for ClientFields {
    fn default() -> Self {
        Self { user: true, customer: true, feature: true, session: true, tags: true }
    }
}
