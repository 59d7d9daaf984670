//! The outbox: sent at least once, claimed by one at a time, given up in sight.

use serde_json::json;
use store::{
    Actor, DELIVERY_ERROR_CHARS, Delivery, DeliveryFilter, DeliveryKind, DeliveryState, Failure,
    NewDelivery, NewIncident, OutboxStats, Severity,
};
use units::DeliveryId;

use crate::{Bench, Engine};

on_both_engines!(
    a_message_is_kept_once_per_dedupe_key,
    a_claimed_delivery_is_nobody_elses_until_its_claim_ends,
    of_many_workers_in_two_processes_each_delivery_goes_to_one,
    a_delivery_is_claimed_again_when_its_time_has_come,
    a_worker_whose_claim_has_ended_decides_nothing_but_that_it_was_sent,
    what_was_sent_is_never_claimed_again,
    a_dead_letter_is_kept_with_its_reason_and_sent_again_on_demand,
    lists_show_the_newest_first_by_what_is_asked_and_page_by_id,
    the_stats_count_what_waits_and_what_is_dead,
    sweeping_forgets_what_was_sent_before_and_nothing_else,
    hostile_text_leaves_no_trace_beyond_itself,
);

const LEASE_MS: u32 = 30_000;

fn message(dedupe_key: &str) -> NewDelivery {
    NewDelivery {
        incident: None,
        channel: "ops".to_owned(),
        kind: DeliveryKind::Slack,
        payload: json!({ "text": "über <b>", "blocks": [] }),
        dedupe_key: dedupe_key.to_owned(),
    }
}

fn failure(error: &str) -> Failure {
    Failure { error: error.to_owned(), status: Some(500) }
}

async fn enqueued(bench: &Bench, dedupe_key: &str) -> Delivery {
    bench.store.outbox().enqueue(&message(dedupe_key)).await.unwrap().unwrap()
}

async fn claim_one(bench: &Bench) -> Delivery {
    let mut claimed = bench.store.outbox().claim(bench.now(), 10, LEASE_MS).await.unwrap();
    assert_eq!(claimed.len(), 1);
    claimed.remove(0)
}

async fn a_message_is_kept_once_per_dedupe_key(engine: Engine) {
    let bench = Bench::new(engine).await;
    let outbox = bench.store.outbox();
    let delivery = enqueued(&bench, "a").await;
    assert_eq!((delivery.state, delivery.attempts), (DeliveryState::Pending, 0));
    assert_eq!(outbox.get(delivery.id).await.unwrap().as_ref(), Some(&delivery));
    assert_eq!(outbox.enqueue(&message("a")).await.unwrap(), None);
    assert_eq!(bench.second().await.outbox().enqueue(&message("a")).await.unwrap(), None);
    enqueued(&bench, "b").await;
    let claimed = claim_many(&bench, 10).await;
    assert_eq!(claimed, 2);
    assert_eq!(outbox.get(DeliveryId::from_u128(1)).await.unwrap(), None);
}

async fn claim_many(bench: &Bench, max: u32) -> usize {
    bench.store.outbox().claim(bench.now(), max, LEASE_MS).await.unwrap().len()
}

async fn a_claimed_delivery_is_nobody_elses_until_its_claim_ends(engine: Engine) {
    let bench = Bench::new(engine).await;
    let delivery = enqueued(&bench, "a").await;
    let claimed = claim_one(&bench).await;
    assert_eq!((claimed.id, claimed.attempts), (delivery.id, 1));
    assert_eq!(claimed.next_at, bench.now().plus_micros(i64::from(LEASE_MS) * 1_000));
    bench.pass_us(i64::from(LEASE_MS) * 1_000 - 1);
    assert_eq!(claim_many(&bench, 10).await, 0);
    // The worker crashed: its claim returns.
    bench.pass_us(1);
    assert_eq!(claim_one(&bench).await.attempts, 2);
}

async fn of_many_workers_in_two_processes_each_delivery_goes_to_one(engine: Engine) {
    let bench = Bench::new(engine).await;
    for n in 0..30 {
        enqueued(&bench, &n.to_string()).await;
    }
    let stores = [bench.store.clone(), bench.second().await];
    let mut tasks = tokio::task::JoinSet::new();
    let now = bench.now();
    for n in 0..12 {
        let outbox = stores[n % 2].outbox();
        tasks.spawn(async move {
            let mut mine = Vec::new();
            loop {
                let claimed = outbox.claim(now, 3, LEASE_MS).await.unwrap();
                if claimed.is_empty() {
                    return mine;
                }
                assert!(claimed.len() <= 3);
                mine.extend(claimed.into_iter().map(|delivery| delivery.id));
            }
        });
    }
    let mut all = Vec::new();
    while let Some(mine) = tasks.join_next().await {
        all.extend(mine.unwrap());
    }
    all.sort_unstable();
    all.dedup();
    // Whoever met a locked row passed it by; what nobody took is still there to be claimed.
    all.extend(bench.store.outbox().claim(now, 100, LEASE_MS).await.unwrap().iter().map(|d| d.id));
    assert_eq!(all.len(), 30);
    let listed = bench.store.outbox().list(&DeliveryFilter::default()).await.unwrap();
    assert!(listed.iter().all(|delivery| delivery.attempts == 1), "claimed twice");
}

