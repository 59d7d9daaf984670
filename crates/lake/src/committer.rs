//! Moves settled events from this process's spool into the table, for as long as the process runs.
//!
//! Nothing leaves the spool before the table holds it durably. It must never know requests.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use events::Frame;
use spool::{Rows, Spool};
use tokio::sync::watch;
use units::UnixMicros;

use crate::{Lake, LakeError, LakeRow};

/// How often the backlog is looked at between commits.
const POLL: Duration = Duration::from_millis(100);
/// Longest pause after repeated failures.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Attempts to commit what is left when the process stops; the next start adopts the rest.
const DRAIN_ATTEMPTS: u32 = 5;

/// When the committer commits.
#[derive(Debug, Clone, Copy)]
pub struct CommitterOptions {
    /// Time between commits.
    pub interval: Duration,
    /// Frames that are committed without waiting longer, and the most one commit takes: they are
    /// held in memory, about 2 KiB each.
    pub frames_max: usize,
}

impl Default for CommitterOptions {
    fn default() -> Self {
        Self { interval: Duration::from_secs(1), frames_max: 20_000 }
    }
}

/// How far the committer has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CommitterProgress {
    /// When rows were last committed, by the injected clock.
    pub last_commit_at: Option<UnixMicros>,
    /// Highest sequence of the spool that needs nothing more.
    pub committed_seq: Option<u64>,
    /// Frames of the spool beyond that, as of the last look.
    pub lag_frames: u64,
    /// Rows committed since the start.
    pub rows: u64,
    /// Failures in a row; 0 while all is well.
    pub failures: u32,
}

/// Reads a committer's progress while it runs.
#[derive(Debug, Clone, Default)]
pub struct ProgressHandle(Arc<Mutex<CommitterProgress>>);

