//! Incidents as they open, run and end, and who is told of them: once each, whoever watches.

use std::sync::Arc;

use alerts::{Inputs, Look, Notice, Turn, Watch, WatchOptions};
use finops::{BudgetUse, Direction, Evidence, Gauge, IncidentFigures, Measured, Rule, StallKind};
use serde::Deserialize;
use store::{Actor, DeliveryKind, Incident, IncidentFilter, Severity};
use units::{BudgetId, Clock, UnixMicros, Usd};

use super::past::{Past, Spent};
use super::setting::{HOUR_US, NOW, SECOND_US, Setting};

const DAY_US: i64 = 24 * HOUR_US;

/// Twelve weeks in which `search` and `growth` spend twelve dollars an hour, a dollar every five
/// minutes; up to `until`.
fn steady(until: UnixMicros) -> Vec<Spent> {
    let start = NOW.get().div_euclid(HOUR_US) * HOUR_US - 84 * DAY_US;
    let mut spent = Vec::new();
    // The far past only needs its hours; the present its minutes.
    for hour in 0..84 * 24 - 3 {
        for team in ["search", "growth"] {
            let at = UnixMicros::new(start + hour * HOUR_US);
            spent.push(Spent::plain(team, at, Usd::from_dollars(12)));
        }
    }
    let mut at = UnixMicros::new(start + (84 * 24 - 3) * HOUR_US);
    while at < until {
        for team in ["search", "growth"] {
            spent.push(Spent::plain(team, at, Usd::from_dollars(1)));
        }
        at = at.plus_micros(300 * SECOND_US);
    }
    spent
}

fn watch(setting: &Setting, past: &Arc<Past>) -> Watch {
    let inputs: Arc<dyn Inputs> = past.clone();
    Watch::new(inputs, setting.desk(), setting.clock.clone(), WatchOptions::default())
}

async fn incidents(setting: &Setting) -> Vec<Incident> {
    setting.store.incidents().list(&IncidentFilter::default()).await.unwrap()
}

fn figures(incident: &Incident) -> IncidentFigures {
    IncidentFigures::deserialize(&incident.figures).unwrap()
}

fn budget(spent: &str, limit: i64) -> BudgetUse {
    BudgetUse {
        id: BudgetId::from_u128(7),
        name: "search-monthly".to_owned(),
        team: "search".parse().ok(),
        limit: Usd::from_dollars(limit),
        spent: spent.parse().unwrap(),
        window_start: NOW.plus_micros(-20 * DAY_US),
        window_end: NOW.plus_micros(DAY_US),
    }
}

#[tokio::test]
async fn a_steady_company_has_no_incidents() {
    let setting = Setting::new().await;
    let past = Arc::new(Past::of(steady(NOW.plus_micros(7_200 * SECOND_US))));
    let mut watch = watch(&setting, &past);
    for _ in 0..120 {
        assert_eq!(watch.look().await.unwrap(), Look::default());
        setting.clock.pass(60 * SECOND_US);
    }
}

#[tokio::test]
async fn a_threshold_is_told_once_for_its_window_whatever_restarts_and_once_more_when_it_is_raised()
{
    let setting = Setting::new().await;
    let past = Arc::new(Past::of(steady(NOW.plus_micros(HOUR_US))));
    *past.budgets.lock().unwrap() = vec![budget("850", 1_000)];
    let mut first = watch(&setting, &past);
    let look = first.look().await.unwrap();
    assert_eq!((look.opened, look.told), (1, 2), "one incident, two channels");
    setting.clock.pass(15 * SECOND_US);
    let look = first.look().await.unwrap();
    assert_eq!((look.opened, look.updated, look.told), (0, 1, 0));
    let mut restarted = watch(&setting, &past);
    assert_eq!(restarted.look().await.unwrap().told, 0);
    // The spend falls by a correction and rises again: that is no news.
    for (spent, told) in [("700", 2), ("850", 0)] {
        *past.budgets.lock().unwrap() = vec![budget(spent, 1_000)];
        setting.clock.pass(15 * SECOND_US);
        assert_eq!(restarted.look().await.unwrap().told, told, "{spent}");
    }
    *past.budgets.lock().unwrap() = vec![budget("1000", 1_000)];
    assert_eq!(restarted.look().await.unwrap().told, 2, "the limit itself");
    *past.budgets.lock().unwrap() = vec![budget("1000", 1_200)];
    setting.clock.pass(15 * SECOND_US);
    let look = restarted.look().await.unwrap();
    assert_eq!((look.opened, look.resolved), (1, 1), "raised, and at 83 % of what it is now");
}

