//! Keeps the lake in shape for as long as the process runs: rolls up, rewrites, vacuums.
//!
//! Any number of processes may run one: each step is fenced by the tables' logs. It must never know
//! what the steps do, or fail for good.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::{Lake, LakeError};

/// Longest pause after repeated failures.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// Steps of one kind a round takes at most before it looks at the others.
const STEPS_MAX: usize = 64;
/// A vacuum is not put off longer than this after the start.
const FIRST_VACUUM: Duration = Duration::from_secs(60);
/// Shortest retention: longer than any writer may hold a file it has not committed.
const RETENTION_MIN: Duration = Duration::from_secs(15 * 60);
/// Longest retention: shorter than checkpoints remember removed files.
const RETENTION_MAX: Duration = Duration::from_secs(3 * 3_600);

/// When what is done.
#[derive(Debug, Clone, Copy)]
pub struct MaintenanceOptions {
    /// Time between looks for usage to roll up; a commit of this process wakes it after half of that.
    pub every: Duration,
    /// Time between vacuums.
    pub vacuum_every: Duration,
    /// How long a file stays that no new reader needs: longer than any query, export or commit lasts.
    /// At least 15 minutes and at most 3 hours are used.
    pub retention: Duration,
}

impl Default for MaintenanceOptions {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(2),
            vacuum_every: Duration::from_secs(3_600),
            retention: Duration::from_secs(3_600),
        }
    }
}

/// How far maintenance has come, and the size of what it keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MaintenanceProgress {
    /// The tables, as of the last look.
    pub tables: TableSizes,
    /// Usage rows rolled up since the start.
    pub rows_rolled_up: u64,
    /// Files replaced by rewrites since the start, of usage and of roll-ups.
    pub files_rewritten: u64,
    /// Files removed since the start.
    pub files_vacuumed: u64,
    /// Rounds in a row in which something failed; 0 while all is well.
    pub failures: u32,
}

/// Sizes of the tables.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TableSizes {
    /// Newest version of the usage table.
    pub usage_version: u64,
    /// Version of the usage table the stored roll-ups reach to, if there are any that can be used.
    pub rolled_version: Option<u64>,
    /// Files of usage that are not rolled up yet, which queries of roll-ups read one by one.
    pub tail_files: u64,
    /// Active files of the usage table.
    pub usage_files: u64,
    /// Their size, bytes.
    pub usage_bytes: u64,
    /// Active files of the stored roll-ups.
    pub rollup_files: u64,
    /// Their size, bytes.
    pub rollup_bytes: u64,
}

/// Reads the progress of maintenance while it runs.
#[derive(Debug, Clone, Default)]
pub struct MaintenanceHandle(Arc<Mutex<MaintenanceProgress>>);

