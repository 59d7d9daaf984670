//! Everything that can go wrong with the store, in terms an operator can act on.
//!
//! It must never carry a secret, nor a database URL (which may hold a password).

use sqlx::postgres::PgDatabaseError;
use sqlx::sqlite::SqliteError;

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
    #[error("cannot open the database `{place}`: {problem}")]
    Open {
        /// The file, or host, port and name of the database; never the user or the password.
        place: String,
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
    /// The database server does not answer. A retry helps once it is back.
    #[error("the database does not answer: {0}")]
    Unavailable(String),
    /// The operating system refused: a file or directory, or random bytes.
    #[error("{0}")]
    System(#[from] std::io::Error),
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
    /// What was named is not in a state that allows this. Fault of the caller.
    #[error("the {what} `{id}` {problem}")]
    Conflict {
        /// What kind of thing.
        what: &'static str,
        /// Its id or slug.
        id: String,
        /// What is in the way.
        problem: &'static str,
    },
    /// A stored row does not read back. Our fault, or someone edited the database.
    #[error("the stored {column} does not read back: {problem}")]
    Corrupt {
        /// The column.
        column: &'static str,
        /// What is wrong with the value.
        problem: String,
    },
    /// Anything else the database says. Our fault, or of rights missing to our user.
    #[error("the database refused: {0}")]
    Database(sqlx::Error),
}

impl StoreError {
    /// Whether the same call may succeed a little later.
    pub fn is_retryable(&self) -> bool {
        match self {
            StoreError::Busy | StoreError::Unavailable(_) => true,
            StoreError::Open { problem, .. } => problem.is_retryable(),
            _ => false,
        }
    }

    /// Whether the caller asked for something that is not there, rather than the store failing.
    pub fn is_not_found(&self) -> bool {
        matches!(self, StoreError::NotFound { .. })
    }

    /// Whether the caller asked for something that its state does not allow.
    pub fn is_conflict(&self) -> bool {
        matches!(self, StoreError::Conflict { .. })
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(refusal) => {
                if let Some(refusal) = refusal.try_downcast_ref::<PgDatabaseError>()
                    && let Some(known) = postgres_refusal(refusal)
                {
                    return known;
                }
                match refusal.try_downcast_ref::<SqliteError>().and_then(sqlite_code) {
                    // SQLITE_BUSY and SQLITE_LOCKED.
                    Some(5 | 6) => StoreError::Busy,
                    // SQLITE_CORRUPT and SQLITE_NOTADB.
                    Some(11 | 26) => StoreError::NotADatabase,
                    _ => StoreError::Database(error),
                }
            }
            sqlx::Error::PoolTimedOut => StoreError::Busy,
            // A certificate that is not trusted comes as invalid data: no retry changes that.
            sqlx::Error::Io(problem) if problem.kind() != std::io::ErrorKind::InvalidData => {
                StoreError::Unavailable(problem.to_string())
            }
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
fn sqlite_code(refusal: &SqliteError) -> Option<i32> {
    use sqlx::error::DatabaseError;
    let code = refusal.code()?;
    code.parse::<i32>().ok().map(|extended| extended & 0xff)
}

/// What PostgreSQL's SQLSTATE means to us, where it is more than a refusal.
fn postgres_refusal(refusal: &PgDatabaseError) -> Option<StoreError> {
    match refusal.code() {
        // Lock not available, query cancelled for its time, deadlock, serialisation failure.
        "55P03" | "57014" | "40P01" | "40001" => Some(StoreError::Busy),
        // Shutting down, crashed, starting up, too many connections; a standby that only reads.
        "57P01" | "57P02" | "57P03" | "53300" | "25006" => {
            Some(StoreError::Unavailable(refusal.message().to_owned()))
        }
        // Connection exceptions.
        code if code.starts_with("08") => {
            Some(StoreError::Unavailable(refusal.message().to_owned()))
        }
        _ => None,
    }
}
