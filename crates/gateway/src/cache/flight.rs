//! One flight for equal requests: the first is sent, the others wait for its answer.
//!
//! However the first one ends, nobody is left waiting: dropping its lead wakes them all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::entry::Entry;
use super::key::CacheKey;

/// Requests that may wait for others at once; more are sent on their own.
const WAITERS_MAX: usize = 4096;

type Landing = Option<Arc<Entry>>;

/// The requests that others may wait for.
pub(super) struct Flights {
    under_way: Mutex<HashMap<CacheKey, watch::Receiver<Landing>>>,
    seats: Arc<Semaphore>,
}

impl Default for Flights {
    fn default() -> Self {
        Self { under_way: Mutex::default(), seats: Arc::new(Semaphore::new(WAITERS_MAX)) }
    }
}

/// What a request is to its equals.
pub(super) enum Join {
    /// The first.
    Lead(Lead),
    /// One that waits.
    Wait(Wait),
    /// One too many to wait.
    Full,
}

impl Flights {
    /// Joins the flight of equal requests, or begins it.
    pub(super) fn join(self: &Arc<Self>, key: CacheKey) -> Join {
        let mut under_way = self.lock();
        if let Some(landing) = under_way.get(&key) {
            return match Arc::clone(&self.seats).try_acquire_owned() {
                Ok(seat) => Join::Wait(Wait { landing: landing.clone(), _seat: seat }),
                Err(_) => Join::Full,
            };
        }
        let (sender, landing) = watch::channel(None);
        under_way.insert(key, landing);
        Join::Lead(Lead { flights: Arc::clone(self), key, sender })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<CacheKey, watch::Receiver<Landing>>> {
        // Nothing that holds the lock can leave the table half changed.
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first of equal requests. Dropped without an answer, the others go on their own.
pub(crate) struct Lead {
    flights: Arc<Flights>,
    key: CacheKey,
    sender: watch::Sender<Landing>,
}

impl Lead {
    /// Gives the answer to whoever waits.
    pub(super) fn land(self, entry: Arc<Entry>) {
        self.sender.send_replace(Some(entry));
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        self.flights.lock().remove(&self.key);
    }
}

/// A request that waits for the first of its equals.
pub(super) struct Wait {
    landing: watch::Receiver<Landing>,
    _seat: OwnedSemaphorePermit,
}

impl Wait {
    /// The answer; `None` when there is none to share.
    pub(super) async fn landed(mut self) -> Option<Arc<Entry>> {
        let landed = self.landing.wait_for(Option::is_some).await;
        landed.ok().and_then(|landing| landing.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_lead_that_is_dropped_wakes_its_waiters_and_leaves_nothing_behind() {
        let flights = Arc::new(Flights::default());
        let Join::Lead(lead) = flights.join([1; 32]) else { panic!("no lead") };
        let Join::Wait(wait) = flights.join([1; 32]) else { panic!("no wait") };
        assert!(matches!(flights.join([2; 32]), Join::Lead(_)));
        let waiting = tokio::spawn(wait.landed());
        drop(lead);
        assert!(waiting.await.unwrap().is_none());
        assert!(flights.lock().is_empty());
        assert_eq!(flights.seats.available_permits(), WAITERS_MAX);
    }

    #[tokio::test]
    async fn one_more_than_may_wait_goes_on_its_own() {
        let flights = Arc::new(Flights::default());
        let _lead = flights.join([1; 32]);
        let waiting: Vec<Join> = (0..WAITERS_MAX).map(|_| flights.join([1; 32])).collect();
        assert!(matches!(flights.join([1; 32]), Join::Full));
        drop(waiting);
        assert!(matches!(flights.join([1; 32]), Join::Wait(_)));
    }
}
