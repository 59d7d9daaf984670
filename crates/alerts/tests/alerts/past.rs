//! Inputs made from usage events held in memory: the demonstration's history, or hours made by hand.

use std::collections::BTreeMap;
use std::sync::Mutex;

use alerts::{AlertsError, Breakdown, Inputs, ModelHour, TeamAmount, TeamHour};
use async_trait::async_trait;
use events::{UsageEvent, UsageSource};
use finops::{BudgetUse, DriverBy, Gauge, HourPoint, LineChange, Moved, Span, Unpriced, Use};
use pricing::{PriceBook, PriceContext, Query};
use simulator::traffic::{Population, history_day};
use units::{BillingZone, UnixMicros, Usd};

use super::setting::HOUR_US;

/// One priced attempt.
#[derive(Debug, Clone)]
pub(crate) struct Spent {
    pub(crate) at: UnixMicros,
    pub(crate) team: String,
    pub(crate) feature: String,
    pub(crate) model: String,
    pub(crate) cost: Option<Usd>,
    pub(crate) tokens: u64,
    pub(crate) request: String,
}

impl Spent {
    /// An amount a team spent, with nothing to tell it from others.
    pub(crate) fn plain(team: &str, at: UnixMicros, cost: Usd) -> Self {
        Self {
            at,
            team: team.to_owned(),
            feature: "chat".to_owned(),
            model: "gpt-5.4".to_owned(),
            cost: Some(cost),
            tokens: 1_000,
            request: units::RequestId::from_u128(u128::from(at.get().unsigned_abs())).to_string(),
        }
    }
}

/// Inputs over what was spent, seen as of the present that a question names.
#[derive(Debug, Default)]
pub(crate) struct Past {
    spent: Mutex<Vec<Spent>>,
    pub(crate) budgets: Mutex<Vec<BudgetUse>>,
    pub(crate) gauges: Mutex<Vec<Gauge>>,
    pub(crate) is_lake_away: Mutex<bool>,
    /// What providers named, by hour and model.
    pub(crate) reported: Mutex<Vec<ModelHour>>,
    /// How many hours of it were asked for so far.
    pub(crate) reported_hours_read: Mutex<i64>,
}

impl Past {
    /// Ninety days of the demonstration, priced as it prices them.
    pub(crate) fn of_demonstration(now: UnixMicros) -> Self {
        let population = Population::seeded(1);
        let prices = PriceBook::embedded().unwrap();
        let today = BillingZone::UTC.date_of(now);
        let past = Self::default();
        for days in (0..90).rev() {
            let date = today.checked_sub(jiff::Span::new().days(days)).unwrap();
            past.add(history_day(date, &population, now).iter().map(|e| priced(e, &prices)));
        }
        past
    }

    /// A past made by hand.
    pub(crate) fn of(spent: impl IntoIterator<Item = Spent>) -> Self {
        let past = Self::default();
        past.add(spent);
        past
    }

    pub(crate) fn add(&self, spent: impl IntoIterator<Item = Spent>) {
        let mut all = self.spent.lock().unwrap();
        all.extend(spent);
        all.sort_by_key(|one| one.at);
    }

    fn within(&self, span: Span) -> Result<Vec<Spent>, AlertsError> {
        if *self.is_lake_away.lock().unwrap() {
            return Err(AlertsError::Inputs("the lake is away".to_owned()));
        }
        let spent = self.spent.lock().unwrap();
        let from = spent.partition_point(|one| one.at < span.from);
        let to = spent.partition_point(|one| one.at < span.to);
        Ok(spent[from..to.max(from)].to_vec())
    }
}

fn priced(event: &UsageEvent, prices: &PriceBook) -> Spent {
    let model = event.model.resolved.clone().unwrap_or_else(|| event.model.asked.clone());
    let cost = match (&event.model.provider, event.cost.usage_source) {
        (_, UsageSource::None) => Some(Usd::ZERO),
        (Some(provider), _) => {
            let query = Query {
                provider,
                model: &model,
                at: event.times.received_us,
                context: PriceContext::NONE,
                meters: &event.meters,
            };
            prices.price(&query).map(|priced| priced.cost)
        }
        (None, _) => None,
    };
    Spent {
        at: event.times.received_us,
        team: event.attribution.team.clone().unwrap_or_default(),
        feature: event.attribution.feature.clone().unwrap_or_default(),
        model,
        cost,
        tokens: event.meters.input_tokens() + event.meters.output_tokens(),
        request: event.ids.request_id.to_string(),
    }
}

fn value(one: &Spent, by: DriverBy) -> Option<String> {
    match by {
        DriverBy::Feature => Some(one.feature.clone()),
        DriverBy::Model => Some(one.model.clone()),
        DriverBy::Key => Some(format!("key of {}", one.team)),
        DriverBy::Customer | DriverBy::User => None,
    }
}

