//! What only a server has: it goes away and comes back, it refuses, it is of another release.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use sqlx::{Connection, PgConnection};
use store::{Actor, Role, Store, StoreError, StoreOptions};
use units::SystemClock;

use crate::postgres::Postgres;
use crate::{Bench, Engine, acme, fresh_database, server};

fn impatient(url: String) -> StoreOptions {
    StoreOptions { busy_timeout: Duration::from_millis(300), ..StoreOptions::new(url) }
}

async fn open(url: String) -> Result<Store, StoreError> {
    Store::open_with(&impatient(url), Arc::new(SystemClock)).await
}

#[tokio::test]
async fn a_server_that_was_away_is_used_again_once_it_is_back() {
    let mut server = Postgres::start();
    server.create("tollgate", None);
    let url = server.url("tollgate");
    let store = open(url.clone()).await.unwrap();
    store.organisations().put(&acme("UTC"), &Actor::System).await.unwrap();
    for _ in 0..2 {
        server.stop();
        let failures = [
            store.ping().await.unwrap_err(),
            store.organisations().list().await.unwrap_err(),
            store.sessions().create(Role::Admin, None).await.unwrap_err(),
            store.keys().revision().await.unwrap_err(),
            open(url.clone()).await.unwrap_err(),
        ];
        for failure in failures {
            assert!(failure.is_retryable(), "{failure:?}");
            let message = failure.to_string();
            assert!(message.contains("the database does not answer: "), "{message}");
        }
        server.start_again();
        store.ping().await.unwrap();
        assert_eq!(store.organisations().list().await.unwrap(), [acme("UTC")]);
        store.sessions().create(Role::Admin, None).await.unwrap();
    }
    let log = store.audit().list(None, 10).await.unwrap();
    assert_eq!(log.len(), 3, "what failed left nothing behind");
    store.close().await;
}

#[tokio::test]
async fn a_server_that_takes_calls_and_never_answers_is_not_waited_for() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let error = open(format!("postgres://tollgate@127.0.0.1:{port}/tollgate")).await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    assert!(error.to_string().contains("does not answer: no answer within 300ms"), "{error}");
}

#[tokio::test]
async fn an_answer_of_another_instant_is_never_mixed_into_a_view() {
    let bench = Bench::with_acme(Engine::Postgres).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let (writer, reader) = (bench.store.keys(), bench.store.keys());
        tasks.spawn(async move {
            writer.create(&crate::key_for("search"), &Actor::System).await.unwrap();
            reader.snapshot().await.unwrap()
        });
    }
    while let Some(snapshot) = tasks.join_next().await {
        let snapshot = snapshot.unwrap();
        let keys = u64::try_from(snapshot.keys.len()).unwrap();
        assert_eq!(snapshot.revision, keys + 1, "one for the organisation, one for each key");
    }
}

#[tokio::test]
async fn a_row_held_for_too_long_is_an_error_worth_retrying() {
    let bench = Bench::with_acme(Engine::Postgres).await;
    let store = open(bench.url.clone()).await.unwrap();
    let mut holder = PgConnection::connect(&bench.url).await.unwrap();
    sqlx::raw_sql("BEGIN; SELECT * FROM audit_head FOR UPDATE").execute(&mut holder).await.unwrap();
    let created = store.keys().create(&crate::key_for("search"), &Actor::Cli).await;
    assert!(matches!(created, Err(StoreError::Busy)), "{created:?}");
    sqlx::raw_sql("ROLLBACK").execute(&mut holder).await.unwrap();
    assert_eq!(store.keys().list(&store::KeyFilter::default()).await.unwrap(), []);
    store.keys().create(&crate::key_for("search"), &Actor::Cli).await.unwrap();
}

#[tokio::test]
async fn what_cannot_be_opened_is_named_without_user_or_password() {
    let url = server().url("nowhere").replace("tollgate@", "tollgate:hunter2@");
    let error = open(url.clone()).await.unwrap_err();
    let message = error.to_string();
    let place = format!("{}:5432/nowhere`", server().directory().display());
    assert!(message.contains(&place), "{message}");
    assert!(message.contains("database \"nowhere\" does not exist"), "{message}");
    assert!(!error.is_retryable());
    let shown = format!("{error:?} {error} {:?}", StoreOptions::new(url));
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[tokio::test]
async fn several_processes_may_open_a_new_database_at_once() {
    let url = server().url(&fresh_database(None));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let url = url.clone();
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

/// Makes an authority and a certificate of it for `localhost` in a directory; the settings of a server
/// that shows it and lets nobody in over the network without encryption.
fn encrypted(directory: &Path) -> Vec<String> {
    let new = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2";
    for rest in [
        "-subj /CN=authority -keyout ca.key -out ca.crt",
        "-subj /CN=localhost -keyout server.key -out server.crt -CA ca.crt -CAkey ca.key \
         -addext basicConstraints=critical,CA:FALSE -addext subjectAltName=DNS:localhost",
    ] {
        let mut openssl = Command::new("openssl");
        let openssl = openssl.current_dir(directory).args(new.split(' '));
        let made = openssl.args(rest.split_whitespace()).output();
        let made = made.expect("openssl; install it: sudo apt-get install --yes openssl");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }
    let key = directory.join("server.key");
    fs::set_permissions(key, fs::Permissions::from_mode(0o600)).unwrap();
    let doors = "local all all trust\nhostssl all all 127.0.0.1/32 trust\n";
    fs::write(directory.join("hba.conf"), doors).unwrap();
    let place = |setting: &str, file: &str| format!("{setting}={}", directory.join(file).display());
    vec![
        "listen_addresses=127.0.0.1".to_owned(),
        "ssl=on".to_owned(),
        place("ssl_cert_file", "server.crt"),
        place("ssl_key_file", "server.key"),
        place("hba_file", "hba.conf"),
    ]
}

#[tokio::test]
async fn the_way_to_a_server_is_encrypted_and_its_certificate_checked() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let server = Postgres::start_with(port, encrypted);
    server.create("tollgate", None);
    let authority = server.directory().join("ca.crt");
    let url = |host: &str, parameters: &str| {
        format!("postgres://tollgate:hunter2@{host}:{port}/tollgate?{parameters}")
    };
    let trusted = format!("sslmode=verify-full&sslrootcert={}", authority.display());
    let store = open(url("localhost", &trusted)).await.unwrap();
    store.ping().await.unwrap();
    store.close().await;
    open(url("localhost", "")).await.unwrap().close().await;
    for (host, parameters, problem) in [
        ("localhost", "sslmode=disable", "no encryption"),
        ("localhost", "sslmode=verify-full", "UnknownIssuer"),
        ("127.0.0.1", trusted.as_str(), "not valid for name"),
    ] {
        let error = open(url(host, parameters)).await.unwrap_err();
        assert!(error.to_string().contains(problem), "{error}");
        assert!(!error.is_retryable() && !error.to_string().contains("hunter2"), "{error}");
    }
}
