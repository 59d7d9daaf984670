//! Opening the store: which engine an address names. It must never know SQL.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use units::Clock;

use crate::address::{Address, address};
use crate::{
    Audit, Incidents, Instance, InstanceSecret, Keys, LOGIN_LINK_LIFETIME_US, Leases, LoginLinks,
    Organisations, Outbox, Prices, SESSION_LIFETIME_US, Sessions, StoreError, shown_address,
};
use crate::{postgres, sqlite};

/// Connections to a server by default: pages and gateways wait for each other beyond that.
const CONNECTIONS_MAX: u32 = 10;

/// How to reach the database.
#[derive(Clone, PartialEq, Eq)]
pub struct StoreOptions {
    /// `sqlite:PATH` or `sqlite://PATH`, the path taken as it is, relative or absolute; or
    /// `postgres://USER:PASSWORD@HOST:PORT/DATABASE`. It may hold a password. What a PostgreSQL address
    /// leaves out comes from the usual `PG…` variables and password file; `sslmode` and `sslrootcert`
    /// after a question mark say how the server must prove itself.
    pub url: String,
    /// How long to wait for another process that holds the database, and for a server to answer.
    pub busy_timeout: Duration,
    /// Connections to a server at most; a file has its own.
    pub connections_max: u32,
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
            connections_max: CONNECTIONS_MAX,
            login_link_lifetime_us: LOGIN_LINK_LIFETIME_US,
            session_lifetime_us: SESSION_LIFETIME_US,
        }
    }
}

/// The address is shown without user and password.
impl fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreOptions")
            .field("url", &shown_address(&self.url).unwrap_or_else(|_| "…".to_owned()))
            .field("busy_timeout", &self.busy_timeout)
            .finish_non_exhaustive()
    }
}

/// The transactional store: a handle on every aggregate, cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) organisations: Arc<dyn Organisations>,
    pub(crate) keys: Arc<dyn Keys>,
    pub(crate) login_links: Arc<dyn LoginLinks>,
    pub(crate) sessions: Arc<dyn Sessions>,
    pub(crate) leases: Arc<dyn Leases>,
    pub(crate) incidents: Arc<dyn Incidents>,
    pub(crate) outbox: Arc<dyn Outbox>,
    pub(crate) prices: Arc<dyn Prices>,
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
        match address(&options.url)? {
            Address::Sqlite(path) => sqlite::open(path, options, clock).await,
            Address::Postgres(server) => postgres::open(*server, options, clock).await,
        }
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

    /// The books of budgets.
    pub fn leases(&self) -> Arc<dyn Leases> {
        Arc::clone(&self.leases)
    }

    /// Incidents.
    pub fn incidents(&self) -> Arc<dyn Incidents> {
        Arc::clone(&self.incidents)
    }

    /// Messages on their way out.
    pub fn outbox(&self) -> Arc<dyn Outbox> {
        Arc::clone(&self.outbox)
    }

    /// Layers of prices and the books they made.
    pub fn prices(&self) -> Arc<dyn Prices> {
        Arc::clone(&self.prices)
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
