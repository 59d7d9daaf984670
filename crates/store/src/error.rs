//! Everything that can go wrong with the store, in terms an operator can act on.
//!
//! It must never carry a secret, nor a database URL (which may hold a password).

use std::path::PathBuf;

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The address of the database is not one this build can open. Fault of the configuration.
    #[error("`{scheme}` is not a database address: {remedy}")]
    Address {
        /// The part before the colon, never the rest.
        scheme: String,
        /// What to write instead.
        remedy: &'static str,
    },
    /// The database could not be opened; the problem says why and whether a retry helps.
    #[error("cannot open the database `{}`: {problem}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: Box<StoreError>,
    },
    /// The file is something else. Fault of the configuration.
    #[error(
        "the file is not an SQLite database, or it is damaged: name another file, or restore it"
    )]
    NotADatabase,
    /// Someone else held the database for longer than we wait. A retry helps.
    #[error("the database is locked: another process has held it too long, try again")]
    Busy,
    /// The file, or the directory it lies in, cannot be reached.
    #[error("{0}")]
    File(#[from] std::io::Error),
    /// The database was written by a newer release. Fault of the operator.
    #[error("the database was migrated to version {0} by a newer release: run that release")]
    Newer(i64),
    /// A migration could not be applied. Our fault.
    #[error("migrating the database failed: {0}")]
    Migration(String),
    /// What was named does not exist. Fault of the caller.
    #[error("there is no {what} `{id}`")]
    NotFound {
        /// What kind of thing.
        what: &'static str,
        /// Its id or slug.
        id: String,
    },
    /// A stored row does not read back. Our fault, or someone edited the database.
    #[error("the stored {column} does not read back: {problem}")]
    Corrupt {
        /// The column.
        column: &'static str,
        /// What is wrong with the value.
        problem: String,
    },
    /// The operating system gave no random bytes. A retry may help.
    #[error("no random bytes: {0}")]
    Random(getrandom::Error),
    /// Anything else the database says. Our fault.
    #[error("the database refused: {0}")]
    Database(sqlx::Error),
}

impl StoreError {
    /// Whether the same call may succeed a little later.
    pub fn is_retryable(&self) -> bool {
        match self {
            StoreError::Busy | StoreError::Random(_) => true,
            StoreError::Open { problem, .. } => problem.is_retryable(),
            _ => false,
        }
    }

    /// Whether the caller asked for something that is not there, rather than the store failing.
    pub fn is_not_found(&self) -> bool {
        matches!(self, StoreError::NotFound { .. })
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match sqlite_code(&error) {
            // SQLITE_BUSY and SQLITE_LOCKED.
            Some(5 | 6) => StoreError::Busy,
            // SQLITE_CORRUPT and SQLITE_NOTADB.
            Some(11 | 26) => StoreError::NotADatabase,
            _ if matches!(error, sqlx::Error::PoolTimedOut) => StoreError::Busy,
            _ => StoreError::Database(error),
        }
    }
}

impl From<sqlx::migrate::MigrateError> for StoreError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        use sqlx::migrate::MigrateError;
        match error {
            MigrateError::VersionMissing(version) => StoreError::Newer(version),
            MigrateError::Execute(error) => error.into(),
            other => StoreError::Migration(other.to_string()),
        }
    }
}

/// SQLite's primary result code: the low byte of the extended one.
fn sqlite_code(error: &sqlx::Error) -> Option<i32> {
    let code = error.as_database_error()?.code()?;
    code.parse::<i32>().ok().map(|extended| extended & 0xff)
}
