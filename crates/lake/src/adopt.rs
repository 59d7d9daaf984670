//! Commits what processes that are gone left in their spools.
//!
//! Each epoch is committed under its own application id, from the last sequence the table holds for
//! it, so that a crash in the middle of an adoption, however often, neither loses nor doubles a row.

use std::path::Path;
use std::sync::Arc;

use spool::{AbandonedEpoch, Disk, Recovered, SpoolError, abandoned};

use crate::committer::{app_id, blocking};
use crate::{Lake, LakeError, LakeRow, columns};

/// Most rows one commit takes; they are held in memory, about 2 KiB each.
const ROWS_MAX: usize = 20_000;

/// What an adoption brought into the table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Adopted {
    /// Epochs that were finished and removed.
    pub epochs: usize,
    /// Rows committed.
    pub rows: usize,
    /// Rows among them whose attempt had not been settled.
    pub orphans: usize,
}

impl Lake {
    /// Commits and removes every epoch below `root` whose process is gone. Safe to call while other
    /// processes run, adopt, or have just died adopting.
    ///
    /// # Errors
    /// When an epoch cannot be read or committed. Epochs before it are done; it and those after it
    /// stay for the next call.
    pub async fn adopt_abandoned(
        &self,
        root: &Path,
        disk: Arc<dyn Disk>,
    ) -> Result<Adopted, LakeError> {
        let root = root.to_owned();
        let epochs = blocking(move || Ok(abandoned(&root, &disk)?)).await?;
        let mut adopted = Adopted::default();
        for epoch in epochs {
            self.adopt(epoch, &mut adopted).await?;
        }
        Ok(adopted)
    }

    async fn adopt(&self, epoch: AbandonedEpoch, adopted: &mut Adopted) -> Result<(), LakeError> {
        let node_id: Arc<str> = epoch.node_id().into();
        let name: Arc<str> = epoch.epoch().into();
        let app = app_id(&node_id, &name);
        let committed = self.last_committed(&app).await?;
        // Reading starts with a sync of what will be read.
        let (epoch, mut events) = blocking(move || {
            let events = epoch.events()?;
            Ok((epoch, events))
        })
        .await?;
        loop {
            let portion =
                Portion { node_id: Arc::clone(&node_id), epoch: Arc::clone(&name), committed };
            let (rest, rows, orphans) = blocking(move || {
                let (rows, orphans) = portion.take(&mut events)?;
                Ok((events, rows, orphans))
            })
            .await?;
            events = rest;
            let Some(last_seq) = rows.last().map(|row| row.seq) else { break };
            adopted.rows += rows.len();
            self.commit_owned(&app, rows, last_seq).await?;
            adopted.orphans += orphans;
        }
        blocking(move || Ok(epoch.finish()?)).await?;
        adopted.epochs += 1;
        tracing::info!(app, "epoch of a stopped process adopted");
        Ok(())
    }
}

/// What the rows of one commit have in common.
struct Portion {
    node_id: Arc<str>,
    epoch: Arc<str>,
    committed: Option<i64>,
}

impl Portion {
    /// The next rows the table does not hold, and how many of them are orphans.
    fn take(&self, events: &mut Recovered) -> Result<(Vec<LakeRow>, usize), SpoolError> {
        let (mut rows, mut orphans) = (Vec::new(), 0);
        while rows.len() < ROWS_MAX
            && let Some(recovered) = events.next().transpose()?
        {
            if self.committed.is_some_and(|committed| columns::clamped(recovered.seq) <= committed)
            {
                continue;
            }
            orphans += usize::from(recovered.is_orphan);
            rows.push(LakeRow {
                event: recovered.event,
                node_id: Arc::clone(&self.node_id),
                epoch: Arc::clone(&self.epoch),
                seq: recovered.seq,
            });
        }
        Ok((rows, orphans))
    }
}
