//! Incidents: one open per key, whoever sees it, and what people do about them.

use serde_json::json;
use store::{Actor, Change, IncidentFilter, NewIncident, Severity};
use units::{IncidentId, UnixMicros};

use crate::{Bench, Engine};

on_both_engines!(
    a_sighting_opens_an_incident_that_reads_back_whole,
    another_sighting_updates_the_open_one_and_says_whether_anything_changed,
    a_sighting_older_than_the_last_changes_nothing,
    of_many_watchers_in_two_processes_one_opens_the_incident,
    an_incident_that_is_over_opens_anew_and_stays_expected,
    what_people_did_is_kept_and_audited_once,
    an_incident_nobody_knows_is_refused_by_name,
    lists_show_the_newest_first_by_team_and_page_by_id,
    hostile_text_is_kept_as_far_as_the_engine_can,
);

const AT: UnixMicros = UnixMicros::new(1_763_800_000_000_000);

fn seen(key: &str) -> NewIncident {
    NewIncident {
        key: key.to_owned(),
        kind: "budget_threshold".to_owned(),
        severity: Severity::Warning,
        subject: "team:search".to_owned(),
        team: Some("search".parse().unwrap()),
        headline: "search has spent 80 % of its month".to_owned(),
        figures: json!({ "spent": "80.123456789012", "share_per_mille": 801 }),
        at: AT,
    }
}

async fn a_sighting_opens_an_incident_that_reads_back_whole(engine: Engine) {
    let bench = Bench::new(engine).await;
    let incidents = bench.store.incidents();
    let (incident, change) = incidents.open_or_update(&seen("k")).await.unwrap();
    assert_eq!(change, Change::Opened);
    assert_eq!((incident.first_seen, incident.last_seen), (AT, AT));
    assert!(incident.is_open() && !incident.is_expected(AT));
    assert_eq!(incident.figures, seen("k").figures);
    let other = bench.second().await.incidents();
    assert_eq!(other.get(incident.id).await.unwrap().as_ref(), Some(&incident));
    assert_eq!(other.find_open("k").await.unwrap(), Some(incident));
    assert_eq!(other.find_open("another").await.unwrap(), None);
    assert_eq!(other.get(IncidentId::from_u128(1)).await.unwrap(), None);
}

async fn another_sighting_updates_the_open_one_and_says_whether_anything_changed(engine: Engine) {
    let bench = Bench::new(engine).await;
    let incidents = bench.store.incidents();
    let (opened, _) = incidents.open_or_update(&seen("k")).await.unwrap();
    let worse = NewIncident { severity: Severity::Critical, ..seen("k") };
    let told = NewIncident { headline: "search has spent 100 %".to_owned(), ..worse.clone() };
    let figures = NewIncident { figures: json!({ "spent": "100.00" }), ..told.clone() };
    let steps = [
        (seen("k"), Change::Unchanged),
        (worse, Change::Updated),
        (told, Change::Updated),
        (figures.clone(), Change::Updated),
        (figures, Change::Unchanged),
    ];
    for (step, (sighting, expected)) in (1..).zip(steps) {
        let sighting = NewIncident { at: AT.plus_micros(step), ..sighting };
        let (incident, change) = incidents.open_or_update(&sighting).await.unwrap();
        assert_eq!(change, expected, "step {step}");
        assert_eq!((incident.id, incident.first_seen), (opened.id, AT));
        assert_eq!(incident.last_seen, sighting.at);
        assert_eq!(incidents.get(opened.id).await.unwrap(), Some(incident), "step {step}");
    }
}

async fn a_sighting_older_than_the_last_changes_nothing(engine: Engine) {
    let bench = Bench::new(engine).await;
    let incidents = bench.store.incidents();
    let (opened, _) = incidents.open_or_update(&seen("k")).await.unwrap();
    let late = NewIncident { at: AT.plus_micros(-1), severity: Severity::Critical, ..seen("k") };
    assert_eq!(incidents.open_or_update(&late).await.unwrap(), (opened, Change::Unchanged));
}

async fn of_many_watchers_in_two_processes_one_opens_the_incident(engine: Engine) {
    let bench = Bench::new(engine).await;
    let stores = [bench.store.clone(), bench.second().await];
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..16 {
        let incidents = stores[n % 2].incidents();
        tasks.spawn(async move { incidents.open_or_update(&seen("k")).await.unwrap() });
    }
    let mut opened = 0;
    while let Some(noted) = tasks.join_next().await {
        opened += usize::from(noted.unwrap().1 == Change::Opened);
    }
    assert_eq!(opened, 1);
    let all = bench.store.incidents().list(&IncidentFilter::default()).await.unwrap();
    assert_eq!(all.len(), 1);
}

async fn an_incident_that_is_over_opens_anew_and_stays_expected(engine: Engine) {
    let bench = Bench::new(engine).await;
    let incidents = bench.store.incidents();
    let (first, _) = incidents.open_or_update(&seen("k")).await.unwrap();
    let until = AT.plus_micros(1_000);
    incidents.expect(first.id, Some(until), &Actor::Cli).await.unwrap();
    incidents.acknowledge(first.id, &Actor::Cli).await.unwrap();
    let over = incidents.resolve("k", AT.plus_micros(5)).await.unwrap().unwrap();
    assert_eq!((over.id, over.resolved_at), (first.id, Some(AT.plus_micros(5))));
    assert_eq!(incidents.resolve("k", AT.plus_micros(6)).await.unwrap(), None);
    assert_eq!(incidents.find_open("k").await.unwrap(), None);
    assert_eq!(incidents.get(first.id).await.unwrap(), Some(over));

    let again = NewIncident { at: AT.plus_micros(7), ..seen("k") };
    let (second, change) = incidents.open_or_update(&again).await.unwrap();
    assert_eq!(change, Change::Opened);
    assert_ne!(second.id, first.id);
    assert!(second.is_expected(until.plus_micros(-1)) && !second.is_expected(until));
    assert_eq!(second.attention.acknowledged_at, None, "nobody is on the new one yet");
}

