//! The leases of this gateway: what it may spend of each budget, kept in step with the authority.
//!
//! One task reports and asks, one round at a time; requests that find their lease too short join the
//! next round and wait for it, for a moment. This file must never know where the authority runs or
//! how a budget is divided.

mod state;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use policy::{LeaseReply, LeaseReport, PROTOCOL};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout, timeout_at};

use crate::accounting::Accounting;
use crate::backoff::Backoff;
use crate::epochs;

pub use state::AuthorityStatus;
use state::State;

/// Rounds a request waits for at most. More than one, because what was granted for a request may be
/// taken by others before it is its turn; the time they take together is what counts.
pub(crate) const ROUNDS_MAX: usize = 16;

/// Longest wait of a request for its lease: the only wait on anything but a provider.
const WAIT_MAX: Duration = Duration::from_millis(50);
/// How often it is looked whether anything happened that the authority should hear.
const TICK: Duration = Duration::from_secs(1);
/// Longest time between two rounds, so that leases do not run out; less where they are short-lived.
const RENEWAL_MAX: Duration = Duration::from_secs(5);
/// Longest a round may take.
const ROUND_TIME_MAX: Duration = Duration::from_secs(3);
/// Longest time for giving everything back at a stop.
const FAREWELL_TIME_MAX: Duration = Duration::from_secs(3);

/// Who grants leases: the console's authority, in this process or over HTTP.
#[async_trait]
pub trait Authority: Send + Sync {
    /// Takes a report and answers with what this gateway holds from now on. Repeats are harmless.
    async fn sync(&self, report: LeaseReport) -> Result<LeaseReply, AuthorityAway>;
}

/// The authority did not answer; nobody's fault that a client could mend, and trying again helps.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the budget authority is away: {0}")]
pub struct AuthorityAway(pub String);

/// How leases are kept.
#[derive(Debug, Clone)]
pub struct LeasesOptions {
    /// Directory the spool's epochs lie in, to tell the authority whose usage is still to come.
    pub spool_root: PathBuf,
    /// Longest wait of one request for its leases; 50 ms.
    pub wait_max: Duration,
}

impl LeasesOptions {
    /// The defaults over a spool's directory.
    pub fn new(spool_root: impl Into<PathBuf>) -> Self {
        Self { spool_root: spool_root.into(), wait_max: WAIT_MAX }
    }
}

/// The leases of one gateway process. Shared by its requests; [`Leases::run`] keeps them.
pub struct Leases {
    accounting: Arc<Accounting>,
    authority: Arc<dyn Authority>,
    options: LeasesOptions,
    state: State,
    /// Woken when a request waits.
    asked: Notify,
    /// Number of the last round that ended, whichever way.
    ended: watch::Sender<u64>,
}

impl Leases {
    /// Leases over the budgets of `accounting`, granted by `authority`.
    pub fn new(
        accounting: Arc<Accounting>,
        authority: Arc<dyn Authority>,
        options: LeasesOptions,
    ) -> Arc<Self> {
        Arc::new(Self {
            accounting,
            authority,
            options,
            state: State::default(),
            asked: Notify::new(),
            ended: watch::Sender::new(0),
        })
    }

    /// Keeps the leases until told to stop, then gives everything back. The stop is to be told when
    /// no request is under way any more.
    pub async fn run(self: Arc<Self>, mut stopping: watch::Receiver<bool>) {
        let mut backoff = Backoff::default();
        let mut spooled = None;
        let mut renewed = Instant::now();
        let mut is_asked = true;
        loop {
            let happened = spooled != Some(self.accounting.spool.next_seq());
            if is_asked || happened || renewed.elapsed() >= self.renewal() {
                spooled = Some(self.accounting.spool.next_seq());
                renewed = Instant::now();
                self.round().await;
            }
            let is_away = self.state.is_away();
            if !is_away {
                backoff.reset();
            }
            self.state.set_gauges(self.accounting.clock.now());
            // Whoever asks while the authority is away waits for nothing, and hurries nobody.
            let pause = if is_away { backoff.pause() } else { TICK.min(self.renewal()) };
            is_asked = tokio::select! { biased;
                _ = stopping.wait_for(|stop| *stop) => break,
                () = self.asked.notified(), if !is_away => true,
                () = tokio::time::sleep(pause) => is_away,
            };
        }
        self.farewell().await;
    }