#[tokio::test]
async fn a_window_that_is_over_ends_its_incidents_without_a_word() {
    let setting = Setting::new().await;
    let past = Arc::new(Past::of(steady(NOW)));
    *past.budgets.lock().unwrap() = vec![budget("850", 1_000)];
    let mut watch = watch(&setting, &past);
    watch.look().await.unwrap();
    setting.clock.pass(DAY_US);
    let look = watch.look().await.unwrap();
    assert_eq!(look.resolved, 1);
    let told = setting.deliveries().await;
    assert!(told.iter().all(|one| !one.payload.to_string().contains("Resolved")));
}

#[tokio::test]
async fn two_consoles_open_one_incident_and_keep_one_message_for_each_channel() {
    let setting = Setting::new().await;
    let past = Arc::new(Past::of(steady(NOW)));
    *past.budgets.lock().unwrap() = vec![budget("1050", 1_000)];
    let (mut one, mut other) = (watch(&setting, &past), watch(&setting, &past));
    let (one, other) = tokio::join!(one.look(), other.look());
    assert_eq!(one.unwrap().told + other.unwrap().told, 2);
    assert_eq!(incidents(&setting).await.len(), 1);
    assert_eq!(setting.deliveries().await.len(), 2);
}

#[tokio::test]
async fn an_incident_opened_by_a_process_that_died_before_telling_is_told_by_the_next() {
    let setting = Setting::new().await;
    let past = Arc::new(Past::of(steady(NOW)));
    *past.budgets.lock().unwrap() = vec![budget("1050", 1_000)];
    // The first process had no channels: for the store that is one that died before telling.
    let mut silent = setting.desk();
    silent.channels = alerts::Channels::default();
    let inputs: Arc<dyn Inputs> = past.clone();
    let clock = setting.clock.clone();
    let mut died = Watch::new(inputs, silent, clock, WatchOptions::default());
    assert_eq!(died.look().await.unwrap().opened, 1);
    let look = watch(&setting, &past).look().await.unwrap();
    assert_eq!((look.opened, look.told), (0, 2));
    setting.clock.pass(2 * HOUR_US);
    *past.budgets.lock().unwrap() = vec![budget("1050", 1_000)];
    assert_eq!(watch(&setting, &past).look().await.unwrap().told, 0, "long ago, and told");
}

#[tokio::test]
async fn a_runaway_is_found_within_five_minutes_and_its_end_is_told() {
    let setting = Setting::new().await;
    let past = Arc::new(Past::of(steady(NOW.plus_micros(3 * HOUR_US))));
    let mut watch = watch(&setting, &past);
    watch.look().await.unwrap();
    // From now on, forty cents a second.
    let begun = setting.clock.now();
    let runaway = (0..900).map(|second| Spent {
        feature: "agent-loop".to_owned(),
        model: "claude-opus-5-5".to_owned(),
        tokens: 90_000,
        ..Spent::plain("search", begun.plus_micros(second * SECOND_US + 7), "0.4".parse().unwrap())
    });
    past.add(runaway);
    let mut opened = None;
    while opened.is_none() {
        setting.clock.pass(15 * SECOND_US);
        let look = watch.look().await.unwrap();
        opened = (look.opened > 0).then_some(look);
        assert!(setting.clock.now() <= begun.plus_micros(300 * SECOND_US), "not found in time");
    }
    assert_eq!(opened.map(|look| look.told), Some(2));
    let incident = incidents(&setting).await.remove(0);
    assert_eq!((incident.kind.as_str(), incident.severity), ("burn_rate", Severity::Critical));
    assert_eq!(incident.team.as_ref().map(units::Slug::as_str), Some("search"));
    let told = figures(&incident);
    assert_eq!(told.drivers[0].name, "agent-loop");
    let split = told.decomposition.unwrap();
    assert_eq!(split.price + split.volume + split.mix, split.delta());
    assert_eq!(told.sample_requests.len(), 3);
    // It goes on for fifteen minutes, growing: told at each doubling, in one incident.
    let mut told = 0;
    while setting.clock.now() < begun.plus_micros(900 * SECOND_US) {
        setting.clock.pass(15 * SECOND_US);
        told += watch.look().await.unwrap().told;
    }
    assert!((2..=14).contains(&told), "{told} messages to two channels while it grew");
    assert_eq!(incidents(&setting).await.len(), 1, "and not as an unusual hour too");
    // Then it stops.
    let mut resolved = 0;
    while resolved == 0 {
        setting.clock.pass(60 * SECOND_US);
        resolved = watch.look().await.unwrap().resolved;
        assert!(setting.clock.now() < begun.plus_micros(2_400 * SECOND_US), "never over");
    }
    let last = setting.deliveries().await.pop().unwrap();
    assert!(last.payload.to_string().contains("esolved"), "{}", last.payload);
    for _ in 0..150 {
        setting.clock.pass(60 * SECOND_US);
        assert_eq!(watch.look().await.unwrap().opened, 0, "its hours are not told again");
    }
}

