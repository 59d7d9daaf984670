//! The ledger over the usage table.
//!
//! Money and tokens are sums over every attempt of the window, requests are counted once.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use finops::{Adjustment, Basis, Figures, Scope, Statement, UsageLine};
use lake::{Dimension, Lake, LakeError, Lens, Ranked, Window};
use units::{BillingPeriod, BillingZone, Clock, Slug, Usd};

use crate::Ledger;
use crate::ledger::{
    Coverage, DaySpend, Freshness, LedgerError, MonthWindow, OverviewData, Share, StatementEntry,
    Totals, UnpricedModel,
};

/// Rows asked of a ranking; the pages show fewer.
const RANKED_ROWS: u32 = 16;
/// Models looked at for ones without a price: those cost nothing and come last.
const MODEL_ROWS: u32 = 1_000;

/// The ledger over the usage table of one organisation.
#[derive(Debug, Clone)]
pub struct LakeLedger {
    lake: Lake,
    organisation: Slug,
    zone: BillingZone,
    clock: Arc<dyn Clock>,
}

impl LakeLedger {
    /// The ledger of an organisation that bills in `zone`.
    pub fn new(lake: Lake, organisation: Slug, zone: BillingZone, clock: Arc<dyn Clock>) -> Self {
        Self { lake, organisation, zone, clock }
    }

    /// Spend per day of a month, days cut in the billing zone.
    async fn days(
        &self,
        lake: &Lake,
        period: BillingPeriod,
        team: Option<&Slug>,
    ) -> Result<Vec<DaySpend>, LakeError> {
        let lens = lens(Window::of_period(period, &self.zone), team);
        let days = lake.daily_trend(&lens, &self.zone).await?;
        Ok(days.iter().map(|day| DaySpend { date: day.day, cost: day.cost }).collect())
    }

    async fn gather(
        &self,
        window: &MonthWindow,
        team: Option<&Slug>,
    ) -> Result<OverviewData, LakeError> {
        // To the month's end and not to the present: a gateway's clock may run ahead of ours.
        let month = &lens(Window { from: window.from, to: window.end }, team);
        let before = Window { from: window.previous_from, to: window.previous_until };
        let before = &lens(before, team);
        // One state of the table for all figures of the page.
        let lake = &self.lake.pinned().await?;
        let (totals, before, coverage, freshness) = tokio::try_join!(
            lake.month_to_date(month),
            lake.month_to_date(before),
            lake.coverage(month),
            lake.freshness(),
        )?;
        let (days, previous_days, teams, models, customers) = tokio::try_join!(
            self.days(lake, window.period, team),
            self.days(lake, window.period.previous(), team),
            lake.top_by(Dimension::Team, month, RANKED_ROWS),
            lake.top_by(Dimension::Model, month, MODEL_ROWS),
            lake.top_by(Dimension::Customer, month, RANKED_ROWS),
        )?;
        Ok(OverviewData {
            days,
            previous_days,
            previous_to_date: before.cost,
            totals: Totals {
                cost: totals.cost,
                requests: totals.requests,
                input_tokens: totals.input_tokens,
                output_tokens: totals.output_tokens,
            },
            coverage: Coverage {
                calls: coverage.attempts,
                priced: coverage.priced,
                metered: coverage.metered,
                with_team: coverage.with_team,
            },
            teams: shares(teams),
            unpriced: unpriced(&models),
            models: shares(models),
            customers: shares(customers),
            freshness: Freshness {
                received_at: freshness.received_at,
                ingested_at: freshness.ingested_at,
            },
        })
    }
}

#[async_trait]
impl Ledger for LakeLedger {
    async fn overview(
        &self,
        window: &MonthWindow,
        team: Option<&Slug>,
    ) -> Result<OverviewData, LedgerError> {
        Box::pin(self.gather(window, team)).await.map_err(failed)
    }

