//! Why a command did not do what it was asked, and the exit code that says so.

use crate::cli::Exit;
use crate::config::{ConfigDiagnostics, SecretsUnresolved};

/// The end of a command that failed.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The configuration cannot be used.
    #[error("{}", .0.render(true))]
    Config(#[from] Box<ConfigDiagnostics>),
    /// A provider's key cannot be had.
    #[error("{0}")]
    Secrets(#[from] SecretsUnresolved),
    /// The price book cannot be used.
    #[error("prices: {0}")]
    Prices(#[from] pricing::PriceBookError),
    /// A catalog cannot be imported.
    #[error("{0}")]
    Import(#[from] pricing::import::ImportError),
    /// A provider cannot be used.
    #[error("{0}")]
    Upstream(#[from] gateway::UpstreamError),
    /// The database failed.
    #[error("database: {0}")]
    Store(#[from] store::StoreError),
    /// The lake failed.
    #[error("lake: {0}")]
    Lake(#[from] lake::LakeError),
    /// The budgets failed.
    #[error("budgets: {0}")]
    Authority(#[from] finops::AuthorityError),
    /// The spool failed.
    #[error("spool: {0}")]
    Spool(#[from] spool::SpoolError),
    /// The gateway could not start.
    #[error("{0}")]
    Gateway(#[from] gateway::ServeError),
    /// A file, a socket or a process.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Asked for what makes no sense.
    #[error("{0}")]
    Usage(String),
    /// A check of a tour did not hold.
    #[error("{0}")]
    Breached(String),
}

impl CommandError {
    /// A failure of the system while doing `what`.
    pub fn system(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::System { what, source }
    }

    /// The exit code.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Config(_) | Self::Secrets(_) | Self::Usage(_) => Exit::Usage,
            Self::Breached(_) => Exit::Breached,
            _ => Exit::Failed,
        }
    }
}