#[tokio::test]
async fn a_drop_is_told_once_the_hour_is_over_and_not_of_hours_before_the_watch_began() {
    let setting = Setting::new().await;
    let hour = UnixMicros::new(NOW.get().div_euclid(HOUR_US) * HOUR_US);
    // Search stopped an hour and a half before now.
    let stopped = hour.plus_micros(-HOUR_US / 2);
    let mut spent = steady(NOW.plus_micros(4 * HOUR_US));
    spent.retain(|one| one.team != "search" || one.at < stopped);
    let past = Arc::new(Past::of(spent));
    let mut watch = watch(&setting, &past);
    let mut opened = None;
    for minute in 0..180 {
        if watch.look().await.unwrap().opened > 0 {
            opened = Some(minute);
            break;
        }
        setting.clock.pass(60 * SECOND_US);
    }
    // Now is five past; the first hour watched whole is the next, and settles five minutes after it.
    assert_eq!(opened, Some(120));
    let incident = incidents(&setting).await.remove(0);
    assert_eq!((incident.kind.as_str(), incident.severity), ("team_spend", Severity::Warning));
    assert!(incident.headline.ends_with("metering may be lost"), "{}", incident.headline);
    let told = figures(&incident);
    assert!(matches!(told.evidence, Evidence::Spend { direction: Direction::Down, .. }));
    assert!(told.impact < Usd::ZERO);
}

#[tokio::test]
async fn usage_that_waits_to_be_committed_is_one_incident_and_no_drop() {
    let setting = Setting::new().await;
    // Nothing arrives after now: the committer stands still.
    let past = Arc::new(Past::of(steady(NOW)));
    let mut watch = watch(&setting, &past);
    let mut told = Vec::new();
    for minute in 0..180 {
        *past.gauges.lock().unwrap() = vec![Gauge {
            subject: "gw-1".to_owned(),
            measured: Measured::Lag {
                what: StallKind::SpoolCommit,
                lag_us: minute * 60 * SECOND_US,
                limit_us: 60 * SECOND_US,
            },
        }];
        watch.look().await.unwrap();
        setting.clock.pass(60 * SECOND_US);
    }
    told.extend(incidents(&setting).await.into_iter().map(|one| one.kind));
    assert_eq!(told, ["stalled"]);
}

#[tokio::test]
async fn while_the_lake_is_away_nothing_is_called_over() {
    let setting = Setting::new().await;
    let past = Arc::new(Past::of(steady(NOW.plus_micros(3 * HOUR_US))));
    past.add([Spent::plain("search", NOW.plus_micros(-SECOND_US), Usd::from_dollars(50))]);
    let mut watch = watch(&setting, &past);
    assert_eq!(watch.look().await.unwrap().opened, 1);
    *past.is_lake_away.lock().unwrap() = true;
    setting.clock.pass(HOUR_US);
    assert_eq!(watch.look().await.unwrap().resolved, 0);
    *past.is_lake_away.lock().unwrap() = false;
    assert_eq!(watch.look().await.unwrap().resolved, 1);
}

