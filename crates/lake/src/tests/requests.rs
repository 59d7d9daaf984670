//! Lists of requests page through everything exactly once; one request is told whole.

use std::collections::BTreeSet;

use events::{
    CacheState, Dialect, ErrorClass, FinishReason, Meter, Meters, UsageEvent, UsageSource,
};
use units::{KeyId, RequestId, UnixMicros, Usd};

use super::rows::{DAY_US, NOON, bare_event, number, open, priced_event, row};
use super::sample::usage;
use crate::{Dimension, Filter, GroupBy, Lake, LakeRow, Lens, RequestKind, RequestsQuery, Window};

fn everything() -> RequestsQuery {
    let window = Window { from: UnixMicros::new(0), to: UnixMicros::new(i64::MAX) };
    RequestsQuery {
        lens: Lens::everything(window),
        filters: Vec::new(),
        kind: RequestKind::default(),
        cursor: None,
        limit: 7,
    }
}

async fn all(lake: &Lake, query: &RequestsQuery) -> Vec<String> {
    let mut query = query.clone();
    let mut ids = Vec::new();
    loop {
        let page = lake.requests(&query).await.unwrap();
        assert!(page.rows.len() <= usize::try_from(query.limit).unwrap());
        ids.extend(page.rows.into_iter().map(|row| row.request_id));
        match page.next_cursor {
            Some(cursor) => query.cursor = Some(cursor),
            None => return ids,
        }
    }
}

/// The ids of the final rows that pass, newest first.
fn expected(rows: &[LakeRow], passes: impl Fn(&UsageEvent) -> bool) -> Vec<String> {
    let mut found: Vec<_> = rows
        .iter()
        .map(|row| &row.event)
        .filter(|event| event.decision.is_final && passes(event))
        .map(|event| (event.times.received_us, event.ids.request_id.to_string()))
        .collect();
    found.sort();
    found.into_iter().rev().map(|(_, id)| id).collect()
}

/// Months of usage, some of it in the same microsecond.
fn rows() -> Vec<LakeRow> {
    let mut rows = usage(11, 150, NOON.plus_micros(-90 * DAY_US), NOON.plus_micros(3_600_000_000));
    for row in rows.iter_mut().take(20) {
        row.event.times.received_us = NOON;
    }
    rows
}

#[tokio::test]
async fn the_pages_hold_every_request_once_newest_first_whatever_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(&dir).await;
    let rows = rows();
    lake.commit("n1/e1", &rows, 149).await.unwrap();
    assert_eq!(all(&lake, &everything()).await, expected(&rows, |_| true));
    let kind = |kind: RequestKind| RequestsQuery { kind, ..everything() };
    let least = Usd::from_pico(1 << 39);
    type Passes = Box<dyn Fn(&UsageEvent) -> bool>;
    let cases: Vec<(RequestsQuery, Passes)> = vec![
        (
            kind(RequestKind { status_class: Some(4), ..RequestKind::default() }),
            Box::new(|event| event.outcome.status == Some(402)),
        ),
        (
            kind(RequestKind { has_failed: Some(false), ..RequestKind::default() }),
            Box::new(|event| event.outcome.error.is_none()),
        ),
        (
            kind(RequestKind { has_failed: Some(true), ..RequestKind::default() }),
            Box::new(|event| event.outcome.error.is_some()),
        ),
        (
            kind(RequestKind {
                error_class: Some("budget_exceeded".into()),
                ..RequestKind::default()
            }),
            Box::new(|event| event.outcome.error == Some(ErrorClass::BudgetExceeded)),
        ),
        (
            kind(RequestKind { cost_min: Some(least), ..RequestKind::default() }),
            Box::new(move |event| event.cost.billed.is_some_and(|cost| cost >= least)),
        ),
        (
            kind(RequestKind { is_unpriced: true, ..RequestKind::default() }),
            Box::new(|event| {
                event.cost.billed.is_none() && event.cost.usage_source != UsageSource::None
            }),
        ),
        (
            kind(RequestKind { is_cached: true, ..RequestKind::default() }),
            Box::new(|event| event.cache.state == CacheState::Hit),
        ),
        (
            kind(RequestKind { is_estimated: true, ..RequestKind::default() }),
            Box::new(|event| event.cost.usage_source == UsageSource::Estimated),
        ),
        (
            RequestsQuery {
                lens: Lens { team: Some("search".into()), ..everything().lens },
                ..everything()
            },
            Box::new(|event| event.attribution.team.as_deref() == Some("search")),
        ),
        (
            RequestsQuery {
                filters: vec![Filter {
                    by: GroupBy::Dimension(Dimension::Model),
                    exclude: true,
                    values: vec![Some("big".into())],
                }],
                ..everything()
            },
            Box::new(|event| event.model.resolved.as_deref() != Some("big")),
        ),
    ];
    for (query, passes) in cases {
        let expected = expected(&rows, passes);
        assert!(!expected.is_empty(), "{query:?}");
        assert_eq!(all(&lake, &query).await, expected, "{query:?}");
    }
}