impl MaintenanceHandle {
    /// The progress now.
    pub fn get(&self) -> MaintenanceProgress {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, change: impl FnOnce(&mut MaintenanceProgress)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Keeps one lake in shape.
#[derive(Debug)]
pub struct Maintenance {
    lake: Lake,
    options: MaintenanceOptions,
    progress: MaintenanceHandle,
    vacuum_at: Instant,
}

impl Maintenance {
    /// Maintenance of a lake; it does nothing before it is run.
    pub fn new(lake: Lake, options: MaintenanceOptions) -> Self {
        let vacuum_at = Instant::now() + FIRST_VACUUM.min(options.vacuum_every);
        Self { lake, options, progress: MaintenanceHandle::default(), vacuum_at }
    }

    /// A handle on the progress, for `/metrics`.
    pub fn progress(&self) -> MaintenanceHandle {
        self.progress.clone()
    }

    /// Works until `shutdown` turns true or its sender is gone. A step under way is dropped then: every
    /// step is whole or without effect.
    pub async fn run(mut self, mut shutdown: watch::Receiver<bool>) {
        let mut commits = self.lake.commits();
        let mut failures = 0_u32;
        loop {
            let round = Box::pin(self.round());
            let is_well = tokio::select! {
                () = stopped(&mut shutdown) => return,
                is_well = round => is_well,
            };
            failures = if is_well { 0 } else { failures.saturating_add(1) };
            self.progress.update(|progress| progress.failures = failures);
            let factor = 1_u32.checked_shl(failures.min(8)).unwrap_or(1);
            let pause = self.options.every.saturating_mul(factor).min(PAUSE_MAX);
            tokio::select! {
                () = stopped(&mut shutdown) => return,
                () = tokio::time::sleep(pause) => {}
                () = woken(&mut commits, pause / 2) => {}
            }
        }
    }

    /// One round of every step there is need for. Returns whether all went well.
    async fn round(&mut self) -> bool {
        let rolled_up = told("usage not rolled up", self.roll_up().await);
        let merged = told("roll-ups not merged", self.merge().await);
        let compacted = told("usage not compacted", self.compact().await);
        let vacuumed = told("tables not vacuumed", self.vacuum().await);
        let looked = told("tables not read", self.look().await);
        rolled_up && merged && compacted && vacuumed && looked
    }

    async fn roll_up(&self) -> Result<(), LakeError> {
        if self.lake.rollups_are_suspected() {
            self.lake.check_rollups().await?;
        }
        for _ in 0..STEPS_MAX {
            let done = self.lake.roll_up().await?;
            self.progress.update(|progress| {
                progress.rows_rolled_up = progress.rows_rolled_up.saturating_add(done.rows);
            });
            if done.is_complete {
                break;
            }
        }
        Ok(())
    }

    async fn merge(&self) -> Result<(), LakeError> {
        for _ in 0..STEPS_MAX {
            let files = self.lake.merge_rollups().await?;
            if files == 0 {
                break;
            }
            self.rewrote(files);
        }
        Ok(())
    }

    /// Rewrites in idle moments: a commit of this process ends it, and it goes on in the next round.
    async fn compact(&self) -> Result<(), LakeError> {
        let commits = self.lake.commits();
        for _ in 0..STEPS_MAX {
            let files = self.lake.compact().await?.files;
            self.rewrote(files);
            if files == 0 || commits.has_changed().unwrap_or(true) {
                break;
            }
        }
        Ok(())
    }

    async fn vacuum(&mut self) -> Result<(), LakeError> {
        if Instant::now() < self.vacuum_at {
            return Ok(());
        }
        self.vacuum_at = Instant::now() + self.options.vacuum_every;
        let retention = self.options.retention.clamp(RETENTION_MIN, RETENTION_MAX);
        let done = self.lake.vacuum(retention).await?;
        if done.files > 0 {
            tracing::info!(files = done.files, bytes = done.bytes, "needless files removed");
        }
        self.progress.update(|progress| {
            progress.files_vacuumed = progress.files_vacuumed.saturating_add(done.files);
        });
        Ok(())
    }

    async fn look(&self) -> Result<(), LakeError> {
        let tables = self.lake.table_sizes().await?;
        self.progress.update(|progress| progress.tables = tables);
        Ok(())
    }

    fn rewrote(&self, files: usize) {
        self.progress.update(|progress| {
            progress.files_rewritten = progress.files_rewritten.saturating_add(files as u64);
        });
    }
}

fn told(what: &'static str, outcome: Result<(), LakeError>) -> bool {
    if let Err(error) = &outcome {
        tracing::warn!(%error, "{what}");
    }
    outcome.is_ok()
}

async fn stopped(shutdown: &mut watch::Receiver<bool>) {
    // A sender that is gone means the end, too.
    let _ = shutdown.wait_for(|is_over| *is_over).await;
}

/// Waits for a commit of this process, and some time so that not each is dealt with alone.
async fn woken(commits: &mut watch::Receiver<u64>, at_least: Duration) {
    tokio::time::sleep(at_least).await;
    if commits.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}
