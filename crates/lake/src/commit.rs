//! Appends to the usage table: exactly once per writer, with any number of writers at a time.
//!
//! Each commit carries an application transaction `(app, last_seq)` and is put only if its version
//! is free. Who loses the race reads what won: an entry of the same app means this one was already
//! there, or that another process took over. It must never know spools or queries.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use deltalake::kernel::transaction::{CommitData, TransactionError};
use deltalake::kernel::{Action, Add, Transaction};
use deltalake::logstore::{CommitOrBytes, get_actions};
use deltalake::protocol::{DeltaOperation, SaveMode};
use tokio::sync::Mutex;
use units::UnixMicros;
use uuid::Uuid;

use crate::files::{self, DayBatch};
use crate::schema::PARTITION;
use crate::table::{CHECKPOINT_EVERY, Reader, TRUST};
use crate::{LakeError, LakeRow, checkpoint, columns};

/// Writers remembered; more are looked up in the table again.
const APPS_MAX: usize = 1_024;

/// What became of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commit {
    /// The rows are in the table from this version on.
    Committed {
        /// The table's version.
        version: u64,
    },
    /// The table already held them: an earlier try had succeeded unseen.
    AlreadyDone,
}

/// What one commit appends.
pub(crate) struct Append {
    /// The writer's application id, `node/epoch`.
    pub(crate) app: String,
    /// Lowest and highest sequence the rows and this commit cover.
    pub(crate) covers: (i64, i64),
    /// The rows.
    pub(crate) days: Vec<DayBatch>,
    /// The present.
    pub(crate) now: UnixMicros,
}

impl Append {
    /// Encodes what [`crate::Lake::commit`] is given.
    pub(crate) fn encode(
        app: &str,
        rows: &[LakeRow],
        last_seq: u64,
        now: UnixMicros,
    ) -> Result<Self, LakeError> {
        let first_seq = rows.iter().map(|row| row.seq).min().unwrap_or(last_seq);
        Ok(Self {
            app: app.to_owned(),
            covers: (columns::clamped(first_seq), columns::clamped(last_seq)),
            days: files::by_day(rows, now)?,
            now,
        })
    }
}

/// The one appender of this process to one table.
pub(crate) struct Writer {
    reader: Arc<Reader>,
    tail: Mutex<Tail>,
}

/// What this process knows of the end of the log.
#[derive(Default)]
struct Tail {
    /// The newest version seen, and when.
    seen: Option<(u64, Instant)>,
    /// Highest committed sequence by app, as of that version.
    apps: HashMap<String, Option<i64>>,
}

impl Tail {
    fn trusted_version(&self) -> Option<u64> {
        self.seen.filter(|(_, at)| at.elapsed() < TRUST).map(|(version, _)| version)
    }

    fn advance(&mut self, version: u64) {
        self.seen = Some((version, Instant::now()));
    }

    fn forget(&mut self) {
        *self = Tail::default();
    }
}

impl Writer {
    pub(crate) fn new(reader: Arc<Reader>) -> Self {
        Self { reader, tail: Mutex::new(Tail::default()) }
    }

    /// The highest sequence the table holds for an app, read from the table itself.
    pub(crate) async fn last_committed(&self, app: &str) -> Result<Option<i64>, LakeError> {
        let mut tail = self.tail.lock().await;
        tail.forget();
        Ok(self.known(&mut tail, app).await?.1)
    }

    /// Appends rows, or finds that they are there already.
    pub(crate) async fn append(&self, append: Append) -> Result<Commit, LakeError> {
        // Looking first spares the files of a commit that will not be needed.
        if let Some(done) = self.already(&append).await? {
            return Ok(done);
        }
        let store = self.reader.log_store().object_store(None);
        let started = Instant::now();
        let adds = files::write(store.as_ref(), &append.days, append.now).await?;
        let entry = log_entry(adds, &append)?;
        let mut tail = self.tail.lock().await;
        if started.elapsed() >= TRUST {
            // Vacuum may take files this old that no entry names for those of a writer that died.
            return Err(LakeError::Overslept(started.elapsed()));
        }
        let outcome = self.put(&mut tail, &append, entry).await;
        match outcome {
            Ok(Commit::Committed { version }) if version.is_multiple_of(CHECKPOINT_EVERY) => {
                checkpoint::start(Arc::clone(self.reader.log_store()));
            }
            // An entry whose put failed may be in the log all the same: nothing known still holds.
            Err(_) => tail.forget(),
            Ok(_) => {}
        }
        outcome
    }

