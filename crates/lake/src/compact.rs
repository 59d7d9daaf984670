//! Rewrites many small files of a day of usage into one, sorted so that a tenant or a request is found
//! by reading little.
//!
//! Only rows that are rolled up are touched, so that new rows stay apart from old. It must never change
//! a row.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::compute::{cast, max, min};
use arrow::datatypes::{Schema, SchemaRef, TimestampMicrosecondType};
use datafusion::logical_expr::col;
use deltalake::kernel::Add;
use deltalake::protocol::DeltaOperation;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};
use parquet::arrow::ArrowWriter;
use uuid::Uuid;

use crate::LakeError;
use crate::files::{COMPACTED, stats_of};
use crate::keeper::{Keeper, store_now, stream};
use crate::mirror::{LiveFile, Snapshot};
use crate::publish::{Publication, Published, publish};
use crate::rollup::plan;
use crate::schema::{PARTITION, usage_schema};
use crate::sources::{MAINT_APP, ROLLED_APP, Rolled};
use crate::tiers::Tiers;

/// When files of a day are rewritten into one.
const TIERS: Tiers = Tiers {
    large_bytes: 32 << 20,
    first_bytes: 64 << 10,
    open_max: 8,
    closed_max: 1,
    step_bytes: 48 << 20,
    step_rows: 400_000,
};
/// Days, counted from the newest, that still get rows.
const OPEN_DAYS: i32 = 2;

/// What a rewrite did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Files replaced; 0 when there was nothing to gain, or another rewrite came first.
    pub files: usize,
    /// Their size, bytes.
    pub bytes_before: u64,
    /// Size of the file in their place, bytes.
    pub bytes_after: u64,
}

impl Keeper {
    /// One step: rewrites some files of the one day that gains most.
    pub(crate) async fn compact(&self) -> Result<Compacted, LakeError> {
        let looked = Instant::now();
        let view = self.sources.look().await?;
        let Rolled::Ready(rolled) = view.rolled else { return Ok(Compacted::default()) };
        let Some((day, picked)) = crowded(&view.usage, rolled.version) else {
            return Ok(Compacted::default());
        };
        let now = store_now();
        let bytes_before = picked.iter().map(|file| file.size).sum();
        let replaced: Vec<_> = picked.iter().map(|file| file.replaced(now)).collect();
        let added = self.rewrite(&day, picked).await?;
        let compacted = Compacted {
            files: replaced.len(),
            bytes_before,
            bytes_after: u64::try_from(added.size).unwrap_or(0),
        };
        let rewrites = view.usage.txn(MAINT_APP).unwrap_or(0).saturating_add(1);
        let publication = Publication {
            added: vec![added],
            replaced,
            operation: DeltaOperation::Optimize {
                predicate: None,
                target_size: i64::try_from(TIERS.large_bytes).unwrap_or(i64::MAX),
            },
            txns: vec![
                (MAINT_APP.to_owned(), rewrites),
                (ROLLED_APP.to_owned(), i64::try_from(rolled.version).unwrap_or(i64::MAX)),
            ],
        };
        let log_store = self.sources.usage.log_store();
        let published = publish(log_store, view.usage.version, looked, publication).await?;
        Ok(if published == Published::Overtaken { Compacted::default() } else { compacted })
    }

    /// Writes the rows of some files of a day as one.
    async fn rewrite(&self, day: &str, picked: Vec<Arc<LiveFile>>) -> Result<Add, LakeError> {
        let expected: Option<u64> = picked.iter().map(|file| file.rows).sum();
        let context = self.context();
        let files = Arc::new(self.sources.usage_files(picked));
        let sorted = plan::scan("usage", files)
            .and_then(|rows| rows.sort_by([col("organisation"), col("received_at")]));
        let mut rows = stream(&context, sorted).await?;
        let mut file = Rewritten::begin()?;
        while let Some(batch) = rows.try_next().await.map_err(|e| LakeError::query(&e))? {
            file.push(&batch)?;
        }
        if expected.is_some_and(|expected| expected != file.rows) {
            let reason = format!("a rewrite of {day} gave {} rows of {expected:?}", file.rows);
            return Err(LakeError::columnar(reason));
        }
        file.finish(self.sources.usage.log_store().object_store(None).as_ref(), day).await
    }
}

