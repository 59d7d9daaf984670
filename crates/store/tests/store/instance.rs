//! Secrets of the installation, and the connection's health.

use crate::{Bench, Engine};

on_both_engines!(
    every_process_sees_the_same_secret_whoever_asks_first,
    a_closed_store_is_not_ready,
);

async fn every_process_sees_the_same_secret_whoever_asks_first(engine: Engine) {
    let bench = Bench::new(engine).await;
    let stores = [bench.store.clone(), bench.second().await];
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..8 {
        let store = stores[n % 2].clone();
        tasks.spawn(async move { store.instance_secret("cookie").await.unwrap() });
    }
    let first = bench.store.instance_secret("cookie").await.unwrap();
    while let Some(secret) = tasks.join_next().await {
        assert_eq!(secret.unwrap(), first);
    }
    assert_ne!(bench.store.instance_secret("prompt_hash").await.unwrap(), first);
    assert_ne!(first.expose(), &[0; 32]);
    assert_eq!(format!("{first:?}"), "InstanceSecret(…)");
    bench.store.close().await;
    assert_eq!(bench.second().await.instance_secret("cookie").await.unwrap(), first);
}

async fn a_closed_store_is_not_ready(engine: Engine) {
    let bench = Bench::new(engine).await;
    bench.store.ping().await.unwrap();
    bench.store.close().await;
    assert!(bench.store.ping().await.is_err());
}

#[cfg(unix)]
#[tokio::test]
async fn the_files_are_readable_by_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::with_acme(Engine::Sqlite).await;
    let mut files = 0;
    for file in std::fs::read_dir(bench.dir.path()).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o077, 0, "{file:?}");
        files += 1;
    }
    assert!(files >= 2, "the write-ahead log lies beside the database");
}
