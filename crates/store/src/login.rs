//! One-time login links. It must never know what page a link leads to.

use std::fmt;

use async_trait::async_trait;
use units::{Secret, Slug};

use crate::{Actor, Role, StoreError};

/// How long a login link may be used by default, microseconds: 15 minutes.
pub const LOGIN_LINK_LIFETIME_US: i64 = 15 * 60 * 1_000_000;

/// What a login link opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// What they may do.
    pub role: Role,
    /// The one team they may see; `None` sees the whole organisation.
    pub team: Option<Slug>,
}

/// Login links of the console.
#[async_trait]
pub trait LoginLinks: Send + Sync + fmt::Debug {
    /// Makes a link for a role, and for one team alone if one is named. The token is returned this
    /// once; only its hash is kept.
    async fn create(
        &self,
        role: Role,
        team: Option<&Slug>,
        by: &Actor,
    ) -> Result<Secret, StoreError>;

    /// Uses a link up, atomically: of any number of callers exactly one gets what it opens. `None` for
    /// a token that is unknown, used or expired, without saying which.
    async fn consume(&self, token: &str) -> Result<Option<Login>, StoreError>;
}
