//! What this process knows of a table: the active files of its newest version, kept up to date by
//! reading the one log entry after the last, instead of listing and replaying the log.
//!
//! Looking for something new costs one read of a file that is not there, however long the log is. It
//! must never know what the files hold, or write anything.

mod file;
mod snapshot;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::RuntimeEnv;
use deltalake::logstore::{LogStoreRef, get_actions};
use deltalake::{DeltaTable, DeltaTableError};
use tokio::sync::Mutex;

pub(crate) use file::{LiveFile, Shape};
pub(crate) use snapshot::Snapshot;

use crate::LakeError;
use crate::table::TRUST;

/// Most entries that are read to learn which version brought which file.
const HISTORY_MAX: u64 = 5_000;

/// One table of this lake, as this process knows it.
pub(crate) struct Mirror {
    log_store: LogStoreRef,
    shape: &'static Shape,
    url: ObjectStoreUrl,
    known: Mutex<Option<(Arc<Snapshot>, Instant)>>,
}

impl Mirror {
    /// A mirror of a table; `host` names it among the tables a session reads.
    pub(crate) fn new(
        log_store: LogStoreRef,
        shape: &'static Shape,
        host: &str,
    ) -> Result<Self, LakeError> {
        let url = ObjectStoreUrl::parse(format!("lake://{host}"));
        let url = url.map_err(|error| LakeError::query(&error))?;
        Ok(Self { log_store, shape, url, known: Mutex::new(None) })
    }

    /// The store the table's log and files lie on.
    pub(crate) fn log_store(&self) -> &LogStoreRef {
        &self.log_store
    }

    /// Names the table's store for query plans.
    pub(crate) fn url(&self) -> &ObjectStoreUrl {
        &self.url
    }

    /// Lets a runtime's plans read the table's files.
    pub(crate) fn register(&self, runtime: &RuntimeEnv) {
        runtime.register_object_store(self.url.as_ref(), self.log_store.object_store(None));
    }

    /// The table at its newest version.
    pub(crate) async fn newest(&self) -> Result<Arc<Snapshot>, LakeError> {
        let mut known = self.known.lock().await;
        let looked = Instant::now();
        let trusted = known.as_ref().filter(|(_, seen)| seen.elapsed() < TRUST);
        let advanced = match trusted {
            Some((snapshot, _)) => self.advance(snapshot).await.unwrap_or_else(|error| {
                tracing::debug!(%error, table = %self.url, "log is read anew");
                None
            }),
            None => None,
        };
        let snapshot = match advanced {
            Some(snapshot) => snapshot,
            None => Arc::new(self.load().await?),
        };
        *known = Some((Arc::clone(&snapshot), looked));
        Ok(snapshot)
    }

    /// The newest version with every version after `version` told apart, or `None` when the log no
    /// longer tells.
    pub(crate) async fn known_since(
        &self,
        version: u64,
    ) -> Result<Option<Arc<Snapshot>>, LakeError> {
        let newest = self.newest().await?;
        if newest.known_from <= version {
            return Ok(Some(newest));
        }
        if newest.known_from.saturating_sub(version) > HISTORY_MAX {
            return Ok(None);
        }
        let mut older = Snapshot::clone(&newest);
        for at in version.saturating_add(1)..=newest.known_from {
            let Some(entry) = self.log_store.read_commit_entry(at).await? else {
                return Ok(None);
            };
            older.recall(at, &get_actions(at, &entry)?);
        }
        older.known_from = version;
        let older = Arc::new(older);
        let mut known = self.known.lock().await;
        if let Some((snapshot, _)) = known.as_mut()
            && Arc::ptr_eq(snapshot, &newest)
        {
            *snapshot = Arc::clone(&older);
        }
        Ok(Some(older))
    }

    /// Forgets what is known, so that the log is read anew.
    pub(crate) async fn forget(&self) {
        *self.known.lock().await = None;
    }

    /// Applies the entries after those known; `None` when one of them changes the table itself.
    async fn advance(&self, from: &Arc<Snapshot>) -> Result<Option<Arc<Snapshot>>, LakeError> {
        let mut next: Option<Snapshot> = None;
        loop {
            let version = next.as_ref().map_or(from.version, |next| next.version);
            let version = version.saturating_add(1);
            let Some(entry) = self.log_store.read_commit_entry(version).await? else { break };
            let actions = get_actions(version, &entry)?;
            let snapshot = next.get_or_insert_with(|| Snapshot::clone(from));
            if !snapshot.apply(version, actions, self.shape) {
                return Ok(None);
            }
        }
        Ok(Some(next.map_or_else(|| Arc::clone(from), Arc::new)))
    }

    async fn load(&self) -> Result<Snapshot, LakeError> {
        let mut table = DeltaTable::new(Arc::clone(&self.log_store));
        table.load().await?;
        let state = table.snapshot()?;
        let mut files = BTreeMap::new();
        for view in state.log_data().iter() {
            if view.deletion_vector_descriptor().is_some() {
                let reason = "rows were deleted by a program that marks them in files apart";
                return Err(DeltaTableError::generic(reason).into());
            }
            let file = LiveFile::bare(view.path().into_owned(), view.size());
            let (partition, stats) = (view.partition_values_map(), view.stats());
            let file = file.described(partition, stats.as_deref(), self.shape);
            files.insert(file.path.clone(), Arc::new(file));
        }
        let mut txns = BTreeMap::new();
        for app in self.shape.apps {
            let version = state.transaction_version(self.log_store.as_ref(), app).await?;
            if let Some(version) = version {
                txns.insert(*app, version);
            }
        }
        let version = state.version();
        Ok(Snapshot { version, files, txns, known_from: version, removed_at: 0 })
    }
}