    async fn already(&self, append: &Append) -> Result<Option<Commit>, LakeError> {
        let mut tail = self.tail.lock().await;
        let (_, committed) = self.known(&mut tail, &append.app).await?;
        check(append, committed)
    }

    /// The newest version and what it holds for an app.
    async fn known(&self, tail: &mut Tail, app: &str) -> Result<(u64, Option<i64>), LakeError> {
        if let (Some(version), Some(committed)) = (tail.trusted_version(), tail.apps.get(app)) {
            return Ok((version, *committed));
        }
        let table = self.reader.newest().await?;
        let state = table.snapshot()?;
        let log_store = table.log_store();
        let committed = state.transaction_version(log_store.as_ref(), app).await?;
        // What was known of other apps is as of an older version, unless it is the same.
        if tail.trusted_version() != Some(state.version()) || tail.apps.len() >= APPS_MAX {
            tail.apps.clear();
        }
        tail.apps.insert(app.to_owned(), committed);
        tail.advance(state.version());
        Ok((state.version(), committed))
    }

    /// Puts the entry at the first free version, unless an entry on the way decides otherwise.
    async fn put(
        &self,
        tail: &mut Tail,
        append: &Append,
        entry: Bytes,
    ) -> Result<Commit, LakeError> {
        let (mut version, committed) = self.known(tail, &append.app).await?;
        if let Some(done) = check(append, committed)? {
            return Ok(done);
        }
        let log_store = self.reader.log_store();
        loop {
            version = version.saturating_add(1);
            let bytes = CommitOrBytes::LogBytes(entry.clone());
            match log_store.write_commit_entry(version, bytes, Uuid::now_v7()).await {
                Ok(()) => {
                    tail.advance(version);
                    tail.apps.insert(append.app.clone(), Some(append.covers.1));
                    return Ok(Commit::Committed { version });
                }
                Err(TransactionError::VersionAlreadyExists(_)) => {
                    self.learn(tail, version).await?;
                    let committed = tail.apps.get(&append.app).copied().flatten();
                    if let Some(done) = check(append, committed)? {
                        return Ok(done);
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Reads an entry another writer put.
    async fn learn(&self, tail: &mut Tail, version: u64) -> Result<(), LakeError> {
        let entry = self.reader.log_store().read_commit_entry(version).await?;
        let entry = entry.ok_or(LakeError::TableChanged { version })?;
        for action in get_actions(version, &entry)? {
            match action {
                Action::Metadata(_) | Action::Protocol(_) => {
                    return Err(LakeError::TableChanged { version });
                }
                Action::Txn(txn) => {
                    if let Some(committed) = tail.apps.get_mut(&txn.app_id) {
                        *committed = Some(txn.version);
                    }
                }
                _ => {}
            }
        }
        tail.advance(version);
        Ok(())
    }
}

/// Compares an append with what the table holds for its app.
fn check(append: &Append, committed: Option<i64>) -> Result<Option<Commit>, LakeError> {
    let (first, last) = append.covers;
    match committed {
        Some(committed) if committed == last => Ok(Some(Commit::AlreadyDone)),
        Some(committed) if committed >= first => {
            Err(LakeError::Fenced { app: append.app.clone(), committed })
        }
        _ => Ok(None),
    }
}

fn log_entry(adds: Vec<Add>, append: &Append) -> Result<Bytes, LakeError> {
    let operation = DeltaOperation::Write {
        mode: SaveMode::Append,
        partition_by: Some(vec![PARTITION.to_owned()]),
        predicate: None,
    };
    let updated_ms = append.now.get().div_euclid(1_000);
    let last_seq = append.covers.1;
    let txn = Transaction::new_with_last_update(&append.app, last_seq, Some(updated_ms));
    let actions = adds.into_iter().map(Action::Add).collect();
    let data = CommitData::new(actions, operation, HashMap::new(), vec![txn]);
    Ok(data.get_bytes()?)
}
