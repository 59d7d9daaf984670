//! Books against lake, as a pure function of two looks at the lake.
//!
//! The two are read at different moments, and each may be ahead of the other for a while: reports and
//! commits take seconds. So a difference counts only when an older look at the lake already shows more
//! than the books do now, or when a process that has been silent and is wholly committed is short in
//! both looks.

use std::collections::HashMap;
use std::sync::Arc;

use policy::{Lease, LeaseState, WindowBooks};
use units::{UnixMicros, Usd};

use super::plan::WindowKey;
use super::sums::Sums;

/// The last look at each window.
pub(super) type Observations = HashMap<WindowKey, Arc<Observation>>;

/// One look at the lake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Observation {
    pub(super) at: UnixMicros,
    pub(super) sums: Sums,
    /// Leases that stood still: nothing reserved, and everything reported was in the lake.
    pub(super) still: Vec<Still>,
}

/// A lease that stood still, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Still {
    node: String,
    epoch: String,
    settled: Usd,
    next_seq: u64,
}

/// A difference that was found, and corrected in the books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    /// The holder; `None` for spending without a lease.
    pub(super) holder: Option<(String, String)>,
    pub(super) expected: Usd,
    pub(super) found: Usd,
}

impl Still {
    /// A lease as it stands now, if it stands still and the table holds all of its process up to
    /// `committed`.
    pub(super) fn of(lease: &Lease, committed: Option<i64>) -> Option<Self> {
        let next = i64::try_from(lease.next_seq).unwrap_or(i64::MAX);
        let is_committed = !lease.is_open() || committed.map_or(-1, |seq| seq) >= next - 1;
        (is_committed && lease.reserved.is_zero()).then(|| Self::now(lease))
    }

    fn now(lease: &Lease) -> Self {
        Self {
            node: lease.node.clone(),
            epoch: lease.epoch.clone(),
            settled: lease.settled,
            next_seq: lease.next_seq,
        }
    }
}

/// Compares the books of a window with two looks at the lake, corrects them, and closes leases that
/// have ended in order: run out, nothing left, all in the lake.
pub(super) fn compare(
    books: &mut WindowBooks,
    earlier: &Observation,
    later: &Observation,
    now: UnixMicros,
) -> Vec<Difference> {
    let Some(base) = books.base else { return Vec::new() };
    let mut differences = Vec::new();
    let before: Usd = books.leases.iter().map(|lease| lease.before).sum();
    let expected = base + books.corrections - before;
    let has_lease = |node: &str, epoch: &str| books.lease(node, epoch).is_some();
    let (first, last) = (earlier.sums.without(has_lease), later.sums.without(has_lease));
    let found = if first > expected { first.min(last) } else { first.max(last) };
    if (first > expected) == (last > expected) && found != expected {
        books.corrections += found - expected;
        differences.push(Difference { holder: None, expected, found });
    }
    let mut corrections = Usd::ZERO;
    for lease in &mut books.leases {
        let expected = lease.before + lease.settled;
        let found = held_by_lake(lease, earlier, later);
        if found != expected {
            lease.before += found - expected;
            corrections += found - expected;
            let holder = Some((lease.node.clone(), lease.epoch.clone()));
            differences.push(Difference { holder, expected, found });
        }
        if has_ended(lease, earlier, later, now) {
            lease.granted = lease.settled;
            lease.state = LeaseState::Closed;
            lease.term += 1;
        }
    }
    books.corrections += corrections;
    differences
}

/// What the lake certainly holds of a lease's process: what the books say, unless they are wrong.
fn held_by_lake(lease: &Lease, earlier: &Observation, later: &Observation) -> Usd {
    let expected = lease.before + lease.settled;
    let first = earlier.sums.holder(&lease.node, &lease.epoch);
    let last = later.sums.holder(&lease.node, &lease.epoch);
    let is_short = last < expected && first < expected && is_still(lease, earlier, later);
    if first > expected && last > expected {
        first.min(last)
    } else if is_short {
        first.max(last)
    } else {
        expected
    }
}

fn is_still(lease: &Lease, earlier: &Observation, later: &Observation) -> bool {
    let now = Still::now(lease);
    lease.reserved.is_zero() && earlier.still.contains(&now) && later.still.contains(&now)
}

fn has_ended(lease: &Lease, earlier: &Observation, later: &Observation, now: UnixMicros) -> bool {
    lease.is_open()
        && lease.expires_at < earlier.at
        && lease.expires_at < now
        && lease.granted <= lease.settled
        && is_still(lease, earlier, later)
        && later.sums.holder(&lease.node, &lease.epoch) == lease.before + lease.settled
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
