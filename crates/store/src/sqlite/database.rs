//! The connections to one SQLite file, and its migrations. It must never know an aggregate.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Sqlite, SqliteConnection, Transaction};
use tokio::sync::watch;
use units::{Clock, UnixMicros};

use super::rows;
use crate::StoreError;

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

    /// The present.
    pub(super) fn now(&self) -> UnixMicros {
        self.clock.now()
    }

    /// Connections for statements that only read.
    pub(super) fn reader(&self) -> &SqlitePool {
        &self.reader
    }

    /// A transaction that may write. It takes the write lock at once: one that began by reading could
    /// not be upgraded after someone else wrote.
    pub(super) async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// Commits a write to keys or organisations and tells whoever waits for such.
    pub(super) async fn commit_policy(
        &self,
        mut transaction: Transaction<'static, Sqlite>,
    ) -> Result<(), StoreError> {
        let revision = revision(&mut transaction).await?;
        transaction.commit().await?;
        // Two commits may get here in the other order: the number told never falls.
        self.changes.send_if_modified(|known| {
            let newer = revision > *known;
            *known = revision.max(*known);
            newer
        });
        Ok(())
    }

    /// Told the revision after every write of this process to keys or organisations.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Waits for calls under way and closes every connection.
    pub(super) async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }
}

/// The revision of what a gateway's snapshot is compiled from.
pub(super) async fn revision(connection: &mut SqliteConnection) -> Result<u64, StoreError> {
    let revision: i64 = sqlx::query_scalar("SELECT revision FROM revisions WHERE name = 'policy'")
        .fetch_one(connection)
        .await?;
    rows::counter(revision, "revision")
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
    let revision = revision(&mut transaction).await?;
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
    use std::borrow::Cow;
    use units::SystemClock;

    /// Rows for the tables each migration adds, as an older release would have left them.
    const POPULATE: [(&str, &str); 3] = [
        ("meta", "INSERT INTO meta VALUES ('cookie', randomblob(32), 1)"),
        ("organisations", "INSERT INTO organisations VALUES ('acme', 'Acme', 'UTC', 1)"),
        ("login_links", "INSERT INTO login_links VALUES (randomblob(32), 'admin', 1, 2, NULL)"),
    ];

    #[tokio::test]
    async fn migrations_apply_on_a_database_populated_at_any_earlier_version() {
        for known in 0..=MIGRATIONS.migrations.len() {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("store.db");
            let older = Migrator {
                migrations: Cow::Owned(MIGRATIONS.migrations[..known].to_vec()),
                ..Migrator::DEFAULT
            };
            let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
            let pool = SqlitePool::connect_with(options).await.unwrap();
            older.run(&pool).await.unwrap();
            for (_, insert) in &POPULATE[..known.min(POPULATE.len())] {
                sqlx::query(*insert).execute(&pool).await.unwrap();
            }
            pool.close().await;

            let timeout = Duration::from_secs(1);
            let db = Database::open(&path, timeout, Arc::new(SystemClock)).await.unwrap();
            let applied: i64 = sqlx::query_scalar("SELECT count(*) FROM _sqlx_migrations")
                .fetch_one(db.reader())
                .await
                .unwrap();
            assert_eq!(usize::try_from(applied).unwrap(), MIGRATIONS.migrations.len());
            for (table, _) in &POPULATE[..known.min(POPULATE.len())] {
                let count = format!("SELECT count(*) FROM {table}");
                let rows: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(count))
                    .fetch_one(db.reader())
                    .await
                    .unwrap();
                assert_eq!(rows, 1, "{table} after {known} migrations");
            }
            db.close().await;
        }
    }

    #[tokio::test]
    async fn a_database_of_a_newer_release_is_refused_by_its_version() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.db");
        let open = || Database::open(&path, Duration::from_secs(1), Arc::new(SystemClock));
        let db = open().await.unwrap();
        sqlx::query("INSERT INTO _sqlx_migrations VALUES (9999, 'later', 0, TRUE, x'00', 0)")
            .execute(&db.writer)
            .await
            .unwrap();
        db.close().await;
        let error = open().await.unwrap_err();
        assert!(matches!(error, StoreError::Newer(9999)), "{error}");
    }

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
