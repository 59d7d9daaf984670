//! A provider whose own figures differ from the price book: an incident that opens once, names what to
//! do, and ends when newer calls or a correction agree.

use std::sync::Arc;

use alerts::{AlertsError, Inputs, LakeInputs, Look, ModelHour, Standing, Watch, WatchOptions};
use async_trait::async_trait;
use events::{UsageEvent, UsageSource};
use finops::{BudgetUse, DriftRule, Evidence, Gauge, IncidentFigures, ReportedHour};
use lake::{Lake, LakeOptions, LakeRow};
use serde::Deserialize;
use serde_json::Value;
use simulator::traffic::{Population, history_day};
use store::{Actor, DeliveryKind, Incident, IncidentFilter, Severity};
use units::{BillingZone, RequestId, UnixMicros, Usd};

use super::past::Past;
use super::setting::{HOUR_US, NOW, SECOND_US, Setting};

const DAY_US: i64 = 24 * HOUR_US;

fn watch(setting: &Setting, inputs: Arc<dyn Inputs>) -> Watch {
    Watch::new(inputs, setting.desk(), setting.clock.clone(), WatchOptions::default())
}

async fn incidents(setting: &Setting) -> Vec<Incident> {
    setting.store.incidents().list(&IncidentFilter::default()).await.unwrap()
}

/// The start of the hour that lies so many hours before now.
fn ago(hours: i64) -> UnixMicros {
    UnixMicros::new((NOW.get() / HOUR_US - hours) * HOUR_US)
}

/// An hour of forty calls for a dollar by the book.
fn hour(model: &str, hour: UnixMicros, per_mille: u32) -> ModelHour {
    let computed = Usd::from_dollars(1);
    let reported = computed.per_mille(per_mille);
    let point = ReportedHour { hour, calls: 40, unpriced: 0, reported, computed };
    ModelHour { provider: Some("x-ai".to_owned()), model: Some(model.to_owned()), point }
}

/// Ten days, the last four of them with a bill higher by 25 thousandths for one of two models.
fn drifted() -> Vec<ModelHour> {
    let hours = (0..240).rev().flat_map(|hours| {
        let per_mille = if hours < 96 { 1_025 } else { 1_000 };
        [hour("grok-4.6", ago(hours), per_mille), hour("grok-4.3", ago(hours), 1_000)]
    });
    hours.collect()
}

fn past(reported: Vec<ModelHour>) -> Arc<Past> {
    let past = Past::default();
    *past.reported.lock().unwrap() = reported;
    Arc::new(past)
}

#[tokio::test]
async fn a_lasting_difference_is_one_incident_with_its_figures_its_requests_and_the_remedy() {
    let setting = Setting::new().await;
    let past = past(drifted());
    let mut first = watch(&setting, past.clone());
    let look = first.look().await.unwrap();
    assert_eq!((look.opened, look.told), (1, 2), "one incident, two channels");
    let incident = incidents(&setting).await.remove(0);
    assert_eq!((incident.kind.as_str(), incident.severity), ("cost_drift", Severity::Warning));
    assert_eq!((incident.subject.as_str(), incident.team), ("model:x-ai/grok-4.6", None));
    let figures = IncidentFigures::deserialize(&incident.figures).unwrap();
    assert_eq!((figures.since, figures.impact), (ago(95), "2.4".parse().unwrap()));
    let Evidence::ReportedCost { computed, calls, .. } = figures.evidence else {
        panic!("{figures:?}")
    };
    assert_eq!((computed, calls), (Usd::from_dollars(96), 96 * 40));
    assert_eq!(figures.sample_requests.len(), 3);
    let told = setting.deliveries().await;
    let event = told.iter().find(|one| one.kind == DeliveryKind::Webhook).unwrap();
    let links = &event.payload["data"]["links"];
    assert_eq!(links["drift"], "https://tollgate.example/prices/drift");
    let remedy = event.payload["data"]["remedy"].as_array().unwrap();
    assert!(remedy[0].as_str().unwrap().contains("price show grok-4.6"), "{remedy:?}");
    // Another console, and the same one a day on, tell nothing more.
    assert_eq!(watch(&setting, past).look().await.unwrap().told, 0);
    for _ in 0..96 {
        setting.clock.pass(900 * SECOND_US);
        assert_eq!(first.look().await.unwrap().told, 0);
    }
}

