//! Everything that can go wrong in the lake, and whose fault it is.
//!
//! It must never know HTTP: a server maps these to its own answers.

use std::path::PathBuf;
use std::time::Duration;

use datafusion::error::DataFusionError;
use deltalake::DeltaTableError;
use deltalake::kernel::transaction::TransactionError;
use parquet::errors::ParquetError;

/// An error of the lake.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// Another process has committed for this writer: whoever sees this must stop writing.
    #[error(
        "writer `{app}` is fenced: sequence {committed} is already in the table, committed by another process"
    )]
    Fenced {
        /// The writer's application id.
        app: String,
        /// The highest sequence the table holds for it.
        committed: i64,
    },
    /// The table's metadata or protocol changed under the writer; a retry reads it again.
    #[error("the usage table changed at version {version} while it was written to")]
    TableChanged {
        /// The version at which the writer's view ended.
        version: u64,
    },
    /// The table on disk is not one this build can write.
    #[error(
        "column `{column}` of the usage table is {found}, but this build writes {expected}: use the version of Tollgate that created the table, or another directory"
    )]
    SchemaMismatch {
        /// The column.
        column: String,
        /// Its type in the table, or `missing`.
        found: String,
        /// Its type in this build.
        expected: String,
    },
    /// The Delta log could not be read or written.
    #[error("the usage table could not be read or written: {0}")]
    Delta(#[source] Box<DeltaTableError>),
    /// A writer stood still for so long between its files and its log entry that it must start anew.
    #[error("a commit was interrupted for {} s and starts anew", .0.as_secs())]
    Overslept(Duration),
    /// A file of a table could not be read: the reader's view of the log is old, or it is damaged.
    #[error("a file of the lake cannot be read: {0}")]
    FileLost(String),
    /// Rows could not be turned into columns or files, or back.
    #[error("columnar data could not be converted: {0}")]
    Columnar(String),
    /// The query is at fault: it does not parse, names what is not there, or asks to change data.
    #[error("{0}")]
    Query(String),
    /// The query ran longer than allowed.
    #[error("the query was stopped after {} s: narrow its dates or add a filter", .0.as_secs())]
    TimedOut(Duration),
    /// The directory to export to cannot be used.
    #[error("cannot export to {}: {reason}", dir.display())]
    ExportTarget {
        /// The directory asked for.
        dir: PathBuf,
        /// What is wrong with it and what to do.
        reason: &'static str,
    },
    /// A file or directory could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The spool could not be read.
    #[error("the spool could not be read: {0}")]
    Spool(#[from] spool::SpoolError),
    /// The lake is shutting down.
    #[error("the lake is shutting down")]
    Stopped,
}

impl LakeError {
    /// Whether the same call may succeed later without anyone changing anything.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            LakeError::TableChanged { .. }
                | LakeError::Overslept(_)
                | LakeError::FileLost(_)
                | LakeError::Delta(_)
                | LakeError::Io { .. }
                | LakeError::Spool(_)
        )
    }

    /// Whether the caller's own input is at fault.
    pub fn is_callers_fault(&self) -> bool {
        matches!(
            self,
            LakeError::Query(_) | LakeError::TimedOut(_) | LakeError::ExportTarget { .. }
        )
    }

    pub(crate) fn io(path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        LakeError::Io { path: path.into(), source }
    }

    pub(crate) fn columnar(error: impl std::fmt::Display) -> Self {
        LakeError::Columnar(error.to_string())
    }

    /// An error of planning or running a query, worded for the one who wrote it.
    pub(crate) fn query(error: &DataFusionError) -> Self {
        if matches!(error.find_root(), DataFusionError::ResourcesExhausted(_)) {
            let text =
                "the query needs more memory than it may take: narrow its dates or group less";
            return LakeError::Query(text.to_owned());
        }
        if is_lost_file(error) {
            return LakeError::FileLost(error.strip_backtrace());
        }
        let text = error.strip_backtrace();
        // What wraps an error is the name of a step of ours, which tells the writer nothing.
        let cause = text.rsplit("caused by\n").next().unwrap_or_default();
        LakeError::Query(cause.lines().next().unwrap_or("the query failed").to_owned())
    }
}

/// Whether a file was not there or could not be decoded, however deep the engine wrapped that.
fn is_lost_file(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if matches!(error.downcast_ref(), Some(object_store::Error::NotFound { .. })) {
            return true;
        }
        if matches!(error.downcast_ref(), Some(ParquetError::General(_) | ParquetError::EOF(_))) {
            return true;
        }
        cause = error.source();
    }
    false
}

impl From<DeltaTableError> for LakeError {
    fn from(error: DeltaTableError) -> Self {
        LakeError::Delta(Box::new(error))
    }
}

impl From<TransactionError> for LakeError {
    fn from(error: TransactionError) -> Self {
        DeltaTableError::from(error).into()
    }
}

impl From<object_store::Error> for LakeError {
    fn from(error: object_store::Error) -> Self {
        DeltaTableError::from(error).into()
    }
}