/// The day whose rewrite replaces most files, and those files. Rows after `rolled` stay apart.
fn crowded(usage: &Snapshot, rolled: u64) -> Option<(String, Vec<Arc<LiveFile>>)> {
    let mut days: BTreeMap<i32, Vec<Arc<LiveFile>>> = BTreeMap::new();
    for file in usage.files.values().filter(|file| file.since <= rolled) {
        if let Some((day, _)) = file.days {
            days.entry(day).or_default().push(Arc::clone(file));
        }
    }
    let newest = *days.keys().next_back()?;
    let picked = days.iter().map(|(day, files)| {
        let is_open = *day > newest.saturating_sub(OPEN_DAYS);
        TIERS.pick(files, is_open)
    });
    let picked = picked.max_by_key(Vec::len).filter(|files| !files.is_empty())?;
    let day = picked.first()?.partition_value(PARTITION)?.to_owned();
    Some((day, picked))
}

/// A file being written, in memory: it is at most as large as the files it replaces.
struct Rewritten {
    schema: SchemaRef,
    writer: ArrowWriter<Vec<u8>>,
    rows: u64,
    hours: Option<(i64, i64)>,
}

impl Rewritten {
    fn begin() -> Result<Self, LakeError> {
        let all = usage_schema();
        let kept = all.fields().iter().filter(|field| field.name() != PARTITION).cloned();
        let schema = Arc::new(Schema::new(kept.collect::<Vec<_>>()));
        let writer = ArrowWriter::try_new(Vec::new(), schema.clone(), Some(COMPACTED.clone()))
            .map_err(LakeError::columnar)?;
        Ok(Self { schema, writer, rows: 0, hours: None })
    }

    fn push(&mut self, batch: &RecordBatch) -> Result<(), LakeError> {
        let columns: Result<Vec<ArrayRef>, LakeError> = self
            .schema
            .fields()
            .iter()
            .map(|field| {
                let column = batch.column_by_name(field.name());
                let column = column
                    .ok_or_else(|| LakeError::columnar(format!("no column {}", field.name())))?;
                cast(column, field.data_type()).map_err(LakeError::columnar)
            })
            .collect();
        let batch =
            RecordBatch::try_new(self.schema.clone(), columns?).map_err(LakeError::columnar)?;
        let hours = batch.column_by_name("event_hour");
        let hours = hours.and_then(|hours| hours.as_primitive_opt::<TimestampMicrosecondType>());
        if let Some((first, last)) = hours.and_then(|hours| Some((min(hours)?, max(hours)?))) {
            let (known_first, known_last) = self.hours.unwrap_or((first, last));
            self.hours = Some((known_first.min(first), known_last.max(last)));
        }
        self.rows = self.rows.saturating_add(batch.num_rows() as u64);
        self.writer.write(&batch).map_err(LakeError::columnar)
    }

    async fn finish(self, store: &dyn ObjectStore, day: &str) -> Result<Add, LakeError> {
        let Self { writer, rows, hours, .. } = self;
        let bytes = writer.into_inner().map_err(LakeError::columnar)?;
        let path = format!("{PARTITION}={day}/{}.parquet", Uuid::now_v7().simple());
        let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        store.put(&Path::from(path.as_str()), bytes.into()).await?;
        Ok(Add {
            path,
            partition_values: HashMap::from([(PARTITION.to_owned(), Some(day.to_owned()))]),
            size,
            modification_time: store_now().get().div_euclid(1_000),
            data_change: false,
            stats: Some(stats_of(rows, hours)),
            tags: None,
            deletion_vector: None,
            base_row_id: None,
            default_row_commit_version: None,
            clustering_provider: None,
        })
    }
}
