//! Prices the rows of one row group anew and builds the corrections of those that change.
//!
//! Columns pricing needs are read first; whole rows only of those that change.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::RecordBatch;
use futures::TryStreamExt as _;
use parquet::arrow::arrow_reader::RowSelection;
use tokio::sync::mpsc::Sender;
use units::{UnixMicros, Usd};

use super::adjust::{self, Adjusting};
use super::file::{self, OpenFile};
use super::plans::Plans;
use super::priced::PricedRows;
use super::prior::{Corrected, Prior, interned};
use super::tally::Tally;
use super::{Amounts, PriceBasis, Reprice, RerateFilter, RerateOptions};
use crate::{LakeError, columns};

/// What every part of a run shares.
pub(super) struct Job {
    pub(super) options: RerateOptions,
    pub(super) prices: Arc<dyn Reprice>,
    /// Columns and the text they must hold.
    filters: Vec<(&'static str, String)>,
    /// The present, written into corrections.
    pub(super) now: UnixMicros,
}

/// Corrections of rows of one day.
pub(super) struct Corrections {
    pub(super) day: i32,
    pub(super) rows: RecordBatch,
}

/// A row whose money changes.
pub(super) struct Change {
    /// Its place in the row group.
    pub(super) at: usize,
    /// Highest revision so far.
    pub(super) revision: i64,
    /// What it came to so far, where known.
    pub(super) had: Option<Had>,
    /// What earlier corrections rest on; the row itself tells where there are none.
    pub(super) had_basis: Option<Arc<PriceBasis>>,
    /// What it comes to.
    pub(super) now: Amounts,
    /// What that rests on.
    pub(super) basis: Arc<PriceBasis>,
}

/// What a row and its corrections came to, 1e-12 USD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Had {
    pub(super) list: Option<i128>,
    pub(super) contract: Option<i128>,
    pub(super) billed: i128,
}

impl Had {
    /// Of a row's own amounts and its corrections; `None` when its cost is unknown.
    fn of(own: [Option<i128>; 3], corrected: Option<&Corrected>) -> Option<Self> {
        let [list, contract, billed] = own;
        let Some(more) = corrected else {
            return billed.map(|billed| Self { list, contract, billed });
        };
        let plus = |own: Option<i128>, more: i128| own.unwrap_or(0).saturating_add(more);
        Some(Self {
            list: Some(plus(list, more.list)),
            contract: Some(plus(contract, more.contract)),
            billed: plus(billed, more.billed),
        })
    }

    fn differs(self, now: &Amounts) -> bool {
        let is_other = |had: Option<i128>, now: Usd| had != Some(now.pico());
        self.billed != now.billed.pico()
            || is_other(self.list, now.list)
            || now.contract.is_some_and(|contract| is_other(self.contract, contract))
    }
}

impl Job {
    pub(super) fn new(options: RerateOptions, prices: Arc<dyn Reprice>, now: UnixMicros) -> Self {
        let filters = filters_of(&options.filter);
        Self { options, prices, filters, now }
    }

    /// Prices a row group anew; its corrections go to `sink`, which holds back who is too fast.
    pub(super) async fn scan(
        &self,
        file: &OpenFile,
        group: usize,
        prior: &Prior,
        sink: &Sender<Corrections>,
    ) -> Result<Tally, LakeError> {
        let mut tally = Tally::default();
        let mut changes = Vec::new();
        let mut first = 0;
        if self.filters.iter().any(|(column, text)| !file.may_hold(group, column, text)) {
            return Ok(tally);
        }
        let mut batches = file.priced(group, &self.wanted(prior))?;
        while let Some(batch) = batches.try_next().await.map_err(file::failed)? {
            self.price(&batch, (first, prior), &mut tally, &mut changes)?;
            first += batch.num_rows();
        }
        if !self.options.is_dry_run && !changes.is_empty() {
            self.correct(file, group, &changes, sink).await?;
        }
        Ok(tally)
    }