#[async_trait]
impl Inputs for Past {
    async fn budgets(&self) -> Result<Vec<BudgetUse>, AlertsError> {
        Ok(self.budgets.lock().unwrap().clone())
    }

    async fn hours(&self, span: Span) -> Result<Vec<TeamHour>, AlertsError> {
        let mut hours: BTreeMap<(String, i64), Usd> = BTreeMap::new();
        for one in self.within(span)? {
            let hour = one.at.get().div_euclid(HOUR_US);
            *hours.entry((one.team, hour)).or_default() += one.cost.unwrap_or_default();
        }
        let hours = hours.into_iter().map(|((team, hour), cost)| TeamHour {
            team: Some(team),
            point: HourPoint { hour: UnixMicros::new(hour * HOUR_US), cost },
        });
        Ok(hours.collect())
    }

    async fn recent(&self, span: Span) -> Result<Vec<TeamAmount>, AlertsError> {
        let mut teams: BTreeMap<String, Usd> = BTreeMap::new();
        for one in self.within(span)? {
            *teams.entry(one.team).or_default() += one.cost.unwrap_or_default();
        }
        Ok(teams.into_iter().map(|(team, cost)| TeamAmount { team: Some(team), cost }).collect())
    }

    async fn unpriced(&self, span: Span) -> Result<Vec<Unpriced>, AlertsError> {
        let mut models: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for one in self.within(span)?.into_iter().filter(|one| one.cost.is_none()) {
            let entry = models.entry(one.model).or_default();
            *entry = (entry.0 + 1, entry.1 + one.tokens);
        }
        let models = models.into_iter().map(|(model, (calls, tokens))| Unpriced {
            provider: Some("openai".to_owned()),
            model,
            calls,
            tokens,
            first_seen: span.from,
            last_seen: span.to,
        });
        Ok(models.collect())
    }

    async fn gauges(&self) -> Result<Vec<Gauge>, AlertsError> {
        Ok(self.gauges.lock().unwrap().clone())
    }

    async fn reported(&self, span: Span) -> Result<Vec<ModelHour>, AlertsError> {
        self.within(span)?;
        *self.reported_hours_read.lock().unwrap() += span.to.micros_since(span.from) / HOUR_US;
        let mut hours = self.reported.lock().unwrap().clone();
        hours.retain(|one| (span.from..span.to).contains(&one.point.hour));
        Ok(hours)
    }

    async fn differing(
        &self,
        provider: Option<&str>,
        model: Option<&str>,
        span: Span,
    ) -> Result<Vec<String>, AlertsError> {
        let mut hours = self.reported(span).await?;
        hours.retain(|one| one.provider.as_deref() == provider && one.model.as_deref() == model);
        let id = |one: &ModelHour| u128::from(one.point.hour.get().unsigned_abs());
        let ids = hours.iter().rev().map(|one| units::RequestId::from_u128(id(one)).to_string());
        Ok(ids.take(3).collect())
    }

    async fn breakdown(
        &self,
        team: &str,
        before: Span,
        after: Span,
    ) -> Result<Breakdown, AlertsError> {
        let mut models: BTreeMap<String, (Use, Use)> = BTreeMap::new();
        let mut moved: BTreeMap<(DriverBy, Option<String>), (Usd, Usd)> = BTreeMap::new();
        for (span, is_after) in [(before, false), (after, true)] {
            for one in self.within(span)?.iter().filter(|one| one.team == team) {
                let entry = models.entry(one.model.clone()).or_default();
                let used = if is_after { &mut entry.1 } else { &mut entry.0 };
                used.cost += one.cost.unwrap_or_default();
                used.tokens += one.tokens;
                for by in [DriverBy::Feature, DriverBy::Model, DriverBy::Key, DriverBy::Customer] {
                    let entry = moved.entry((by, value(one, by))).or_default();
                    let amount = if is_after { &mut entry.1 } else { &mut entry.0 };
                    *amount += one.cost.unwrap_or_default();
                }
            }
        }
        let line = |(name, (before, after))| LineChange { name, before, after };
        let moved = moved.into_iter().map(|((by, name), (before, after))| Moved {
            by,
            name,
            before,
            after,
        });
        Ok(Breakdown { models: models.into_iter().map(line).collect(), moved: moved.collect() })
    }

    async fn samples(
        &self,
        team: &str,
        driver: Option<(DriverBy, &str)>,
        span: Span,
    ) -> Result<Vec<String>, AlertsError> {
        let mut found = self.within(span)?;
        found.retain(|one| {
            one.team == team
                && driver.is_none_or(|(by, name)| value(one, by).as_deref() == Some(name))
        });
        found.sort_by_key(|one| (std::cmp::Reverse(one.cost), one.request.clone()));
        Ok(found.into_iter().take(3).map(|one| one.request).collect())
    }

    async fn newest(&self) -> Result<Option<UnixMicros>, AlertsError> {
        Ok(self.spent.lock().unwrap().last().map(|one| one.at))
    }
}
