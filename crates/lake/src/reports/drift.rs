//! What providers say that calls cost beside what they come to by the price book, and what corrections
//! changed of a team's statement.

use jiff::civil::Date;
use units::Usd;

use crate::window::{Lens, Window, text};
use crate::{Lake, LakeError, named};

/// One model on one day at a provider that names costs in its answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedCost {
    /// The day, UTC.
    pub day: Date,
    /// Provider.
    pub provider: Option<String>,
    /// Model as sent to the provider.
    pub model: Option<String>,
    /// Calls whose answer named a cost.
    pub requests: u64,
    /// Those of them whose cost by the book is unknown: they are in `reported` alone.
    pub unpriced: u64,
    /// What the provider named, USD.
    pub reported: Usd,
    /// What was billed by the price book, corrections included, USD.
    pub computed: Usd,
}

/// What one model was recorded at, and what corrections made of it, under one price book.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementAdjustment {
    /// Model as sent to the provider, or as asked for where nothing was sent.
    pub model: Option<String>,
    /// Price book of these rows; `None` is that of calls recorded without a price.
    pub price_version: Option<String>,
    /// Rows as first recorded, and their cost, USD.
    pub recorded: (u64, Usd),
    /// Rows taken back, and their cost: zero or negative, USD.
    pub retracted: (u64, Usd),
    /// Rows stated anew, and their cost, USD.
    pub restated: (u64, Usd),
}

impl Lake {
    /// What providers reported beside what was computed, by day of UTC, provider and model.
    ///
    /// # Errors
    /// When the query fails or takes too long.
    pub async fn reported_costs(&self, window: Window) -> Result<Vec<ReportedCost>, LakeError> {
        self.ask(named::DRIFT, window.params()).await?.map(|rows, row| {
            Ok(ReportedCost {
                day: rows.day(row, "day")?,
                provider: rows.text(row, "provider")?,
                model: rows.text(row, "model")?,
                requests: rows.count(row, "requests")?,
                unpriced: rows.count(row, "unpriced")?,
                reported: rows.known_sum(row, "reported_usd")?,
                computed: rows.known_sum(row, "computed_usd")?,
            })
        })
    }

    /// Original, retracted and restated cost of the models of a team's statement that were corrected,
    /// by model and price book; empty when nothing was. It reads rows, exact to the microsecond.
    ///
    /// # Errors
    /// When the query fails or takes too long.
    pub async fn statement_adjustments(
        &self,
        organisation: &str,
        team: &str,
        window: Window,
    ) -> Result<Vec<StatementAdjustment>, LakeError> {
        let mut params = Lens::of_team(window, team).params();
        params.push(("organisation", text(organisation)));
        self.ask(named::STATEMENT_ADJUSTMENTS, params).await?.map(|rows, row| {
            let both = |count: &str, cost: &str| -> Result<(u64, Usd), LakeError> {
                Ok((rows.count(row, count)?, rows.known_sum(row, cost)?))
            };
            Ok(StatementAdjustment {
                model: rows.text(row, "model")?,
                price_version: rows.text(row, "price_version")?,
                recorded: both("recorded", "recorded_usd")?,
                retracted: both("retracted", "retracted_usd")?,
                restated: both("restated", "restated_usd")?,
            })
        })
    }
}