#[tokio::test]
async fn a_window_ends_where_it_is_told_and_a_damaged_cursor_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(&dir).await;
    let rows = rows();
    lake.commit("n1/e1", &rows, 149).await.unwrap();
    let window = Window { from: NOON.plus_micros(-50 * DAY_US), to: NOON };
    let query = RequestsQuery { lens: Lens::everything(window), limit: 500, ..everything() };
    let within = |event: &UsageEvent| {
        event.times.received_us >= window.from && event.times.received_us < window.to
    };
    assert_eq!(all(&lake, &query).await, expected(&rows, within));
    let query = RequestsQuery { cursor: Some("r1-'; DROP TABLE usage".into()), ..everything() };
    let error = lake.requests(&query).await.unwrap_err();
    assert!(error.is_callers_fault() && error.to_string().contains("first page"), "{error}");
}

/// A request that failed over twice: three attempts, the second without a price unless told.
fn failed_over(n: u64, is_priced: bool) -> Vec<UsageEvent> {
    (1..=3_u16)
        .map(|attempt| {
            let mut event = priced_event(n);
            event.ids.attempt = attempt;
            event.decision.is_final = attempt == 3;
            event.cost.billed = (is_priced || attempt != 2).then(|| Usd::from_pico(attempt.into()));
            event.cost.usage_source =
                if attempt == 1 { UsageSource::Estimated } else { UsageSource::Provider };
            event
        })
        .collect()
}

#[tokio::test]
async fn a_request_that_failed_over_is_shown_with_what_all_its_attempts_used() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(&dir).await;
    let mut events = failed_over(1, true);
    events.extend(failed_over(2, false));
    events.push(priced_event(3));
    events.push(bare_event(4));
    let rows: Vec<LakeRow> = (0..).zip(events).map(|(seq, event)| row("n1", seq, event)).collect();
    lake.commit("n1/e1", &rows, 7).await.unwrap();
    let page = lake.requests(&everything()).await.unwrap();
    let used = |n: u128| {
        let id = RequestId::from_u128(n).to_string();
        page.rows.iter().find(|row| row.request_id == id).unwrap().used
    };
    assert_eq!((used(1).attempts, used(1).cost), (3, Some(Usd::from_pico(6))));
    assert_eq!((used(1).input_tokens, used(1).output_tokens), (300, 30));
    assert!(used(1).is_estimated && !used(1).is_cached);
    assert_eq!((used(2).attempts, used(2).cost), (3, None));
    assert_eq!((used(3).attempts, used(3).cost), (1, Some(Usd::from_pico(3))));
    assert_eq!((used(4).attempts, used(4).cost), (0, Some(Usd::ZERO)));

    let lens = everything().lens;
    let dearest = lake.dearest_requests(&lens, &[], 2).await.unwrap();
    let ids: Vec<_> = dearest.iter().map(|row| row.request_id.clone()).collect();
    assert_eq!(ids, [1, 2].map(|n| RequestId::from_u128(n).to_string()));
    let nobody = Lens { team: Some("nobody".into()), ..lens };
    assert!(lake.dearest_requests(&nobody, &[], 2).await.unwrap().is_empty());
}

/// What an attempt used on a further model.
fn beside(mut event: UsageEvent, cost: Option<i128>) -> UsageEvent {
    event.decision.is_final = false;
    event.decision.reason = Some("caused:advisor_message".to_owned());
    event.model.resolved = Some("advisor".to_owned());
    event.cost.billed = cost.map(Usd::from_pico);
    event
}

#[tokio::test]
async fn what_a_request_used_on_further_models_is_money_of_it_and_no_request_or_attempt() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(&dir).await;
    let mut events = vec![beside(priced_event(1), Some(40)), priced_event(1)];
    events.extend([beside(priced_event(2), None), priced_event(2)]);
    events.extend(failed_over(3, true));
    events.push(beside(priced_event(3), Some(100)));
    let rows: Vec<LakeRow> = (0..).zip(events).map(|(seq, event)| row("n1", seq, event)).collect();
    lake.commit("n1/e1", &rows, 7).await.unwrap();

    let page = lake.requests(&everything()).await.unwrap();
    assert_eq!(page.rows.len(), 3, "one line each");
    let used = |n: u128| {
        let id = RequestId::from_u128(n).to_string();
        page.rows.iter().find(|row| row.request_id == id).unwrap().used
    };
    assert_eq!((used(1).attempts, used(1).cost), (1, Some(Usd::from_pico(41))));
    assert_eq!((used(1).input_tokens, used(1).output_tokens), (200, 20));
    assert_eq!((used(2).attempts, used(2).cost), (1, None), "part of it is unknown");
    assert_eq!((used(3).attempts, used(3).cost), (3, Some(Usd::from_pico(106))));

    for (sql, expected) in [
        ("SELECT COUNT(*) FILTER (WHERE is_final) FROM usage", 3),
        ("SELECT SUM(requests) FROM usage_15m", 3),
        ("SELECT SUM(requests) FROM usage_day WHERE model = 'advisor'", 0),
        ("SELECT SUM(calls) FROM usage_day WHERE model = 'advisor'", 3),
        ("SELECT SUM(unpriced) FROM usage_day", 1),
        ("SELECT SUM(input_tokens) FROM usage_day", 800),
    ] {
        assert_eq!(number(&lake, sql).await, expected, "{sql}");
    }
    let found = lake.request(RequestId::from_u128(1), None).await.unwrap();
    let caused: Vec<_> = found.iter().map(|it| it.event.decision.caused().is_some()).collect();
    assert_eq!(caused, [false, true], "its own row comes first");
}

