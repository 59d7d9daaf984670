//! The worker: what reaches the receiver, how often, and what becomes of what does not.

use std::time::{Duration, Instant};

use alerts::{Channel, ChannelOptions, Channels, Round, WorkerOptions};
use simulator::{SinkAct, SinkKind};
use store::{Actor, DeliveryKind, DeliveryState, Severity};
use tokio::sync::watch;
use units::{Clock, Secret};

use super::setting::{HOUR_US, NOW, SECOND_US, SECRET, Setting};

/// Never stops.
fn going() -> (watch::Sender<bool>, watch::Receiver<bool>) {
    watch::channel(false)
}

#[tokio::test]
async fn a_message_reaches_each_channel_once_signed_and_byte_for_byte() {
    let setting = Setting::new().await;
    let (_stop, stopping) = going();
    setting.enqueue("ops-slack", "for slack").await;
    let hook = setting.enqueue("ops-hook", "for machines").await;
    let worker = setting.worker();
    let round = worker.round(&stopping).await.unwrap();
    assert_eq!(round, Round { claimed: 2, sent: 2, later: 0, dead: 0 });
    assert_eq!(worker.round(&stopping).await.unwrap(), Round::default(), "nothing is left");
    let mut accepted = setting.sink.accepted();
    accepted.sort_by_key(|one| one.kind == SinkKind::Webhook);
    assert_eq!(accepted.len(), 2);
    assert!(accepted[0].body.contains("for slack"));
    assert_eq!(accepted[1].webhook_id, Some(hook.id.to_string()));
    assert_eq!(accepted[1].body, hook.payload.to_string());
    let sent = setting.delivery(&hook).await;
    assert_eq!(
        (sent.state, sent.sent_at, sent.last_status),
        (DeliveryState::Sent, Some(NOW), Some(200))
    );
}

#[tokio::test]
async fn while_a_secret_is_rotated_both_signatures_are_sent() {
    let newer = "whsec_bm90IHRoaXMgb25lIGF0IGFsbCE=";
    let setting = Setting::with_secrets(&[newer, SECRET]).await;
    let (_stop, stopping) = going();
    setting.enqueue("ops-hook", "signed twice").await;
    assert_eq!(setting.worker().round(&stopping).await.unwrap().sent, 1);
    let wrong = Setting::with_secrets(&[newer]).await;
    let refused = wrong.enqueue("ops-hook", "signed with another secret").await;
    assert_eq!(wrong.worker().round(&stopping).await.unwrap().dead, 1);
    let refused = wrong.delivery(&refused).await;
    assert_eq!((refused.state, refused.last_status), (DeliveryState::Dead, Some(401)));
}

#[tokio::test]
async fn a_receiver_that_asks_to_wait_is_left_alone_for_as_long() {
    let setting = Setting::new().await;
    let (_stop, stopping) = going();
    let worker = setting.worker();
    setting.sink.play([SinkAct::TooMany { retry_after: "30".to_owned() }]);
    let first = setting.enqueue("ops-slack", "first").await;
    setting.enqueue("ops-slack", "second").await;
    let round = worker.round(&stopping).await.unwrap();
    assert_eq!((round.claimed, round.later), (2, 2), "the second is not tried");
    assert_eq!(setting.sink.received().len(), 1);
    let waits = setting.delivery(&first).await;
    assert_eq!(waits.next_at, NOW.plus_micros(30 * SECOND_US));
    assert_eq!(waits.last_status, Some(429));
    setting.clock.pass(29 * SECOND_US);
    setting.enqueue("ops-slack", "third").await;
    worker.round(&stopping).await.unwrap();
    assert_eq!(setting.sink.received().len(), 1, "not even for a new message");
    setting.clock.pass(SECOND_US);
    let round = worker.round(&stopping).await.unwrap();
    assert_eq!(round.sent, 3);
    let bodies: Vec<String> = setting.sink.accepted().into_iter().map(|one| one.body).collect();
    assert!(bodies[0].contains("first") && bodies[2].contains("third"), "in order: {bodies:?}");
}

