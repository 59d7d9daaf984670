//! Rolls up what usage got since the last time, and builds roll-ups anew from all of usage.
//!
//! An entry carries the usage version it reaches to, and is put only if no other roll-up came first:
//! whatever dies or races in between, each row is in the sums once. It must never change usage.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use arrow::array::RecordBatch;
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use deltalake::kernel::Add;
use deltalake::protocol::{DeltaOperation, SaveMode};

use super::generation::{CUBE, Generation, MONTH, ROLLUP_APP};
use super::schema::{Grain, ROLLUP_TABLES, RollupTable};
use super::{files, plan};
use crate::LakeError;
use crate::keeper::{Keeper, collect, store_now};
use crate::mirror::{LiveFile, Snapshot};
use crate::publish::{Publication, Published, publish};
use crate::sources::{Rolled, RolledUpTo};

/// Rows one step reads, about 300 bytes each in memory; what one commit brought is never cut.
const STEP_ROWS: u64 = 100_000;
/// Rows of one portion when everything is read; a file is never cut.
const PORTION_ROWS: u64 = 300_000;

/// The dimensions of all tables.
static DIMENSIONS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let mut all: Vec<&str> = ROLLUP_TABLES.iter().flat_map(|t| t.dimensions).copied().collect();
    all.sort_unstable();
    all.dedup();
    all
});

/// What a roll-up step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RolledUp {
    /// Version of the usage table the stored roll-ups reach to now, as far as this process knows.
    pub version: u64,
    /// Usage rows this step rolled up.
    pub rows: u64,
    /// Whether nothing was left to do when the step looked.
    pub is_complete: bool,
    /// Whether the roll-ups were built anew.
    pub is_rebuilt: bool,
}

impl Keeper {
    /// One step: rolls up a bounded portion of what is new, or builds the roll-ups when there are none
    /// that can be used.
    pub(crate) async fn roll_up(&self) -> Result<RolledUp, LakeError> {
        let mut looked = Instant::now();
        let mut view = self.sources.look().await?;
        if matches!(view.rolled, Rolled::Missing) {
            // What made them look so may have passed: they are read anew before they are given up.
            self.sources.forget().await;
            looked = Instant::now();
            view = self.sources.look().await?;
        }
        match view.rolled {
            Rolled::Ready(rolled) => self.step(&view.usage, &rolled, looked).await,
            Rolled::Empty(generation) => self.fill(&generation, &view.usage).await,
            Rolled::Missing if !self.may_rebuild() => {
                Ok(RolledUp { version: 0, rows: 0, is_complete: true, is_rebuilt: false })
            }
            Rolled::Missing => {
                let generation = self.sources.generations.create().await?;
                // What usage holds is looked at after the generation exists.
                let usage = self.sources.usage.newest().await?;
                self.fill(&generation, &usage).await
            }
        }
    }

    async fn step(
        &self,
        usage: &Snapshot,
        rolled: &RolledUpTo,
        looked: Instant,
    ) -> Result<RolledUp, LakeError> {
        let done = RolledUp {
            version: rolled.version,
            rows: 0,
            is_complete: rolled.version >= usage.version,
            is_rebuilt: false,
        };
        if done.is_complete {
            return Ok(done);
        }
        let (portion, version) = portion(&rolled.tail, usage.version);
        let rows = rows_of(&portion);
        let added = self.parts_of(&rolled.generation, portion).await?;
        let published =
            put(&rolled.generation, rolled.parts.version, looked, added, version).await?;
        Ok(match published {
            Published::At(_) => {
                RolledUp { version, rows, is_complete: version == usage.version, ..done }
            }
            Published::Overtaken => done,
        })
    }

    /// Rolls up all of usage into a generation nothing was rolled up into.
    async fn fill(&self, generation: &Generation, usage: &Snapshot) -> Result<RolledUp, LakeError> {
        let mut added = Vec::new();
        let mut rows = 0_u64;
        for portion in portions(usage.all()) {
            rows = rows.saturating_add(rows_of(&portion));
            added.extend(self.parts_of(generation, portion).await?);
        }
        // All that took a while; only now is the end of the log what matters.
        let looked = Instant::now();
        let parts = generation.mirror.newest().await?;
        let done = RolledUp { version: usage.version, rows, is_complete: false, is_rebuilt: true };
        let overtaken = RolledUp { version: 0, rows: 0, is_rebuilt: false, ..done };
        if parts.txn(ROLLUP_APP).is_some() {
            let written = added.iter().map(|add| add.path.as_str().into()).collect();
            crate::publish::discard(generation.mirror.log_store(), written).await;
            return Ok(overtaken);
        }
        let published = put(generation, parts.version, looked, added, usage.version).await?;
        Ok(if published == Published::Overtaken { overtaken } else { done })
    }

