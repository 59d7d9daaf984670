//! Totals of a window, their daily trend, and how much of them is priced and attributed.

use std::collections::BTreeMap;

use jiff::civil::Date;
use units::{BillingZone, Usd};

use crate::rows::Rows;
use crate::window::Lens;
use crate::{Lake, LakeError, named};

/// Totals of everything in a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Totals {
    /// Billed cost of the attempts whose cost is known, USD.
    pub cost: Usd,
    /// Part of `cost` that has a team.
    pub attributed_cost: Usd,
    /// Requests, by their final rows.
    pub requests: u64,
    /// Requests that ended in an error.
    pub failed_requests: u64,
    /// Input tokens, cached ones included.
    pub input_tokens: u64,
    /// Output tokens, reasoning included.
    pub output_tokens: u64,
    /// Attempts that used something but whose cost is unknown.
    pub unpriced: u64,
}

impl Totals {
    /// Thousandths of the cost that has a team; `None` when nothing was spent.
    pub fn attributed_per_mille(&self) -> Option<u32> {
        self.attributed_cost.share_per_mille(self.cost)
    }
}

/// Totals of one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayTotal {
    /// The day, in the zone asked for.
    pub day: Date,
    /// Billed cost of the attempts whose cost is known, USD.
    pub cost: Usd,
    /// Requests, by their final rows.
    pub requests: u64,
    /// Attempts that used something but whose cost is unknown.
    pub unpriced: u64,
}

/// How much of the attempts that used something is priced and attributed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coverage {
    /// Attempts that used something.
    pub attempts: u64,
    /// Those whose cost is known.
    pub priced: u64,
    /// Those whose quantities are the provider's own.
    pub metered: u64,
    /// Those with a team.
    pub with_team: u64,
    /// Those with a feature.
    pub with_feature: u64,
    /// Those with a customer.
    pub with_customer: u64,
}

impl Lake {
    /// Totals of a window that starts with a billing period: the month to date.
    ///
    /// # Errors
    /// When the query fails or takes too long.
    pub async fn month_to_date(&self, lens: &Lens) -> Result<Totals, LakeError> {
        self.ask(named::TOTALS, lens.rolled_params()).await?.only(totals)
    }

    /// Totals by day of `zone`, oldest first; days without usage are left out.
    ///
    /// # Errors
    /// When the query fails or takes too long.
    pub async fn daily_trend(
        &self,
        lens: &Lens,
        zone: &BillingZone,
    ) -> Result<Vec<DayTotal>, LakeError> {
        if *zone == BillingZone::UTC && lens.window.is_whole_days() {
            let rows = self.ask(named::DAILY_TREND, lens.rolled_params()).await?;
            return rows.map(|rows, row| day_total(rows, row, rows.day(row, "day")?));
        }
        let rows = self.ask(named::QUARTER_TREND, lens.rolled_params()).await?;
        let quarters = rows.map(|rows, row| {
            let at = rows.instant(row, "bucket")?.unwrap_or_default();
            day_total(rows, row, zone.date_of(at))
        })?;
        let mut days = BTreeMap::new();
        for quarter in quarters {
            let empty = DayTotal { day: quarter.day, cost: Usd::ZERO, requests: 0, unpriced: 0 };
            let day: &mut DayTotal = days.entry(quarter.day).or_insert(empty);
            day.cost += quarter.cost;
            day.requests = day.requests.saturating_add(quarter.requests);
            day.unpriced = day.unpriced.saturating_add(quarter.unpriced);
        }
        Ok(days.into_values().collect())
    }

    /// How much of a window's usage is priced and attributed.
    ///
    /// # Errors
    /// When the query fails or takes too long.
    pub async fn coverage(&self, lens: &Lens) -> Result<Coverage, LakeError> {
        self.ask(named::COVERAGE, lens.rolled_params()).await?.only(|rows, row| {
            Ok(Coverage {
                attempts: rows.count(row, "attempts")?,
                priced: rows.count(row, "priced")?,
                metered: rows.count(row, "metered")?,
                with_team: rows.count(row, "with_team")?,
                with_feature: rows.count(row, "with_feature")?,
                with_customer: rows.count(row, "with_customer")?,
            })
        })
    }
}

fn day_total(rows: &Rows, row: usize, day: Date) -> Result<DayTotal, LakeError> {
    Ok(DayTotal {
        day,
        cost: rows.known_sum(row, "cost_usd")?,
        requests: rows.count(row, "requests")?,
        unpriced: rows.count(row, "unpriced")?,
    })
}

fn totals(rows: &Rows, row: usize) -> Result<Totals, LakeError> {
    Ok(Totals {
        cost: rows.known_sum(row, "cost_usd")?,
        attributed_cost: rows.known_sum(row, "attributed_cost_usd")?,
        requests: rows.count(row, "requests")?,
        failed_requests: rows.count(row, "failed_requests")?,
        input_tokens: rows.count(row, "input_tokens")?,
        output_tokens: rows.count(row, "output_tokens")?,
        unpriced: rows.count(row, "unpriced")?,
    })
}
