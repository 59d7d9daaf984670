//! The store against real databases: one module per aggregate, every statement executed, and the same
//! tests on SQLite and on PostgreSQL.
//!
//! `migrations` covers databases of earlier and later releases; `opening` covers files that are no databases and databases that are held by others; `server` covers a
//! server that goes away, and what only a server has.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::panic, reason = "a test that cannot go on has failed")]

/// Runs tests, written as functions of an [`Engine`], on each.
macro_rules! on_both_engines {
    ($($test:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test]
            async fn $test() {
                super::$test($crate::Engine::Sqlite).await;
            })+
        }
        mod on_postgres {
            $(#[tokio::test]
            async fn $test() {
                super::$test($crate::Engine::Postgres).await;
            })+
        }
    };
}

mod audit;
mod incidents;
mod instance;
mod keys;
mod leases;
mod login;
mod migrations;
mod opening;
mod organisations;
mod outbox;
#[path = "../../../../tests/harness/postgres.rs"]
mod postgres;
mod prices;
mod server;

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use postgres::Postgres;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection, PgConnection};
use store::{KeyAccess, KeyOwner, NewKey, Organisation, Store};
use tempfile::TempDir;
use units::{BillingZone, Clock, SystemClock, UnixMicros};

/// A clock that moves only when told.
#[derive(Debug)]
struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now(&self) -> UnixMicros {
        UnixMicros::new(self.0.load(Ordering::SeqCst))
    }
}

/// What a test runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Engine {
    Sqlite,
    Postgres,
}

/// A database of its own with a store over it, and its clock in hand.
struct Bench {
    engine: Engine,
    url: String,
    /// Where the file lies.
    dir: TempDir,
    clock: Arc<HandClock>,
    store: Store,
}

impl Bench {
    async fn new(engine: Engine) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = match engine {
            Engine::Sqlite => url(&dir),
            Engine::Postgres => server_with_template().url(&fresh_database(Some(TEMPLATE))),
        };
        let clock = Arc::new(HandClock(AtomicI64::new(1_763_800_000_000_000)));
        let store = Store::open(&url, Arc::clone(&clock) as _).await.unwrap();
        Self { engine, url, dir, clock, store }
    }

    /// With the organisation `acme`.
    async fn with_acme(engine: Engine) -> Self {
        let bench = Self::new(engine).await;
        bench.store.organisations().put(&acme("UTC"), &store::Actor::System).await.unwrap();
        bench
    }

    /// Another process's view of the same database.
    async fn second(&self) -> Store {
        Store::open(&self.url, Arc::clone(&self.clock) as _).await.unwrap()
    }

    fn now(&self) -> UnixMicros {
        self.clock.now()
    }

    fn pass_us(&self, micros: i64) {
        self.clock.0.fetch_add(micros, Ordering::SeqCst);
    }

    /// A statement behind the store's back.
    async fn raw(&self, sql: &str) -> Result<(), sqlx::Error> {
        let sql = sqlx::AssertSqlSafe(sql.to_owned());
        match self.engine {
            Engine::Sqlite => {
                let options = SqliteConnectOptions::new().filename(self.path());
                let mut raw = SqliteConnection::connect_with(&options).await?;
                sqlx::raw_sql(sql).execute(&mut raw).await.map(drop)
            }
            Engine::Postgres => {
                let mut raw = PgConnection::connect(&self.url).await?;
                sqlx::raw_sql(sql).execute(&mut raw).await.map(drop)
            }
        }
    }

    /// Every file the database lies in, where we can know them.
    fn files(&self) -> Vec<PathBuf> {
        let dir = match self.engine {
            Engine::Sqlite => self.dir.path().to_owned(),
            Engine::Postgres => server().directory().join("data/pg_wal"),
        };
        let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.is_file()).collect()
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("store.db")
    }
}

fn url(dir: &TempDir) -> String {
    format!("sqlite:{}", dir.path().join("store.db").display())
}

/// The migrated database every other is copied from.
const TEMPLATE: &str = "migrated";

/// The server of this process. It ends with the process.
fn server() -> &'static Postgres {
    static SERVER: OnceLock<Postgres> = OnceLock::new();
    SERVER.get_or_init(Postgres::start)
}

fn server_with_template() -> &'static Postgres {
    static MADE: OnceLock<()> = OnceLock::new();
    MADE.get_or_init(|| {
        server().create(TEMPLATE, None);
        let migrate = async {
            let opened = Store::open(&server().url(TEMPLATE), Arc::new(SystemClock)).await;
            opened.unwrap().close().await;
        };
        // A runtime must not be entered within another.
        let runtime = || tokio::runtime::Runtime::new().unwrap().block_on(migrate);
        std::thread::scope(|scope| scope.spawn(runtime).join().unwrap());
    });
    server()
}

/// Name of a database nobody else uses.
fn fresh_database(template: Option<&str>) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    server().create(&name, template);
    name
}

fn acme(zone: &str) -> Organisation {
    Organisation {
        slug: "acme".parse().unwrap(),
        name: "Acme Ltd.".to_owned().try_into().unwrap(),
        zone: BillingZone::named(zone).unwrap(),
    }
}

fn key_for(team: &str) -> NewKey {
    NewKey {
        name: format!("key of {team}").try_into().unwrap(),
        owner: KeyOwner {
            organisation: "acme".parse().unwrap(),
            team: team.parse().unwrap(),
            project: None,
            user: None,
            feature: None,
        },
        access: KeyAccess::default(),
        expires_at: None,
    }
}
