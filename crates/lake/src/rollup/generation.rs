//! The stored roll-ups: a Delta table per format and usage table, in a directory of its own, so that
//! one that is damaged, or that another version of Tollgate made, is left behind and built anew.
//!
//! Of several generations the one with the greatest name, which is the youngest, counts. It must never
//! know what the rows mean.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use arrow::datatypes::{DataType, Field, Schema};
use deltalake::kernel::StructType;
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake::{DeltaTable, TableProperty};
use events::ColumnType;
use tokio::sync::Mutex;
use uuid::Uuid;

use super::schema::{BUCKET, BUCKET_DATE, FORMAT, MEASURES, ROLLUP_TABLES};
use crate::LakeError;
use crate::committer::blocking;
use crate::mirror::{Mirror, Shape};
use crate::schema::arrow_type;
use crate::table::{self, CHECKPOINT_EVERY, LOG_RETENTION, TOMBSTONE_RETENTION};

/// Directory of the generations, beside the usage table.
const DIRECTORY: &str = "rollup";
/// Partition column: the roll-up table a file belongs to.
pub(crate) const CUBE: &str = "cube";
/// Partition column: the month of the file's rows, `YYYY-MM`, UTC.
pub(crate) const MONTH: &str = "month";
/// Application whose transaction version is the usage version rolled up to.
pub(crate) const ROLLUP_APP: &str = "rollup";
/// Application whose transaction version counts rewrites of stored parts.
pub(crate) const MERGE_APP: &str = "merge";
/// How long a generation is used before a younger one is looked for.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// The same while there is none.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

static SHAPE: Shape = Shape {
    days: BUCKET_DATE,
    instants: BUCKET,
    instants_width_us: 0,
    apps: &[ROLLUP_APP, MERGE_APP],
};

static COLUMNS: LazyLock<Schema> = LazyLock::new(|| {
    let mut fields = vec![
        Field::new(CUBE, DataType::Utf8, false),
        Field::new(MONTH, DataType::Utf8, false),
        Field::new(BUCKET, arrow_type(ColumnType::Timestamp), true),
        Field::new(BUCKET_DATE, arrow_type(ColumnType::Date), true),
    ];
    for dimension in ROLLUP_TABLES.iter().flat_map(|table| table.dimensions) {
        if fields.iter().all(|field| field.name() != dimension) {
            fields.push(Field::new(*dimension, DataType::Utf8, true));
        }
    }
    fields.extend(MEASURES.iter().map(|m| Field::new(m.name, arrow_type(m.ty), true)));
    Schema::new(fields)
});

/// A generation of the stored roll-ups.
pub(crate) struct Generation {
    /// Its directory's name.
    pub(crate) name: String,
    /// Its directory.
    pub(crate) dir: PathBuf,
    /// Its table.
    pub(crate) mirror: Mirror,
}

/// Finds and makes generations.
pub(crate) struct Generations {
    dir: PathBuf,
    /// Start of the names of those that are ours: format and usage table.
    prefix: String,
    current: Mutex<Option<(Option<Arc<Generation>>, Instant)>>,
}

impl Generations {
    /// The generations beside the usage table with this id, in the lake's directory.
    pub(crate) fn new(lake: &Path, usage_id: &str) -> Self {
        let prefix = format!("v{FORMAT}-{usage_id}-");
        Self { dir: lake.join(DIRECTORY), prefix, current: Mutex::new(None) }
    }

    /// The generation that counts, if there is one.
    pub(crate) async fn current(&self) -> Result<Option<Arc<Generation>>, LakeError> {
        let mut current = self.current.lock().await;
        if let Some((generation, looked)) = current.as_ref() {
            let keep = if generation.is_some() { LOOK_EVERY } else { LOOK_AGAIN };
            if looked.elapsed() < keep {
                return Ok(generation.clone());
            }
        }
        let known = current.take().and_then(|(generation, _)| generation);
        let youngest = self.names().await?.pop();
        let generation = match (youngest, known) {
            (Some(name), Some(known)) if known.name == name => Some(known),
            (Some(name), _) => Some(Arc::new(self.open(name)?)),
            (None, _) => None,
        };
        *current = Some((generation.clone(), Instant::now()));
        Ok(generation)
    }

    /// Makes a generation. Several processes may do so at once: all then use the same one of them.
    pub(crate) async fn create(&self) -> Result<Arc<Generation>, LakeError> {
        let name = format!("{}{}", self.prefix, Uuid::now_v7().simple());
        let generation = self.open(name)?;
        let columns: StructType = (&*COLUMNS).try_into_kernel().map_err(LakeError::columnar)?;
        DeltaTable::new(Arc::clone(generation.mirror.log_store()))
            .create()
            .with_table_name(DIRECTORY)
            .with_columns(columns.fields().cloned())
            .with_partition_columns([CUBE, MONTH])
            .with_configuration_property(
                TableProperty::CheckpointInterval,
                Some(CHECKPOINT_EVERY.to_string()),
            )
            .with_configuration_property(TableProperty::LogRetentionDuration, Some(LOG_RETENTION))
            .with_configuration_property(
                TableProperty::DeletedFileRetentionDuration,
                Some(TOMBSTONE_RETENTION),
            )
            .await?;
        tracing::info!(generation = generation.name, "roll-ups are built anew");
        self.forget().await;
        Ok(self.current().await?.unwrap_or_else(|| Arc::new(generation)))
    }

    /// Looks for the youngest generation at the next use.
    pub(crate) async fn forget(&self) {
        *self.current.lock().await = None;
    }

    /// Names of our generations, the youngest last.
    pub(crate) async fn names(&self) -> Result<Vec<String>, LakeError> {
        let (dir, prefix) = (self.dir.clone(), self.prefix.clone());
        blocking(move || {
            let entries = match std::fs::read_dir(&dir) {
                Ok(entries) => entries,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    return Ok(Vec::new());
                }
                Err(error) => return Err(LakeError::io(&dir, error)),
            };
            let mut names: Vec<String> = entries
                .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
                .filter(|name| name.starts_with(&prefix) && has_log(&dir.join(name)))
                .collect();
            names.sort();
            Ok(names)
        })
        .await
    }

    /// The directory of a generation.
    pub(crate) fn dir_of(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    fn open(&self, name: String) -> Result<Generation, LakeError> {
        let dir = self.dir.join(&name);
        let mirror = Mirror::new(table::log_store_at(&dir)?, &SHAPE, &name)?;
        Ok(Generation { name, dir, mirror })
    }
}

/// Whether a log was begun in a directory. Its first entry may have been cleaned away since.
fn has_log(dir: &Path) -> bool {
    let log = dir.join("_delta_log");
    log.join("00000000000000000000.json").is_file() || log.join("_last_checkpoint").is_file()
}
