//! What gateways that run apart ask of a console, and the trait it is answered through.
//!
//! It must never know pages or sessions: a gateway shows the installation's shared secret.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use policy::{LeaseReply, LeaseReport, SnapshotDocument};
use subtle::ConstantTimeEq;
use units::Secret;

/// Why a report could not be decided. Ours; the gateway asks again.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The authority or its database is away.
    #[error("{0}")]
    Away(String),
}

/// Snapshots for gateways, and grants of budgets.
#[async_trait]
pub trait GatewayLink: Send + Sync {
    /// The snapshot in force: at once when it is another than `after`, else when it changes; `None`
    /// when it has not within `wait`. `node` is the gateway's name. Should end early when the console
    /// stops.
    async fn snapshot(
        &self,
        node: &str,
        after: Option<&str>,
        wait: Duration,
    ) -> Option<Arc<SnapshotDocument>>;

    /// Decides a gateway's report.
    async fn leases(&self, report: LeaseReport) -> Result<LeaseReply, LinkError>;
}

/// The link with the secret gateways show.
#[derive(Clone)]
pub struct Link {
    pub(crate) to: Arc<dyn GatewayLink>,
    secret: Secret,
}

impl Link {
    /// A link for gateways that know the secret. An empty secret lets nobody in.
    pub fn new(to: Arc<dyn GatewayLink>, secret: Secret) -> Self {
        Self { to, secret }
    }

    /// Whether what a gateway shows is the secret, in a time that does not depend on where it differs.
    pub(crate) fn knows(&self, shown: &str) -> bool {
        let secret = self.secret.expose();
        !secret.is_empty() && bool::from(shown.as_bytes().ct_eq(secret.as_bytes()))
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}
