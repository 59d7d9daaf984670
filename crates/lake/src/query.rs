//! Runs SQL over the usage table: read-only, bounded in memory, rows, time and threads.
//!
//! It must never know what is asked or who asks.

use std::sync::{Arc, LazyLock};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::dataframe::DataFrame;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::scalar::ScalarValue;
use futures::TryStreamExt;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::pool::Pool;
use crate::rollup::view;
use crate::sources::{Rolled, Sources};
use crate::table::NAME;
use crate::{LakeError, QueryLimits};

/// Values of a statement's `$name` placeholders.
pub(crate) type Params = Vec<(&'static str, ScalarValue)>;

/// Rows a session works on at once.
const BATCH_ROWS: usize = 8_192;

static READ_ONLY: LazyLock<SQLOptions> = LazyLock::new(|| {
    SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false)
});

/// The rows a query gave.
#[derive(Debug, Clone)]
pub struct QueryResult {
    /// The columns, also when there are no rows.
    pub schema: SchemaRef,
    /// The rows.
    pub batches: Vec<RecordBatch>,
    /// Whether there were more rows than the limit, and the rest was left out.
    pub is_truncated: bool,
}

impl QueryResult {
    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }
}

/// Runs queries on threads of its own.
pub(crate) struct QueryEngine {
    pool: Pool,
    permits: Arc<Semaphore>,
    sessions: Arc<Sessions>,
    limits: QueryLimits,
}

/// Makes a session over the newest version of the tables for each query.
pub(crate) struct Sessions {
    contexts: Contexts,
    sources: Arc<Sources>,
}

/// Makes empty sessions that share memory and what they have read of files.
pub(crate) struct Contexts {
    /// What they share.
    pub(crate) runtime: Arc<RuntimeEnv>,
    config: SessionConfig,
}

impl Contexts {
    pub(crate) fn new(memory_bytes: usize, threads: usize) -> Result<Self, LakeError> {
        let memory = Arc::new(FairSpillPool::new(memory_bytes));
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(memory)
            .build_arc()
            .map_err(|error| LakeError::query(&error))?;
        Ok(Self { runtime, config: session_config(threads) })
    }

    pub(crate) fn fresh(&self) -> SessionContext {
        SessionContext::new_with_config_rt(self.config.clone(), Arc::clone(&self.runtime))
    }
}

/// A session and the version of the table it sees.
pub(crate) struct Session {
    /// The session.
    pub(crate) context: SessionContext,
    /// The table's version.
    pub(crate) version: u64,
}

impl QueryEngine {
    pub(crate) fn start(limits: QueryLimits, sources: Arc<Sources>) -> Result<Self, LakeError> {
        let contexts = Contexts::new(limits.memory_bytes, limits.threads)?;
        Ok(Self {
            pool: Pool::start("lake-query", limits.threads)?,
            permits: Arc::new(Semaphore::new(limits.concurrent_max.max(1))),
            sessions: Arc::new(Sessions { contexts, sources }),
            limits,
        })
    }

    /// Threads all queries together run on.
    pub(crate) fn threads(&self) -> usize {
        self.limits.threads.max(1)
    }

    /// A session over the tables as they are now.
    pub(crate) async fn open(&self) -> Result<Session, LakeError> {
        let sessions = Arc::clone(&self.sessions);
        self.pool.cancellable(Box::pin(async move { sessions.open(Reading::All).await })).await
    }

    /// Runs one statement and collects its rows up to the limit; over `pinned` where there is one.
    pub(crate) async fn run(
        &self,
        pinned: Option<Arc<Session>>,
        sql: &str,
        params: Params,
    ) -> Result<QueryResult, LakeError> {
        let (sessions, sql) = (Arc::clone(&self.sessions), sql.to_owned());
        let rows_max = self.limits.rows_max;
        let query = self.with_permit(Box::pin(async move {
            let first = match pinned {
                Some(session) => session.answer(&sql, params.clone(), rows_max).await,
                None => sessions.answer(Reading::All, &sql, params.clone(), rows_max).await,
            };
            let Err(LakeError::FileLost(reason)) = first else { return first };
            // The view of the log was old, or a roll-up is damaged: usage itself tells the same.
            tracing::debug!(reason, "query runs again without roll-ups");
            sessions.sources.suspect().await;
            sessions.answer(Reading::Usage, &sql, params, rows_max).await
        }));
        timeout(self.limits.timeout, query)
            .await
            .map_err(|_| LakeError::TimedOut(self.limits.timeout))?
    }

