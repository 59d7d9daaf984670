//! Puts a log entry of the table's own upkeep: only if nothing came between that it cannot stand beside.
//!
//! Every such entry carries application transactions. Who finds another's entry with one of the same
//! applications, or one that takes away a file it rewrites, has been overtaken, changes nothing, and
//! looks again. Appends of usage pass. It must never know what the files hold.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use deltalake::kernel::transaction::{CommitData, TransactionError};
use deltalake::kernel::{Action, Add, Remove, Transaction};
use deltalake::logstore::{CommitOrBytes, LogStoreRef, get_actions};
use deltalake::protocol::DeltaOperation;
use futures::{StreamExt, stream};
use object_store::path::Path;
use uuid::Uuid;

use crate::table::{CHECKPOINT_EVERY, TRUST};
use crate::{LakeError, checkpoint};

/// What an entry says.
pub(crate) struct Publication {
    /// Files it adds, already written.
    pub(crate) added: Vec<Add>,
    /// Files whose rows the added ones hold.
    pub(crate) replaced: Vec<Remove>,
    /// What is done, for readers of the table's history.
    pub(crate) operation: DeltaOperation,
    /// Applications and their new transaction versions.
    pub(crate) txns: Vec<(String, i64)>,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Published {
    /// The entry is in the log, at this version.
    At(u64),
    /// Another came first. Nothing was changed, and the files written are gone again.
    Overtaken,
}

/// Puts an entry after `version`, which was the newest when it was seen at `looked`.
pub(crate) async fn publish(
    log_store: &LogStoreRef,
    version: u64,
    looked: Instant,
    publication: Publication,
) -> Result<Published, LakeError> {
    let replaced: HashSet<String> =
        publication.replaced.iter().map(|remove| remove.path.clone()).collect();
    let apps: Vec<String> = publication.txns.iter().map(|(app, _)| app.clone()).collect();
    let written: Vec<Path> =
        publication.added.iter().map(|add| Path::from(add.path.as_str())).collect();
    let entry = entry(publication)?;
    let mut version = version;
    loop {
        if looked.elapsed() >= TRUST {
            return Err(LakeError::Overslept(looked.elapsed()));
        }
        version = version.saturating_add(1);
        let bytes = CommitOrBytes::LogBytes(entry.clone());
        match log_store.write_commit_entry(version, bytes, Uuid::now_v7()).await {
            Ok(()) => {
                if version.is_multiple_of(CHECKPOINT_EVERY) {
                    checkpoint::start(Arc::clone(log_store));
                }
                return Ok(Published::At(version));
            }
            Err(TransactionError::VersionAlreadyExists(_)) => {
                let rival = log_store.read_commit_entry(version).await?;
                let rival = rival.ok_or(LakeError::TableChanged { version })?;
                let actions = get_actions(version, &rival)?;
                if actions.iter().any(|action| overtakes(action, &apps, &replaced)) {
                    discard(log_store, written).await;
                    return Ok(Published::Overtaken);
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether another's action leaves no place for an entry of these applications and rewrites.
fn overtakes(action: &Action, apps: &[String], replaced: &HashSet<String>) -> bool {
    match action {
        Action::Metadata(_) | Action::Protocol(_) => true,
        Action::Txn(txn) => apps.contains(&txn.app_id),
        Action::Remove(remove) => replaced.contains(&remove.path),
        _ => false,
    }
}

fn entry(publication: Publication) -> Result<bytes::Bytes, LakeError> {
    let Publication { added, replaced, operation, txns } = publication;
    let actions =
        replaced.into_iter().map(Action::Remove).chain(added.into_iter().map(Action::Add));
    let txns = txns.into_iter().map(|(app, version)| Transaction::new(app, version)).collect();
    let data = CommitData::new(actions.collect(), operation, HashMap::new(), txns);
    Ok(data.get_bytes()?)
}

/// Removes files no entry will ever name. What cannot be removed now is vacuumed later.
pub(crate) async fn discard(log_store: &LogStoreRef, written: Vec<Path>) {
    let store = log_store.object_store(None);
    let mut done = store.delete_stream(stream::iter(written).map(Ok).boxed());
    while let Some(outcome) = done.next().await {
        if let Err(error) = outcome {
            tracing::debug!(%error, "file of an overtaken rewrite not removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_append_passes_and_a_rival_does_not() {
        let replaced = HashSet::from(["a".to_owned()]);
        let remove =
            |path: &str| Action::Remove(Remove { path: path.to_owned(), ..Remove::default() });
        let txn = |app: &str| Action::Txn(Transaction::new(app, 3));
        for (action, expected) in [
            (txn("node/epoch"), false),
            (txn("maint"), true),
            (remove("b"), false),
            (remove("a"), true),
        ] {
            assert_eq!(
                overtakes(&action, &["maint".to_owned()], &replaced),
                expected,
                "{action:?}"
            );
        }
    }
}