#[tokio::test]
async fn what_somebody_expects_is_told_no_more() {
    let setting = Setting::new().await;
    let past = Arc::new(Past::of(steady(NOW.plus_micros(3 * HOUR_US))));
    past.add([Spent::plain("search", NOW.plus_micros(-SECOND_US), Usd::from_dollars(50))]);
    let mut watch = watch(&setting, &past);
    watch.look().await.unwrap();
    let incident = incidents(&setting).await.remove(0);
    let until = Some(NOW.plus_micros(DAY_US));
    setting.store.incidents().expect(incident.id, until, &Actor::Cli).await.unwrap();
    past.add([Spent::plain("search", NOW.plus_micros(SECOND_US), Usd::from_dollars(500))]);
    setting.clock.pass(15 * SECOND_US);
    let look = watch.look().await.unwrap();
    assert_eq!((look.updated, look.told), (1, 0));
    setting.clock.pass(2 * HOUR_US);
    let look = watch.look().await.unwrap();
    assert_eq!((look.resolved, look.told), (1, 0));
}

#[tokio::test]
async fn history_that_is_already_old_opens_nothing() {
    let setting = Setting::new().await;
    let mut spent = steady(NOW.plus_micros(HOUR_US));
    // A runaway of two days ago, and a model without a price of three hours ago.
    let old = NOW.plus_micros(-2 * DAY_US);
    spent.push(Spent::plain("search", old, Usd::from_dollars(5_000)));
    let unpriced = Spent::plain("growth", NOW.plus_micros(-3 * HOUR_US), Usd::ZERO);
    spent.push(Spent { cost: None, model: "aurora".to_owned(), ..unpriced });
    let past = Arc::new(Past::of(spent));
    assert_eq!(watch(&setting, &past).look().await.unwrap(), Look::default());
    past.add([Spent {
        cost: None,
        ..Spent::plain("growth", NOW.plus_micros(-SECOND_US), Usd::ZERO)
    }]);
    assert_eq!(watch(&setting, &past).look().await.unwrap().opened, 1, "used now");
}

#[tokio::test]
async fn history_that_arrives_after_the_start_is_learned_within_a_minute() {
    let setting = Setting::new().await;
    // Five dollars in the last five minutes: nothing known of the team, so not yet a runaway.
    let recent = Spent::plain("search", NOW.plus_micros(-SECOND_US), Usd::from_dollars(5));
    let past = Arc::new(Past::of([recent]));
    let mut watch = watch(&setting, &past);
    assert_eq!(watch.look().await.unwrap().opened, 0);
    let cheap = |spent: Spent| Spent { cost: Some("0.01".parse().unwrap()), ..spent };
    past.add(steady(NOW.plus_micros(-HOUR_US)).into_iter().map(cheap));
    setting.clock.pass(60 * SECOND_US);
    assert_eq!(watch.look().await.unwrap().opened, 1);
}

#[tokio::test]
async fn a_webhook_event_has_the_figures_exactly() {
    let setting = Setting::new().await;
    let past = Arc::new(Past::of(steady(NOW)));
    *past.budgets.lock().unwrap() = vec![budget("1050.000000000001", 1_000)];
    watch(&setting, &past).look().await.unwrap();
    let hook = setting.deliveries().await.into_iter().find(|d| d.kind == DeliveryKind::Webhook);
    let event = hook.unwrap().payload;
    assert_eq!(event["type"], "incident.opened");
    assert_eq!(event["data"]["rule"], "budget_spent");
    assert_eq!(event["data"]["figures"]["actual"], "1050.000000000001");
    assert_eq!(event["data"]["severity"], "critical");
    let incident = incidents(&setting).await.remove(0);
    let notice = Notice::of(&incident, Turn::Opened).unwrap();
    assert_eq!((notice.rule, notice.turn), (Rule::BudgetSpent, Turn::Opened));
    assert_eq!(
        event["data"]["links"]["incident"],
        format!("https://tollgate.example/alerts/{}", incident.id)
    );
}