    /// Joins the next round and waits for it, at most 50 ms unless configured otherwise; whether it went well. While the
    /// authority is away nobody waits.
    pub async fn ask(&self) -> bool {
        self.ask_until(Instant::now() + self.wait_max()).await
    }

    /// The same with an end of its own.
    pub(crate) async fn ask_until(&self, deadline: Instant) -> bool {
        if self.state.is_away() {
            return false;
        }
        // A round under way may have been reported before this was wanted.
        let next = self.state.begun() + 1;
        let mut ended = self.ended.subscribe();
        self.asked.notify_one();
        let answered = timeout_at(deadline, ended.wait_for(|ended| *ended >= next)).await;
        answered.is_ok_and(|answered| answered.is_ok()) && !self.state.is_away()
    }

    /// Asks for the next round to begin soon, and does not wait for it.
    pub(crate) fn hurry(&self) {
        self.asked.notify_one();
    }

    /// Longest wait of one request.
    pub(crate) fn wait_max(&self) -> Duration {
        self.options.wait_max
    }

    /// How the authority was last heard.
    pub fn status(&self) -> AuthorityStatus {
        self.state.status(self.accounting.clock.now())
    }

    /// How long leases may go without a round: a third of their lifetime, or less.
    fn renewal(&self) -> Duration {
        let ttl_ms = self.state.ttl_ms();
        if ttl_ms == 0 { RENEWAL_MAX } else { Duration::from_millis(ttl_ms / 3).min(RENEWAL_MAX) }
    }

    async fn round(&self) {
        let number = self.state.begin();
        match timeout(ROUND_TIME_MAX, self.exchange(false)).await {
            Ok(Ok(())) => {}
            Ok(Err(away)) => self.state.lost(&away.0),
            Err(_) => self.state.lost("it did not answer in time"),
        }
        self.ended.send_replace(number);
    }

    /// One report and its answer.
    async fn exchange(&self, is_final: bool) -> Result<(), AuthorityAway> {
        let asked_at = self.accounting.clock.now();
        let reply = self.authority.sync(self.report(is_final)?).await?;
        if reply.protocol != PROTOCOL {
            let theirs = reply.protocol;
            return Err(AuthorityAway(format!(
                "it speaks protocol {theirs}, this gateway {PROTOCOL}: run the same version on both sides"
            )));
        }
        let now = self.accounting.clock.now();
        if !is_final {
            self.accounting.treasury.apply(&reply, asked_at);
        }
        self.state.heard(asked_at, now, &reply);
        Ok(())
    }

    fn report(&self, is_final: bool) -> Result<LeaseReport, AuthorityAway> {
        let Accounting { spool, treasury, clock, .. } = &*self.accounting;
        // Before the amounts: whatever has an earlier number is then in them.
        let next_seq = spool.next_seq();
        let unfinished =
            epochs::others(&self.options.spool_root, spool.epoch()).map_err(|error| {
                AuthorityAway(format!("not asked, the spool cannot be read: {error}"))
            })?;
        let now = clock.now();
        let mut accounts = treasury.report(now);
        for account in &mut accounts {
            account.next_seq = next_seq;
        }
        Ok(LeaseReport {
            protocol: PROTOCOL,
            node: spool.node_id().to_owned(),
            epoch: spool.epoch().to_owned(),
            sent_at: now,
            accounts,
            unfinished,
            is_final,
        })
    }

    /// Gives everything back; without it the authority waits until the leases run out.
    async fn farewell(&self) {
        let mut backoff = Backoff::default();
        let farewell = async {
            while let Err(away) = self.exchange(true).await {
                tracing::debug!(error = %away, "leases not given back yet");
                tokio::time::sleep(backoff.pause()).await;
            }
        };
        match timeout(FAREWELL_TIME_MAX, farewell).await {
            Ok(()) => tracing::info!("leases given back"),
            Err(_) => tracing::warn!("leases not given back: they return when they run out"),
        }
    }
}
