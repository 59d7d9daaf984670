//! Which gateways elsewhere follow the newest snapshot, and which are heard but lag behind.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use finops::{Gauge, Measured, StallKind};
use units::UnixMicros;

/// Gateways remembered at most; beyond that a new one is not watched until another is forgotten.
const NODES_MAX: usize = 10_000;
/// A gateway not heard for so long has stopped, which is no fault of its snapshot, microseconds.
const ALIVE_US: i64 = 45_000_000;
/// A gateway not heard for so long is forgotten, microseconds.
const REMEMBERED_US: i64 = 3_600_000_000;
/// How long a gateway that is heard may decide from another snapshot than the newest, microseconds: two
/// long polls and a little.
const LAG_US_MAX: i64 = 60_000_000;

/// Gateways by name, by the console's clock.
#[derive(Debug, Default)]
pub(super) struct Followers(Mutex<BTreeMap<String, Follower>>);

#[derive(Debug, Clone, Copy)]
struct Follower {
    /// It asked for anything.
    heard_at: UnixMicros,
    /// It was last known to have the newest snapshot; before that, first heard.
    confirmed_at: UnixMicros,
}

impl Followers {
    /// Notes that a gateway asked for something, and whether it showed that its snapshot is the newest.
    pub(super) fn heard(&self, node: &str, has_newest: bool, now: UnixMicros) {
        let mut followers = self.lock();
        if node.is_empty() || (followers.len() >= NODES_MAX && !followers.contains_key(node)) {
            return;
        }
        let first = Follower { heard_at: now, confirmed_at: now };
        let follower = followers.entry(node.to_owned()).or_insert(first);
        follower.heard_at = now;
        if has_newest {
            follower.confirmed_at = now;
        }
    }

    /// How far each gateway that is heard lags behind.
    pub(super) fn gauges(&self, now: UnixMicros) -> Vec<Gauge> {
        let mut followers = self.lock();
        followers.retain(|_, follower| now.micros_since(follower.heard_at) < REMEMBERED_US);
        let alive = followers.iter().filter(|(_, f)| now.micros_since(f.heard_at) < ALIVE_US);
        let gauge = |(node, follower): (&String, &Follower)| Gauge {
            subject: node.clone(),
            measured: Measured::Lag {
                what: StallKind::Snapshot,
                lag_us: now.micros_since(follower.confirmed_at),
                limit_us: LAG_US_MAX,
            },
        };
        alive.map(gauge).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Follower>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    fn lags(followers: &Followers, second: i64) -> Vec<(String, i64)> {
        let gauges = followers.gauges(UnixMicros::new(second * SECOND));
        let lag = |gauge: Gauge| match gauge.measured {
            Measured::Lag { lag_us, .. } => (gauge.subject, lag_us / SECOND),
            Measured::Drift { .. } => unreachable!("nothing else is measured here"),
        };
        gauges.into_iter().map(lag).collect()
    }

    #[test]
    fn a_gateway_that_is_heard_without_the_newest_snapshot_lags() {
        let followers = Followers::default();
        for second in [0, 25, 50, 75] {
            followers.heard("good", true, UnixMicros::new(second * SECOND));
            followers.heard("refusing", second == 0, UnixMicros::new(second * SECOND));
        }
        assert_eq!(lags(&followers, 80), [("good".to_owned(), 5), ("refusing".to_owned(), 80)]);
    }

    #[test]
    fn a_gateway_that_is_not_heard_has_stopped_and_is_forgotten() {
        let followers = Followers::default();
        followers.heard("gone", true, UnixMicros::new(0));
        assert_eq!(lags(&followers, 44).len(), 1);
        assert_eq!(lags(&followers, 45), []);
        assert_eq!(lags(&followers, 3_600), []);
        assert!(followers.lock().is_empty());
    }
}
