//! Commits corrections in batches, exactly once: only while no other run has committed since this one
//! looked, under ordinals that go on where the run ended before.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::compute::concat_batches;
use deltalake::protocol::{DeltaOperation, SaveMode};

use super::RERATE_NODE;
use super::adjust::SEQ;
use super::scan::Corrections;
use crate::files::{self, DayBatch};
use crate::keeper::store_now;
use crate::publish::{Publication, Published, publish};
use crate::schema::{PARTITION, usage_schema};
use crate::sources::{RERATE_APP, Sources};
use crate::{Lake, LakeError};

/// Most rows of one commit, about 500 bytes each in memory: fewer than one step of the roll-ups reads.
const COMMIT_ROWS: usize = 65_536;

/// The commits of one run.
pub(super) struct Commits {
    lake: Lake,
    sources: Arc<Sources>,
    /// Name of the run as a writer.
    app: String,
    /// Commits of corrections in the table, as far as this run knows.
    known: i64,
    next_seq: i64,
    pending: BTreeMap<i32, Vec<RecordBatch>>,
    pending_rows: usize,
    /// Commits made.
    pub(super) made: u64,
}

impl Commits {
    /// Goes on after the last ordinal of the run; `known` is how many commits of corrections the table
    /// had when the run looked.
    pub(super) async fn after(lake: &Lake, run: &str, known: i64) -> Result<Self, LakeError> {
        let app = format!("{RERATE_NODE}/{run}");
        let last = lake.last_committed(&app).await?;
        Ok(Self {
            lake: lake.clone(),
            sources: Arc::clone(&lake.keeper().sources),
            app,
            known,
            next_seq: last.map_or(0, |last| last.saturating_add(1)),
            pending: BTreeMap::new(),
            pending_rows: 0,
            made: 0,
        })
    }

    /// Takes corrections, which are never cut: a retraction and its restatement are in one commit.
    pub(super) async fn push(&mut self, corrections: Corrections) -> Result<(), LakeError> {
        let rows = corrections.rows.num_rows();
        if self.pending_rows > 0 && self.pending_rows + rows > COMMIT_ROWS {
            self.flush().await?;
        }
        self.pending.entry(corrections.day).or_default().push(corrections.rows);
        self.pending_rows += rows;
        Ok(())
    }

    /// Commits what was taken.
    pub(super) async fn flush(&mut self) -> Result<(), LakeError> {
        if self.pending_rows == 0 {
            return Ok(());
        }
        let mut days = Vec::new();
        let mut seq = self.next_seq;
        for (day, batches) in std::mem::take(&mut self.pending) {
            let batch = concat_batches(&usage_schema(), &batches).map_err(LakeError::columnar)?;
            let (batch, next) = numbered(batch, seq)?;
            seq = next;
            days.push(DayBatch::new(day, batch));
        }
        self.pending_rows = 0;
        let log_store = self.sources.usage.log_store();
        let store = log_store.object_store(None);
        let added = files::write(store.as_ref(), &days, store_now()).await?;
        let looked = Instant::now();
        let newest = self.sources.usage.newest().await?;
        if newest.txn(RERATE_APP).unwrap_or(0) != self.known {
            return Err(self.fenced());
        }
        let operation = DeltaOperation::Write {
            mode: SaveMode::Append,
            partition_by: Some(vec![PARTITION.to_owned()]),
            predicate: None,
        };
        let txns = vec![(RERATE_APP.to_owned(), self.known + 1), (self.app.clone(), seq - 1)];
        let publication = Publication { added, replaced: Vec::new(), operation, txns };
        match publish(log_store, newest.version, looked, publication).await? {
            Published::At(version) => self.lake.announce(version),
            Published::Overtaken => return Err(self.fenced()),
        }
        self.known += 1;
        self.next_seq = seq;
        self.made += 1;
        Ok(())
    }

    fn fenced(&self) -> LakeError {
        LakeError::Fenced { app: RERATE_NODE.to_owned(), committed: self.known.saturating_add(1) }
    }
}

/// The rows with ordinals from one on, and the next.
fn numbered(batch: RecordBatch, first: i64) -> Result<(RecordBatch, i64), LakeError> {
    let rows = i64::try_from(batch.num_rows()).map_err(LakeError::columnar)?;
    let next = first.saturating_add(rows);
    let place = batch.schema_ref().index_of(SEQ).map_err(LakeError::columnar)?;
    let schema = batch.schema();
    let mut columns: Vec<ArrayRef> = batch.columns().to_vec();
    if let Some(column) = columns.get_mut(place) {
        *column = Arc::new(Int64Array::from_iter_values(first..next));
    }
    Ok((RecordBatch::try_new(schema, columns).map_err(LakeError::columnar)?, next))
}
