//! A table at one version.

use std::collections::BTreeMap;
use std::sync::Arc;

use deltalake::kernel::Action;

use super::file::{LiveFile, Shape};

/// A table at one version.
#[derive(Clone)]
pub(crate) struct Snapshot {
    /// The version.
    pub(crate) version: u64,
    /// Active files by path.
    pub(crate) files: BTreeMap<String, Arc<LiveFile>>,
    /// Transaction versions of the applications that matter.
    pub(crate) txns: BTreeMap<&'static str, i64>,
    /// Versions after this one are told apart: files they brought carry them.
    pub(crate) known_from: u64,
    /// Highest of those versions that removed rows, 0 if none.
    pub(crate) removed_at: u64,
}

impl Snapshot {
    /// An application's transaction version.
    pub(crate) fn txn(&self, app: &str) -> Option<i64> {
        self.txns.get(app).copied()
    }

    /// The files whose rows came after `version`; `None` when what came after is not known, or was
    /// more than files that are still there.
    pub(crate) fn since(&self, version: u64) -> Option<Vec<Arc<LiveFile>>> {
        let is_known =
            self.known_from <= version && self.removed_at <= version && version <= self.version;
        is_known.then(|| self.files.values().filter(|f| f.since > version).cloned().collect())
    }

    /// All files.
    pub(crate) fn all(&self) -> Vec<Arc<LiveFile>> {
        self.files.values().cloned().collect()
    }

    /// Bytes of all files.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.values().map(|file| file.size).sum()
    }

    /// Applies the entry after this version. Returns false, with the snapshot in no state to be used,
    /// when the entry changes the table itself.
    pub(super) fn apply(&mut self, version: u64, actions: Vec<Action>, shape: &Shape) -> bool {
        for action in actions {
            match action {
                Action::Metadata(_) | Action::Protocol(_) => return false,
                Action::Add(add) if add.deletion_vector.is_some() => return false,
                Action::Add(add) => {
                    let since = if add.data_change { version } else { 0 };
                    let file = LiveFile::of(&add, since, shape);
                    self.files.insert(file.path.clone(), Arc::new(file));
                }
                Action::Remove(remove) => {
                    self.files.remove(&remove.path);
                    if remove.data_change {
                        self.removed_at = version;
                    }
                }
                Action::Txn(txn) => {
                    if let Some(app) = shape.apps.iter().find(|app| **app == txn.app_id) {
                        self.txns.insert(app, txn.version);
                    }
                }
                _ => {}
            }
        }
        self.version = version;
        true
    }

    /// Learns from an entry at or before this version which files it brought and whether it removed
    /// rows.
    pub(super) fn recall(&mut self, version: u64, actions: &[Action]) {
        for action in actions {
            match action {
                Action::Add(add) if add.data_change => {
                    if let Some(file) = self.files.get_mut(&add.path) {
                        Arc::make_mut(file).since = version;
                    }
                }
                Action::Remove(remove) if remove.data_change => {
                    self.removed_at = self.removed_at.max(version);
                }
                _ => {}
            }
        }
    }
}
