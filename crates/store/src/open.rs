//! Opening the store: which engine an address names. It must never know SQL.

use std::sync::Arc;
use std::time::Duration;

use units::Clock;

use crate::sqlite;
use crate::{
    Audit, Instance, InstanceSecret, Keys, LOGIN_LINK_LIFETIME_US, LoginLinks, Organisations,
    SESSION_LIFETIME_US, Sessions, StoreError,
};

/// How to reach the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreOptions {
    /// `sqlite:PATH` or `sqlite://PATH`; the path is taken as it is, relative or absolute.
    pub url: String,
    /// How long to wait for another process that holds the database.
    pub busy_timeout: Duration,
    /// How long a login link may be used, microseconds.
    pub login_link_lifetime_us: i64,
    /// How long a session lasts whatever its use, microseconds.
    pub session_lifetime_us: i64,
}

impl StoreOptions {
    /// The database at an address, waiting at most five seconds for others, with the usual lifetimes.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            busy_timeout: Duration::from_secs(5),
            login_link_lifetime_us: LOGIN_LINK_LIFETIME_US,
            session_lifetime_us: SESSION_LIFETIME_US,
        }
    }
}

/// The transactional store: a handle on every aggregate, cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) organisations: Arc<dyn Organisations>,
    pub(crate) keys: Arc<dyn Keys>,
    pub(crate) login_links: Arc<dyn LoginLinks>,
    pub(crate) sessions: Arc<dyn Sessions>,
    pub(crate) audit: Arc<dyn Audit>,
    pub(crate) instance: Arc<dyn Instance>,
}

impl Store {
    /// Opens the database at an address with the usual waits, creating and migrating it as needed.
    pub async fn open(url: &str, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        Self::open_with(&StoreOptions::new(url), clock).await
    }

    /// Opens the database, creating and migrating it as needed.
    pub async fn open_with(
        options: &StoreOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        let path = sqlite_path(&options.url)?;
        sqlite::open(path.into(), options, clock).await
    }

    /// Organisations.
    pub fn organisations(&self) -> Arc<dyn Organisations> {
        Arc::clone(&self.organisations)
    }

    /// Virtual keys.
    pub fn keys(&self) -> Arc<dyn Keys> {
        Arc::clone(&self.keys)
    }

    /// One-time login links.
    pub fn login_links(&self) -> Arc<dyn LoginLinks> {
        Arc::clone(&self.login_links)
    }

    /// Console sessions.
    pub fn sessions(&self) -> Arc<dyn Sessions> {
        Arc::clone(&self.sessions)
    }

    /// The audit log.
    pub fn audit(&self) -> Arc<dyn Audit> {
        Arc::clone(&self.audit)
    }

    /// The installation's secret of this name, 32 random bytes made on first use.
    pub async fn instance_secret(&self, name: &str) -> Result<InstanceSecret, StoreError> {
        self.instance.secret(name).await
    }

    /// Whether the database answers, for a readiness probe.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.instance.ping().await
    }

    /// Waits for calls under way and closes every connection.
    pub async fn close(&self) {
        self.instance.close().await;
    }
}

/// The file an address names.
fn sqlite_path(url: &str) -> Result<&str, StoreError> {
    let (scheme, rest) = url.split_once(':').unwrap_or((url, ""));
    let refused = |remedy| Err(StoreError::Address { scheme: scheme.to_owned(), remedy });
    let path = rest.strip_prefix("//").unwrap_or(rest);
    match scheme {
        "sqlite" if path.is_empty() => refused("name a file, such as sqlite:tollgate.db"),
        // Every connection of a pool would see a memory database of its own.
        "sqlite" if path == ":memory:" => refused("name a file; memory is not shared"),
        "sqlite" if path.contains('?') => refused("leave out what follows the question mark"),
        "sqlite" => Ok(path),
        "postgres" | "postgresql" => refused("this release stores in SQLite, sqlite:PATH"),
        _ => refused("write sqlite:PATH, such as sqlite:tollgate.db"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_file() {
        for (url, path) in [
            ("sqlite:a.db", "a.db"),
            ("sqlite://a.db", "a.db"),
            ("sqlite:///var/a.db", "/var/a.db"),
            ("sqlite:/var/a b%20.db", "/var/a b%20.db"),
        ] {
            assert_eq!(sqlite_path(url).ok(), Some(path), "{url}");
        }
    }

    #[test]
    fn an_address_that_names_no_file_is_refused_without_being_shown() {
        for (url, remedy) in [
            ("sqlite:", "name a file"),
            ("sqlite::memory:", "memory is not shared"),
            ("sqlite:a.db?mode=ro", "question mark"),
            ("postgres://me:hunter2@host/db", "stores in SQLite"),
            ("mysql://me:hunter2@host/db", "write sqlite:PATH"),
            ("tollgate.db", "write sqlite:PATH"),
        ] {
            let message = sqlite_path(url).unwrap_err().to_string();
            assert!(message.contains(remedy), "{message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
    }
}
