//! Prices usage anew after the fact: what a row cost at the prices of its time stays, and rows beside it
//! take that back and state it anew, so that a plain sum of money is right at every instant.
//!
//! A row is corrected only where its money would change, by what it and its corrections came to so far:
//! doing it twice changes nothing. It must never know where a price comes from.

mod adjust;
mod commits;
mod file;
mod plans;
mod priced;
mod prior;
mod read;
mod run;
mod scan;
mod tally;

use std::sync::Arc;

use events::Meters;
use policy::Scope;
use units::{UnixMicros, Usd};

pub use tally::{ModelRerated, Rerated};

use crate::{Lake, LakeError, Window};

/// Node id of the rows that correct others; their epoch is the run's id.
pub const RERATE_NODE: &str = "rerate";

/// Which rows are priced anew, and how.
#[derive(Debug, Clone)]
pub struct RerateOptions {
    /// Id of the run: letters, digits, `-` and `_`. A run that was cut off is repeated under the same id
    /// and goes on where it ended.
    pub run: String,
    /// When the rows were received.
    pub window: Window,
    /// Whose rows, and of which model.
    pub filter: RerateFilter,
    /// Only tell what would be done.
    pub is_dry_run: bool,
}

/// Rows that are priced anew; every part that is set must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RerateFilter {
    /// Organisation.
    pub organisation: Option<String>,
    /// Whose rows, within it.
    pub scope: Option<Scope>,
    /// Provider.
    pub provider: Option<String>,
    /// Model as sent to the provider.
    pub model: Option<String>,
    /// Only rows whose cost is unknown.
    pub is_unpriced: bool,
}

/// One recorded attempt, as far as its price goes.
#[derive(Debug, Clone, Copy)]
pub struct RerateRow<'a> {
    /// Provider id.
    pub provider: &'a str,
    /// Model as sent to the provider.
    pub model: &'a str,
    /// Start of the request: the prices in force then apply.
    pub received_at: UnixMicros,
    /// Service tier served.
    pub service_tier: Option<&'a str>,
    /// How it was processed.
    pub processing: Option<&'a str>,
    /// Speed served at.
    pub speed: Option<&'a str>,
    /// Where it was computed.
    pub inference_geo: Option<&'a str>,
    /// What was used.
    pub meters: &'a Meters,
    /// From arrival to end, microseconds.
    pub duration_us: u64,
}

/// What an attempt costs, USD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amounts {
    /// At public list prices.
    pub list: Usd,
    /// At negotiated prices, where that is told apart.
    pub contract: Option<Usd>,
    /// Billed.
    pub billed: Usd,
}

/// What amounts rest on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct PriceBasis {
    /// Model id in the price book.
    pub model_priced: String,
    /// Content hash of the price book.
    pub price_version: String,
    /// Name of the resolved rates.
    pub rate_set: String,
}

/// Whoever prices: pure, the same answer for the same row always. A function that gives both amounts and
/// basis is one.
pub trait Reprice: Send + Sync + 'static {
    /// What an attempt costs; `None` when no price is known. Asked of every row no plan is for, so it
    /// should not allocate.
    fn amounts(&self, row: &RerateRow<'_>) -> Option<Amounts>;

    /// What attempts like this one cost: those that differ from it in nothing but their time, what they
    /// used and how long they took. `None`, the default, has each row asked for by itself.
    fn plan(&self, _like: &RerateRow<'_>) -> Option<Box<dyn RowPrices + '_>> {
        None
    }

    /// What those amounts rest on; asked only of rows that are corrected.
    fn basis(&self, row: &RerateRow<'_>) -> Option<PriceBasis>;
}

/// Prices looked up once for rows that are priced alike: for each the same as [`Reprice::amounts`].
pub trait RowPrices {
    /// Whether they are in force at an instant.
    fn holds_at(&self, at: UnixMicros) -> bool;

    /// What was used, for so many microseconds, comes to; `None` when no price is known.
    fn amounts(&self, meters: &Meters, duration_us: u64) -> Option<Amounts>;
}

impl<F> Reprice for F
where
    F: Fn(&RerateRow<'_>) -> Option<(Amounts, PriceBasis)> + Send + Sync + 'static,
{
    fn amounts(&self, row: &RerateRow<'_>) -> Option<Amounts> {
        self(row).map(|(amounts, _)| amounts)
    }

    fn basis(&self, row: &RerateRow<'_>) -> Option<PriceBasis> {
        self(row).map(|(_, basis)| basis)
    }
}

impl Lake {
    /// Prices rows anew and commits what changes: for each row whose money differs a retraction of what
    /// it cost so far, if anything was known, and a restatement. Both are in one commit, at most 65,536
    /// rows each, so that sums are right at every instant and memory is bounded. Rows without a price
    /// now, but with one before, stay as they are.
    ///
    /// What is committed stays when a run is cut off or fails, and a repeat does the rest.
    ///
    /// # Errors
    /// [`LakeError::Query`] for a run id that is none, [`LakeError::Fenced`] when another run committed
    /// meanwhile: repeat it, since what it planned may be corrected already.
    pub async fn rerate(
        &self,
        options: RerateOptions,
        prices: Arc<dyn Reprice>,
    ) -> Result<Rerated, LakeError> {
        check(&options)?;
        run::run(self.clone(), options, prices).await
    }
}

/// Ids are part of keys and of the writer's name.
fn check(options: &RerateOptions) -> Result<(), LakeError> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if options.run.is_empty() || options.run.len() > 64 || !options.run.bytes().all(is_allowed) {
        let reason = "a run is named by 1 to 64 letters, digits, `-` and `_`";
        return Err(LakeError::Query(reason.to_owned()));
    }
    Ok(())
}