#[tokio::test]
async fn a_receiver_that_answers_500_for_an_hour_gets_every_message_once_it_is_back() {
    let setting = Setting::new().await;
    let (_stop, stopping) = going();
    let worker = setting.worker();
    setting.sink.otherwise(SinkAct::Answer(500));
    for text in ["first", "second", "third"] {
        setting.enqueue("ops-slack", text).await;
    }
    let end = NOW.plus_micros(HOUR_US);
    while setting.clock.now() < end {
        worker.round(&stopping).await.unwrap();
        setting.clock.pass(5 * SECOND_US);
    }
    let posts = setting.sink.received().len();
    assert!((10..60).contains(&posts), "{posts} posts in an hour");
    assert!(setting.deliveries().await.iter().all(|one| one.state == DeliveryState::Pending));
    setting.sink.otherwise(SinkAct::Accept);
    setting.clock.pass(400 * SECOND_US);
    assert_eq!(worker.round(&stopping).await.unwrap().sent, 3);
    let bodies: Vec<String> = setting.sink.accepted().into_iter().map(|one| one.body).collect();
    assert!(bodies[0].contains("first") && bodies[2].contains("third"), "{bodies:?}");
}

#[tokio::test]
async fn a_receiver_that_hangs_holds_up_nobody_else() {
    let setting = Setting::new().await;
    let (_stop, stopping) = going();
    setting.sink.play([SinkAct::Hang]);
    let stuck = setting.enqueue("ops-slack", "stuck").await;
    let worker = setting.worker();
    let begun = Instant::now();
    assert_eq!(worker.round(&stopping).await.unwrap().later, 1);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let waits = setting.delivery(&stuck).await;
    assert_eq!(waits.state, DeliveryState::Pending);
    assert_eq!(waits.last_error.as_deref(), Some("no answer within 0.4 s"));
    // The other channel of the same receiver goes on.
    setting.enqueue("ops-hook", "free").await;
    assert_eq!(worker.round(&stopping).await.unwrap().sent, 1);
}

#[tokio::test]
async fn what_can_never_succeed_becomes_a_dead_letter_that_a_person_may_replay() {
    let setting = Setting::new().await;
    let (_stop, stopping) = going();
    let worker = setting.worker();
    for (act, status, says) in [
        (SinkAct::Answer(404), 404, "refused"),
        (SinkAct::Answer(410), 410, "refused"),
        (SinkAct::RedirectTo("http://169.254.169.254/".to_owned()), 302, "redirects"),
    ] {
        setting.sink.play([act]);
        let letter = setting.enqueue("ops-slack", "unwanted").await;
        assert_eq!(worker.round(&stopping).await.unwrap().dead, 1);
        let dead = setting.delivery(&letter).await;
        assert_eq!((dead.state, dead.last_status), (DeliveryState::Dead, Some(status)));
        assert!(dead.last_error.as_deref().unwrap().contains(says), "{dead:?}");
        setting.store.outbox().replay(letter.id, &Actor::Cli).await.unwrap();
        assert_eq!(worker.round(&stopping).await.unwrap().sent, 1);
    }
    let stats = setting.store.outbox().stats().await.unwrap();
    assert_eq!((stats.pending, stats.dead), (0, 0));
}

#[tokio::test]
async fn slacks_own_word_for_a_refusal_is_kept_and_no_url_ever_is() {
    let setting = Setting::new().await;
    let (_stop, stopping) = going();
    let mut letter = alerts::test_message("ops-slack", DeliveryKind::Slack, NOW);
    letter.payload = serde_json::json!({"blocks": [{"type": "poem"}]});
    let letter = setting.store.outbox().enqueue(&letter).await.unwrap().unwrap();
    let gone = setting.enqueue("no-such-channel", "whom?").await;
    setting.worker().round(&stopping).await.unwrap();
    let dead = setting.delivery(&letter).await;
    assert_eq!(
        dead.last_error.as_deref(),
        Some("the receiver refused the message (invalid_blocks)")
    );
    let dead = setting.delivery(&gone).await;
    assert_eq!(dead.last_error.as_deref(), Some("no channel of this name is configured"));
    let all = serde_json::to_string(&setting.deliveries().await).unwrap();
    assert!(!all.contains("simulated-slack-secret") && !all.contains("127.0.0.1"), "{all}");
}

