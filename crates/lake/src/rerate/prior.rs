//! What corrections made so far came to, for the rows of one day.
//!
//! Corrections are received when the row they correct was, so that a day knows all of its own. A day's
//! corrected rows are held in memory, about 200 bytes each.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use datafusion::prelude::SessionContext;
use futures::TryStreamExt;
use units::UnixMicros;

use super::PriceBasis;
use crate::rows::Rows;
use crate::window::{DAY_US, Window};
use crate::{LakeError, QueryResult, named, query};

/// The corrections of one row so far.
#[derive(Debug, Clone)]
pub(super) struct Corrected {
    /// Sum of list cost, 1e-12 USD.
    pub(super) list: i128,
    /// Sum of contract cost.
    pub(super) contract: i128,
    /// Sum of billed cost.
    pub(super) billed: i128,
    /// Highest revision.
    pub(super) revision: i64,
    /// What the newest rests on.
    pub(super) basis: Arc<PriceBasis>,
}

/// The corrected rows of a day, by `node_id/epoch/seq`.
#[derive(Debug, Default)]
pub(super) struct Prior(HashMap<Box<str>, Corrected>);

impl Prior {
    /// Reads the corrections of a day in a session that holds its rows.
    pub(super) async fn read(context: &SessionContext, day: i32) -> Result<Self, LakeError> {
        let midnight = UnixMicros::new(i64::from(day).saturating_mul(DAY_US));
        let window = Window { from: midnight, to: midnight.plus_micros(DAY_US) };
        let frame = query::plan(context, named::ADJUSTED_ROWS.sql, window.params()).await?;
        let failed = |error| LakeError::query(&error);
        let mut stream = frame.execute_stream().await.map_err(failed)?;
        let (mut prior, mut bases) = (Self::default(), HashSet::new());
        while let Some(batch) = stream.try_next().await.map_err(failed)? {
            let schema = batch.schema();
            let rows = QueryResult { schema, batches: vec![batch], is_truncated: false };
            prior.add(&Rows::read(&rows)?, &mut bases)?;
        }
        Ok(prior)
    }

    fn add(&mut self, rows: &Rows, bases: &mut HashSet<Arc<PriceBasis>>) -> Result<(), LakeError> {
        rows.each(|rows, row| {
            let basis = PriceBasis {
                model_priced: rows.name(row, "model_priced")?,
                price_version: rows.name(row, "price_version")?,
                rate_set: rows.name(row, "rate_set")?,
            };
            let corrected = Corrected {
                list: rows.known_sum(row, "list_usd")?.pico(),
                contract: rows.known_sum(row, "contract_usd")?.pico(),
                billed: rows.known_sum(row, "cost_usd")?.pico(),
                revision: rows.integer(row, "revision")?.unwrap_or(0),
                basis: interned(bases, basis),
            };
            self.0.insert(rows.name(row, "adjusts")?.into(), corrected);
            Ok(())
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The corrections of a row.
    pub(super) fn of(&self, key: &str) -> Option<&Corrected> {
        self.0.get(key)
    }
}

/// One of equal values for all.
pub(super) fn interned(bases: &mut HashSet<Arc<PriceBasis>>, basis: PriceBasis) -> Arc<PriceBasis> {
    if let Some(known) = bases.get(&basis) {
        return Arc::clone(known);
    }
    let basis = Arc::new(basis);
    bases.insert(Arc::clone(&basis));
    basis
}
