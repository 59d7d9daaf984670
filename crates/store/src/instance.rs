//! What belongs to the installation as a whole. It must never know what its secrets are used for.

use std::fmt;

use async_trait::async_trait;

use crate::StoreError;

/// 32 random bytes this installation made once and keeps, such as the key that signs cookies.
#[derive(Clone, PartialEq, Eq)]
pub struct InstanceSecret([u8; 32]);

impl InstanceSecret {
    /// The bytes. Every caller is a place where the secret may leave the process.
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for InstanceSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InstanceSecret(…)")
    }
}

/// The installation's own secrets, and the health of the connection to the database.
#[async_trait]
pub trait Instance: Send + Sync + fmt::Debug {
    /// The secret of this name, made on first use. Every process sees the same bytes for ever.
    async fn secret(&self, name: &str) -> Result<InstanceSecret, StoreError>;

    /// Whether the database answers, for a readiness probe.
    async fn ping(&self) -> Result<(), StoreError>;

    /// Waits for calls under way and closes every connection. Later calls fail.
    async fn close(&self);
}
