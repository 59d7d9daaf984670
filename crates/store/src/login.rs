//! One-time login links. It must never know what page a link leads to.

use std::fmt;

use async_trait::async_trait;
use units::Secret;

use crate::{Actor, Role, StoreError};

/// How long a login link may be used by default, microseconds: 15 minutes.
pub const LOGIN_LINK_LIFETIME_US: i64 = 15 * 60 * 1_000_000;

/// Login links of the console.
#[async_trait]
pub trait LoginLinks: Send + Sync + fmt::Debug {
    /// Makes a link for a role. The token is returned this once; only its hash is kept.
    async fn create(&self, role: Role, by: &Actor) -> Result<Secret, StoreError>;

    /// Uses a link up, atomically: of any number of callers exactly one gets the role. `None` for a
    /// token that is unknown, used or expired, without saying which.
    async fn consume(&self, token: &str) -> Result<Option<Role>, StoreError>;
}
