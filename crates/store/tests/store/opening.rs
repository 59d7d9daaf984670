//! Opening: what is no database, what someone else holds, what several open at once.

use std::sync::Arc;
use std::time::Duration;

use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use store::{Store, StoreError, StoreOptions};
use units::SystemClock;

use crate::{Bench, Engine, url};

#[tokio::test]
async fn a_file_that_is_no_database_gives_an_error_that_names_it() {
    for content in [&b"hello"[..], &[b'x'; 10_000]] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.db");
        std::fs::write(&path, content).unwrap();
        let error = Store::open(&url(&dir), Arc::new(SystemClock)).await.unwrap_err();
        let expected = format!(
            "cannot open the database `{}`: the file is not an SQLite database, or it is damaged: \
             name another file, or restore it",
            path.display()
        );
        assert_eq!(error.to_string(), expected);
        assert!(!error.is_retryable());
        assert_eq!(std::fs::read(&path).unwrap(), content, "the file was left alone");
    }
}

#[tokio::test]
async fn a_directory_that_does_not_exist_gives_an_error_that_names_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}/missing/store.db", dir.path().display());
    let error = Store::open(&url, Arc::new(SystemClock)).await.unwrap_err().to_string();
    assert!(error.contains("missing/store.db`: No such file or directory"), "{error}");
}

#[tokio::test]
async fn a_database_another_process_holds_gives_an_error_worth_retrying() {
    let bench = Bench::with_acme(Engine::Sqlite).await;
    let options = SqliteConnectOptions::new().filename(bench.path());
    let mut holder = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql("BEGIN EXCLUSIVE").execute(&mut holder).await.unwrap();

    let impatient = StoreOptions {
        busy_timeout: Duration::from_millis(50),
        ..StoreOptions::new(url(&bench.dir))
    };
    let error = Store::open_with(&impatient, Arc::new(SystemClock)).await.unwrap_err();
    assert!(error.to_string().contains("is locked: another process"), "{error}");
    assert!(error.is_retryable());
    // Who was there before goes on reading, and writes again once the holder is gone.
    assert_eq!(bench.store.organisations().list().await.unwrap().len(), 1);
    sqlx::raw_sql("ROLLBACK").execute(&mut holder).await.unwrap();
    Store::open_with(&impatient, Arc::new(SystemClock)).await.unwrap();
}

#[tokio::test]
async fn a_write_that_meets_a_held_database_says_so_and_changes_nothing() {
    let bench = Bench::with_acme(Engine::Sqlite).await;
    let impatient = StoreOptions {
        busy_timeout: Duration::from_millis(50),
        ..StoreOptions::new(url(&bench.dir))
    };
    let store = Store::open_with(&impatient, Arc::clone(&bench.clock) as _).await.unwrap();
    let (session, token) = store.sessions().create(store::Role::Viewer, None).await.unwrap();
    let options = SqliteConnectOptions::new().filename(bench.path());
    let mut holder = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut holder).await.unwrap();

    let created = store.keys().create(&crate::key_for("search"), &store::Actor::Cli).await;
    assert!(matches!(created, Err(StoreError::Busy)), "{created:?}");
    bench.pass_us(60_000_000);
    // Pages go on: the session is found though its last sight cannot be noted.
    assert_eq!(store.sessions().find(token.expose()).await.unwrap().unwrap().id, session.id);
    sqlx::raw_sql("ROLLBACK").execute(&mut holder).await.unwrap();
    assert_eq!(store.keys().list(&store::KeyFilter::default()).await.unwrap(), []);
}

#[tokio::test]
async fn several_processes_may_open_a_new_database_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let url = url(&dir);
        tasks.spawn(async move { Store::open(&url, Arc::new(SystemClock)).await });
    }
    let mut stores = Vec::new();
    while let Some(store) = tasks.join_next().await {
        stores.push(store.unwrap().unwrap());
    }
    for store in stores {
        store.ping().await.unwrap();
    }
}

#[tokio::test]
async fn what_was_written_is_there_after_reopening() {
    let bench = Bench::with_acme(Engine::Sqlite).await;
    let (key, _) =
        bench.store.keys().create(&crate::key_for("search"), &store::Actor::Cli).await.unwrap();
    bench.store.close().await;
    let again = bench.second().await;
    assert_eq!(again.keys().find(key.id).await.unwrap(), Some(key));
    assert_eq!(again.keys().revision().await.unwrap(), 2);
}
