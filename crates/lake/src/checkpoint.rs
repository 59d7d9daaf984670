//! Checkpoints of the Delta log, so that opening the table stays cheap, and removal of the log
//! entries a checkpoint has made needless.

use std::sync::Arc;

use deltalake::DeltaTable;
use deltalake::checkpoints::{cleanup_metadata, create_checkpoint};
use deltalake::logstore::LogStoreRef;

use crate::LakeError;

/// Writes a checkpoint beside the work at hand. One that fails costs only time: the next is due soon.
pub(crate) fn start(log_store: LogStoreRef) {
    tokio::spawn(async move {
        match write(&log_store).await {
            Ok(version) => tracing::debug!(version, "checkpoint written"),
            Err(error) => tracing::warn!(%error, "checkpoint not written"),
        }
    });
}

/// Writes a checkpoint of the newest version and returns that version.
pub(crate) async fn write(log_store: &LogStoreRef) -> Result<u64, LakeError> {
    let mut table = DeltaTable::new(Arc::clone(log_store));
    table.load().await?;
    create_checkpoint(&table, None).await?;
    cleanup_metadata(&table, None).await?;
    Ok(table.snapshot()?.version())
}
