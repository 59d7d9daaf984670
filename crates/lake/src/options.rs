//! What a lake can be told when it is opened.

use std::path::PathBuf;
use std::time::Duration;

/// Where the lake lies and how much a query may take.
#[derive(Debug, Clone)]
pub struct LakeOptions {
    /// Directory that holds the table `usage`; created when missing.
    pub dir: PathBuf,
    /// Bounds of every query.
    pub limits: QueryLimits,
}

impl LakeOptions {
    /// A lake in `dir` with the default limits.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), limits: QueryLimits::default() }
    }
}

/// Bounds that keep a query from starving the process it runs in.
#[derive(Debug, Clone)]
pub struct QueryLimits {
    /// Memory all queries together may hold, bytes; sorts and joins spill to disk beyond it.
    pub memory_bytes: usize,
    /// Rows a result may have before it is cut.
    pub rows_max: usize,
    /// Time a query may take.
    pub timeout: Duration,
    /// Threads all queries together run on.
    pub threads: usize,
    /// Queries that may run at once; more wait their turn.
    pub concurrent_max: usize,
}

impl Default for QueryLimits {
    fn default() -> Self {
        Self {
            memory_bytes: 1 << 30,
            rows_max: 100_000,
            timeout: Duration::from_secs(30),
            threads: 2,
            concurrent_max: 8,
        }
    }
}