async fn a_delivery_is_claimed_again_when_its_time_has_come(engine: Engine) {
    let bench = Bench::new(engine).await;
    enqueued(&bench, "a").await;
    let outbox = bench.store.outbox();
    let claimed = claim_one(&bench).await;
    let next_at = bench.now().plus_micros(60);
    assert!(outbox.retry(&claimed, next_at, &failure("internal error")).await.unwrap());
    bench.pass_us(59);
    assert_eq!(claim_many(&bench, 10).await, 0);
    bench.pass_us(1);
    let again = claim_one(&bench).await;
    assert_eq!((again.attempts, again.last_status), (2, Some(500)));
    assert_eq!(again.last_error.as_deref(), Some("internal error"));
}

async fn a_worker_whose_claim_has_ended_decides_nothing_but_that_it_was_sent(engine: Engine) {
    let bench = Bench::new(engine).await;
    enqueued(&bench, "a").await;
    let outbox = bench.store.outbox();
    let slow = claim_one(&bench).await;
    bench.pass_us(i64::from(LEASE_MS) * 1_000);
    let current = claim_one(&bench).await;
    assert!(!outbox.retry(&slow, bench.now(), &failure("late")).await.unwrap());
    assert!(!outbox.dead(&slow, &failure("late")).await.unwrap());
    assert_eq!(outbox.get(slow.id).await.unwrap().as_ref(), Some(&current), "nothing changed");
    assert!(outbox.dead(&current, &failure("gone")).await.unwrap());
    assert!(!outbox.dead(&current, &failure("gone")).await.unwrap(), "only once");
    // It got through after all.
    assert!(outbox.sent(&slow, bench.now(), 200).await.unwrap());
    assert_eq!(outbox.get(slow.id).await.unwrap().unwrap().state, DeliveryState::Sent);
    assert!(!outbox.retry(&current, bench.now(), &failure("late")).await.unwrap());
}

async fn what_was_sent_is_never_claimed_again(engine: Engine) {
    let bench = Bench::new(engine).await;
    enqueued(&bench, "a").await;
    let outbox = bench.store.outbox();
    let claimed = claim_one(&bench).await;
    assert!(outbox.sent(&claimed, bench.now(), 204).await.unwrap());
    assert!(!outbox.sent(&claimed, bench.now().plus_micros(1), 200).await.unwrap());
    let sent = outbox.get(claimed.id).await.unwrap().unwrap();
    assert_eq!((sent.state, sent.sent_at), (DeliveryState::Sent, Some(bench.now())));
    assert_eq!((sent.last_status, sent.last_error), (Some(204), None));
    bench.pass_us(i64::from(LEASE_MS) * 10_000);
    assert_eq!(claim_many(&bench, 10).await, 0);
    assert_eq!(outbox.enqueue(&message("a")).await.unwrap(), None, "its key is still known");
}

async fn a_dead_letter_is_kept_with_its_reason_and_sent_again_on_demand(engine: Engine) {
    let bench = Bench::new(engine).await;
    let pending = enqueued(&bench, "a").await;
    let outbox = bench.store.outbox();
    assert_eq!(outbox.replay(pending.id, &Actor::Cli).await.unwrap(), pending);
    let claimed = claim_one(&bench).await;
    let why = Failure { error: "é".repeat(2_000), status: None };
    assert!(outbox.dead(&claimed, &why).await.unwrap());
    let dead = outbox.get(claimed.id).await.unwrap().unwrap();
    assert_eq!((dead.state, dead.last_status), (DeliveryState::Dead, None));
    assert_eq!(dead.last_error, Some("é".repeat(DELIVERY_ERROR_CHARS)));
    bench.pass_us(i64::from(LEASE_MS) * 10_000);
    assert_eq!(claim_many(&bench, 10).await, 0);

    let replayed = outbox.replay(dead.id, &Actor::Cli).await.unwrap();
    assert_eq!((replayed.state, replayed.attempts), (DeliveryState::Pending, 0));
    assert_eq!(replayed.next_at, bench.now());
    let again = claim_one(&bench).await;
    assert_eq!((again.id, again.attempts), (dead.id, 1));
    assert!(!outbox.dead(&claimed, &why).await.unwrap(), "the first claim is long over");
    let error = outbox.replay(DeliveryId::from_u128(7), &Actor::Cli).await.unwrap_err();
    assert!(error.is_not_found(), "{error}");
    let log = bench.store.audit().list(None, 10).await.unwrap();
    let entries: Vec<(&str, &str)> =
        log.iter().map(|entry| (entry.action.as_str(), entry.actor.as_str())).collect();
    assert_eq!(entries, [("delivery.replay", "cli")]);
}