/// An attempt of which everything is known.
fn full_event(request_id: RequestId) -> UsageEvent {
    let mut event = priced_event(1);
    event.ids.request_id = request_id;
    event.ids.trace_id = Some("t-1".into());
    event.ids.session_id = Some("s-1".into());
    event.ids.parent_id = Some("p-1".into());
    event.attribution.project = Some("web".into());
    event.attribution.key_id = Some(KeyId::from_u128(9));
    event.attribution.user = Some("ada".into());
    event.attribution.tags =
        [("env", "prod"), ("it's", "x\n")].map(|(k, v)| (k.into(), v.into())).into();
    event.decision.route = Some("fast".into());
    event.decision.strategy = Some("ordered".into());
    event.decision.reason = Some("first".into());
    event.decision.is_retry = true;
    event.decision.is_waste = true;
    event.model.answered = Some("gpt-4o".into());
    event.model.priced = Some("openai/gpt-4o".into());
    event.call.dialect_out = Some(Dialect::AnthropicMessages);
    event.call.is_stream = true;
    event.outcome.error = Some(ErrorClass::UpstreamCut);
    event.outcome.finish_reason = Some(FinishReason::Error);
    event.outcome.upstream_request_id = Some("up-1".into());
    event.meters = Meter::ALL.iter().zip(1..).fold(Meters::NONE, |all, (m, n)| all.with(*m, n));
    event.cost.list = Some(Usd::from_pico(5));
    event.cost.contract = Some(Usd::from_pico(4));
    event.cost.provider_reported = Some(Usd::from_pico(3));
    event.cost.price_version = Some("pb_1".into());
    event.cost.rate_set = Some("r".into());
    event.cost.service_tier = Some("flex".into());
    event.cache.state = CacheState::Miss;
    event.cache.saved = Some(Usd::from_pico(2));
    event.privacy.prompt_hash = Some("a".into());
    event.privacy.template_hash = Some("b".into());
    event.privacy.dropped_params = vec!["seed".into(), "logit_bias".into()];
    event.privacy.redactions = 2;
    event
}

#[tokio::test]
async fn a_request_is_read_back_as_it_was_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(&dir).await;
    // A version 7 id of the day before it arrived: it was made before midnight.
    let made = u128::from(NOON.plus_micros(-DAY_US).get().unsigned_abs() / 1_000);
    let timed = RequestId::from_u128(made << 80 | 7 << 76 | 2 << 62 | 5);
    let plain = RequestId::from_u128(77);
    let full = full_event(timed);
    let mut second = priced_event(2);
    second.ids.request_id = timed;
    second.ids.attempt = 2;
    let mut old = bare_event(77);
    old.times.received_us = NOON.plus_micros(-200 * DAY_US);
    let rows = [second, full, old].map(|event| {
        let seq = event.ids.attempt.into();
        row("n1", seq, event)
    });
    lake.commit("n1/e1", &rows, 2).await.unwrap();
    let found = lake.request(timed, None).await.unwrap();
    let events: Vec<_> = found.iter().map(|attempt| attempt.event.clone()).collect();
    assert_eq!(events, [rows[1].event.clone(), rows[0].event.clone()]);
    assert_eq!((found[0].node_id.as_str(), found[0].epoch.as_str(), found[0].seq), ("n1", "e1", 1));
    assert_eq!(found[0].ingested_at, NOON);
    // An id that tells no time is found by a hint, or by looking everywhere.
    assert_eq!(lake.request(plain, None).await.unwrap()[0].event, rows[2].event);
    let day = |days: i64| units::BillingZone::UTC.date_of(NOON.plus_micros(-days * DAY_US));
    assert_eq!(lake.request(plain, Some(day(199))).await.unwrap().len(), 1);
    assert_eq!(lake.request(plain, Some(day(100))).await.unwrap().len(), 0);
    let ids: BTreeSet<_> = lake
        .request(RequestId::from_u128(5), None)
        .await
        .unwrap()
        .into_iter()
        .map(|a| a.seq)
        .collect();
    assert!(ids.is_empty());
}
