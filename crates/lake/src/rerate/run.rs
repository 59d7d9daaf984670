//! One run from start to end: the table as it is when it begins, day by day, on threads of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::mpsc::{self, Sender};
use tokio::task::JoinSet;

use super::commits::Commits;
use super::file::OpenFile;
use super::prior::Prior;
use super::scan::{Corrections, Job};
use super::tally::Tally;
use super::{Reprice, RerateOptions, Rerated};
use crate::keeper::Keeper;
use crate::mirror::LiveFile;
use crate::pool::Pool;
use crate::sources::RERATE_APP;
use crate::table::NAME;
use crate::{Lake, LakeError, Window};

/// Batches of corrections, of at most 16,384 rows each, that wait to be committed.
const WAITING_MAX: usize = 4;

/// Runs to the end, or until the caller stops waiting.
pub(super) async fn run(
    lake: Lake,
    options: RerateOptions,
    prices: Arc<dyn Reprice>,
) -> Result<Rerated, LakeError> {
    let threads = lake.queries().threads();
    let pool = Pool::start("lake-rerate", threads)?;
    let job = Arc::new(Job::new(options, prices, lake.clock().now()));
    pool.cancellable(Box::pin(async move { all_days(lake, job, threads).await })).await
}

async fn all_days(lake: Lake, job: Arc<Job>, threads: usize) -> Result<Rerated, LakeError> {
    let keeper = lake.keeper_shared();
    let usage = keeper.sources.usage.newest().await?;
    let known = usage.txn(RERATE_APP).unwrap_or(0);
    let mut commits = Commits::after(&lake, &job.options.run, known).await?;
    let days = days_of(usage.all(), job.options.window);
    let (sink, mut corrections) = mpsc::channel(WAITING_MAX);
    let mut scans = JoinSet::new();
    scans.spawn(async move {
        let mut scanner = Scanner {
            keeper,
            job,
            sink,
            threads,
            running: JoinSet::new(),
            tally: Tally::default(),
        };
        for (day, files) in days {
            scanner.day(day, files).await?;
        }
        scanner.finish().await
    });
    while let Some(batch) = corrections.recv().await {
        commits.push(batch).await?;
    }
    let tally = scans.join_next().await.ok_or(LakeError::Stopped)?;
    let tally = tally.map_err(|_| LakeError::Stopped)??;
    commits.flush().await?;
    Ok(tally.finish(commits.made))
}

/// The files that may hold rows of a window, by day.
fn days_of(files: Vec<Arc<LiveFile>>, window: Window) -> BTreeMap<i32, Vec<Arc<LiveFile>>> {
    let (first, last) = window.utc_days();
    let mut days: BTreeMap<i32, Vec<Arc<LiveFile>>> = BTreeMap::new();
    for file in files {
        if let Some((day, _)) = file.days.filter(|(day, _)| (first..=last).contains(day)) {
            days.entry(day).or_default().push(file);
        }
    }
    days
}

/// Scans row groups, as many at a time as there are threads.
struct Scanner {
    keeper: Arc<Keeper>,
    job: Arc<Job>,
    sink: Sender<Corrections>,
    threads: usize,
    running: JoinSet<Result<Tally, LakeError>>,
    tally: Tally,
}

impl Scanner {
    async fn day(&mut self, day: i32, files: Vec<Arc<LiveFile>>) -> Result<(), LakeError> {
        let window = self.job.options.window;
        let may_match = |file: &&Arc<LiveFile>| {
            file.instants
                .is_none_or(|(first, last)| first < window.to.get() && last >= window.from.get())
        };
        let mut open = Vec::new();
        for file in files.iter().filter(may_match) {
            let store = self.keeper.sources.usage.log_store().object_store(None);
            open.push(Arc::new(OpenFile::open(store, file, day).await?));
        }
        // A correction is received when its row was: files outside the window hold none of its rows'.
        let prior = if open.iter().any(|file| file.may_correct()) {
            let context = self.keeper.context();
            let table = Arc::new(self.keeper.sources.usage_files(files));
            context.register_table(NAME, table).map_err(|error| LakeError::query(&error))?;
            Arc::new(Prior::read(&context, day).await?)
        } else {
            Arc::default()
        };
        for file in open {
            for group in 0..file.groups() {
                self.scan(&file, group, &prior).await?;
            }
        }
        Ok(())
    }

    async fn scan(
        &mut self,
        file: &Arc<OpenFile>,
        group: usize,
        prior: &Arc<Prior>,
    ) -> Result<(), LakeError> {
        while self.running.len() >= self.threads {
            self.one_done().await?;
        }
        let (job, sink) = (Arc::clone(&self.job), self.sink.clone());
        let (file, prior) = (Arc::clone(file), Arc::clone(prior));
        self.running.spawn(async move { job.scan(&file, group, &prior, &sink).await });
        Ok(())
    }

    async fn one_done(&mut self) -> Result<(), LakeError> {
        if let Some(done) = self.running.join_next().await {
            self.tally.add(done.map_err(|_| LakeError::Stopped)??);
        }
        Ok(())
    }

    async fn finish(mut self) -> Result<Tally, LakeError> {
        while !self.running.is_empty() {
            self.one_done().await?;
        }
        Ok(self.tally)
    }
}
