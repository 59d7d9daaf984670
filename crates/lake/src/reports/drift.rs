//! What providers say that calls cost beside what they come to by the price book, and what corrections
//! changed of a team's statement.

use datafusion::scalar::ScalarValue;
use jiff::civil::Date;
use units::{UnixMicros, Usd};

use crate::window::{HOUR_US, Lens, Window, limit, text};
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

/// One model in one hour at a provider that names costs in its answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedInHour {
    /// First instant of the hour, UTC.
    pub hour: UnixMicros,
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

/// What corrections made of one model's calls, from one price book to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementAdjustment {
    /// Model as sent to the provider, or as asked for where nothing was sent.
    pub model: Option<String>,
    /// Price book they were priced with before; `None` is calls that had no price.
    pub version_before: Option<String>,
    /// Price book they are priced with since; `None` is calls that lost theirs.
    pub version_after: Option<String>,
    /// Attempts corrected.
    pub attempts: u64,
    /// What they cost before, USD; zero where that was not known.
    pub before: Usd,
    /// What they cost since, USD.
    pub after: Usd,
}

impl Lake {
    /// What providers reported beside what was computed, by day of UTC, provider and model.
    ///
    /// # Errors
    /// When the query fails or takes too long.
    pub async fn reported_costs(&self, lens: &Lens) -> Result<Vec<ReportedCost>, LakeError> {
        self.ask(named::DRIFT, lens.params()).await?.map(|rows, row| {
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

    /// The same by hour of UTC. It reads the rows of a window, of providers that name costs alone: meant
    /// for hours and days, not for months.
    ///
    /// # Errors
    /// When the query fails, takes too long, or gives more rows than a result may have.
    pub async fn reported_hours(&self, lens: &Lens) -> Result<Vec<ReportedInHour>, LakeError> {
        self.ask(named::REPORTED_HOURS, lens.params()).await?.map(|rows, row| {
            let hour = rows.integer(row, "hour")?.unwrap_or_default();
            Ok(ReportedInHour {
                hour: UnixMicros::new(hour.saturating_mul(HOUR_US)),
                provider: rows.text(row, "provider")?,
                model: rows.text(row, "model")?,
                requests: rows.count(row, "requests")?,
                unpriced: rows.count(row, "unpriced")?,
                reported: rows.known_sum(row, "reported_usd")?,
                computed: rows.known_sum(row, "computed_usd")?,
            })
        })
    }

    /// Ids of the requests of one model whose reported cost lies furthest from the computed one, the
    /// furthest first, at most `rows`.
    ///
    /// # Errors
    /// When the query fails or takes too long.
    pub async fn differing_requests(
        &self,
        lens: &Lens,
        provider: Option<&str>,
        model: Option<&str>,
        rows: u32,
    ) -> Result<Vec<String>, LakeError> {
        let mut params = lens.params();
        let named = |name: Option<&str>| ScalarValue::Utf8(name.map(str::to_owned));
        params.extend([
            ("provider", named(provider)),
            ("model", named(model)),
            ("limit", limit(rows)),
        ]);
        let found = self.ask(named::DIFFERING_REQUESTS, params).await?;
        found.map(|rows, row| rows.name(row, "request_id"))
    }

    /// What corrections changed of a team's statement, by model and price books; empty when there are
    /// none. Differences add up to all that the statement's total was changed by. It reads rows, of
    /// corrections alone.
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
            Ok(StatementAdjustment {
                model: rows.text(row, "model")?,
                version_before: rows.text(row, "version_before")?,
                version_after: rows.text(row, "version_after")?,
                attempts: rows.count(row, "attempts")?,
                before: Usd::ZERO - rows.known_sum(row, "taken_usd")?,
                after: rows.known_sum(row, "stated_usd")?,
            })
        })
    }
}
