//! The lake as the rest of the product sees it: a table of usage one can append to and ask.
//!
//! It must never know HTTP, or any database but its own table.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use events::LineKey;
use tokio::sync::watch;
use units::Clock;

use crate::claims::Claims;
use crate::commit::{Append, Commit, Writer};
use crate::keeper::Keeper;
use crate::pool::Pool;
use crate::query::{Params, QueryEngine, Session};
use crate::sources::Sources;
use crate::table::{self, Reader};
use crate::{LakeError, LakeOptions, LakeRow, QueryResult, columns};

/// Threads commits run on.
const COMMIT_THREADS: usize = 1;
/// Threads upkeep runs on, so that it cannot take those of queries.
const KEEPER_THREADS: usize = 1;

/// A handle to the usage table; clones share one writer, one reader and the lake's own threads.
#[derive(Clone)]
pub struct Lake {
    inner: Arc<Inner>,
    pinned: Option<Arc<Session>>,
}

struct Inner {
    clock: Arc<dyn Clock>,
    commits: Pool,
    writer: Arc<Writer>,
    /// Whose row each line of a batch's results is.
    claims: Arc<Claims>,
    queries: QueryEngine,
    upkeep: Pool,
    keeper: Arc<Keeper>,
    /// The version of this process's newest commit.
    committed: watch::Sender<u64>,
}

impl fmt::Debug for Lake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lake")
    }
}

impl Lake {
    /// Opens the table `usage` in `options.dir`, creating it when there is none; any number of
    /// processes may do so at once.
    ///
    /// # Errors
    /// When the directory cannot be used, or holds a table this build cannot write.
    pub async fn open(options: LakeOptions, clock: Arc<dyn Clock>) -> Result<Self, LakeError> {
        let commits = Pool::start("lake-commit", COMMIT_THREADS)?;
        let dir = options.dir.clone();
        let table = commits
            .finish(async move {
                let log_store = table::log_store(&dir)?;
                Box::pin(table::open_or_create(&log_store)).await
            })
            .await?;
        let sources = Arc::new(Sources::new(&options.dir, &table, table.log_store())?);
        let writer = Arc::new(Writer::new(Arc::new(Reader::new(table))));
        let claims = Arc::new(Claims::open(&options.dir)?);
        let queries = QueryEngine::start(options.limits, Arc::clone(&sources))?;
        let upkeep = Pool::start("lake-upkeep", KEEPER_THREADS)?;
        let keeper = Arc::new(Keeper::new(sources)?);
        let committed = watch::Sender::new(0);
        let inner = Inner { clock, commits, writer, claims, queries, upkeep, keeper, committed };
        Ok(Self { inner: Arc::new(inner), pinned: None })
    }

    /// Appends rows under a writer's application id, all of them or none.
    ///
    /// `last_seq` is the highest sequence this commit covers, at least that of its last row; a later
    /// commit of the same `app` must start above it. A commit that may or may not have succeeded is
    /// simply repeated, with the same rows or with those above [`Lake::last_committed`].
    ///
    /// # Errors
    /// [`LakeError::Fenced`] when the table holds some of these sequences already, but not as one
    /// commit up to `last_seq`: another process writes for this app. Nothing was appended.
    pub async fn commit(
        &self,
        app: &str,
        rows: &[LakeRow],
        last_seq: u64,
    ) -> Result<Commit, LakeError> {
        let append = Append::encode(app, rows, last_seq, self.inner.clock.now())?;
        let writer = Arc::clone(&self.inner.writer);
        let done = self.inner.commits.finish(Box::pin(async move { writer.append(append).await }));
        Ok(self.tell(done.await?))
    }

    /// [`Lake::commit`] of rows that are not needed afterwards: encoded on the lake's own threads. Of
    /// rows that record a line of a batch's results those are left out whose line another row owns.
    pub(crate) async fn commit_owned(
        &self,
        app: &str,
        rows: Vec<LakeRow>,
        last_seq: u64,
    ) -> Result<Commit, LakeError> {
        let (app, now) = (app.to_owned(), self.inner.clock.now());
        let (writer, claims) = (Arc::clone(&self.inner.writer), Arc::clone(&self.inner.claims));
        let commit = async move {
            let rows = claims.keep_own(&app, rows).await?;
            let append = Append::encode(&app, &rows, last_seq, now)?;
            drop(rows);
            writer.append(append).await
        };
        let done = self.inner.commits.finish(Box::pin(commit)).await?;
        Ok(self.tell(done))
    }