    async fn statement_index(
        &self,
        first: BillingPeriod,
        last: BillingPeriod,
        team: Option<&Slug>,
    ) -> Result<Vec<StatementEntry>, LedgerError> {
        let mut entries = Vec::new();
        let lake = self.lake.pinned().await.map_err(failed)?;
        let periods =
            std::iter::successors(Some(first), |period| Some(period.next()).filter(|p| *p <= last));
        for period in periods {
            let lens = lens(Window::of_period(period, &self.zone), team);
            let mut teams: BTreeMap<Option<String>, (Usd, u64)> = BTreeMap::new();
            for spend in lake.spend_by_team(&lens).await.map_err(failed)? {
                let (cost, unpriced) = teams.entry(spend.team).or_default();
                *cost += spend.cost;
                *unpriced = unpriced.saturating_add(spend.unpriced);
            }
            // Refused requests leave rows without a team that used nothing: no line for those.
            let used = |(name, (cost, unpriced)): &(Option<String>, (Usd, u64))| {
                name.is_some() || !cost.is_zero() || *unpriced > 0
            };
            entries.extend(teams.into_iter().filter(used).map(|(team, (cost, unpriced_calls))| {
                StatementEntry { team, period, cost, unpriced_calls }
            }));
        }
        Ok(entries)
    }

    async fn statement(
        &self,
        team: &Slug,
        period: BillingPeriod,
    ) -> Result<Option<Statement>, LedgerError> {
        let window = Window::of_period(period, &self.zone);
        let generated_at = self.clock.now();
        let (organisation, team_name) = (self.organisation.as_str(), team.as_str());
        // One state of the table: else a correction between two reads would not add up.
        let lake = &self.lake.pinned().await.map_err(failed)?;
        let (lines, price_versions, adjustments) = tokio::try_join!(
            lake.statement_lines(organisation, team_name, window),
            lake.statement_prices(organisation, team_name, window),
            lake.statement_adjustments(organisation, team_name, window),
        )
        .map_err(failed)?;
        if lines.is_empty() {
            return Ok(None);
        }
        let scope = Scope::new(self.organisation.clone(), team.clone(), period, &self.zone);
        let basis = Basis { generated_at, table_version: 0, price_versions };
        let adjustments = adjustments.into_iter().map(adjustment).collect();
        let statement = Statement::compile(scope, basis, lines.into_iter().map(usage_line))
            .and_then(|statement| statement.with_adjustments(adjustments))
            .map_err(|error| LedgerError::Failed(error.to_string()))?;
        Ok(Some(statement))
    }

    async fn ready(&self) -> Result<(), LedgerError> {
        // Planning anything opens the table at its newest version.
        self.lake.sql("SELECT 1").await.map(drop).map_err(failed)
    }
}

/// A window as a reader of one team, or of everything, sees it.
fn lens(window: Window, team: Option<&Slug>) -> Lens {
    Lens { window, team: team.map(ToString::to_string) }
}

fn shares(ranked: Vec<Ranked>) -> Vec<Share> {
    let used = |row: &Ranked| row.name.is_some() || !row.cost.is_zero();
    let cost = |row: &Ranked| (row.unpriced == 0 || !row.cost.is_zero()).then_some(row.cost);
    let share = |row: Ranked| Share { cost: cost(&row), name: row.name, requests: row.requests };
    ranked.into_iter().filter(used).map(share).collect()
}

fn unpriced(models: &[Ranked]) -> Vec<UnpricedModel> {
    models
        .iter()
        .filter(|row| row.unpriced > 0)
        .map(|row| UnpricedModel {
            model: row.name.clone().unwrap_or_default(),
            calls: row.unpriced,
            tokens: row.input_tokens.saturating_add(row.output_tokens),
        })
        .collect()
}

fn usage_line(line: lake::StatementLine) -> UsageLine {
    UsageLine {
        feature: line.feature,
        customer: line.customer,
        figures: Figures {
            requests: line.requests,
            unpriced_requests: line.unpriced,
            input_tokens: line.input_tokens,
            output_tokens: line.output_tokens,
            cost: line.cost,
        },
    }
}

fn adjustment(line: lake::StatementAdjustment) -> Adjustment {
    Adjustment {
        model: line.model,
        version_before: line.version_before,
        version_after: line.version_after,
        attempts: line.attempts,
        before: line.before,
        after: line.after,
    }
}

fn failed(error: LakeError) -> LedgerError {
    match error {
        LakeError::TimedOut(_) => LedgerError::TooSlow,
        error => LedgerError::Failed(error.to_string()),
    }
}
