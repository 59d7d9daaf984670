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
use crate::table::{NAME, Reader};
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

/// Makes a session over the newest version of the table for each query.
pub(crate) struct Sessions {
    runtime: Arc<RuntimeEnv>,
    config: SessionConfig,
    reader: Arc<Reader>,
}

/// A session and the version of the table it sees.
pub(crate) struct Session {
    /// The session.
    pub(crate) context: SessionContext,
    /// The table's version.
    pub(crate) version: u64,
}

impl QueryEngine {
    pub(crate) fn start(limits: QueryLimits, reader: Arc<Reader>) -> Result<Self, LakeError> {
        let memory = Arc::new(FairSpillPool::new(limits.memory_bytes));
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(memory)
            .build_arc()
            .map_err(|error| LakeError::query(&error))?;
        let config = session_config(limits.threads);
        Ok(Self {
            pool: Pool::start("lake-query", limits.threads)?,
            permits: Arc::new(Semaphore::new(limits.concurrent_max.max(1))),
            sessions: Arc::new(Sessions { runtime, config, reader }),
            limits,
        })
    }

    /// Runs one statement and collects its rows up to the limit.
    pub(crate) async fn run(&self, sql: &str, params: Params) -> Result<QueryResult, LakeError> {
        let (sessions, sql) = (Arc::clone(&self.sessions), sql.to_owned());
        let rows_max = self.limits.rows_max;
        let query = self.with_permit(Box::pin(async move {
            let session = sessions.open().await?;
            let frame = plan(&session.context, &sql, params).await?;
            collect(frame, rows_max).await
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
        self.with_permit(Box::pin(async move { work(sessions.open().await?).await })).await
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

impl Sessions {
    async fn open(&self) -> Result<Session, LakeError> {
        let runtime = Arc::clone(&self.runtime);
        let context = SessionContext::new_with_config_rt(self.config.clone(), runtime);
        let table = self.reader.newest().await?;
        let version = table.version().unwrap_or(0);
        let provider = table
            .table_provider()
            .with_session(Arc::new(context.state()))
            .await
            .map_err(|error| LakeError::query(&error))?;
        context.register_table(NAME, provider).map_err(|error| LakeError::query(&error))?;
        Ok(Session { context, version })
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
