//! What the configuration file declares, as pages show it and forms offer it: read-only here.
//!
//! It must never hold a secret or its hash.

use units::{KeyId, Slug, UnixMicros};

/// What the configuration declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// The organisation everything belongs to.
    pub organisation: Slug,
    /// The teams keys may be made for; empty allows any.
    pub teams: Vec<Slug>,
    /// Names of the routes, as clients use them.
    pub routes: Vec<String>,
    /// The keys of the file.
    pub keys: Vec<DeclaredKey>,
}

/// A key of the configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredKey {
    /// Id, as events record it.
    pub id: KeyId,
    /// Name people read.
    pub name: String,
    /// Team that pays.
    pub team: Slug,
    /// Project within the team.
    pub project: Option<String>,
    /// Whom it was handed to.
    pub user: Option<String>,
    /// Feature it serves.
    pub feature: Option<String>,
    /// Routes it may use; empty allows all.
    pub routes: Vec<String>,
    /// From when on it is refused; `None` is never.
    pub expires_at: Option<UnixMicros>,
}
