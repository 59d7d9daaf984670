//! Brings what the spool holds into the lake, from when the lake can be opened until the end.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lake::{Committer, CommitterOptions, Lake, LakeError, LakeOptions};
use spool::{RealDisk, Spool};
use tokio::sync::watch;
use units::Clock;

use super::batches::LakeClaims;

/// Pause before a lake that could not be opened is tried again.
const RETRY: Duration = Duration::from_secs(2);

/// What it takes to record.
pub(super) struct Recorder {
    /// Told of the lake once it is open.
    pub(super) claims: Arc<LakeClaims>,
    pub(super) options: LakeOptions,
    /// The lake where it is open already, with everything earlier processes left in it.
    pub(super) lake: Option<Lake>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) spool: Spool,
    pub(super) spool_root: PathBuf,
    /// Time between commits.
    pub(super) interval: Duration,
}

impl Recorder {
    /// Records until told to stop. What could not be committed stays in the spool for the next start.
    pub(super) async fn run(self, mut stopping: watch::Receiver<bool>) {
        let Some(lake) = self.opened(&mut stopping).await else {
            tracing::error!("the lake was never reached; the next start commits what is spooled");
            return;
        };
        self.claims.opened(&lake);
        let options = CommitterOptions { interval: self.interval, ..CommitterOptions::default() };
        let committer = Committer::new(lake, self.spool).with_options(options);
        if let Err(error) = Box::pin(committer.run(stopping)).await {
            tracing::error!(%error, "usage is no longer committed; restart to commit what is spooled");
        }
    }

    /// The lake with what earlier processes left, as soon as both can be had.
    async fn opened(&self, stopping: &mut watch::Receiver<bool>) -> Option<Lake> {
        if let Some(lake) = &self.lake {
            return Some(lake.clone());
        }
        loop {
            match self.open().await {
                Ok(lake) => return Some(lake),
                Err(error) => tracing::warn!(%error, "lake not open, usage stays in the spool"),
            }
            tokio::select! {
                () = tokio::time::sleep(RETRY) => {}
                _ = stopping.wait_for(|stop| *stop) => return None,
            }
        }
    }

    async fn open(&self) -> Result<Lake, LakeError> {
        let lake = Lake::open(self.options.clone(), Arc::clone(&self.clock)).await?;
        let adopted = lake.adopt_abandoned(&self.spool_root, Arc::new(RealDisk)).await?;
        tracing::info!(?adopted, "spools of earlier processes committed");
        Ok(lake)
    }
}