#[tokio::test]
async fn the_message_names_what_differs_since_when_by_how_much_and_what_to_do() {
    let setting = Setting::new().await;
    watch(&setting, past(drifted())).look().await.unwrap();
    let told = setting.deliveries().await;
    let slack = told.iter().find(|one| one.kind == DeliveryKind::Slack).unwrap();
    let id = slack.incident.unwrap().to_string();
    let payload = slack.payload.to_string().replace(&id, "[incident]");
    insta::assert_json_snapshot!(serde_json::from_str::<Value>(&payload).unwrap());
    // What takes Slack's messages takes this one, and its webhook.
    let (_stop, stopping) = tokio::sync::watch::channel(false);
    setting.worker().round(&stopping).await.unwrap();
    assert_eq!(setting.sink.accepted().len(), 2);
}

#[tokio::test]
async fn it_ends_hours_after_newer_calls_agree_and_does_not_come_back_with_a_few_that_do_not() {
    let setting = Setting::new().await;
    let past = past(drifted());
    let mut watch = watch(&setting, past.clone());
    assert_eq!(watch.look().await.unwrap().opened, 1);
    // The price is mended now, for what is to come.
    let mut resolved = None;
    for hours in 1..=24 {
        past.reported.lock().unwrap().push(hour("grok-4.6", ago(-hours), 1_000));
        setting.clock.pass(HOUR_US);
        let look = watch.look().await.unwrap();
        assert_eq!(look.opened, 0, "{hours} hours later");
        if look.resolved > 0 {
            resolved = Some(hours);
        }
    }
    assert!(resolved.is_some_and(|hours| (5..=9).contains(&hours)), "after {resolved:?} hours");
    let last = setting.deliveries().await.pop().unwrap();
    assert!(last.payload.to_string().contains("esolved"), "{}", last.payload);
}

#[tokio::test]
async fn a_correction_of_what_was_recorded_ends_it_within_two_hours() {
    let setting = Setting::new().await;
    let past = past(drifted());
    let mut watch = watch(&setting, past.clone());
    assert_eq!(watch.look().await.unwrap().opened, 1);
    for one in past.reported.lock().unwrap().iter_mut() {
        one.point.computed = one.point.reported;
    }
    let mut looks = (1..).map(|minute| minute * 60 * SECOND_US);
    let ended = loop {
        let passed = looks.next().unwrap();
        setting.clock.set(NOW.plus_micros(passed));
        if watch.look().await.unwrap().resolved == 1 {
            break passed;
        }
        assert!(passed < 2 * HOUR_US, "never over");
    };
    assert!(ended >= HOUR_US / 2, "after {} s", ended / SECOND_US);
}

#[tokio::test]
async fn what_is_read_is_bounded_and_a_lake_that_is_away_ends_nothing() {
    let setting = Setting::new().await;
    let past = past(drifted());
    let mut watch = watch(&setting, past.clone());
    // Four looks a minute for two hours.
    for _ in 0..480 {
        watch.look().await.unwrap();
        setting.clock.pass(15 * SECOND_US);
    }
    let read = *past.reported_hours_read.lock().unwrap();
    // Two weeks at the start, four more times while it settles, then each hour; three hours between.
    let whole = 15 * 24;
    assert!(read <= 8 * whole + 24 * 3, "{read} hours");
    *past.is_lake_away.lock().unwrap() = true;
    setting.clock.pass(2 * DAY_US);
    assert_eq!(watch.look().await.unwrap(), Look::default());
    *past.is_lake_away.lock().unwrap() = false;
    let look = watch.look().await.unwrap();
    assert_eq!((look.updated, look.resolved), (1, 0), "not called any more: it stays");
}

#[tokio::test]
async fn somebody_who_expects_a_discount_hears_no_more_of_it() {
    let setting = Setting::new().await;
    let past = past(drifted());
    let mut watch = watch(&setting, past.clone());
    watch.look().await.unwrap();
    let incident = incidents(&setting).await.remove(0);
    let until = Some(NOW.plus_micros(30 * DAY_US));
    setting.store.incidents().expect(incident.id, until, &Actor::Cli).await.unwrap();
    for hours in 1..=48 {
        past.reported.lock().unwrap().push(hour("grok-4.6", ago(-hours), 2_000));
        setting.clock.pass(HOUR_US);
        let look = watch.look().await.unwrap();
        assert_eq!((look.opened, look.told), (0, 0), "{hours} hours later");
    }
}

