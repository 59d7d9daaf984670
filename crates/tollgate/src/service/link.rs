//! The seam between the halves inside one process: the same calls that a gateway elsewhere makes over
//! HTTP, answered without it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use console::{GatewayLink, LinkError};
use gateway::AuthorityAway;
use policy::{LeaseReply, LeaseReport, SnapshotDocument};
use tokio::sync::watch;
use units::Clock;

use super::followers::Followers;
use super::publisher::Published;

/// What gateways ask of the console's half.
#[derive(Clone)]
pub(super) struct LocalLink {
    pub(super) authority: Arc<finops::Authority>,
    pub(super) published: Published,
    /// Which gateways follow.
    pub(super) followers: Arc<Followers>,
    pub(super) clock: Arc<dyn Clock>,
    /// Ends waiting polls at a stop.
    pub(super) stopping: watch::Receiver<bool>,
}

#[async_trait]
impl gateway::Authority for LocalLink {
    async fn sync(&self, report: LeaseReport) -> Result<LeaseReply, AuthorityAway> {
        let synced = self.authority.sync(&report).await;
        synced.map_err(|error| AuthorityAway(error.to_string()))
    }
}

#[async_trait]
impl GatewayLink for LocalLink {
    async fn snapshot(
        &self,
        node: &str,
        after: Option<&str>,
        wait: Duration,
    ) -> Option<Arc<SnapshotDocument>> {
        let has_newest = after.is_some_and(|after| self.published.borrow().tag() == after);
        self.followers.heard(node, has_newest, self.clock.now());
        let (mut published, mut stopping) = (self.published.clone(), self.stopping.clone());
        let is_news =
            |document: &Arc<SnapshotDocument>| after.is_none_or(|after| document.tag() != after);
        tokio::select! {
            changed = tokio::time::timeout(wait, published.wait_for(is_news)) => {
                changed.ok()?.ok().map(|document| Arc::clone(&document))
            }
            _ = stopping.wait_for(|stop| *stop) => None,
        }
    }

    async fn leases(&self, report: LeaseReport) -> Result<LeaseReply, LinkError> {
        self.followers.heard(&report.node, false, self.clock.now());
        let synced = self.authority.sync(&report).await;
        synced.map_err(|error| LinkError::Away(error.to_string()))
    }
}