async fn what_people_did_is_kept_and_audited_once(engine: Engine) {
    let bench = Bench::new(engine).await;
    let incidents = bench.store.incidents();
    let (opened, _) = incidents.open_or_update(&seen("k")).await.unwrap();
    let acknowledged = incidents.acknowledge(opened.id, &Actor::Cli).await.unwrap();
    assert_eq!(acknowledged.attention.acknowledged_at, Some(bench.now()));
    assert_eq!(acknowledged.attention.acknowledged_by.as_deref(), Some("cli"));
    bench.pass_us(1);
    assert_eq!(incidents.acknowledge(opened.id, &Actor::System).await.unwrap(), acknowledged);
    let until = Some(AT.plus_micros(9));
    for _ in 0..2 {
        let expected = incidents.expect(opened.id, until, &Actor::Cli).await.unwrap();
        assert_eq!(expected.attention.expected_until, until);
        assert_eq!(incidents.get(opened.id).await.unwrap(), Some(expected));
    }
    let taken_back = incidents.expect(opened.id, None, &Actor::Cli).await.unwrap();
    assert_eq!(taken_back, acknowledged);
    let log = bench.store.audit().list(None, 10).await.unwrap();
    let actions: Vec<&str> = log.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["incident.expect", "incident.expect", "incident.acknowledge"]);
    assert!(log.iter().all(|entry| entry.subject == opened.id.to_string()));
}

async fn an_incident_nobody_knows_is_refused_by_name(engine: Engine) {
    let bench = Bench::new(engine).await;
    let incidents = bench.store.incidents();
    let unknown = IncidentId::from_u128(7);
    for refused in [
        incidents.acknowledge(unknown, &Actor::Cli).await,
        incidents.expect(unknown, None, &Actor::Cli).await,
    ] {
        let error = refused.unwrap_err();
        assert!(error.is_not_found(), "{error}");
        assert_eq!(error.to_string(), format!("there is no incident `{unknown}`"));
    }
    assert_eq!(bench.store.audit().list(None, 10).await.unwrap(), []);
}

async fn lists_show_the_newest_first_by_team_and_page_by_id(engine: Engine) {
    let bench = Bench::new(engine).await;
    let incidents = bench.store.incidents();
    let mut ids = Vec::new();
    for (n, team) in [Some("search"), None, Some("support"), Some("search")].iter().enumerate() {
        let team = team.map(|team| team.parse().unwrap());
        let sighting = NewIncident { team, ..seen(&format!("k{n}")) };
        ids.push(incidents.open_or_update(&sighting).await.unwrap().0.id);
    }
    incidents.resolve("k0", AT).await.unwrap();
    let all = IncidentFilter::default();
    let of_search = IncidentFilter { team: Some("search".parse().unwrap()), ..all.clone() };
    let open_only = IncidentFilter { open_only: true, ..all.clone() };
    for (filter, expected) in [
        (all.clone(), vec![3, 2, 1, 0]),
        (IncidentFilter { limit: 2, ..all.clone() }, vec![3, 2]),
        (IncidentFilter { before: Some(ids[2]), ..all.clone() }, vec![1, 0]),
        (of_search.clone(), vec![3, 0]),
        (IncidentFilter { open_only: true, ..of_search }, vec![3]),
        (open_only, vec![3, 2, 1]),
        (IncidentFilter { limit: 0, ..all }, vec![]),
    ] {
        let listed = incidents.list(&filter).await.unwrap();
        let listed: Vec<IncidentId> = listed.iter().map(|incident| incident.id).collect();
        let expected: Vec<IncidentId> = expected.into_iter().map(|n: usize| ids[n]).collect();
        assert_eq!(listed, expected, "{filter:?}");
    }
}

async fn hostile_text_is_kept_as_far_as_the_engine_can(engine: Engine) {
    let bench = Bench::new(engine).await;
    let incidents = bench.store.incidents();
    let hostile = "'; DROP TABLE incidents; -- <script> \u{202e} \\u0000 😀";
    let long = "x".repeat(1_000_000);
    for key in [hostile, "nul\0nul", &long] {
        let sighting = NewIncident {
            subject: format!("user:{key}"),
            headline: key.to_owned(),
            figures: json!({ "user": key }),
            ..seen(key)
        };
        let (incident, _) = incidents.open_or_update(&sighting).await.unwrap();
        assert_eq!(incident.headline, key.replace('\0', "\u{fffd}"));
        assert_eq!(incident.figures, sighting.figures);
        let found = incidents.find_open(key).await.unwrap();
        assert_eq!(found.as_ref(), Some(&incident));
        assert_eq!(incidents.open_or_update(&sighting).await.unwrap().1, Change::Unchanged);
        assert!(incidents.resolve(key, AT).await.unwrap().is_some());
    }
}
