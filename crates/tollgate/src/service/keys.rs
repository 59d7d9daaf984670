//! Keys in the database, kept in the gateway's snapshot: a change shows within half a second,
//! whichever process made it.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use policy::{Snapshot, Treasury};
use store::{Keys, StoreError};
use tokio::sync::watch;

use crate::compile;
use crate::config::Config;

/// How often the database is asked whether anything changed: one indexed read.
const POLL: Duration = Duration::from_millis(500);

/// What keeps the snapshot up to date.
pub(super) struct Watch {
    pub(super) config: Config,
    pub(super) keys: Arc<dyn Keys>,
    pub(super) snapshot: Arc<ArcSwap<Snapshot>>,
    pub(super) treasury: Arc<Treasury>,
}

impl Watch {
    /// Compiles a snapshot from the database as it is now, and says of which revision.
    pub(super) async fn refresh(&self) -> Result<u64, StoreError> {
        let stored = self.keys.snapshot().await?;
        let version = self.snapshot.load().version + 1;
        let snapshot = compile::snapshot(&self.config, &stored.keys, version);
        self.treasury.configure(&snapshot.budgets);
        tracing::info!(version, keys = snapshot.keys.len(), "snapshot compiled");
        self.snapshot.store(Arc::new(snapshot));
        Ok(stored.revision)
    }

    /// Refreshes whenever something changed, until told to stop. While the database is away the last
    /// good snapshot stays in force.
    pub(super) async fn run(self, mut stopping: watch::Receiver<bool>) {
        let mut known = None;
        loop {
            match self.keys.revision().await {
                Ok(revision) if known == Some(revision) => {}
                Ok(_) => match self.refresh().await {
                    Ok(revision) => known = Some(revision),
                    Err(error) => tracing::warn!(%error, "snapshot not refreshed"),
                },
                Err(error) => {
                    tracing::warn!(%error, "database away, serving from the last snapshot")
                }
            }
            tokio::select! {
                () = tokio::time::sleep(POLL) => {}
                _ = stopping.wait_for(|stop| *stop) => return,
            }
        }
    }
}
