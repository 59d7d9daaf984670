//! What queries and maintenance read: the usage table and the roll-ups that go with it, as a pair that
//! fits together.
//!
//! Roll-ups up to version R and the files usage got after R are all of usage, whatever commits, rolls
//! up or rewrites meanwhile. It must never know what is asked.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use deltalake::DeltaTable;
use deltalake::logstore::LogStoreRef;

use crate::LakeError;
use crate::mirror::{LiveFile, Mirror, Shape, Snapshot};
use crate::rollup::generation::{Generation, Generations, ROLLUP_APP};
use crate::scan::{Files, Layout};
use crate::schema::{PARTITION, usage_schema};
use crate::table::NAME;

/// Application whose transaction version counts rewrites of the usage table.
pub(crate) const MAINT_APP: &str = "maint";
/// Application whose transaction version is the highest version rewrites of the usage table have taken
/// for rolled up: who knows of less cannot tell the rows after it apart.
pub(crate) const ROLLED_APP: &str = "rolled";

/// Application whose transaction version counts the commits of corrections: who plans one from less
/// would correct what is corrected already.
pub(crate) const RERATE_APP: &str = "rerate";

/// Tries to see roll-ups and usage as a pair, while others roll up and rewrite.
const TRIES: u32 = 3;

static SHAPE: Shape = Shape {
    days: PARTITION,
    instants: "event_hour",
    instants_width_us: 3_600_000_000 - 1,
    apps: &[MAINT_APP, ROLLED_APP, RERATE_APP],
};

static LAYOUT: LazyLock<Arc<Layout>> = LazyLock::new(|| {
    Arc::new(Layout::new(usage_schema(), true, PARTITION, &["event_hour", "received_at"]))
});

/// The tables of a lake.
pub(crate) struct Sources {
    /// The lake's directory.
    pub(crate) dir: PathBuf,
    pub(crate) usage: Mirror,
    pub(crate) generations: Generations,
    is_suspected: AtomicBool,
}

/// The tables at one instant.
pub(crate) struct View {
    /// All of usage.
    pub(crate) usage: Arc<Snapshot>,
    /// Roll-ups that go with it.
    pub(crate) rolled: Rolled,
}

/// What the stored roll-ups are good for.
pub(crate) enum Rolled {
    /// They and the tail are all of usage.
    Ready(RolledUpTo),
    /// There is a generation that nothing was rolled up into.
    Empty(Arc<Generation>),
    /// There is none, or none that goes with usage as it is: it must be built anew.
    Missing,
}

/// Stored roll-ups and what they lack.
pub(crate) struct RolledUpTo {
    /// The generation.
    pub(crate) generation: Arc<Generation>,
    /// Its stored parts.
    pub(crate) parts: Arc<Snapshot>,
    /// The usage version they reach to.
    pub(crate) version: u64,
    /// The files usage got after that version.
    pub(crate) tail: Vec<Arc<LiveFile>>,
}

impl Sources {
    /// The tables in the lake's directory; `table` is the usage table, loaded.
    pub(crate) fn new(
        lake: &Path,
        table: &DeltaTable,
        log_store: LogStoreRef,
    ) -> Result<Self, LakeError> {
        let metadata = serde_json::to_value(table.snapshot()?.metadata());
        let metadata = metadata.map_err(LakeError::columnar)?;
        let id = metadata["id"].as_str().unwrap_or_default();
        Ok(Self {
            dir: lake.to_owned(),
            usage: Mirror::new(log_store, &SHAPE, NAME)?,
            generations: Generations::new(lake, id),
            is_suspected: AtomicBool::new(false),
        })
    }

    /// The tables as they are now.
    pub(crate) async fn look(&self) -> Result<View, LakeError> {
        for _ in 0..TRIES {
            // The roll-ups first: usage read after them is at least as new as what they sum up.
            let Some((generation, parts)) = self.parts().await else { break };
            let Some(version) = parts.txn(ROLLUP_APP) else {
                let usage = self.usage.newest().await?;
                return Ok(View { usage, rolled: Rolled::Empty(generation) });
            };
            let version = u64::try_from(version).unwrap_or(0);
            let Some(usage) = self.usage.known_since(version).await? else { break };
            let rewritten = usage.txn(ROLLED_APP).and_then(|version| u64::try_from(version).ok());
            if rewritten.is_some_and(|rewritten| rewritten > version) {
                // Another process has just rolled up and rewritten: look again.
                continue;
            }
            let Some(tail) = usage.since(version) else { break };
            let rolled = Rolled::Ready(RolledUpTo { generation, parts, version, tail });
            return Ok(View { usage, rolled });
        }
        self.look_at_usage().await
    }

    /// Usage as it is now, without its roll-ups.
    pub(crate) async fn look_at_usage(&self) -> Result<View, LakeError> {
        Ok(View { usage: self.usage.newest().await?, rolled: Rolled::Missing })
    }

    /// Some files of the usage table as a table of their own.
    pub(crate) fn usage_files(&self, files: Vec<Arc<LiveFile>>) -> Files {
        Files::new(Arc::clone(&LAYOUT), self.usage.url().clone(), files)
    }

    /// Whether a file could not be read since this was last asked.
    pub(crate) fn take_suspicion(&self) -> bool {
        self.is_suspected.swap(false, Ordering::Relaxed)
    }

    /// Remembers that a file could not be read, and forgets what is known of every table.
    pub(crate) async fn suspect(&self) {
        self.is_suspected.store(true, Ordering::Relaxed);
        self.forget().await;
    }

    /// Forgets what is known of every table, so that it is read anew.
    pub(crate) async fn forget(&self) {
        self.usage.forget().await;
        if let Ok(Some(generation)) = self.generations.current().await {
            generation.mirror.forget().await;
        }
        self.generations.forget().await;
    }

    /// The stored parts. One that cannot be read is as good as none: usage itself can tell everything.
    async fn parts(&self) -> Option<(Arc<Generation>, Arc<Snapshot>)> {
        let read = async {
            let Some(generation) = self.generations.current().await? else {
                return Ok::<_, LakeError>(None);
            };
            let parts = generation.mirror.newest().await?;
            Ok(Some((generation, parts)))
        };
        read.await.unwrap_or_else(|error| {
            tracing::warn!(%error, "roll-ups cannot be read");
            None
        })
    }
}
