//! Folds many small stored parts of a month into one, so that reading a roll-up opens few files.
//!
//! It must never change a sum.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use deltalake::kernel::{Add, Remove};
use deltalake::protocol::DeltaOperation;

use super::generation::{CUBE, MERGE_APP, MONTH};
use super::view::stored_files;
use super::{files, plan};
use crate::LakeError;
use crate::keeper::{Keeper, collect, store_now};
use crate::mirror::LiveFile;
use crate::publish::{Publication, Published, publish};
use crate::sources::{Rolled, RolledUpTo};
use crate::tiers::Tiers;

/// When parts of a table's month are folded into one.
const TIERS: Tiers = Tiers {
    large_bytes: 64 << 20,
    first_bytes: 32 << 10,
    open_max: 3,
    closed_max: 1,
    step_bytes: 96 << 20,
    step_rows: 4_000_000,
};
/// Months of tables one step folds, in one entry.
const MONTHS_MAX: usize = 12;

impl Keeper {
    /// One step: folds the parts of up to [`MONTHS_MAX`] months that have too many. Returns how many
    /// files were replaced.
    pub(crate) async fn merge(&self) -> Result<usize, LakeError> {
        let looked = Instant::now();
        let view = self.sources.look().await?;
        let Rolled::Ready(rolled) = view.rolled else { return Ok(0) };
        self.register(&rolled.generation.mirror);
        let now = store_now();
        let (mut added, mut replaced) = (Vec::new(), Vec::new());
        for (cube, picked) in crowded(&rolled) {
            replaced.extend(picked.iter().map(|file| file.replaced(now)));
            added.extend(self.fold(&rolled, &cube, picked).await?);
        }
        if replaced.is_empty() {
            return Ok(0);
        }
        self.put_merged(&rolled, looked, added, replaced).await
    }

    async fn fold(
        &self,
        rolled: &RolledUpTo,
        cube: &str,
        picked: Vec<Arc<LiveFile>>,
    ) -> Result<Vec<Add>, LakeError> {
        let Some((table, parts)) = stored_files(rolled, cube, picked) else {
            return Err(LakeError::columnar(format!("no roll-up table {cube}")));
        };
        let rows = plan::scan("parts", parts).and_then(|rows| plan::folded(rows, table));
        let batches = collect(&self.context(), rows).await?;
        let store = rolled.generation.mirror.log_store().object_store(None);
        let mut added = files::write(store.as_ref(), table, &batches, store_now()).await?;
        added.iter_mut().for_each(|add| add.data_change = false);
        Ok(added)
    }

    async fn put_merged(
        &self,
        rolled: &RolledUpTo,
        looked: Instant,
        added: Vec<Add>,
        replaced: Vec<Remove>,
    ) -> Result<usize, LakeError> {
        let count = replaced.len();
        let merges = rolled.parts.txn(MERGE_APP).unwrap_or(0).saturating_add(1);
        let publication = Publication {
            added,
            replaced,
            operation: DeltaOperation::Optimize {
                predicate: None,
                target_size: i64::try_from(TIERS.large_bytes).unwrap_or(i64::MAX),
            },
            txns: vec![(MERGE_APP.to_owned(), merges)],
        };
        let log_store = rolled.generation.mirror.log_store();
        let published = publish(log_store, rolled.parts.version, looked, publication).await?;
        Ok(if published == Published::Overtaken { 0 } else { count })
    }
}

/// The files to fold, by roll-up table and month. The newest month of a table still grows.
fn crowded(rolled: &RolledUpTo) -> Vec<(String, Vec<Arc<LiveFile>>)> {
    let mut months: BTreeMap<(&str, &str), Vec<Arc<LiveFile>>> = BTreeMap::new();
    for file in rolled.parts.files.values() {
        if let (Some(cube), Some(month)) = (file.partition_value(CUBE), file.partition_value(MONTH))
        {
            months.entry((cube, month)).or_default().push(Arc::clone(file));
        }
    }
    let mut newest: BTreeMap<&str, &str> = BTreeMap::new();
    for (cube, month) in months.keys() {
        newest.insert(cube, month);
    }
    let picked = months.iter().map(|((cube, month), files)| {
        let is_open = newest.get(cube) == Some(month);
        ((*cube).to_owned(), TIERS.pick(files, is_open))
    });
    picked.filter(|(_, files)| !files.is_empty()).take(MONTHS_MAX).collect()
}
