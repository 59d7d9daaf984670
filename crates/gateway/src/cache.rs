//! Exact-match cache: equal requests of one tenant share an answer, in this process's memory.
//!
//! Off unless a route asks for it. An answer is found only by the organisation and team whose request
//! it answered. A hit sends nothing, so it costs nothing and holds no money: a budget without room
//! left does not refuse it. This file must never know prices or budgets.

mod control;
mod entry;
mod filling;
mod flight;
mod key;
mod lookup;

use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::future::Cache;

pub(crate) use control::Control;
pub(crate) use entry::Entry;
pub(crate) use filling::Filling;
use flight::Flights;
use key::CacheKey;

use crate::telemetry;

/// Largest answer kept, bytes.
const ENTRY_BYTES_MAX: u64 = 1 << 20;

/// Answers kept for equal requests. Shared by all requests of a gateway.
pub struct AnswerCache {
    entries: Cache<CacheKey, Arc<Entry>>,
    flights: Arc<Flights>,
    entry_bytes_max: u64,
}

impl AnswerCache {
    /// A cache of at most `bytes_max` bytes of answers; none when that is 0.
    pub fn new(bytes_max: u64) -> Option<Arc<Self>> {
        if bytes_max == 0 {
            return None;
        }
        let weigh = |_: &CacheKey, entry: &Arc<Entry>| entry.weight();
        let entries = Cache::builder()
            .name("answers")
            .max_capacity(bytes_max)
            .weigher(weigh)
            .expire_after(Lifetime)
            .build();
        Some(Arc::new(Self {
            entries,
            flights: Arc::new(Flights::default()),
            entry_bytes_max: ENTRY_BYTES_MAX.min(bytes_max),
        }))
    }

    /// The answer to an equal request that is no older than `age_max`.
    async fn get(&self, key: &CacheKey, age_max: Duration) -> Option<Arc<Entry>> {
        let entry = self.entries.get(key).await?;
        (entry.age() < age_max.min(entry.ttl)).then_some(entry)
    }

    async fn insert(&self, key: CacheKey, entry: Arc<Entry>) {
        self.entries.insert(key, entry).await;
        telemetry::cache_bytes(self.entries.weighted_size());
    }
}

/// Each answer lives as long as its request and its route allow.
struct Lifetime;

impl Expiry<CacheKey, Arc<Entry>> for Lifetime {
    fn expire_after_create(
        &self,
        _: &CacheKey,
        entry: &Arc<Entry>,
        _: Instant,
    ) -> Option<Duration> {
        Some(entry.ttl)
    }

    fn expire_after_update(
        &self,
        _: &CacheKey,
        entry: &Arc<Entry>,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(entry.ttl)
    }
}