    /// Runs work over a session without the limits on rows and time, for exports.
    pub(crate) async fn run_unlimited<T, F, Fut>(&self, work: F) -> Result<T, LakeError>
    where
        T: Send + 'static,
        F: FnOnce(Session) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, LakeError>> + Send + 'static,
    {
        let sessions = Arc::clone(&self.sessions);
        self.with_permit(Box::pin(async move { work(sessions.open(Reading::All).await?).await }))
            .await
    }

    async fn with_permit<T, F>(&self, query: F) -> Result<T, LakeError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, LakeError>> + Send + 'static,
    {
        let _permit = self.permits.acquire().await.map_err(|_| LakeError::Stopped)?;
        self.pool.cancellable(query).await
    }
}

/// What the roll-up tables of a session are made of.
#[derive(Clone, Copy)]
enum Reading {
    /// Stored parts, and usage that is not rolled up yet.
    All,
    /// Usage alone.
    Usage,
}

impl Sessions {
    async fn open(&self, reading: Reading) -> Result<Session, LakeError> {
        let context = self.contexts.fresh();
        let view = match reading {
            Reading::All => self.sources.look().await?,
            Reading::Usage => self.sources.look_at_usage().await?,
        };
        self.sources.usage.register(&self.contexts.runtime);
        if let Rolled::Ready(rolled) = &view.rolled {
            rolled.generation.mirror.register(&self.contexts.runtime);
        }
        let usage = Arc::new(self.sources.usage_files(view.usage.all()));
        context.register_table(NAME, usage).map_err(|error| LakeError::query(&error))?;
        view::register(&context, &self.sources, &view)?;
        Ok(Session { context, version: view.usage.version })
    }

    async fn answer(
        &self,
        reading: Reading,
        sql: &str,
        params: Params,
        rows_max: usize,
    ) -> Result<QueryResult, LakeError> {
        self.open(reading).await?.answer(sql, params, rows_max).await
    }
}

impl Session {
    async fn answer(
        &self,
        sql: &str,
        params: Params,
        rows_max: usize,
    ) -> Result<QueryResult, LakeError> {
        let frame = plan(&self.context, sql, params).await?;
        collect(frame, rows_max).await
    }
}

pub(crate) fn session_config(threads: usize) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_target_partitions(threads.max(1))
        .with_batch_size(BATCH_ROWS)
        .with_information_schema(true);
    let options = config.options_mut();
    // `0.1` in a query about money is a decimal, never a float.
    options.sql_parser.parse_float_as_decimal = true;
    options.execution.time_zone = Some("UTC".to_owned());
    // Plain strings are what every consumer of a result reads.
    options.execution.parquet.schema_force_view_types = false;
    config
}

/// Plans one read-only statement.
pub(crate) async fn plan(
    context: &SessionContext,
    sql: &str,
    params: Params,
) -> Result<DataFrame, LakeError> {
    let failed = |error| LakeError::query(&error);
    let plan = context.state().create_logical_plan(sql).await.map_err(failed)?;
    READ_ONLY.verify_plan(&plan).map_err(|error| {
        LakeError::Query(format!("only queries are allowed here ({})", error.message()))
    })?;
    let frame = context.execute_logical_plan(plan).await.map_err(failed)?;
    if params.is_empty() { Ok(frame) } else { frame.with_param_values(params).map_err(failed) }
}

async fn collect(frame: DataFrame, rows_max: usize) -> Result<QueryResult, LakeError> {
    let failed = |error| LakeError::query(&error);
    let mut stream = frame.execute_stream().await.map_err(failed)?;
    let mut result =
        QueryResult { schema: stream.schema(), batches: Vec::new(), is_truncated: false };
    let mut room = rows_max;
    while let Some(batch) = stream.try_next().await.map_err(failed)? {
        if batch.num_rows() > room {
            result.batches.push(batch.slice(0, room));
            result.is_truncated = true;
            break;
        }
        room -= batch.num_rows();
        if batch.num_rows() > 0 {
            result.batches.push(batch);
        }
    }
    Ok(result)
}