    fn wanted(&self, prior: &Prior) -> Vec<&'static str> {
        let mut wanted = vec![
            "received_at",
            "provider",
            "model_resolved",
            "service_tier",
            "processing",
            "speed",
            "inference_geo",
            "duration_us",
            "usage_source",
            "adjustment",
            "revision",
            "cost_list_usd",
            "cost_contract_usd",
            "cost_usd",
            "meters_other",
        ];
        wanted.extend(columns::METERS.iter().map(|(name, _)| *name));
        wanted.extend(self.filters.iter().map(|(name, _)| *name));
        if !prior.is_empty() {
            wanted.extend(["node_id", "epoch", "seq"]);
        }
        wanted
    }

    fn price(
        &self,
        batch: &RecordBatch,
        (first, prior): (usize, &Prior),
        tally: &mut Tally,
        changes: &mut Vec<Change>,
    ) -> Result<(), LakeError> {
        let rows = PricedRows::of(batch, &self.filters)?;
        let mut plans = Plans::of(&*self.prices, &rows);
        let mut bases = HashSet::new();
        let window = self.options.window;
        for row in 0..batch.num_rows() {
            let received_at = rows.received_at(row);
            if received_at < window.from || received_at >= window.to || !rows.is_wanted(row) {
                continue;
            }
            let corrected = rows.key(row, prior).and_then(|key| prior.of(&key));
            let had = Had::of(rows.costs(row), corrected);
            if self.options.filter.is_unpriced && had.is_some() {
                continue;
            }
            tally.seen += 1;
            let meters = rows.meters(row)?;
            let Some(now) = plans.amounts(&rows, (row, received_at), &meters) else {
                *(if had.is_some() { &mut tally.kept } else { &mut tally.unpriced }) += 1;
                continue;
            };
            if had.is_some_and(|had| !had.differs(&now)) {
                continue;
            }
            let priced = rows.row(row, received_at, &meters);
            let before = had.map(|had| Usd::from_pico(had.billed));
            tally.change((priced.provider, priced.model), before, &now);
            let basis = self.prices.basis(&priced).unwrap_or_default();
            let revision = rows.revision(row);
            changes.push(Change {
                at: first + row,
                revision: corrected.map_or(revision, |corrected| corrected.revision),
                had,
                had_basis: corrected.map(|corrected| Arc::clone(&corrected.basis)),
                now,
                basis: interned(&mut bases, basis),
            });
        }
        Ok(())
    }

    async fn correct(
        &self,
        file: &OpenFile,
        group: usize,
        changes: &[Change],
        sink: &Sender<Corrections>,
    ) -> Result<(), LakeError> {
        let ranges = changes.iter().map(|change| change.at..change.at + 1);
        let selection = RowSelection::from_consecutive_ranges(ranges, file.rows(group));
        let mut rest = changes;
        let mut batches = file.selected(group, adjust::REPLACED, selection)?;
        while let Some(batch) = batches.try_next().await.map_err(file::failed)? {
            let (these, after) = rest.split_at(batch.num_rows().min(rest.len()));
            rest = after;
            let adjusting =
                Adjusting { run: &self.options.run, day: file.day, now: self.now, rows: &batch };
            let rows = adjusting.build(these)?;
            let corrections = Corrections { day: file.day, rows };
            sink.send(corrections).await.map_err(|_| LakeError::Stopped)?;
        }
        Ok(())
    }
}

/// The columns a filter looks at.
fn filters_of(filter: &RerateFilter) -> Vec<(&'static str, String)> {
    let plain = [
        ("organisation", &filter.organisation),
        ("provider", &filter.provider),
        ("model_resolved", &filter.model),
    ];
    let scoped = filter.scope.as_ref().and_then(|scope| {
        let column = match scope.kind() {
            "team" => "team",
            "project" => "project",
            "key" => "key_id",
            "user" => "user_id",
            "customer" => "customer",
            _ => "model_resolved",
        };
        Some((column, scope.name()?))
    });
    let plain = plain.into_iter().filter_map(|(column, value)| Some((column, value.clone()?)));
    plain.chain(scoped).collect()
}
