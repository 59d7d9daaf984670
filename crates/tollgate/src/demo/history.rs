//! The demonstration's past: seeded usage, priced like live usage, laid straight into the lake.

use std::collections::BTreeMap;
use std::sync::Arc;

use events::{UsageEvent, UsageSource};
use jiff::ToSpan;
use jiff::civil::Date;
use lake::{Lake, LakeRow};
use pricing::{PriceBook, PriceContext, Query};
use simulator::traffic::{Population, history_day};
use units::{BillingZone, UnixMicros, Usd};

use crate::failure::CommandError;

/// Days of history.
const DAYS: i32 = 90;
/// Node the rows carry.
const NODE: &str = "demo";
/// Writer the rows are committed under.
const APP: &str = "demo/history";

/// The provider that says in each answer what it cost.
const REPORTING: &str = "x-ai";
/// The model of it whose bill is other than the price book's for some days, by so many thousandths: a
/// drift to be found.
const DRIFTING: (&str, u32) = ("grok-4.6", 1_025);
/// How many days ago that began.
const DRIFT_DAYS: i64 = 12;

/// Makes days of history and commits them, the newest first, so that the current month is there
/// before anything is served.
pub(super) struct History {
    pub(super) population: Arc<Population>,
    pub(super) prices: Arc<PriceBook>,
    pub(super) now: UnixMicros,
    next_seq: u64,
}

impl History {
    pub(super) fn new(
        population: Arc<Population>,
        prices: Arc<PriceBook>,
        now: UnixMicros,
    ) -> Self {
        Self { population, prices, now, next_seq: 0 }
    }

    /// The days of the current month, newest first, and the days before them.
    pub(super) fn days(&self) -> (Vec<Date>, Vec<Date>) {
        let today = BillingZone::UTC.date_of(self.now);
        let back = |days: i32| today.checked_sub(days.days()).ok();
        let days: Vec<Date> = (0..DAYS).filter_map(back).collect();
        days.into_iter().partition(|day| day.first_of_month() == today.first_of_month())
    }

    /// The priced rows of one day.
    pub(super) fn day(&mut self, date: Date) -> Vec<LakeRow> {
        let (node_id, epoch): (Arc<str>, Arc<str>) = (NODE.into(), "history".into());
        let mut rows = Vec::new();
        for mut event in history_day(date, &self.population, self.now) {
            price(&mut event, &self.prices);
            event.cost.provider_reported = reported(&event, self.now);
            let (node_id, epoch) = (Arc::clone(&node_id), Arc::clone(&epoch));
            rows.push(LakeRow { event, node_id, epoch, seq: self.next_seq });
            self.next_seq += 1;
        }
        rows
    }
}

/// Commits days of history, one commit each.
pub(super) async fn commit(lake: &Lake, days: Vec<Vec<LakeRow>>) -> Result<usize, CommandError> {
    Ok(lake.append_history(APP, days).await?)
}

/// What every team spent in these rows.
pub(super) fn spend_by_team<'a>(rows: impl Iterator<Item = &'a LakeRow>) -> BTreeMap<String, Usd> {
    let mut spent = BTreeMap::new();
    for row in rows {
        if let (Some(team), Some(cost)) = (&row.event.attribution.team, row.event.cost.billed) {
            *spent.entry(team.clone()).or_insert(Usd::ZERO) += cost;
        }
    }
    spent
}

/// What the provider says the call cost, where it is one that does.
fn reported(event: &UsageEvent, now: UnixMicros) -> Option<Usd> {
    const DAY_US: i64 = 86_400_000_000;
    let billed = event.cost.billed.filter(|_| event.cost.usage_source != UsageSource::None)?;
    if event.model.provider.as_deref() != Some(REPORTING) {
        return None;
    }
    let (model, per_mille) = DRIFTING;
    let is_lately = now.micros_since(event.times.received_us) < DRIFT_DAYS * DAY_US;
    let has_drifted = is_lately && event.model.resolved.as_deref() == Some(model);
    Some(if has_drifted { billed.per_mille(per_mille) } else { billed })
}

fn price(event: &mut UsageEvent, prices: &PriceBook) {
    if event.cost.usage_source == UsageSource::None {
        let nothing = Some(Usd::ZERO);
        (event.cost.list, event.cost.contract, event.cost.billed) = (nothing, nothing, nothing);
        return;
    }
    let (Some(provider), Some(model)) = (&event.model.provider, &event.model.resolved) else {
        return;
    };
    let priced = prices.price(&Query {
        provider,
        model,
        at: event.times.received_us,
        context: PriceContext::NONE,
        meters: &event.meters,
    });
    let amount = priced.as_ref().map(|priced| priced.cost);
    event.cost.list = priced.as_ref().map(|priced| priced.list);
    (event.cost.contract, event.cost.billed) = (amount, amount);
    event.cost.price_version = Some(prices.version().to_owned());
    event.cost.rate_set = priced.as_ref().map(|priced| priced.rate_set.to_string());
    event.model.priced = priced.map(|priced| priced.model_id.to_owned());
}
