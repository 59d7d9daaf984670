//! `[storage]`: where what is recorded is kept, and how soon it is safe.
//!
//! Must never know the format of anything it names.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::Slug;

/// Where Tollgate keeps what it records.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Storage {
    /// Directory of everything kept on disk: `spool/`, `lake/` and `tollgate.db`. Relative to the
    /// working directory.
    #[schemars(with = "String", length(min = 1))]
    pub data_dir: PathBuf,
    /// Database of keys, sessions and settings: `sqlite` (the file `tollgate.db` in `data_dir`) or
    /// `sqlite://` and a path.
    #[schemars(with = "String", extend("format" = "database"))]
    pub database: Database,
    /// Disk the spool may take, bytes; beyond it requests are refused rather than unrecorded. 1
    /// GiB.
    #[schemars(range(min = 16_777_216))]
    pub spool_quota_bytes: u64,
    /// When a record counts as safe: `group` shares one fsync among all within 5 ms, `every` gives
    /// each its own.
    pub spool_sync: SpoolSync,
    /// Longest time between two commits to the lake, milliseconds: how old the newest figures are.
    #[schemars(range(min = 100, max = 3_600_000))]
    pub commit_interval_ms: u64,
    /// Name of this gateway in the lake, different for every gateway that writes to it. Default:
    /// one made at the first start and kept in `data_dir`.
    #[schemars(with = "Option<String>", extend("format" = "slug"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_id: Option<Slug>,
}

impl Default for Storage {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("./tollgate-data"),
            database: Database::InDataDir,
            spool_quota_bytes: 1024 * 1024 * 1024,
            spool_sync: SpoolSync::Group,
            commit_interval_ms: 2_000,
            node_id: None,
        }
    }
}

impl Storage {
    /// Directory of the spool's epochs.
    pub fn spool_dir(&self) -> PathBuf {
        self.data_dir.join("spool")
    }

    /// Directory of the lake's tables.
    pub fn lake_dir(&self) -> PathBuf {
        self.data_dir.join("lake")
    }

    /// File of the SQLite database.
    pub fn database_file(&self) -> PathBuf {
        match &self.database {
            Database::InDataDir => self.data_dir.join("tollgate.db"),
            Database::Sqlite(path) => path.clone(),
        }
    }

    /// URL of the database, `sqlite://` and the path of its file.
    pub fn database_url(&self) -> String {
        format!("sqlite://{}", self.database_file().display())
    }
}

/// Which database holds keys, sessions and settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Database {
    /// SQLite in the data directory.
    InDataDir,
    /// SQLite in a file of its own.
    Sqlite(PathBuf),
}

/// Why a text names no database. Never repeats the text: a URL may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseError {
    /// PostgreSQL, which this version does not speak.
    #[error("PostgreSQL is not supported yet: this version keeps its database in SQLite")]
    Postgres,
    /// Neither `sqlite` nor `sqlite://` and a path.
    #[error("the database is neither `sqlite` nor `sqlite://` and a path")]
    Unknown,
}

impl TryFrom<String> for Database {
    type Error = DatabaseError;
    fn try_from(text: String) -> Result<Self, DatabaseError> {
        if text == "sqlite" {
            return Ok(Database::InDataDir);
        }
        match text.split_once("://") {
            Some(("sqlite", path)) if !path.is_empty() && !path.contains(['?', '#']) => {
                Ok(Database::Sqlite(Path::new(path).to_path_buf()))
            }
            Some(("postgres" | "postgresql", _)) => Err(DatabaseError::Postgres),
            _ => Err(DatabaseError::Unknown),
        }
    }
}

impl From<Database> for String {
    fn from(database: Database) -> String {
        match database {
            Database::InDataDir => "sqlite".to_owned(),
            Database::Sqlite(path) => format!("sqlite://{}", path.display()),
        }
    }
}

/// When a record of the spool counts as safe on disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SpoolSync {
    /// One fsync for all records of up to 5 ms.
    #[default]
    Group,
    /// One fsync for each record.
    Every,
}
