//! Databases that other releases left behind.

use std::borrow::Cow;
use std::sync::Arc;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use store::{Actor, KeyFilter, Store, StoreError};
use tempfile::TempDir;
use units::{KeyId, SystemClock};

use crate::{Engine, fresh_database, server, url};

on_both_engines!(
    migrations_apply_on_a_database_populated_at_any_earlier_version,
    a_database_of_a_newer_release_is_refused_by_its_version,
);

static SQLITE: Migrator = sqlx::migrate!("../../migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("../../migrations/postgres");

/// What a release left in the database once it had applied the migration of the same place, and how many
/// rows of it a table must then have for ever. `HASH` stands for 32 bytes.
const POPULATE: [(&str, &str); 8] = [
    ("meta", "INSERT INTO meta VALUES ('cookie', HASH, 1)"),
    (
        "keys",
        "INSERT INTO organisations VALUES ('acme', 'Acme', 'UTC', 1);
         INSERT INTO keys VALUES ('key_00000000000000000000000000000001', HASH, 'tg_abcde', 'a key',
             'acme', 'search', NULL, NULL, NULL, '[]', '[]', 1, NULL, NULL, NULL)",
    ),
    ("login_links", "INSERT INTO login_links VALUES (HASH, 'admin', 1, 2, NULL)"),
    ("sessions", "INSERT INTO sessions VALUES ('ses_1', HASH, 'admin', 1, 2, 1, 'search')"),
    (
        "leases",
        "INSERT INTO budget_windows VALUES ('bud_00000000000000000000000000000001', 1, NULL, '0', 1, 1);
         INSERT INTO leases VALUES ('bud_00000000000000000000000000000001', 1, 'n', 'e', 1, '2', '1',
             '0', '0', '0', 7, 2, 1, 'open')",
    ),
    (
        "incidents",
        "INSERT INTO incidents VALUES ('inc_1', 'k', 'kind', 'info', 'open', 'organisation', NULL, 'h',
             '{}', 1, 1, NULL, NULL, NULL, NULL)",
    ),
    (
        "deliveries",
        "INSERT INTO deliveries VALUES ('dlv_1', 'inc_1', 'ops', 'slack', '{}', 'd', 'pending', 0, 1, 1,
             NULL, NULL, NULL)",
    ),
    (
        "price_layers",
        "INSERT INTO price_layers VALUES (HASH, 'operator', 'set', NULL, '{}', 1, 'cli');
         INSERT INTO price_changes SELECT 1, kind, name, hash, 1, 'cli' FROM price_layers;
         UPDATE revisions SET revision = 1 WHERE name = 'prices'",
    ),
];

/// An empty database of either engine.
struct Blank {
    engine: Engine,
    url: String,
    dir: TempDir,
}

impl Blank {
    fn new(engine: Engine) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = match engine {
            Engine::Sqlite => url(&dir),
            Engine::Postgres => server().url(&fresh_database(None)),
        };
        Self { engine, url, dir }
    }

    async fn open(&self) -> Result<Store, StoreError> {
        Store::open(&self.url, Arc::new(SystemClock)).await
    }

    async fn sqlite(&self) -> SqliteConnection {
        let path = self.dir.path().join("store.db");
        let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
        SqliteConnection::connect_with(&options).await.unwrap()
    }

    async fn execute(&self, sql: &str) {
        let hash = match self.engine {
            Engine::Sqlite => "randomblob(32)",
            Engine::Postgres => "decode(repeat('ab', 32), 'hex')",
        };
        let sql = AssertSqlSafe(sql.replace("HASH", hash));
        let done = match self.engine {
            Engine::Sqlite => sqlx::raw_sql(sql).execute(&mut self.sqlite().await).await.map(drop),
            Engine::Postgres => {
                let mut link = PgConnection::connect(&self.url).await.unwrap();
                sqlx::raw_sql(sql).execute(&mut link).await.map(drop)
            }
        };
        done.unwrap();
    }

    async fn count(&self, table: &str) -> i64 {
        let sql = AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        match self.engine {
            Engine::Sqlite => {
                sqlx::query_scalar(sql).fetch_one(&mut self.sqlite().await).await.unwrap()
            }
            Engine::Postgres => {
                let mut link = PgConnection::connect(&self.url).await.unwrap();
                sqlx::query_scalar(sql).fetch_one(&mut link).await.unwrap()
            }
        }
    }

    /// Applies the first so many migrations, as a release that knew no more would.
    async fn migrate(&self, known: usize) {
        let older = Migrator {
            migrations: Cow::Owned(migrations(self.engine).migrations[..known].to_vec()),
            ..Migrator::DEFAULT
        };
        match self.engine {
            Engine::Sqlite => older.run(&mut self.sqlite().await).await.unwrap(),
            Engine::Postgres => {
                let mut link = PgConnection::connect(&self.url).await.unwrap();
                older.run(&mut link).await.unwrap();
            }
        }
    }
}

fn migrations(engine: Engine) -> &'static Migrator {
    match engine {
        Engine::Sqlite => &SQLITE,
        Engine::Postgres => &POSTGRES,
    }
}

async fn migrations_apply_on_a_database_populated_at_any_earlier_version(engine: Engine) {
    let all = migrations(engine).migrations.len();
    assert_eq!(all, POPULATE.len(), "say what a release at the new version leaves behind");
    for known in 0..=all {
        let blank = Blank::new(engine);
        for (step, (_, insert)) in (1..).zip(&POPULATE[..known]) {
            blank.migrate(step).await;
            blank.execute(insert).await;
        }
        let store = blank.open().await.unwrap();
        assert_eq!(blank.count("_sqlx_migrations").await, i64::try_from(all).unwrap());
        for (table, _) in &POPULATE[..known] {
            assert_eq!(blank.count(table).await, 1, "{table} after {known} migrations");
        }
        // What was there before is of use now.
        if known >= 2 {
            let listed = store.keys().list(&KeyFilter::default()).await.unwrap();
            assert_eq!((listed.len(), listed[0].replaces), (1, None), "after {known}");
            store.keys().rotate(KeyId::from_u128(1), 0, &Actor::Cli).await.unwrap();
        }
        store.close().await;
    }
}

async fn a_database_of_a_newer_release_is_refused_by_its_version(engine: Engine) {
    let blank = Blank::new(engine);
    blank.open().await.unwrap().close().await;
    let later = "INSERT INTO _sqlx_migrations
                     (version, description, success, checksum, execution_time)
                 VALUES (9999, 'later', TRUE, HASH, 0)";
    blank.execute(later).await;
    let error = blank.open().await.unwrap_err();
    assert!(!error.is_retryable());
    let expected = "was migrated to version 9999 by a newer release: run that release";
    assert!(error.to_string().contains(expected), "{error}");
}

#[test]
fn both_engines_have_the_same_migrations() {
    let names = |engine| -> Vec<(i64, String)> {
        let all = migrations(engine).migrations.iter();
        all.map(|migration| (migration.version, migration.description.to_string())).collect()
    };
    assert_eq!(names(Engine::Sqlite), names(Engine::Postgres));
}
