//! A recorded cost taken apart again: its lines, where they are certain to be the ones it was made of.
//!
//! It must never know where a row was kept, and never shows lines that do not add up to the cost that
//! was recorded.

use events::{Meter, Meters, UsageEvent};
use units::Usd;

use crate::book::PriceBook;
use crate::context::PriceContext;
use crate::multiplier::AppliedFactor;
use crate::price::{Line, Query};

/// Attodollars (1e-18 USD) in a picodollar, the unit of a recorded cost.
const ATTO_PER_PICO: i128 = 1_000_000;

/// What a recorded cost is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// What was billed and has a price, by meter.
    pub lines: Vec<Line>,
    /// The factors in the lines, and who says so.
    pub factors: Vec<AppliedFactor>,
    /// The sum of all lines before its rounding, in 1e-18 USD.
    pub sum_atto: i128,
    /// What the one rounding of the row added to the sum, in 1e-18 USD: half a picodollar at most.
    pub rounding_atto: i128,
    /// The cost as recorded, at contract prices: sum and rounding.
    pub cost: Usd,
    /// What was used and has no price: in no line, and in no cost.
    pub unpriced: Vec<(Meter, u64)>,
    /// The row names another book, whose rates for this request are the very same.
    pub is_other_book: bool,
}

/// Why a recorded cost cannot be taken apart.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoReceipt {
    /// Nothing was used, so there is nothing to show.
    #[error("nothing was used")]
    NothingUsed,
    /// The cost is unknown: the book of that time had no price for the model.
    #[error("no price was known for this model, so its cost is unknown")]
    Unpriced,
    /// The rates have changed since, or were never this book's.
    #[error(
        "priced by book {recorded} with rates that the book in force, {in_force}, does not have: its lines would not be the ones that were billed"
    )]
    OtherRates {
        /// The book the row names.
        recorded: String,
        /// The book asked.
        in_force: String,
    },
    /// The rates are the same and come to another amount: the cost was set by something else.
    #[error("the recorded cost is not what the rates of book {in_force} come to")]
    OtherAmount {
        /// The book asked.
        in_force: String,
    },
}

impl<'a> PriceContext<'a> {
    /// The context of a recorded attempt. Its duration is from the arrival of the request to the end of
    /// the attempt, by the gateway's clock.
    pub fn of(event: &'a UsageEvent) -> Self {
        let duration = event.times.ended_us.micros_since(event.times.received_us);
        Self {
            service_tier: event.cost.service_tier.as_deref(),
            processing: event.cost.processing.as_deref(),
            speed: event.cost.speed.as_deref(),
            inference_geo: event.cost.inference_geo.as_deref(),
            duration_us: u64::try_from(duration).ok(),
            ..Self::NONE
        }
    }
}

impl<'a> Query<'a> {
    /// What is asked to price a recorded attempt anew. `prices` is who bills, as in [`Query::provider`];
    /// by default the provider's own name.
    pub fn of(event: &'a UsageEvent, prices: Option<&'a str>) -> Self {
        Self {
            provider: prices.or(event.model.provider.as_deref()).unwrap_or_default(),
            model: event.model.resolved.as_deref().unwrap_or_default(),
            at: event.times.received_us,
            context: PriceContext::of(event),
            meters: &event.meters,
        }
    }
}

impl PriceBook {
    /// Takes a recorded cost apart. `prices` is who bills, as in [`Query::provider`]; by default the
    /// provider's own name. The lines are given only when the rates in this book are those the row
    /// names and come to the very amount it holds.
    ///
    /// # Errors
    /// [`NoReceipt`] says why there are no lines; the recorded cost stays what it is.
    pub fn receipt(&self, event: &UsageEvent, prices: Option<&str>) -> Result<Receipt, NoReceipt> {
        if event.meters == Meters::NONE {
            return Err(NoReceipt::NothingUsed);
        }
        let list = event.cost.list.ok_or(NoReceipt::Unpriced)?;
        let recorded = event.cost.contract.unwrap_or(list);
        let version = event.cost.price_version.as_deref().unwrap_or("unknown");
        let other_rates = || NoReceipt::OtherRates {
            recorded: version.to_owned(),
            in_force: self.version().to_owned(),
        };
        let priced = self.price(&Query::of(event, prices)).ok_or_else(other_rates)?;
        if event.cost.rate_set.as_deref() != Some(priced.rate_set.to_string().as_str()) {
            return Err(other_rates());
        }
        if (priced.cost, priced.list) != (recorded, list) {
            return Err(NoReceipt::OtherAmount { in_force: self.version().to_owned() });
        }
        let lines: Vec<Line> = priced.lines().collect();
        let sum_atto = lines.iter().fold(0_i128, |sum, line| sum.saturating_add(line.amount_atto));
        Ok(Receipt {
            lines,
            factors: priced.factors().collect(),
            sum_atto,
            rounding_atto: recorded.pico().saturating_mul(ATTO_PER_PICO).saturating_sub(sum_atto),
            cost: recorded,
            unpriced: priced.unpriced().collect(),
            is_other_book: version != self.version(),
        })
    }
}