#[tokio::test]
async fn streams_without_a_reported_cost_and_models_without_a_price_are_no_difference() {
    let setting = Setting::new().await;
    let unpriced = (0..240).map(|hours| {
        let mut one = hour("aurora", ago(hours), 1_000);
        (one.point.unpriced, one.point.computed) = (40, Usd::ZERO);
        one
    });
    let look = watch(&setting, past(unpriced.collect())).look().await.unwrap();
    assert_eq!(look, Look::default());
    assert_eq!(watch(&setting, past(Vec::new())).look().await.unwrap(), Look::default());
}

/// Nothing but what the lake knows.
#[derive(Debug)]
struct Nothing;

#[async_trait]
impl Standing for Nothing {
    async fn budgets(&self) -> Result<Vec<BudgetUse>, AlertsError> {
        Ok(Vec::new())
    }

    async fn gauges(&self) -> Result<Vec<Gauge>, AlertsError> {
        Ok(Vec::new())
    }
}

/// A call that cost a cent by the book; what its answer names, if anything.
fn row(
    any: &UsageEvent,
    (seq, at): (u64, UnixMicros),
    model: &str,
    reported: Option<&str>,
) -> LakeRow {
    let mut event = any.clone();
    event.ids.request_id = RequestId::from_u128(u128::from(seq));
    (event.times.received_us, event.times.ended_us) = (at, at.plus_micros(SECOND_US));
    event.model.provider = Some("x-ai".to_owned());
    event.model.resolved = Some(model.to_owned());
    event.cost.billed = "0.01".parse().ok();
    event.cost.provider_reported = reported.map(|text| text.parse().unwrap());
    LakeRow { event, node_id: "gw-1".into(), epoch: "history".into(), seq }
}

#[tokio::test]
async fn a_lake_with_a_drift_among_exact_models_and_calls_without_a_figure_gives_one_incident() {
    let setting = Setting::new().await;
    let dir = tempfile::tempdir().unwrap();
    let options = LakeOptions::new(dir.path().join("lake"));
    let lake = Lake::open(options, setting.clock.clone()).await.unwrap();
    let events = history_day(BillingZone::UTC.date_of(NOW), &Population::seeded(1), NOW);
    let any = events.iter().find(|one| one.cost.usage_source == UsageSource::Provider).unwrap();
    let mut seq = 0;
    let mut next = |at, model, reported| {
        seq += 1;
        row(any, (seq, at), model, reported)
    };
    let mut days: Vec<Vec<LakeRow>> = Vec::new();
    for hours in (0..96).rev() {
        let at = ago(hours).plus_micros(SECOND_US);
        let billed = if hours < 48 { "0.0103" } else { "0.01" };
        let mut rows = Vec::new();
        for _ in 0..10 {
            rows.push(next(at, "grok-4.6", Some(billed)));
            rows.push(next(at, "grok-4.6", None));
            rows.push(next(at, "grok-4.3", Some("0.009999")));
            rows.push(next(at, "grok-4.1", None));
        }
        days.push(rows);
    }
    lake.append_history("history", days).await.unwrap();
    let inputs: Arc<dyn Inputs> = Arc::new(LakeInputs::new(lake, Arc::new(Nothing)));
    let cents = DriftRule { amount_min: "0.1".parse().unwrap(), ..DriftRule::default() };
    let rules = WatchOptions { drift: cents, ..WatchOptions::default() };
    let mut watch = Watch::new(inputs, setting.desk(), setting.clock.clone(), rules);
    watch.look().await.unwrap();
    let found: Vec<Incident> =
        incidents(&setting).await.into_iter().filter(|one| one.kind == "cost_drift").collect();
    let [incident] = found.as_slice() else { panic!("{found:#?}") };
    assert_eq!(
        incident.headline,
        "x-ai reports 2.9 % more for grok-4.6 than the price book has: $4.94 against $4.80 for 480 calls"
    );
    let figures = IncidentFigures::deserialize(&incident.figures).unwrap();
    assert_eq!((figures.since, figures.impact), (ago(47), "0.144".parse().unwrap()));
    assert_eq!(figures.sample_requests.len(), 3);
}
