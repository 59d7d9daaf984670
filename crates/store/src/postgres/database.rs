//! The connections to one PostgreSQL database, and its migrations. It must never know an aggregate.
//!
//! A server may be away for a while: every call then fails within a bounded time and says so, and works
//! again once it is back, since connections are tried before they are used.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::migrate::Migrator;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPool, PgPoolOptions, PgRow};
use sqlx::query::Query;
use sqlx::{Connection, PgConnection, Postgres, Transaction};
use tokio::sync::watch;
use units::{Clock, UnixMicros};

use crate::engine::Engine;
use crate::{StoreError, StoreOptions, rows};

/// Embedded, so that the binary migrates any database it opens.
static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/postgres");

/// Advisory lock of whoever migrates: `tollgate` in ASCII. Each database has its own.
const MIGRATION_LOCK: i64 = i64::from_be_bytes(*b"tollgate");
/// Longest the server may take for one statement, waits for locks included.
const STATEMENT_MAX: Duration = Duration::from_secs(10);
/// Longest wait for the answer to one statement: the server's own limit and the journey. It ends the wait
/// for a server that is gone without having said so.
const ANSWER_MAX: Duration = Duration::from_secs(15);
/// Longest a transaction may wait for its next statement before the server ends it and frees its locks.
const IDLE_MAX: Duration = Duration::from_secs(60);

/// One database of a PostgreSQL server.
#[derive(Debug)]
pub(super) struct Database {
    pool: PgPool,
    clock: Arc<dyn Clock>,
    changes: watch::Sender<u64>,
}

impl Database {
    /// Connects, and migrates if needed.
    pub(super) async fn open(
        server: PgConnectOptions,
        options: &StoreOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        let revision = migrate(&server, options.busy_timeout).await?;
        let ms = |limit: Duration| limit.as_millis().to_string();
        let server = server.options([
            ("statement_timeout", ms(STATEMENT_MAX)),
            ("lock_timeout", ms(options.busy_timeout)),
            ("idle_in_transaction_session_timeout", ms(IDLE_MAX)),
        ]);
        let pool = PgPoolOptions::new()
            .max_connections(options.connections_max)
            .acquire_timeout(options.busy_timeout)
            .test_before_acquire(true)
            .connect_lazy_with(server);
        Ok(Self { pool, clock, changes: watch::Sender::new(revision) })
    }

    async fn transaction(
        &self,
        begin: &'static str,
    ) -> Result<Transaction<'static, Postgres>, StoreError> {
        within(ANSWER_MAX, self.pool.begin_with(begin)).await
    }
}

#[async_trait]
impl Engine for Database {
    type Driver = Postgres;

    fn now(&self) -> UnixMicros {
        self.clock.now()
    }

    async fn reader(&self) -> Result<PoolConnection<Postgres>, StoreError> {
        within(ANSWER_MAX, self.pool.acquire()).await
    }

    async fn view(&self) -> Result<Transaction<'static, Postgres>, StoreError> {
        self.transaction("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await
    }

    /// Every statement sees what was committed before it; what must hold together is locked first.
    async fn begin(&self) -> Result<Transaction<'static, Postgres>, StoreError> {
        self.transaction("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE").await
    }

    async fn commit(transaction: Transaction<'static, Postgres>) -> Result<(), StoreError> {
        within(ANSWER_MAX, transaction.commit()).await
    }

    async fn revision(link: &mut PgConnection) -> Result<u64, StoreError> {
        let row =
            sqlx::query("SELECT revision FROM revisions WHERE name = 'policy'").one(link).await?;
        rows::count(&row, "revision")
    }

    fn changes(&self) -> &watch::Sender<u64> {
        &self.changes
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}

/// A statement run with an end to the wait for its answer.
#[async_trait]
pub(super) trait Bounded {
    /// Runs it; how many rows it changed.
    async fn run(self, link: &mut PgConnection) -> Result<u64, StoreError>;
    /// Its one row.
    async fn one(self, link: &mut PgConnection) -> Result<PgRow, StoreError>;
    /// Its row, if there is one.
    async fn optional(self, link: &mut PgConnection) -> Result<Option<PgRow>, StoreError>;
    /// All its rows.
    async fn all(self, link: &mut PgConnection) -> Result<Vec<PgRow>, StoreError>;
}

#[async_trait]
impl Bounded for Query<'_, Postgres, PgArguments> {
    async fn run(self, link: &mut PgConnection) -> Result<u64, StoreError> {
        Ok(within(ANSWER_MAX, self.execute(link)).await?.rows_affected())
    }

    async fn one(self, link: &mut PgConnection) -> Result<PgRow, StoreError> {
        within(ANSWER_MAX, self.fetch_one(link)).await
    }

    async fn optional(self, link: &mut PgConnection) -> Result<Option<PgRow>, StoreError> {
        within(ANSWER_MAX, self.fetch_optional(link)).await
    }

    async fn all(self, link: &mut PgConnection) -> Result<Vec<PgRow>, StoreError> {
        within(ANSWER_MAX, self.fetch_all(link)).await
    }
}

/// What the server answers, or that it did not in time.
async fn within<T>(
    limit: Duration,
    answer: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(limit, answer).await {
        Ok(Err(sqlx::Error::PoolTimedOut)) => {
            Err(StoreError::Unavailable("no connection in time".to_owned()))
        }
        Ok(answer) => Ok(answer?),
        Err(_) => Err(StoreError::Unavailable(format!("no answer within {limit:?}"))),
    }
}

/// Applies what is pending, all or nothing, with other processes kept out; the revision found.
///
/// It has a connection of its own, without the limits of the others: what is pending may take long, and
/// if it fails the connection goes and the lock with it.
async fn migrate(server: &PgConnectOptions, wait: Duration) -> Result<u64, StoreError> {
    let mut connection = within(wait, PgConnection::connect_with(server)).await?;
    let mut transaction = connection.begin().await?;
    // The migrator's own lock ends with its run, before the commit that shows others what it did.
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(MIGRATION_LOCK)
        .execute(&mut *transaction)
        .await?;
    MIGRATIONS.run_direct(None, &mut *transaction, false).await?;
    let revision = Database::revision(&mut transaction).await?;
    transaction.commit().await?;
    connection.close().await?;
    Ok(revision)
}
