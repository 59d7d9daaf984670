//! `[storage]`: where what is recorded is kept, and how soon it is safe.
//!
//! Must never know the format of anything it names.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{Secret, Slug};

use super::environment::Environment;
use super::secret::{SecretError, SecretRef};

/// Where Tollgate keeps what it records.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Storage {
    /// Directory of everything kept on disk: `spool/`, `lake/` and `tollgate.db`. Relative to the
    /// working directory.
    #[schemars(with = "String", length(min = 1))]
    pub data_dir: PathBuf,
    /// Directory of the lake's tables; several gateways and a console may share one. Default:
    /// `lake/` in `data_dir`.
    #[schemars(with = "Option<String>", length(min = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lake_dir: Option<PathBuf>,
    /// Database of keys, sessions, leases and alerts: `sqlite` (the file `tollgate.db` in
    /// `data_dir`), `sqlite://` and a path, a `postgres://` URL, or where such a URL is found:
    /// `env:NAME` or `file:/path`.
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
            lake_dir: None,
            database: Database::InDataDir,
            spool_quota_bytes: 1024 * 1024 * 1024,
            spool_sync: SpoolSync::Group,
            commit_interval_ms: 1_000,
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
        self.lake_dir.clone().unwrap_or_else(|| self.data_dir.join("lake"))
    }

    /// File of the last snapshot a gateway received.
    pub fn snapshot_file(&self) -> PathBuf {
        self.data_dir.join("snapshot.json")
    }

    /// URL of the database: `sqlite://` and the path of its file, or a `postgres://` URL.
    ///
    /// # Errors
    /// When the URL is kept elsewhere and cannot be had from there.
    pub fn database_url(&self, environment: &Environment) -> Result<Secret, SecretError> {
        match &self.database {
            Database::InDataDir => {
                let file = self.data_dir.join("tollgate.db");
                Ok(Secret::new(format!("sqlite://{}", file.display())))
            }
            Database::Sqlite(path) => Ok(Secret::new(format!("sqlite://{}", path.display()))),
            Database::Postgres(url) => Ok(url.clone()),
            Database::Elsewhere(reference) => reference.resolve(environment),
        }
    }
}

/// Which database holds keys, sessions, leases and alerts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Database {
    /// SQLite in the data directory.
    InDataDir,
    /// SQLite in a file of its own.
    Sqlite(PathBuf),
    /// PostgreSQL; the URL may hold a password.
    Postgres(Secret),
    /// Where the URL is found.
    Elsewhere(SecretRef),
}

/// Why a text names no database. Never repeats the text: a URL may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseError {
    /// A `postgres://` URL that cannot be read.
    #[error("the PostgreSQL URL cannot be read: {0}")]
    Postgres(url::ParseError),
    /// None of the forms.
    #[error(
        "the database is neither `sqlite`, nor `sqlite://` and a path, nor a `postgres://` URL"
    )]
    Unknown,
}

impl TryFrom<String> for Database {
    type Error = DatabaseError;
    fn try_from(text: String) -> Result<Self, DatabaseError> {
        if text == "sqlite" {
            return Ok(Database::InDataDir);
        }
        if let Ok(reference) = text.parse() {
            return Ok(Database::Elsewhere(reference));
        }
        match text.split_once("://") {
            Some(("sqlite", path)) if !path.is_empty() && !path.contains(['?', '#']) => {
                Ok(Database::Sqlite(Path::new(path).to_path_buf()))
            }
            Some(("postgres" | "postgresql", _)) => {
                url::Url::parse(&text).map_err(DatabaseError::Postgres)?;
                Ok(Database::Postgres(Secret::new(text)))
            }
            _ => Err(DatabaseError::Unknown),
        }
    }
}

impl From<Database> for String {
    /// As written, but for the password of a URL.
    fn from(database: Database) -> String {
        match database {
            Database::InDataDir => "sqlite".to_owned(),
            Database::Sqlite(path) => format!("sqlite://{}", path.display()),
            Database::Postgres(url) => without_password(url.expose()),
            Database::Elsewhere(reference) => reference.to_string(),
        }
    }
}

fn without_password(text: &str) -> String {
    let Ok(mut url) = url::Url::parse(text) else { return "postgres://".to_owned() };
    if url.password().is_some() {
        // Refused only where a URL has no host, which leaves nothing to hide it behind.
        if url.set_password(Some("***")).is_err() {
            return "postgres://".to_owned();
        }
    }
    // A password may also be a parameter.
    if url.query().is_some() {
        url.set_query(None);
    }
    url.into()
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