    /// The lines of a file or batch of results that are in the table, or are certain to be.
    ///
    /// # Errors
    /// When the claims cannot be read.
    pub async fn metered_lines(&self, batch: &str) -> Result<HashSet<LineKey>, LakeError> {
        let (claims, batch) = (Arc::clone(&self.inner.claims), batch.to_owned());
        let asked = Box::pin(async move { claims.claimed(&batch).await });
        self.inner.commits.finish(asked).await
    }

    /// Wakes whoever waits for commits.
    fn tell(&self, commit: Commit) -> Commit {
        if let Commit::Committed { version } = commit {
            self.announce(version);
        }
        commit
    }

    /// The highest sequence the table holds for a writer, read from the table itself.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn last_committed(&self, app: &str) -> Result<Option<i64>, LakeError> {
        let (writer, app) = (Arc::clone(&self.inner.writer), app.to_owned());
        let asked = Box::pin(async move { writer.last_committed(&app).await });
        self.inner.commits.finish(asked).await
    }

    /// Appends history that never passed through a spool (a demonstration's, or an import's), one
    /// commit per batch, skipping what an earlier run committed. Sequences count up across batches.
    /// Returns the rows appended.
    ///
    /// # Errors
    /// Those of [`Lake::commit`]; what was appended before stays, and a repeat goes on after it.
    pub async fn append_history<I>(&self, app: &str, batches: I) -> Result<usize, LakeError>
    where
        I: IntoIterator<Item = Vec<LakeRow>>,
    {
        let committed = self.last_committed(app).await?;
        let is_new = |row: &LakeRow| committed.is_none_or(|seq| columns::clamped(row.seq) > seq);
        let mut appended = 0;
        for mut rows in batches {
            rows.retain(is_new);
            if let Some(last_seq) = rows.iter().map(|row| row.seq).max() {
                appended += rows.len();
                self.commit_owned(app, rows, last_seq).await?;
            }
        }
        Ok(appended)
    }

    /// Runs one read-only statement over the table `usage`, within the limits the lake was opened
    /// with. Literals with a point are decimals, times are UTC.
    ///
    /// # Errors
    /// [`LakeError::Query`] worded for whoever wrote the statement, [`LakeError::TimedOut`].
    pub async fn sql(&self, sql: &str) -> Result<QueryResult, LakeError> {
        self.run(sql, Params::new()).await
    }

    /// A handle whose queries all read the tables as they are now, so that the figures of one page
    /// agree. Meant for one page: what it reads may be vacuumed after hours.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn pinned(&self) -> Result<Self, LakeError> {
        let session = self.inner.queries.open().await?;
        Ok(Self { inner: Arc::clone(&self.inner), pinned: Some(Arc::new(session)) })
    }

    /// [`Lake::sql`] with parameters.
    pub(crate) async fn run(&self, sql: &str, params: Params) -> Result<QueryResult, LakeError> {
        self.inner.queries.run(self.pinned.clone(), sql, params).await
    }

    /// Tells of each commit of this process the version it made.
    pub(crate) fn commits(&self) -> watch::Receiver<u64> {
        self.inner.committed.subscribe()
    }

    /// Runs a step of upkeep on threads of its own; it is dropped when the caller stops waiting.
    pub(crate) async fn keep<T, F, Fut>(&self, step: F) -> Result<T, LakeError>
    where
        T: Send + 'static,
        F: FnOnce(Arc<Keeper>) -> Fut,
        Fut: Future<Output = Result<T, LakeError>> + Send + 'static,
    {
        let step = step(Arc::clone(&self.inner.keeper));
        self.inner.upkeep.cancellable(Box::pin(step)).await
    }

    pub(crate) fn keeper(&self) -> &Keeper {
        &self.inner.keeper
    }

    /// The keeper, for work that outlives a borrow.
    pub(crate) fn keeper_shared(&self) -> Arc<Keeper> {
        Arc::clone(&self.inner.keeper)
    }

    /// Wakes whoever waits for commits: a version was put into the table.
    pub(crate) fn announce(&self, version: u64) {
        self.inner.committed.send_replace(version);
    }

    pub(crate) fn queries(&self) -> &QueryEngine {
        &self.inner.queries
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }
}
