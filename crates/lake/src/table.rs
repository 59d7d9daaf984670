//! The Delta table `usage` on its store: created once, opened, and read at its newest version.

use std::path::Path as FsPath;
use std::sync::Arc;
use std::time::Duration;

use deltalake::kernel::StructField;
use deltalake::logstore::{LogStoreRef, StorageConfig, default_logstore};
use deltalake::{DeltaTable, TableProperty};
use object_store::ObjectStore;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use tokio::sync::Mutex;
use url::Url;

use crate::durable::{self, DurableLocal};
use crate::{LakeError, schema};

/// Name of the table and of its directory.
pub(crate) const NAME: &str = "usage";
/// Versions after which a table kept open is opened anew: every update in place makes the next slower.
const REOPEN_AFTER: u64 = 100;
/// Versions between checkpoints.
pub(crate) const CHECKPOINT_EVERY: u64 = 100;
/// How long Delta keeps the entries of its log before the last checkpoint. It must exceed by far the
/// time any writer may hold on to a version it has seen ([`TRUST`]), and it must not be long: at one
/// commit a second, every listing of the log reads what this keeps.
pub(crate) const LOG_RETENTION: &str = "interval 2 hours";
/// How long checkpoints remember removed files: longer than vacuum may be told to keep them.
pub(crate) const TOMBSTONE_RETENTION: &str = "interval 4 hours";
/// How long a version seen is taken to be near the end of the log. Whoever slept longer looks again,
/// since the entry after it may be cleaned away, and its place must not be taken twice.
pub(crate) const TRUST: Duration = Duration::from_secs(600);

/// The log store of the table `usage` in `dir`, creating the directory.
pub(crate) fn log_store(dir: &FsPath) -> Result<LogStoreRef, LakeError> {
    log_store_at(&dir.join(NAME))
}

/// The log store of a table that lies in `dir` itself, creating the directory.
pub(crate) fn log_store_at(dir: &FsPath) -> Result<LogStoreRef, LakeError> {
    let dir = std::path::absolute(dir).map_err(|e| LakeError::io(dir, e))?;
    durable::create_dirs(&dir).map_err(|e| LakeError::io(&dir, e))?;
    let dir = dir.canonicalize().map_err(|e| LakeError::io(&dir, e))?;
    let url = Url::from_directory_path(&dir).map_err(|()| {
        LakeError::io(&dir, std::io::Error::from(std::io::ErrorKind::InvalidFilename))
    })?;
    let prefix = Path::from_absolute_path(&dir).map_err(object_store::Error::from)?;
    let root: Arc<dyn ObjectStore> = Arc::new(DurableLocal::default());
    let table: Arc<dyn ObjectStore> = Arc::new(PrefixStore::new(Arc::clone(&root), prefix));
    Ok(default_logstore(table, root, &url, &StorageConfig::default()))
}

/// Times a process tries to add columns while others do.
const EVOLVE_TRIES: u32 = 5;

/// Opens the table, creating it when there is none and adding the columns an older build did not know.
/// Any number of processes may do so at once: one creates or changes it, the others find it so. Rows
/// written before hold NULL in a column added. A process of the older build goes on committing, but must
/// not keep the table in shape any more: a rewrite of its would leave the new columns out.
pub(crate) async fn open_or_create(log_store: &LogStoreRef) -> Result<DeltaTable, LakeError> {
    let mut table = DeltaTable::new(Arc::clone(log_store));
    if !table.verify_deltatable_existence().await? {
        let created = create(log_store).await;
        if let Err(error) = created {
            tracing::debug!(%error, "usage table not created, looking for another's");
        }
    }
    table.load().await?;
    evolved(table).await
}

async fn evolved(mut table: DeltaTable) -> Result<DeltaTable, LakeError> {
    for attempt in 1..=EVOLVE_TRIES {
        let missing = schema::missing(&table)?;
        if missing.is_empty() {
            return Ok(table);
        }
        let columns: Vec<&String> = missing.iter().map(StructField::name).collect();
        tracing::info!(?columns, "usage table gets columns");
        if let Err(error) = table.clone().add_columns().with_fields(missing.clone()).await {
            if attempt == EVOLVE_TRIES {
                return Err(error.into());
            }
            tracing::debug!(%error, "columns not added, looking whether another did");
        }
        table = DeltaTable::new(table.log_store());
        table.load().await?;
    }
    Ok(table)
}

async fn create(log_store: &LogStoreRef) -> Result<DeltaTable, LakeError> {
    let fields: Vec<StructField> = schema::delta_schema()?.fields().cloned().collect();
    let create = DeltaTable::new(Arc::clone(log_store))
        .create()
        .with_table_name(NAME)
        .with_columns(fields)
        .with_partition_columns([schema::PARTITION])
        .with_configuration_property(
            TableProperty::CheckpointInterval,
            Some(CHECKPOINT_EVERY.to_string()),
        )
        .with_configuration_property(TableProperty::LogRetentionDuration, Some(LOG_RETENTION))
        .with_configuration_property(
            TableProperty::DeletedFileRetentionDuration,
            Some(TOMBSTONE_RETENTION),
        );
    Ok(create.await?)
}

/// Hands out the table at its newest version, cheaply.
pub(crate) struct Reader {
    log_store: LogStoreRef,
    cached: Mutex<Cached>,
}

struct Cached {
    table: DeltaTable,
    opened_at: u64,
}

impl Reader {
    /// A reader that starts from a loaded table.
    pub(crate) fn new(table: DeltaTable) -> Self {
        let opened_at = table.version().unwrap_or(0);
        Self { log_store: table.log_store(), cached: Mutex::new(Cached { table, opened_at }) }
    }

    /// The store the log lies on.
    pub(crate) fn log_store(&self) -> &LogStoreRef {
        &self.log_store
    }

    /// The table at its newest version.
    pub(crate) async fn newest(&self) -> Result<DeltaTable, LakeError> {
        let mut cached = self.cached.lock().await;
        let updated = cached.table.update_state().await;
        let version = cached.table.version().unwrap_or(0);
        if updated.is_err() || version >= cached.opened_at.saturating_add(REOPEN_AFTER) {
            let mut table = DeltaTable::new(Arc::clone(&self.log_store));
            table.load().await?;
            *cached = Cached { opened_at: table.version().unwrap_or(0), table };
        }
        Ok(cached.table.clone())
    }
}
