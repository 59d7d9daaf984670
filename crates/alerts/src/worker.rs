//! Delivers what waits in the outbox: one message a second to each channel, in order, again after a
//! failure, and given up when it can never succeed or did not for a day.
//!
//! Every message is sent at least once: a process that dies after posting and before noting it posts
//! again, with the same `webhook-id`. Several processes may run a worker on one store; each message is
//! claimed by one, and each paces itself. It must never know what a message says.

mod batch;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use metrics::{counter, gauge};
use store::{Delivery, Outbox};
use tokio::sync::watch;
use tokio::time::Instant;
use units::{Clock, UnixMicros};

use crate::sender::Sender;
use crate::{AlertsError, Channels};

/// Time between two sweeps of what was sent long ago.
const SWEEP_EVERY: Duration = Duration::from_secs(3_600);
/// How long what was sent is kept, microseconds: 90 days.
const KEPT_US: i64 = 90 * 86_400 * 1_000_000;

/// How a worker goes about it.
#[derive(Debug, Clone, Copy)]
pub struct WorkerOptions {
    /// Pause between two looks at an outbox with nothing due.
    pub poll: Duration,
    /// Least time between two messages to one channel.
    pub spacing: Duration,
    /// Messages waiting for one channel beyond which they are sent as one.
    pub digest_over: usize,
    /// How long an answer is awaited.
    pub timeout: Duration,
    /// Most messages claimed at once.
    pub claim_max: u32,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self {
            poll: Duration::from_secs(1),
            spacing: Duration::from_secs(1),
            digest_over: 10,
            timeout: Duration::from_secs(10),
            claim_max: 50,
        }
    }
}

/// What one round did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Round {
    /// Messages claimed.
    pub claimed: usize,
    /// Accepted by the other side.
    pub sent: usize,
    /// To be tried again.
    pub later: usize,
    /// Given up.
    pub dead: usize,
}

/// Delivers messages.
#[derive(Debug)]
pub struct Worker {
    outbox: Arc<dyn Outbox>,
    channels: Channels,
    sender: Sender,
    clock: Arc<dyn Clock>,
    options: WorkerOptions,
    /// What is known of each channel by its name; as many as are configured.
    states: Mutex<BTreeMap<String, ChannelState>>,
}

/// What is known of a channel.
#[derive(Debug, Clone, Copy, Default)]
struct ChannelState {
    /// It takes nothing before this, by the injected clock.
    closed_until: Option<UnixMicros>,
    /// When the last message was posted.
    posted_at: Option<Instant>,
}

impl Worker {
    /// A worker over an outbox.
    ///
    /// # Errors
    /// When no HTTP client can be built.
    pub fn new(
        outbox: Arc<dyn Outbox>,
        channels: Channels,
        clock: Arc<dyn Clock>,
        options: WorkerOptions,
    ) -> Result<Self, AlertsError> {
        let sender = Sender::new(options.timeout)?;
        Ok(Self { outbox, channels, sender, clock, options, states: Mutex::default() })
    }

    /// Delivers until `stopping` turns true or its sender is gone. A message being posted then is
    /// finished first; what was claimed beyond it is put back.
    pub async fn run(self, mut stopping: watch::Receiver<bool>) {
        let mut swept: Option<Instant> = None;
        while !is_stopping(&stopping) {
            let round = Box::pin(self.round(&stopping)).await;
            let is_idle = match round {
                Ok(round) => round.claimed == 0,
                Err(error) => {
                    tracing::warn!(%error, "alerts could not be delivered");
                    true
                }
            };
            if is_idle {
                if swept.is_none_or(|at| at.elapsed() >= SWEEP_EVERY) {
                    swept = Some(Instant::now());
                    self.sweep().await;
                }
                let stop = stopping.wait_for(|stops| *stops);
                // A sender that is gone has stopped.
                let _ = tokio::time::timeout(self.options.poll, stop).await;
            }
        }
    }

    /// Claims what is due and delivers it, every channel on its own.
    ///
    /// # Errors
    /// When the outbox fails. What was claimed is due again when its claim ends.
    pub async fn round(&self, stopping: &watch::Receiver<bool>) -> Result<Round, AlertsError> {
        let now = self.clock.now();
        let claimed = self.outbox.claim(now, self.options.claim_max, self.claim_ms()).await?;
        let mut round = Round { claimed: claimed.len(), ..Round::default() };
        let mut batches: BTreeMap<String, Vec<Delivery>> = BTreeMap::new();
        for delivery in claimed {
            batches.entry(delivery.channel.clone()).or_default().push(delivery);
        }
        let served = batches.iter().map(|(name, batch)| self.serve(name, batch, stopping));
        let mut failed = None;
        for result in join_all(served).await {
            match result {
                Ok(part) => {
                    round.sent += part.sent;
                    round.later += part.later;
                    round.dead += part.dead;
                }
                Err(error) => failed = Some(error),
            }
        }
        counter!("tollgate_alerts_total", "outcome" => "sent").increment(count(round.sent));
        counter!("tollgate_alerts_total", "outcome" => "later").increment(count(round.later));
        counter!("tollgate_alerts_total", "outcome" => "dead").increment(count(round.dead));
        self.measure().await?;
        failed.map_or(Ok(round), Err)
    }

    /// How long a claim lasts, milliseconds: as long as the slowest batch a channel is sent may take,
    /// and a little more.
    fn claim_ms(&self) -> u32 {
        let each = self.options.spacing + self.options.timeout;
        let posts = u32::try_from(self.options.digest_over.max(1)).unwrap_or(u32::MAX);
        let whole = each.saturating_mul(posts) + Duration::from_secs(30);
        u32::try_from(whole.as_millis()).unwrap_or(u32::MAX)
    }

    async fn measure(&self) -> Result<(), AlertsError> {
        let stats = self.outbox.stats().await?;
        let waited_us = stats.oldest_pending.map_or(0, |at| self.clock.now().micros_since(at));
        let waited_s = u32::try_from(waited_us.max(0) / 1_000_000).unwrap_or(u32::MAX);
        let shown = |number: u64| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
        gauge!("tollgate_alerts_pending").set(shown(stats.pending));
        gauge!("tollgate_alerts_dead").set(shown(stats.dead));
        gauge!("tollgate_alerts_oldest_pending_seconds").set(f64::from(waited_s));
        Ok(())
    }

    async fn sweep(&self) {
        let before = self.clock.now().plus_micros(-KEPT_US);
        match self.outbox.sweep(before).await {
            Ok(0) => {}
            Ok(rows) => tracing::info!(rows, "sent alerts forgotten"),
            Err(error) => tracing::warn!(%error, "sent alerts could not be forgotten"),
        }
    }

    fn state(&self, channel: &str) -> ChannelState {
        let states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        states.get(channel).copied().unwrap_or_default()
    }

    fn set_state(&self, channel: &str, change: impl FnOnce(&mut ChannelState)) {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        change(states.entry(channel.to_owned()).or_default());
    }
}

/// Whether the process stops: told so, or nobody is left to tell.
fn is_stopping(stopping: &watch::Receiver<bool>) -> bool {
    *stopping.borrow() || stopping.has_changed().is_err()
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