impl ProgressHandle {
    /// The progress now.
    pub fn get(&self) -> CommitterProgress {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, change: impl FnOnce(&mut CommitterProgress)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Commits one spool.
#[derive(Debug)]
pub struct Committer {
    lake: Lake,
    spool: Spool,
    app: String,
    options: CommitterOptions,
    progress: ProgressHandle,
    /// First frame not yet dealt with; `None` when the table must be asked.
    next_seq: Option<u64>,
}

impl Committer {
    /// A committer with the default options.
    pub fn new(lake: Lake, spool: Spool) -> Self {
        let app = app_id(spool.node_id(), spool.epoch());
        Self {
            lake,
            spool,
            app,
            options: CommitterOptions::default(),
            progress: ProgressHandle::default(),
            next_seq: None,
        }
    }

    /// The same committer with other options.
    #[must_use]
    pub fn with_options(mut self, options: CommitterOptions) -> Self {
        self.options = options;
        self
    }

    /// A handle on the progress, for `/metrics` and `/readyz`.
    pub fn progress(&self) -> ProgressHandle {
        self.progress.clone()
    }

    /// Commits until `shutdown` turns true (or its sender is gone), then commits what is left.
    ///
    /// # Errors
    /// [`LakeError::Fenced`] at once when another process has committed for this spool; the last
    /// error when what was left could not be committed. It stays in the spool either way.
    pub async fn run(mut self, mut shutdown: watch::Receiver<bool>) -> Result<(), LakeError> {
        let mut failures = 0_u32;
        let mut drains = 0_u32;
        loop {
            let is_last = *shutdown.borrow() || shutdown.has_changed().is_err();
            let outcome = self.commit_pending().await;
            failures = if outcome.is_ok() { 0 } else { failures.saturating_add(1) };
            self.progress.update(|progress| progress.failures = failures);
            drains += u32::from(is_last);
            match outcome {
                Ok(()) if is_last => return Ok(()),
                Ok(()) => {}
                Err(error @ LakeError::Fenced { .. }) => {
                    tracing::error!(app = %self.app, %error, "committer stopped");
                    return Err(error);
                }
                Err(error) if drains >= DRAIN_ATTEMPTS => return Err(error),
                Err(error) => {
                    tracing::warn!(app = %self.app, failures, %error, "usage not committed");
                    self.next_seq = None;
                }
            }
            self.pause(failures, is_last, &mut shutdown).await;
        }
    }

    /// Commits what the spool holds, in portions, until the rest is less than one portion.
    async fn commit_pending(&mut self) -> Result<(), LakeError> {
        loop {
            let from = self.position().await?;
            let Rows { frames, next_seq } = self.read(from).await?;
            let Some(last_seq) = next_seq.and_then(|next| next.checked_sub(1)) else {
                self.look(from);
                return Ok(());
            };
            let is_full = last_seq.saturating_sub(from) + 1 >= self.options.frames_max as u64;
            let rows = self.rows(frames);
            if !rows.is_empty() {
                let count = rows.len() as u64;
                self.lake.commit_owned(&self.app, rows, last_seq).await?;
                let now = self.lake.clock().now();
                self.progress.update(|progress| {
                    progress.last_commit_at = Some(now);
                    progress.rows += count;
                });
            }
            // Intents alone need no commit: what they come to is settled later, or recovered.
            self.next_seq = Some(last_seq.saturating_add(1));
            let spool = self.spool.clone();
            blocking(move || Ok(spool.mark_committed(last_seq)?)).await?;
            self.progress.update(|progress| progress.committed_seq = Some(last_seq));
            self.look(last_seq.saturating_add(1));
            if !is_full {
                return Ok(());
            }
        }
    }

    async fn position(&mut self) -> Result<u64, LakeError> {
        if let Some(next) = self.next_seq {
            return Ok(next);
        }
        let committed = self.lake.last_committed(&self.app).await?;
        let next = committed.map_or(0, |seq| u64::try_from(seq.saturating_add(1)).unwrap_or(0));
        // Frames before what the spool still holds were dealt with; they held no rows.
        let held = self.progress.get().committed_seq.map_or(0, |seq| seq.saturating_add(1));
        let next = next.max(held);
        self.next_seq = Some(next);
        Ok(next)
    }

    async fn read(&self, from: u64) -> Result<Rows, LakeError> {
        let (spool, max) = (self.spool.clone(), self.options.frames_max.max(1));
        blocking(move || {
            let rows = spool.read_rows(from, max)?;
            if rows.next_seq.is_some() {
                // What a power loss could take back must not be numbered in the table.
                spool.flush()?;
            }
            Ok(rows)
        })
        .await
    }

    fn rows(&self, frames: Vec<(u64, Frame)>) -> Vec<LakeRow> {
        let (node_id, epoch): (Arc<str>, Arc<str>) =
            (self.spool.node_id().into(), self.spool.epoch().into());
        // Rows are large: a list that grew would copy them several times.
        let mut rows = Vec::with_capacity(frames.len());
        for (seq, frame) in frames {
            if let Frame::Settled(event, _) | Frame::Beside(event, _) = frame {
                let (node_id, epoch) = (Arc::clone(&node_id), Arc::clone(&epoch));
                rows.push(LakeRow { event: *event, node_id, epoch, seq });
            }
        }
        rows
    }

    fn look(&self, next: u64) {
        let lag = self.spool.next_seq().saturating_sub(next);
        self.progress.update(|progress| progress.lag_frames = lag);
    }

    /// Waits for the next commit: the interval, or a full portion, or the end.
    async fn pause(&self, failures: u32, is_last: bool, shutdown: &mut watch::Receiver<bool>) {
        let factor = 1_u32.checked_shl(failures.min(8)).unwrap_or(1);
        let pause = self.options.interval.saturating_mul(factor).min(PAUSE_MAX);
        if is_last {
            tokio::time::sleep(pause.min(POLL.saturating_mul(factor))).await;
            return;
        }
        let started = Instant::now();
        while started.elapsed() < pause {
            let left = pause.saturating_sub(started.elapsed()).min(POLL);
            tokio::select! {
                _ = shutdown.changed() => return,
                () = tokio::time::sleep(left) => {}
            }
            let next = self.next_seq.unwrap_or(u64::MAX);
            self.look(next);
            let waiting = self.spool.next_seq().saturating_sub(next);
            if failures == 0 && waiting >= self.options.frames_max as u64 {
                return;
            }
        }
    }
}

/// The application id a spool's events are committed under.
pub(crate) fn app_id(node_id: &str, epoch: &str) -> String {
    format!("{node_id}/{epoch}")
}

/// Runs work that may wait for the disk on a thread that may.
pub(crate) async fn blocking<T, F>(work: F) -> Result<T, LakeError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, LakeError> + Send + 'static,
{
    tokio::task::spawn_blocking(work).await.map_err(|_| LakeError::Stopped)?
}
