//! What the tests are set in: a clock that is told the time, a store on disk, a receiver, channels.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use alerts::{Channel, ChannelOptions, Channels, Desk, Links, Worker, WorkerOptions, test_message};
use simulator::{AlertSink, SinkOptions};
use store::{Delivery, DeliveryFilter, DeliveryKind, NewDelivery, Severity, Store};
use tempfile::TempDir;
use units::{Clock, Secret, UnixMicros};

/// 2026-11-22T16:05:00Z, a Sunday.
pub(crate) const NOW: UnixMicros = UnixMicros::new(1_795_363_500_000_000);
pub(crate) const SECOND_US: i64 = 1_000_000;
pub(crate) const HOUR_US: i64 = 3_600 * SECOND_US;

/// A clock that goes only when told to.
#[derive(Debug)]
pub(crate) struct ToldClock(AtomicI64);

impl ToldClock {
    pub(crate) fn at(start: UnixMicros) -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(start.get())))
    }

    pub(crate) fn pass(&self, micros: i64) {
        self.0.fetch_add(micros, Ordering::SeqCst);
    }

    pub(crate) fn set(&self, at: UnixMicros) {
        self.0.store(at.get(), Ordering::SeqCst);
    }
}

impl Clock for ToldClock {
    fn now(&self) -> UnixMicros {
        UnixMicros::new(self.0.load(Ordering::SeqCst))
    }
}

/// The secret webhooks are signed with.
pub(crate) const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// A store, a clock, a receiver, and two channels to it: `ops-slack` and `ops-hook`.
pub(crate) struct Setting {
    pub(crate) clock: Arc<ToldClock>,
    pub(crate) store: Store,
    pub(crate) sink: AlertSink,
    pub(crate) channels: Channels,
    _dir: TempDir,
}

impl Setting {
    pub(crate) async fn new() -> Self {
        Self::with_secrets(&[SECRET]).await
    }

    pub(crate) async fn with_secrets(secrets: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = ToldClock::at(NOW);
        let url = format!("sqlite:{}", dir.path().join("store.db").display());
        let store = Store::open(&url, clock.clone()).await.unwrap();
        let sink = AlertSink::start(SinkOptions {
            secrets: vec![Secret::new(SECRET)],
            clock: clock.clone(),
            ..SinkOptions::default()
        });
        let sink = sink.await.unwrap();
        let hook = ChannelOptions {
            name: "ops-hook".to_owned(),
            kind: DeliveryKind::Webhook,
            url: sink.webhook_url(),
            secrets: secrets.iter().map(|text| Secret::new(*text)).collect(),
            severity_min: Severity::Info,
            teams: Vec::new(),
            allow_private: true,
        };
        let slack = ChannelOptions {
            name: "ops-slack".to_owned(),
            kind: DeliveryKind::Slack,
            url: sink.slack_url(),
            secrets: Vec::new(),
            ..hook.clone()
        };
        let channels = [hook, slack].map(|options| Channel::new(options).unwrap());
        Self { clock, store, sink, channels: Channels::new(channels), _dir: dir }
    }

    /// A worker that does not wait between messages.
    pub(crate) fn worker(&self) -> Worker {
        self.worker_with(
            self.channels.clone(),
            WorkerOptions {
                spacing: Duration::ZERO,
                poll: Duration::from_millis(5),
                timeout: Duration::from_millis(400),
                ..WorkerOptions::default()
            },
        )
    }

    pub(crate) fn worker_with(&self, channels: Channels, options: WorkerOptions) -> Worker {
        Worker::new(self.store.outbox(), channels, self.clock.clone(), options).unwrap()
    }

    pub(crate) fn desk(&self) -> Desk {
        Desk {
            incidents: self.store.incidents(),
            outbox: self.store.outbox(),
            channels: self.channels.clone(),
            links: Links::new("https://tollgate.example/"),
        }
    }

    /// Keeps a message of its own for a channel.
    pub(crate) async fn enqueue(&self, channel: &str, text: &str) -> Delivery {
        let kind = self.channels.get(channel).map_or(DeliveryKind::Slack, Channel::kind);
        let mut new: NewDelivery = test_message(channel, kind, NOW);
        new.payload["text"] = text.into();
        self.store.outbox().enqueue(&new).await.unwrap().unwrap()
    }

    /// A delivery as it stands.
    pub(crate) async fn delivery(&self, of: &Delivery) -> Delivery {
        self.store.outbox().get(of.id).await.unwrap().unwrap()
    }

    /// Every delivery, oldest first.
    pub(crate) async fn deliveries(&self) -> Vec<Delivery> {
        let filter = DeliveryFilter { limit: 1_000, ..DeliveryFilter::default() };
        let mut all = self.store.outbox().list(&filter).await.unwrap();
        all.reverse();
        all
    }
}