#[tokio::test]
async fn a_private_address_is_refused_when_its_name_is_resolved() {
    let setting = Setting::new().await;
    let (_stop, stopping) = going();
    let port = setting.sink.addr().port();
    let channel = Channel::new(ChannelOptions {
        name: "inside".to_owned(),
        kind: DeliveryKind::Slack,
        url: Secret::new(format!("https://localhost:{port}/services/secret")),
        secrets: Vec::new(),
        severity_min: Severity::Info,
        teams: Vec::new(),
        allow_private: false,
    });
    let letter = setting.enqueue("inside", "metadata, please").await;
    let worker = setting.worker_with(Channels::new(channel), WorkerOptions::default());
    assert_eq!(worker.round(&stopping).await.unwrap().dead, 1);
    let dead = setting.delivery(&letter).await;
    assert!(dead.last_error.as_deref().unwrap().contains("private"), "{dead:?}");
    assert!(setting.sink.received().is_empty());
}

#[tokio::test]
async fn a_storm_is_told_in_one_message() {
    let setting = Setting::new().await;
    let (_stop, stopping) = going();
    for number in 0..30 {
        setting.enqueue("ops-slack", &format!("incident number {number}")).await;
        setting.enqueue("ops-hook", &format!("incident number {number}")).await;
    }
    let worker = setting.worker();
    let mut sent = 0;
    loop {
        let round = worker.round(&stopping).await.unwrap();
        sent += round.sent;
        if round.claimed == 0 {
            break;
        }
    }
    assert_eq!(sent, 60, "every message is accounted for");
    let accepted = setting.sink.accepted();
    assert!(accepted.len() <= 14, "{} posts", accepted.len());
    assert!(accepted.iter().all(|one| one.status == 200));
    let digest = accepted.iter().find(|one| one.kind == SinkKind::Slack).unwrap();
    assert!(digest.body.contains("messages waited for this channel"), "{}", digest.body);
    assert!(digest.body.contains("incident number 3"), "{}", digest.body);
}

#[tokio::test]
async fn one_channel_is_sent_one_message_a_second() {
    let setting = Setting::new().await;
    let (_stop, stopping) = going();
    for text in ["first", "second", "third"] {
        setting.enqueue("ops-slack", text).await;
    }
    let spacing = Duration::from_millis(150);
    let options = WorkerOptions { spacing, ..WorkerOptions::default() };
    let worker = setting.worker_with(setting.channels.clone(), options);
    let begun = Instant::now();
    assert_eq!(worker.round(&stopping).await.unwrap().sent, 3);
    assert!(begun.elapsed() >= spacing * 2, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_worker_that_dies_between_posting_and_noting_it_posts_again_with_the_same_id() {
    let setting = Setting::new().await;
    let (_stop, stopping) = going();
    let letter = setting.enqueue("ops-hook", "twice").await;
    // The first worker claims and posts, and its process ends before it notes anything: all that is
    // left of it is the claim.
    let claimed = setting.store.outbox().claim(NOW, 10, 60_000).await.unwrap();
    assert_eq!(claimed.len(), 1);
    let second = setting.worker();
    assert_eq!(second.round(&stopping).await.unwrap().claimed, 0, "the claim still holds");
    setting.clock.pass(61 * SECOND_US);
    assert_eq!(second.round(&stopping).await.unwrap().sent, 1);
    assert_eq!(setting.sink.accepted()[0].webhook_id, Some(letter.id.to_string()));
    let failure = store::Failure { error: "too late".to_owned(), status: None };
    let counts = setting.store.outbox().dead(&claimed[0], &failure).await.unwrap();
    assert!(!counts, "the first no longer decides");
    assert_eq!(setting.delivery(&letter).await.state, DeliveryState::Sent);
}

#[tokio::test]
async fn two_workers_on_one_store_send_every_message_once_and_stop_when_told() {
    let setting = Setting::new().await;
    let (stop, stopping) = going();
    let workers = [(); 2].map(|()| tokio::spawn(setting.worker().run(stopping.clone())));
    for number in 0..25 {
        setting.enqueue("ops-hook", &format!("number {number}")).await;
    }
    while setting.store.outbox().stats().await.unwrap().pending > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop.send(true).unwrap();
    for worker in workers {
        worker.await.unwrap();
    }
    let ids: Vec<_> = setting.sink.accepted().into_iter().map(|one| one.webhook_id).collect();
    let unique: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len(), "{ids:?}");
}
