//! The demonstration with the settings as they come: its ninety days of history hold one runaway agent
//! and a model without a price, and nothing else that is worth a message.

use std::sync::Arc;

use alerts::{Inputs, LakeInputs, Standing, Watch, WatchOptions};
use async_trait::async_trait;
use events::UsageSource;
use finops::{BudgetUse, Gauge, IncidentFigures};
use lake::{Lake, LakeOptions, LakeRow};
use pricing::{PriceBook, PriceContext, Query};
use serde::Deserialize;
use simulator::traffic::{Population, RUNAWAY_FEATURE, RUNAWAY_TEAM, UNPRICED_MODEL, history_day};
use store::{Incident, IncidentFilter};
use units::{BillingZone, UnixMicros};

use super::past::Past;
use super::setting::{HOUR_US, NOW, SECOND_US, Setting};

fn watch(setting: &Setting, inputs: Arc<dyn Inputs>) -> Watch {
    Watch::new(inputs, setting.desk(), setting.clock.clone(), WatchOptions::default())
}

async fn incidents(setting: &Setting) -> Vec<Incident> {
    setting.store.incidents().list(&IncidentFilter::default()).await.unwrap()
}

/// What must hold of the incident of the planted runaway.
fn check_runaway(incidents: &[Incident]) {
    // The model without a price is rare, and may not have been used in the last hour.
    let spend: Vec<&Incident> =
        incidents.iter().filter(|one| one.kind != "unpriced_model").collect();
    assert_eq!(spend.len(), 1, "{incidents:#?}");
    let runaway = incidents.iter().find(|one| one.kind == "burn_rate").unwrap();
    assert_eq!(runaway.subject, format!("team:{RUNAWAY_TEAM}"));
    let figures = IncidentFigures::deserialize(&runaway.figures).unwrap();
    assert_eq!(figures.drivers[0].name, RUNAWAY_FEATURE, "{figures:#?}");
    let hours = NOW.micros_since(figures.since) / HOUR_US;
    assert!((2..=4).contains(&hours), "it began {hours} hours ago");
    let split = figures.decomposition.unwrap();
    assert_eq!(split.price + split.volume + split.mix, split.delta());
    assert!(split.delta() > units::Usd::from_dollars(30), "{split:?}");
    assert_eq!(figures.sample_requests.len(), 3);
}

#[tokio::test]
async fn the_first_look_at_the_demonstration_finds_its_runaway_and_nothing_else_that_is_spend() {
    let setting = Setting::new().await;
    let past = Arc::new(Past::of_demonstration(NOW));
    let mut watch = watch(&setting, past);
    watch.look().await.unwrap();
    check_runaway(&incidents(&setting).await);
    let slack = setting.deliveries().await;
    let slack = slack.iter().find(|one| {
        one.channel == "ops-slack" && one.payload["text"].as_str().unwrap().contains(RUNAWAY_TEAM)
    });
    // Ids of incidents are made anew each time.
    let id = slack.unwrap().incident.unwrap().to_string();
    let payload = slack.unwrap().payload.to_string().replace(&id, "[incident]");
    let payload: serde_json::Value = serde_json::from_str(&payload).unwrap();
    insta::assert_json_snapshot!(payload);
}

/// A week of the demonstration that ended before its runaway began, watched every ten minutes.
#[tokio::test]
async fn an_ordinary_week_of_the_demonstration_opens_no_incident_of_spend() {
    let setting = Setting::new().await;
    let past = Arc::new(Past::of_demonstration(NOW));
    let start = NOW.plus_micros(-(7 * 24 + 4) * HOUR_US);
    setting.clock.set(start);
    let mut watch = watch(&setting, past);
    for _ in 0..7 * 24 * 6 {
        watch.look().await.unwrap();
        setting.clock.pass(600 * SECOND_US);
    }
    let lines: Vec<String> =
        incidents(&setting).await.into_iter().map(|one| one.headline).collect();
    assert!(lines.iter().any(|line| line.contains(UNPRICED_MODEL)), "{lines:#?}");
    assert!(lines.iter().all(|line| line.contains("without a price")), "{lines:#?}");
}

/// Nothing but what the lake knows.
#[derive(Debug)]
struct Nothing;

#[async_trait]
impl Standing for Nothing {
    async fn budgets(&self) -> Result<Vec<BudgetUse>, alerts::AlertsError> {
        Ok(Vec::new())
    }

    async fn gauges(&self) -> Result<Vec<Gauge>, alerts::AlertsError> {
        Ok(Vec::new())
    }
}

#[tokio::test]
async fn the_same_is_found_in_a_lake() {
    let setting = Setting::new().await;
    let dir = tempfile::tempdir().unwrap();
    let options = LakeOptions::new(dir.path().join("lake"));
    let lake = Lake::open(options, setting.clock.clone()).await.unwrap();
    lake.append_history("demo/history", history(NOW, 21)).await.unwrap();
    let inputs = LakeInputs::new(lake, Arc::new(Nothing));
    let mut watch = watch(&setting, Arc::new(inputs));
    watch.look().await.unwrap();
    check_runaway(&incidents(&setting).await);
    assert_eq!(watch.look().await.unwrap().opened, 0);
}

/// The demonstration's last days as rows, a batch a day.
fn history(now: UnixMicros, days: i64) -> Vec<Vec<LakeRow>> {
    let population = Population::seeded(1);
    let prices = PriceBook::embedded().unwrap();
    let today = BillingZone::UTC.date_of(now);
    let mut seq = 0;
    let mut day = |back: i64| {
        let date = today.checked_sub(jiff::Span::new().days(back)).unwrap();
        let mut rows = Vec::new();
        for mut event in history_day(date, &population, now) {
            if event.cost.usage_source != UsageSource::None {
                let query = Query {
                    provider: event.model.provider.as_deref().unwrap_or_default(),
                    model: event.model.resolved.as_deref().unwrap_or_default(),
                    at: event.times.received_us,
                    context: PriceContext::NONE,
                    meters: &event.meters,
                };
                event.cost.billed = prices.price(&query).map(|priced| priced.cost);
            }
            seq += 1;
            rows.push(LakeRow { event, node_id: "demo".into(), epoch: "history".into(), seq });
        }
        rows
    };
    (0..days).rev().map(&mut day).collect()
}
