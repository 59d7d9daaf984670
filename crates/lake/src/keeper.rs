//! What upkeep of the tables shares: the tables, a bounded place to run plans, and the clocks.
//!
//! It must never know when its steps are taken.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use datafusion::dataframe::DataFrame;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::prelude::SessionContext;
use units::{Clock, SystemClock, UnixMicros};

use crate::LakeError;
use crate::mirror::Mirror;
use crate::query::Contexts;
use crate::sources::Sources;

/// Memory the plans of upkeep may hold, bytes; sorts and groupings spill to disk beyond it.
const MEMORY_BYTES: usize = 256 << 20;
/// Time between two times roll-ups are built anew because they do not go with usage.
const REBUILD_PAUSE: Duration = Duration::from_secs(60);

/// Keeps the tables in shape, one step at a time. Any number may do so, in any number of processes.
pub(crate) struct Keeper {
    pub(crate) sources: Arc<Sources>,
    contexts: Contexts,
    rebuilt: Mutex<Option<Instant>>,
}

impl Keeper {
    pub(crate) fn new(sources: Arc<Sources>) -> Result<Self, LakeError> {
        Ok(Self { sources, contexts: Contexts::new(MEMORY_BYTES, 1)?, rebuilt: Mutex::new(None) })
    }

    /// A session whose plans can read the usage table's files.
    pub(crate) fn context(&self) -> SessionContext {
        self.sources.usage.register(&self.contexts.runtime);
        self.contexts.fresh()
    }

    /// Whether roll-ups may be built anew now: something that spoils them again and again must not
    /// make this process do nothing else.
    pub(crate) fn may_rebuild(&self) -> bool {
        let mut rebuilt = self.rebuilt.lock().unwrap_or_else(PoisonError::into_inner);
        let may = rebuilt.is_none_or(|at| at.elapsed() >= REBUILD_PAUSE);
        if may {
            *rebuilt = Some(Instant::now());
        }
        may
    }

    /// Lets plans read the files of another table.
    pub(crate) fn register(&self, mirror: &Mirror) {
        mirror.register(&self.contexts.runtime);
    }
}

/// The present by the clock that dates files and log entries, which no demonstration shifts.
pub(crate) fn store_now() -> UnixMicros {
    SystemClock.now()
}

/// Runs a plan.
pub(crate) async fn stream(
    context: &SessionContext,
    plan: datafusion::error::Result<LogicalPlanBuilder>,
) -> Result<SendableRecordBatchStream, LakeError> {
    let failed = |error| LakeError::query(&error);
    let plan = plan.and_then(LogicalPlanBuilder::build).map_err(failed)?;
    DataFrame::new(context.state(), plan).execute_stream().await.map_err(failed)
}

/// Runs a plan whose rows fit into memory.
pub(crate) async fn collect(
    context: &SessionContext,
    plan: datafusion::error::Result<LogicalPlanBuilder>,
) -> Result<Vec<RecordBatch>, LakeError> {
    let stream = stream(context, plan).await?;
    datafusion::physical_plan::common::collect(stream).await.map_err(|e| LakeError::query(&e))
}