async fn lists_show_the_newest_first_by_what_is_asked_and_page_by_id(engine: Engine) {
    let bench = Bench::new(engine).await;
    let outbox = bench.store.outbox();
    let seen = NewIncident {
        key: "k".to_owned(),
        kind: "unpriced_model".to_owned(),
        severity: Severity::Info,
        subject: "organisation".to_owned(),
        team: None,
        headline: "a model has no price".to_owned(),
        figures: json!({}),
        at: bench.now(),
    };
    let incident = Some(bench.store.incidents().open_or_update(&seen).await.unwrap().0.id);
    let mut ids = Vec::new();
    for (n, channel) in ["ops", "finance", "ops"].into_iter().enumerate() {
        let incident = incident.filter(|_| n < 2);
        let new = NewDelivery { incident, channel: channel.to_owned(), ..message(channel) };
        let new = NewDelivery {
            dedupe_key: n.to_string(),
            kind: if n == 1 { DeliveryKind::Webhook } else { DeliveryKind::Slack },
            ..new
        };
        let made = outbox.enqueue(&new).await.unwrap().unwrap();
        assert_eq!((made.incident, made.kind), (incident, new.kind));
        ids.push(made.id);
    }
    let claimed = outbox.claim(bench.now(), 1, LEASE_MS).await.unwrap().remove(0);
    assert_eq!(claimed.id, ids[0], "the oldest comes first");
    outbox.dead(&claimed, &failure("no")).await.unwrap();
    let all = DeliveryFilter::default();
    for (filter, expected) in [
        (all.clone(), vec![2, 1, 0]),
        (DeliveryFilter { limit: 1, ..all.clone() }, vec![2]),
        (DeliveryFilter { before: Some(ids[1]), ..all.clone() }, vec![0]),
        (DeliveryFilter { channel: Some("ops".to_owned()), ..all.clone() }, vec![2, 0]),
        (DeliveryFilter { incident, ..all.clone() }, vec![1, 0]),
        (DeliveryFilter { state: Some(DeliveryState::Dead), ..all.clone() }, vec![0]),
        (DeliveryFilter { state: Some(DeliveryState::Sent), ..all }, vec![]),
    ] {
        let listed = outbox.list(&filter).await.unwrap();
        let listed: Vec<DeliveryId> = listed.iter().map(|delivery| delivery.id).collect();
        let expected: Vec<DeliveryId> = expected.into_iter().map(|n: usize| ids[n]).collect();
        assert_eq!(listed, expected, "{filter:?}");
    }
}

async fn the_stats_count_what_waits_and_what_is_dead(engine: Engine) {
    let bench = Bench::new(engine).await;
    let outbox = bench.store.outbox();
    assert_eq!(outbox.stats().await.unwrap(), OutboxStats::default());
    let oldest = enqueued(&bench, "a").await.created_at;
    let claimed = claim_one(&bench).await;
    bench.pass_us(5);
    enqueued(&bench, "b").await;
    let both = OutboxStats { pending: 2, dead: 0, oldest_pending: Some(oldest) };
    assert_eq!(outbox.stats().await.unwrap(), both);
    outbox.dead(&claimed, &failure("no")).await.unwrap();
    let one = OutboxStats { pending: 1, dead: 1, oldest_pending: Some(bench.now()) };
    assert_eq!(outbox.stats().await.unwrap(), one);
}

async fn sweeping_forgets_what_was_sent_before_and_nothing_else(engine: Engine) {
    let bench = Bench::new(engine).await;
    let outbox = bench.store.outbox();
    for (key, sent_after_us) in [("early", 0), ("late", 10)] {
        enqueued(&bench, key).await;
        let at = bench.now().plus_micros(sent_after_us);
        outbox.sent(&claim_one(&bench).await, at, 200).await.unwrap();
    }
    enqueued(&bench, "dead").await;
    outbox.dead(&claim_one(&bench).await, &failure("no")).await.unwrap();
    enqueued(&bench, "pending").await;
    assert_eq!(outbox.sweep(bench.now().plus_micros(10)).await.unwrap(), 1);
    assert_eq!(outbox.list(&DeliveryFilter::default()).await.unwrap().len(), 3);
    assert!(outbox.enqueue(&message("late")).await.unwrap().is_none());
    assert!(outbox.enqueue(&message("early")).await.unwrap().is_some());
}

async fn hostile_text_leaves_no_trace_beyond_itself(engine: Engine) {
    let bench = Bench::new(engine).await;
    let outbox = bench.store.outbox();
    for text in ["'; DROP TABLE deliveries; --", "nul\0nul", &"ü".repeat(500_000)] {
        let new = NewDelivery {
            channel: text.to_owned(),
            payload: json!({ text: [text] }),
            ..message(text)
        };
        let delivery = outbox.enqueue(&new).await.unwrap().unwrap();
        assert_eq!(delivery.payload, new.payload);
        assert_eq!(outbox.get(delivery.id).await.unwrap(), Some(delivery));
        assert_eq!(outbox.enqueue(&new).await.unwrap(), None);
        let filter = DeliveryFilter { channel: Some(text.to_owned()), ..DeliveryFilter::default() };
        assert_eq!(outbox.list(&filter).await.unwrap().len(), 1);
        let claimed = claim_one(&bench).await;
        assert!(outbox.dead(&claimed, &failure(text)).await.unwrap());
    }
}
