//! The lake as the rest of the product sees it: a table of usage one can append to and ask.
//!
//! It must never know HTTP, or any database but its own table.

use std::fmt;
use std::sync::Arc;

use units::Clock;

use crate::commit::{Append, Commit, Writer};
use crate::pool::Pool;
use crate::query::{Params, QueryEngine};
use crate::table::{self, Reader};
use crate::{LakeError, LakeOptions, LakeRow, QueryResult, columns};

/// Threads commits run on.
const COMMIT_THREADS: usize = 1;

/// A handle to the usage table; clones share one writer, one reader and the lake's own threads.
#[derive(Clone)]
pub struct Lake {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Arc<dyn Clock>,
    commits: Pool,
    writer: Arc<Writer>,
    queries: QueryEngine,
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
        let reader = Arc::new(Reader::new(table));
        let writer = Arc::new(Writer::new(Arc::clone(&reader)));
        let queries = QueryEngine::start(options.limits, reader)?;
        Ok(Self { inner: Arc::new(Inner { clock, commits, writer, queries }) })
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
        self.inner.commits.finish(Box::pin(async move { writer.append(append).await })).await
    }

    /// [`Lake::commit`] of rows that are not needed afterwards: encoded on the lake's own threads.
    pub(crate) async fn commit_owned(
        &self,
        app: &str,
        rows: Vec<LakeRow>,
        last_seq: u64,
    ) -> Result<Commit, LakeError> {
        let (app, now) = (app.to_owned(), self.inner.clock.now());
        let writer = Arc::clone(&self.inner.writer);
        let commit = async move {
            let append = Append::encode(&app, &rows, last_seq, now)?;
            drop(rows);
            writer.append(append).await
        };
        self.inner.commits.finish(Box::pin(commit)).await
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
        self.inner.queries.run(sql, Params::new()).await
    }

    pub(crate) fn queries(&self) -> &QueryEngine {
        &self.inner.queries
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }
}
