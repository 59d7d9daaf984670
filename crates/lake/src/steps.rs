//! The steps of upkeep one at a time, as commands and tests take them; `Maintenance` takes them all.
//!
//! Each is safe at any time in any number of processes. It must never know how a step is done.

use std::time::Duration;

use crate::maintenance::TableSizes;
use crate::sources::Rolled;
use crate::{Compacted, Lake, LakeError, RolledUp, Vacuumed};

impl Lake {
    /// Rolls up a bounded portion of the usage that is not rolled up yet, or builds the roll-ups when
    /// there are none that can be used. Call it until it is complete.
    ///
    /// # Errors
    /// When usage cannot be read or roll-ups cannot be written; nothing was changed then.
    pub async fn roll_up(&self) -> Result<RolledUp, LakeError> {
        self.keep(|keeper| async move { keeper.roll_up().await }).await
    }

    /// Folds small stored parts of roll-ups into fewer. Returns the files replaced; call it until none
    /// is.
    ///
    /// # Errors
    /// When roll-ups cannot be read or written; nothing was changed then.
    pub async fn merge_rollups(&self) -> Result<usize, LakeError> {
        self.keep(|keeper| async move { keeper.merge().await }).await
    }

    /// Rewrites small files of one day of usage that are rolled up into one. Call it until no file is
    /// replaced.
    ///
    /// # Errors
    /// When usage cannot be read or written; nothing was changed then.
    pub async fn compact(&self) -> Result<Compacted, LakeError> {
        self.keep(|keeper| async move { keeper.compact().await }).await
    }

    /// Removes files no reader that opened within `retention` can need, and needless log entries. A
    /// writer or query that takes longer than `retention` may fail, and is then to be repeated.
    ///
    /// # Errors
    /// When a table cannot be read or listed.
    pub async fn vacuum(&self, retention: Duration) -> Result<Vacuumed, LakeError> {
        self.keep(move |keeper| async move { keeper.vacuum(retention).await }).await
    }

    /// Whether a query could not read a file since this was last asked.
    pub(crate) fn rollups_are_suspected(&self) -> bool {
        self.keeper().sources.take_suspicion()
    }

    /// Reads the stored roll-ups to the end and gives them up when they are damaged.
    pub(crate) async fn check_rollups(&self) -> Result<bool, LakeError> {
        self.keep(|keeper| async move { keeper.check_rollups().await }).await
    }

    /// Sizes of the tables now.
    pub(crate) async fn table_sizes(&self) -> Result<TableSizes, LakeError> {
        let view = self.keep(|keeper| async move { keeper.sources.look().await }).await?;
        let mut sizes = TableSizes {
            usage_version: view.usage.version,
            usage_files: view.usage.files.len() as u64,
            usage_bytes: view.usage.bytes(),
            ..TableSizes::default()
        };
        if let Rolled::Ready(rolled) = view.rolled {
            sizes.rolled_version = Some(rolled.version);
            sizes.tail_files = rolled.tail.len() as u64;
            sizes.rollup_files = rolled.parts.files.len() as u64;
            sizes.rollup_bytes = rolled.parts.bytes();
        }
        Ok(sizes)
    }
}