    /// Writes the sums of some usage files for every roll-up table.
    async fn parts_of(
        &self,
        generation: &Generation,
        usage: Vec<Arc<LiveFile>>,
    ) -> Result<Vec<Add>, LakeError> {
        if usage.is_empty() {
            return Ok(Vec::new());
        }
        let context = self.context();
        // The files are read once, for all tables.
        let usage = plan::scan("usage", Arc::new(self.sources.usage_files(usage)))
            .and_then(|rows| plan::from_usage(rows, Grain::Quarter, &DIMENSIONS));
        let usage = collect(&context, usage).await?;
        let store = generation.mirror.log_store().object_store(None);
        let now = store_now();
        let mut added = Vec::new();
        let mut quarters: BTreeMap<&[&str], Vec<RecordBatch>> = BTreeMap::new();
        for table in ROLLUP_TABLES.iter().filter(|table| table.grain == Grain::Quarter) {
            let batches = folded(&context, &usage, table).await?;
            added.extend(files::write(store.as_ref(), table, &batches, now).await?);
            quarters.insert(table.dimensions, batches);
        }
        // Days are folded from the quarters just made: the same sums, of far fewer rows.
        for table in ROLLUP_TABLES.iter().filter(|table| table.grain == Grain::Day) {
            let batches = quarters.remove(table.dimensions).unwrap_or_default();
            let batches = folded(&context, &batches, table).await?;
            added.extend(files::write(store.as_ref(), table, &batches, now).await?);
        }
        Ok(added)
    }
}

/// Rows in memory, one per bucket of a table and its dimensions.
async fn folded(
    context: &SessionContext,
    batches: &[RecordBatch],
    table: &RollupTable,
) -> Result<Vec<RecordBatch>, LakeError> {
    let Some(schema) = batches.first().map(RecordBatch::schema) else { return Ok(Vec::new()) };
    let rows = MemTable::try_new(schema, vec![batches.to_vec()])
        .and_then(|rows| plan::scan("rows", Arc::new(rows)))
        .and_then(|rows| plan::folded(rows, table));
    collect(context, rows).await
}

async fn put(
    generation: &Generation,
    after: u64,
    looked: Instant,
    added: Vec<Add>,
    version: u64,
) -> Result<Published, LakeError> {
    let operation = DeltaOperation::Write {
        mode: SaveMode::Append,
        partition_by: Some(vec![CUBE.to_owned(), MONTH.to_owned()]),
        predicate: None,
    };
    let txns = vec![(ROLLUP_APP.to_owned(), i64::try_from(version).unwrap_or(i64::MAX))];
    let publication = Publication { added, replaced: Vec::new(), operation, txns };
    publish(generation.mirror.log_store(), after, looked, publication).await
}

fn rows_of(files: &[Arc<LiveFile>]) -> u64 {
    files.iter().filter_map(|file| file.rows).sum()
}

/// The oldest of the new files and the version they reach to: all of them up to `newest`, or whole
/// versions of at most [`STEP_ROWS`] rows, at least one.
fn portion(tail: &[Arc<LiveFile>], newest: u64) -> (Vec<Arc<LiveFile>>, u64) {
    let mut files = tail.to_vec();
    files.sort_by(|a, b| a.since.cmp(&b.since).then_with(|| a.path.cmp(&b.path)));
    let (mut end, mut rows) = (0, 0_u64);
    for version in files.chunk_by(|a, b| a.since == b.since) {
        rows = rows.saturating_add(rows_of(version));
        if end > 0 && rows > STEP_ROWS {
            break;
        }
        end += version.len();
    }
    let is_all = end == files.len();
    files.truncate(end);
    let reached = files.last().map_or(newest, |file| file.since);
    (files, if is_all { newest } else { reached })
}

/// All files in portions, in the order of their days, so that a portion touches few months.
fn portions(mut files: Vec<Arc<LiveFile>>) -> Vec<Vec<Arc<LiveFile>>> {
    files.sort_by(|a, b| a.days.cmp(&b.days).then_with(|| a.path.cmp(&b.path)));
    let mut portions: Vec<Vec<Arc<LiveFile>>> = Vec::new();
    let mut rows = 0_u64;
    for file in files {
        let more = file.rows.unwrap_or(0);
        match portions.last_mut() {
            Some(portion) if rows.saturating_add(more) <= PORTION_ROWS => portion.push(file),
            _ => {
                portions.push(vec![file]);
                rows = 0;
            }
        }
        rows = rows.saturating_add(more);
    }
    portions
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn file(since: u64, rows: u64) -> Arc<LiveFile> {
        Arc::new(LiveFile {
            path: format!("{since}-{rows}"),
            size: 1,
            rows: Some(rows),
            partition: HashMap::new(),
            days: Some((i32::try_from(since).unwrap(), 0)),
            instants: None,
            since,
        })
    }

    #[test]
    fn a_step_takes_whole_versions_and_reaches_the_newest_only_when_it_takes_all() {
        let (half, most) = (STEP_ROWS / 2, STEP_ROWS * 2);
        for (tail, expected) in [
            (vec![], (0, 9)),
            (vec![file(7, 1), file(5, 1)], (2, 9)),
            (vec![file(5, half), file(6, half), file(6, 1), file(7, 1)], (1, 5)),
            (vec![file(5, most), file(6, 1)], (1, 5)),
            (vec![file(5, most)], (1, 9)),
        ] {
            let (files, reached) = portion(&tail, 9);
            assert_eq!((files.len(), reached), expected, "{tail:?}");
        }
    }

    #[test]
    fn portions_hold_every_file_once_in_the_order_of_days() {
        let files = vec![file(3, PORTION_ROWS), file(1, 10), file(2, 10), file(4, 1)];
        let portions = portions(files);
        let days: Vec<Vec<u64>> =
            portions.iter().map(|p| p.iter().map(|file| file.since).collect()).collect();
        assert_eq!(days, [vec![1, 2], vec![3], vec![4]]);
    }
}
