//! Removes what nobody can need any more: files no version younger than the retention names, what
//! crashed writers left, log entries before a checkpoint, and generations of roll-ups left behind.
//!
//! Deleting what is gone already is no error, so that any number may do this at once. It must never
//! remove what a reader that opened within the retention may still read.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use deltalake::DeltaTable;
use deltalake::logstore::LogStoreRef;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::ObjectMeta;

use crate::committer::blocking;
use crate::keeper::{Keeper, store_now};
use crate::rollup::generation::ROLLUP_APP;
use crate::{LakeError, checkpoint, durable, table};

/// What a vacuum removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Vacuumed {
    /// Files of rows.
    pub files: u64,
    /// Their size, bytes.
    pub bytes: u64,
    /// Generations of roll-ups that were left behind.
    pub generations: u64,
}

impl Keeper {
    /// Vacuums every table. Files younger than `retention`, and those taken out of a table within it,
    /// stay.
    pub(crate) async fn vacuum(&self, retention: Duration) -> Result<Vacuumed, LakeError> {
        let micros = i64::try_from(retention.as_micros()).unwrap_or(i64::MAX);
        let cutoff_ms = store_now().get().saturating_sub(micros).div_euclid(1_000);
        let mut done = Vacuumed::default();
        let usage = self.sources.usage.log_store();
        sweep(usage, cutoff_ms, &mut done).await?;
        sweep_staged(self.sources.dir.join(table::NAME), cutoff_ms).await?;
        self.vacuum_rollups(cutoff_ms, &mut done).await?;
        Ok(done)
    }

    async fn vacuum_rollups(&self, cutoff_ms: i64, done: &mut Vacuumed) -> Result<(), LakeError> {
        let generations = &self.sources.generations;
        let Some(current) = generations.current().await? else { return Ok(()) };
        // Files of a generation that is being filled are named by its first entry only.
        if current.mirror.newest().await?.txn(ROLLUP_APP).is_some() {
            sweep(current.mirror.log_store(), cutoff_ms, done).await?;
            sweep_staged(current.dir.clone(), cutoff_ms).await?;
        }
        for name in generations.names().await? {
            if name < current.name {
                let dir = generations.dir_of(&name);
                done.generations += u64::from(remove_left_behind(dir, cutoff_ms).await?);
            }
        }
        Ok(())
    }
}

/// Removes a generation nobody has rolled up into since the cutoff.
async fn remove_left_behind(dir: PathBuf, cutoff_ms: i64) -> Result<bool, LakeError> {
    blocking(move || {
        let is_old = durable::newest_ms(&dir.join("_delta_log")).is_none_or(|ms| ms < cutoff_ms);
        // Another vacuum may be removing it just now.
        Ok(is_old && std::fs::remove_dir_all(&dir).is_ok())
    })
    .await
}

/// Removes what writers that died left beside the places of their files.
async fn sweep_staged(dir: PathBuf, cutoff_ms: i64) -> Result<(), LakeError> {
    blocking(move || durable::sweep_staged(&dir, cutoff_ms).map_err(|e| LakeError::io(dir, e)))
        .await
}

/// Removes files of rows a table's log does not name, or has named gone since before the cutoff, then
/// writes a checkpoint and removes what it makes needless.
async fn sweep(
    log_store: &LogStoreRef,
    cutoff_ms: i64,
    done: &mut Vacuumed,
) -> Result<(), LakeError> {
    let store = log_store.object_store(None);
    // Listed before the log is read: what is committed in between is known to the log.
    let listed: Vec<ObjectMeta> = store
        .list(None)
        .try_filter(|object| futures::future::ready(is_rows(object, cutoff_ms)))
        .try_collect()
        .await?;
    let mut table = DeltaTable::new(Arc::clone(log_store));
    table.load().await?;
    let state = table.snapshot()?;
    let active: HashSet<String> =
        state.log_data().iter().map(|file| file.path().into_owned()).collect();
    let removed: HashMap<String, i64> = state
        .all_tombstones(log_store.as_ref())
        .map_ok(|gone| (gone.path().into_owned(), gone.deletion_timestamp().unwrap_or(0)))
        .try_collect()
        .await?;
    let needless: Vec<ObjectMeta> = listed
        .into_iter()
        .filter(|object| {
            let path = object.location.as_ref();
            !active.contains(path) && removed.get(path).is_none_or(|at| *at < cutoff_ms)
        })
        .collect();
    let paths: Vec<_> = needless.iter().map(|object| object.location.clone()).collect();
    let sizes: HashMap<_, u64> =
        needless.into_iter().map(|object| (object.location, object.size)).collect();
    let mut deleted = store.delete_stream(stream::iter(paths).map(Ok).boxed());
    while let Some(outcome) = deleted.next().await {
        match outcome {
            Ok(path) => {
                done.files += 1;
                done.bytes = done.bytes.saturating_add(sizes.get(&path).copied().unwrap_or(0));
            }
            Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => tracing::warn!(%error, "needless file not removed"),
        }
    }
    checkpoint::write(log_store).await?;
    Ok(())
}

/// Whether an object is a file of rows, older than the cutoff.
fn is_rows(object: &ObjectMeta, cutoff_ms: i64) -> bool {
    let path = object.location.as_ref();
    !path.starts_with('_')
        && path.ends_with(".parquet")
        && object.last_modified.timestamp_millis() < cutoff_ms
}
