//! Reads stored roll-ups to the end after a query could not, and gives up a generation that is damaged.
//!
//! Usage itself can tell everything, so nothing is lost. It must never judge the usage table.

use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::LakeError;
use crate::keeper::Keeper;
use crate::sources::Rolled;

impl Keeper {
    /// Checks the current generation, and begins a new one when a stored part cannot be read. Returns
    /// whether it did.
    pub(crate) async fn check_rollups(&self) -> Result<bool, LakeError> {
        let Rolled::Ready(rolled) = self.sources.look().await?.rolled else { return Ok(false) };
        let store = rolled.generation.mirror.log_store().object_store(None);
        for path in rolled.parts.files.keys() {
            if let Err(error) = read(store.as_ref(), path).await? {
                let generation = &rolled.generation.name;
                tracing::warn!(%error, path, generation, "roll-up is damaged");
                self.sources.generations.create().await?;
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Reads a file to its end. The inner error is the file's own fault.
async fn read(store: &dyn ObjectStore, path: &str) -> Result<Result<(), LakeError>, LakeError> {
    let bytes = match store.get(&Path::from(path)).await {
        Ok(found) => found.bytes().await?,
        Err(error @ object_store::Error::NotFound { .. }) => return Ok(Err(error.into())),
        Err(error) => return Err(error.into()),
    };
    Ok(decode(bytes))
}

fn decode(bytes: Bytes) -> Result<(), LakeError> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes)
        .and_then(|builder| builder.build())
        .map_err(LakeError::columnar)?;
    for batch in reader {
        batch.map_err(LakeError::columnar)?;
    }
    Ok(())
}
