//! What is watched for alerts: spend by hour, and spend of the last minutes.

use units::{UnixMicros, Usd};

use crate::named::NamedQuery;
use crate::rows::Rows;
use crate::window::{HOUR_US, Lens, text};
use crate::{Dimension, Lake, LakeError, named};

/// What one value of a dimension spent in one hour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HourSpend {
    /// The value; `None` where the usage has none.
    pub name: Option<String>,
    /// First instant of the hour, UTC.
    pub hour: UnixMicros,
    /// Billed cost of the attempts whose cost is known, USD.
    pub cost: Usd,
    /// Requests, by their final rows.
    pub requests: u64,
    /// Input and output tokens.
    pub tokens: u64,
    /// Attempts that used something but whose cost is unknown.
    pub unpriced: u64,
}

/// What one value of a dimension spent in a short window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentSpend {
    /// The value; `None` where the usage has none.
    pub name: Option<String>,
    /// Billed cost of the attempts whose cost is known, USD.
    pub cost: Usd,
    /// Requests, by their final rows.
    pub requests: u64,
    /// Input and output tokens.
    pub tokens: u64,
    /// Attempts that used something but whose cost is unknown.
    pub unpriced: u64,
}

impl Lake {
    /// What every value of a dimension spent in each hour of UTC, by name and then hour; hours without
    /// usage are left out. The first and last hour are those of the window's part of them.
    ///
    /// # Errors
    /// When the query fails, takes too long, or gives more rows than a result may have.
    pub async fn hourly_spend(
        &self,
        lens: &Lens,
        by: Dimension,
    ) -> Result<Vec<HourSpend>, LakeError> {
        let query = match by {
            Dimension::Customer => named::HOURLY_SPEND_BY_CUSTOMER,
            Dimension::User => named::HOURLY_SPEND_BY_USER,
            _ => named::HOURLY_SPEND,
        };
        self.by(query, lens.rolled_params(), by).await?.map(|rows, row| {
            let hour = rows.integer(row, "hour")?.unwrap_or_default();
            let spend = spend(rows, row)?;
            Ok(HourSpend {
                name: spend.name,
                hour: UnixMicros::new(hour.saturating_mul(HOUR_US)),
                cost: spend.cost,
                requests: spend.requests,
                tokens: spend.tokens,
                unpriced: spend.unpriced,
            })
        })
    }

    /// What every value of a dimension spent in a short window, to the microsecond, largest first. It
    /// reads rows: meant for minutes and hours, not for months.
    ///
    /// # Errors
    /// When the query fails or takes too long.
    pub async fn recent_spend(
        &self,
        lens: &Lens,
        by: Dimension,
    ) -> Result<Vec<RecentSpend>, LakeError> {
        self.by(named::RECENT_SPEND, lens.params(), by).await?.map(spend)
    }

    async fn by(
        &self,
        query: NamedQuery,
        mut params: crate::query::Params,
        by: Dimension,
    ) -> Result<Rows, LakeError> {
        params.push(("dimension", text(by.as_str())));
        self.ask(query, params).await
    }
}

fn spend(rows: &Rows, row: usize) -> Result<RecentSpend, LakeError> {
    Ok(RecentSpend {
        name: rows.text(row, "name")?,
        cost: rows.known_sum(row, "cost_usd")?,
        requests: rows.count(row, "requests")?,
        tokens: rows.count(row, "tokens")?,
        unpriced: rows.count(row, "unpriced")?,
    })
}
