//! The connections to one SQLite file, and its migrations. It must never know an aggregate.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::migrate::Migrator;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Sqlite, SqliteConnection, Transaction};
use tokio::sync::watch;
use units::{Clock, UnixMicros};

use crate::engine::Engine;
use crate::{StoreError, rows};

/// Embedded, so that the binary migrates any database it opens.
static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/sqlite");

/// Connections that read; WAL lets them go on while one writes.
const READERS_MAX: u32 = 4;
/// Pause before opening is tried again while another process converts or migrates the file.
const OPEN_RETRY: Duration = Duration::from_millis(20);

/// One SQLite file: a single connection that writes, so that writers of this process queue fairly
/// instead of polling for the lock, and a few that may only read.
#[derive(Debug)]
pub(super) struct Database {
    writer: SqlitePool,
    reader: SqlitePool,
    clock: Arc<dyn Clock>,
    changes: watch::Sender<u64>,
}

impl Database {
    /// Opens, and if needed creates and migrates, the file.
    pub(super) async fn open(
        path: &Path,
        busy_timeout: Duration,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        create_private(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .busy_timeout(busy_timeout)
            .journal_mode(SqliteJournalMode::Wal)
            .foreign_keys(true)
            // Keys, audit and (later) leases must survive a power cut once acknowledged.
            .synchronous(SqliteSynchronous::Full);
        let pool = |connections| {
            SqlitePoolOptions::new()
                .max_connections(connections)
                .acquire_timeout(busy_timeout.saturating_mul(2))
                .idle_timeout(None)
                .max_lifetime(None)
                .test_before_acquire(false)
        };
        let (writer, revision) = migrated(pool(1), options.clone(), busy_timeout).await?;
        let reader = pool(READERS_MAX).connect_lazy_with(options.pragma("query_only", "ON"));
        Ok(Self { writer, reader, clock, changes: watch::Sender::new(revision) })
    }
}

#[async_trait]
impl Engine for Database {
    type Driver = Sqlite;

    fn now(&self) -> UnixMicros {
        self.clock.now()
    }

    async fn reader(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        Ok(self.reader.acquire().await?)
    }

    async fn view(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.reader.begin().await?)
    }

    /// It takes the write lock at once: one that began by reading could not be upgraded after someone
    /// else wrote.
    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }

    async fn commit(transaction: Transaction<'static, Sqlite>) -> Result<(), StoreError> {
        Ok(transaction.commit().await?)
    }

    async fn revision(link: &mut SqliteConnection) -> Result<u64, StoreError> {
        let row = sqlx::query("SELECT revision FROM revisions WHERE name = 'policy'")
            .fetch_one(link)
            .await?;
        rows::count(&row, "revision")
    }

    fn changes(&self) -> &watch::Sender<u64> {
        &self.changes
    }

    async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }
}

/// Connects and migrates. Turning a new file to WAL needs a lock SQLite does not wait for, so a busy
/// file is tried again for as long as one waits for any lock.
async fn migrated(
    pool: SqlitePoolOptions,
    options: SqliteConnectOptions,
    busy_timeout: Duration,
) -> Result<(SqlitePool, u64), StoreError> {
    let deadline = tokio::time::Instant::now() + busy_timeout;
    loop {
        let attempt = match pool.clone().connect_with(options.clone()).await {
            Ok(pool) => migrate(&pool).await.map(|revision| (pool, revision)),
            Err(error) => Err(error.into()),
        };
        match attempt {
            Err(StoreError::Busy) if tokio::time::Instant::now() < deadline => {
                tokio::time::sleep(OPEN_RETRY).await;
            }
            result => return result,
        }
    }
}

/// Applies what is pending, all or nothing, with other processes kept out; the revision found.
async fn migrate(writer: &SqlitePool) -> Result<u64, StoreError> {
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
    // `Migrator::run` over a borrowed connection gives a future that is `Send` for no lifetime the
    // compiler can generalise, so that opening could not be spawned; this is the same without it.
    MIGRATIONS.run_direct(None, &mut *transaction, false).await?;
    let revision = Database::revision(&mut transaction).await?;
    transaction.commit().await?;
    Ok(revision)
}

/// Creates the file readable by its owner alone, since it holds the installation's secrets; SQLite
/// gives its own side files the same mode. A file that exists is left as it is.
fn create_private(path: &Path) -> Result<(), StoreError> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error.into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use units::SystemClock;

    #[tokio::test]
    async fn connections_keep_the_promises_made_for_them() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.db");
        let db = Database::open(&path, Duration::from_millis(1234), Arc::new(SystemClock))
            .await
            .unwrap();
        for pool in [&db.writer, &db.reader] {
            for (pragma, expected) in
                [("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 1234)]
            {
                let sql = sqlx::AssertSqlSafe(format!("PRAGMA {pragma}"));
                let value: i64 = sqlx::query_scalar(sql).fetch_one(pool).await.unwrap();
                assert_eq!(value, expected, "{pragma}");
            }
            let mode: String =
                sqlx::query_scalar("PRAGMA journal_mode").fetch_one(pool).await.unwrap();
            assert_eq!(mode, "wal");
        }
        let write = sqlx::query("DELETE FROM sessions").execute(&db.reader).await;
        assert!(write.is_err(), "a reader must not write");
    }
}
