//! What the pages read of the ledger, and the trait they read it through.
//!
//! Amounts are exact; how they are rounded for people is decided in `figures`. `None` for a name
//! means that the usage carries no such attribution.

use async_trait::async_trait;
use finops::Statement;
use jiff::civil::Date;
use units::{BillingPeriod, BillingZone, Slug, UnixMicros, Usd};

/// Why the ledger could not be read. Our fault where nothing else is said; a retry may help.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The query took longer than a page may wait.
    #[error("the ledger did not answer in time")]
    TooSlow,
    /// What was asked cannot be answered: the asker's fault, told in their words.
    #[error("{0}")]
    Refused(String),
    /// The query failed.
    #[error("the ledger could not be read: {0}")]
    Failed(String),
}

/// The ledger as the pages need it. A `team` restricts an answer to what that team used, totals and
/// names included; `None` is everything.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Everything the overview of one month shows.
    async fn overview(
        &self,
        window: &MonthWindow,
        team: Option<&Slug>,
    ) -> Result<OverviewData, LedgerError>;

    /// One entry per team and month with usage, from `first` to `last` inclusive.
    async fn statement_index(
        &self,
        first: BillingPeriod,
        last: BillingPeriod,
        team: Option<&Slug>,
    ) -> Result<Vec<StatementEntry>, LedgerError>;

    /// A team's statement as it stands; `None` when the team used nothing in the period.
    async fn statement(
        &self,
        team: &Slug,
        period: BillingPeriod,
    ) -> Result<Option<Statement>, LedgerError>;

    /// Whether the ledger can answer at all.
    async fn ready(&self) -> Result<(), LedgerError>;
}

/// One month up to now, and the stretch of the month before that compares with it.
#[derive(Debug, Clone)]
pub struct MonthWindow {
    /// The month.
    pub period: BillingPeriod,
    /// The zone its days are cut in.
    pub zone: BillingZone,
    /// Its first instant.
    pub from: UnixMicros,
    /// Now, or the month's end when that is earlier.
    pub until: UnixMicros,
    /// The first instant after it.
    pub end: UnixMicros,
    /// First instant of the month before.
    pub previous_from: UnixMicros,
    /// As far into the month before as `until` is into this one; its end once this one is over.
    pub previous_until: UnixMicros,
}

impl MonthWindow {
    /// The window of `period` as seen at `now`.
    pub fn new(period: BillingPeriod, zone: &BillingZone, now: UnixMicros) -> Self {
        let (from, end) = period.range(zone);
        let (previous_from, previous_end) = period.previous().range(zone);
        let until = now.clamp(from, end);
        let same_stretch = previous_from.plus_micros(until.micros_since(from)).min(previous_end);
        let previous_until = if until == end { previous_end } else { same_stretch };
        Self { period, zone: zone.clone(), from, until, end, previous_from, previous_until }
    }

    /// Whether the month lies wholly in the past.
    pub fn is_over(&self) -> bool {
        self.until == self.end
    }
}

/// Everything the overview of one month shows.
#[derive(Debug, Clone, Default)]
pub struct OverviewData {
    /// Spend per day of the month; days without usage may be missing.
    pub days: Vec<DaySpend>,
    /// Spend per day of the month before.
    pub previous_days: Vec<DaySpend>,
    /// Spend from `previous_from` to `previous_until`.
    pub previous_to_date: Usd,
    /// The month's totals so far.
    pub totals: Totals,
    /// How much of the usage they stand for.
    pub coverage: Coverage,
    /// Largest teams first.
    pub teams: Vec<Share>,
    /// Largest models first.
    pub models: Vec<Share>,
    /// Largest customers first.
    pub customers: Vec<Share>,
    /// Models used this month without a price.
    pub unpriced: Vec<UnpricedModel>,
    /// How recent the figures are.
    pub freshness: Freshness,
}

/// One day's spend, the day cut in the window's zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DaySpend {
    /// The day.
    pub date: Date,
    /// Its priced cost.
    pub cost: Usd,
}

/// A month's totals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Priced cost; usage without a price is not in it.
    pub cost: Usd,
    /// Requests, refused ones included.
    pub requests: u64,
    /// Tokens read by models, cached ones included.
    pub input_tokens: u64,
    /// Tokens written by models, reasoning included.
    pub output_tokens: u64,
}

/// How much of a month's usage the figures stand for. A call is an attempt that used something; one
/// request may have made several.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Calls.
    pub calls: u64,
    /// Calls whose cost is known.
    pub priced: u64,
    /// Calls whose quantities are the provider's own, not an estimate.
    pub metered: u64,
    /// Calls that carry a team.
    pub with_team: u64,
}

/// One row of a ranking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// Its name as recorded.
    pub name: Option<String>,
    /// Its priced cost; `None` where it used something and none of it has a price.
    pub cost: Option<Usd>,
    /// Its requests.
    pub requests: u64,
}

/// A model with calls that have no price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnpricedModel {
    /// Model as sent to the provider.
    pub model: String,
    /// Calls without a price.
    pub calls: u64,
    /// Input and output tokens of all its calls.
    pub tokens: u64,
}

/// How recent the figures are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Freshness {
    /// When the newest recorded request had arrived; `None` when there was none lately.
    pub received_at: Option<UnixMicros>,
    /// When the newest record was committed to the table.
    pub ingested_at: Option<UnixMicros>,
}

/// One cell of the index of statements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementEntry {
    /// The team; `None` collects what carries no team.
    pub team: Option<String>,
    /// The month.
    pub period: BillingPeriod,
    /// Priced cost.
    pub cost: Usd,
    /// Calls without a price, whose cost is unknown.
    pub unpriced_calls: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(period: &str, now: &str) -> MonthWindow {
        let now = now.parse::<jiff::Timestamp>().unwrap();
        MonthWindow::new(period.parse().unwrap(), &BillingZone::UTC, now.into())
    }

    #[test]
    fn a_running_month_compares_with_the_same_stretch_of_the_month_before() {
        let window = window("2026-11", "2026-11-22T16:30:00Z");
        assert_eq!(window.previous_until.to_string(), "2026-10-22T16:30:00Z");
        assert!(!window.is_over());
    }

    #[test]
    fn the_last_days_of_a_long_month_compare_with_the_whole_short_month_before() {
        let window = window("2026-03", "2026-03-30T00:00:00Z");
        assert_eq!(window.previous_until.to_string(), "2026-03-01T00:00:00Z");
    }

    #[test]
    fn a_month_that_is_over_compares_with_the_whole_month_before() {
        let window = window("2026-02", "2026-11-22T16:30:00Z");
        assert!(window.is_over());
        assert_eq!(window.previous_until.to_string(), "2026-02-01T00:00:00Z");
    }
}
