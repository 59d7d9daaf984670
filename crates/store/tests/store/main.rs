//! The store against real database files: one module per aggregate, every statement executed.
//!
//! `opening` covers files that are no databases and databases that are held by others.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod audit;
mod instance;
mod keys;
mod login;
mod opening;
mod organisations;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};
use store::{KeyAccess, KeyOwner, NewKey, Organisation, Store};
use tempfile::TempDir;
use units::{BillingZone, Clock, UnixMicros};

/// A clock that moves only when told.
#[derive(Debug)]
struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now(&self) -> UnixMicros {
        UnixMicros::new(self.0.load(Ordering::SeqCst))
    }
}

/// A store in a directory of its own, with its clock in hand.
struct Bench {
    dir: TempDir,
    clock: Arc<HandClock>,
    store: Store,
}

impl Bench {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(HandClock(AtomicI64::new(1_763_800_000_000_000)));
        let store = Store::open(&url(&dir), Arc::clone(&clock) as _).await.unwrap();
        Self { dir, clock, store }
    }

    /// With the organisation `acme`.
    async fn with_acme() -> Self {
        let bench = Self::new().await;
        bench.store.organisations().put(&acme("UTC"), &store::Actor::System).await.unwrap();
        bench
    }

    /// Another process's view of the same file.
    async fn second(&self) -> Store {
        Store::open(&url(&self.dir), Arc::clone(&self.clock) as _).await.unwrap()
    }

    fn now(&self) -> UnixMicros {
        self.clock.now()
    }

    fn pass_us(&self, micros: i64) {
        self.clock.0.fetch_add(micros, Ordering::SeqCst);
    }

    /// The file behind the store's back.
    async fn raw(&self) -> SqlitePool {
        let options = SqliteConnectOptions::new().filename(self.path());
        SqlitePool::connect_with(options).await.unwrap()
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("store.db")
    }
}

fn url(dir: &TempDir) -> String {
    format!("sqlite:{}", dir.path().join("store.db").display())
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
