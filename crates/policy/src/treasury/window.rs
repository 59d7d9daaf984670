//! One lease: what this process may spend of a budget in a window, what it has settled and holds.

use units::{UnixMicros, Usd};

use super::sync::{Pace, Told, Wants};
use crate::{Budget, WhenAlone};

#[derive(Debug)]
pub(super) struct Window {
    pub(super) start: UnixMicros,
    pub(super) end: UnixMicros,
    /// Term of the newest grant; 0 before the first.
    pub(super) term: u64,
    /// Most that may be charged in all.
    pub(super) granted: Usd,
    /// Charged so far.
    pub(super) settled: Usd,
    /// Held by live reservations.
    pub(super) reserved: Usd,
    /// How many they are.
    pub(super) in_flight: u64,
    /// Sum of what was charged beyond what was held.
    pub(super) overshoot: Usd,
    /// What the authority last said.
    pub(super) told: Told,
    /// What requests lacked since the last report.
    pub(super) wants: Wants,
    /// How fast it is spent.
    pub(super) pace: Pace,
}

/// The room a request finds in a window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    /// What may be reserved at once.
    pub(super) ready: Usd,
    /// That, and what the authority may still have: decides how much a request holds.
    pub(super) total: Usd,
    /// The authority has just refused as much.
    pub(super) is_refused: bool,
}

impl Window {
    pub(super) fn new(start: UnixMicros, end: UnixMicros, now: UnixMicros) -> Self {
        Self {
            start,
            end,
            term: 0,
            granted: Usd::ZERO,
            settled: Usd::ZERO,
            reserved: Usd::ZERO,
            in_flight: 0,
            overshoot: Usd::ZERO,
            told: Told::default(),
            wants: Wants::default(),
            pace: Pace::from(now),
        }
    }

    pub(super) fn contains(&self, at: UnixMicros) -> bool {
        self.start <= at && at < self.end
    }

    /// Whether forgetting the window would lose anything.
    pub(super) fn is_used(&self) -> bool {
        self.term > 0 || self.in_flight > 0 || !self.settled.is_zero()
    }

    /// Charged by everyone, as far as is known here.
    pub(super) fn spent(&self) -> Usd {
        self.told.elsewhere + self.settled
    }

    /// What is left of the grant, whether or not it has run out.
    pub(super) fn left(&self) -> Usd {
        self.granted.saturating_sub_to_zero(self.settled + self.reserved)
    }

    /// What is left of the lease; nothing once it has run out. A limit that was lowered takes effect
    /// at once, before the authority has lowered the lease.
    pub(super) fn lease_room(&self, budget: &Budget, now: UnixMicros) -> Usd {
        if now >= self.told.expires_at {
            return Usd::ZERO;
        }
        self.left().min(budget.limit.saturating_sub_to_zero(self.spent() + self.reserved))
    }

    /// The room for a request that needs at least `least`.
    pub(super) fn room(&self, budget: &Budget, least: Usd, now: UnixMicros) -> Room {
        let ready = self.lease_room(budget, now);
        let is_refused = self.wants.is_refused(least, now);
        let elsewhere = if is_refused { Usd::ZERO } else { self.told.remaining };
        Room { ready, total: ready + elsewhere, is_refused }
    }

    /// The room for a request when the authority does not answer. What was granted stays granted
    /// until the authority takes it back, but a budget that refuses without it ends with its lease.
    pub(super) fn room_alone(&self, budget: &Budget, least: Usd, now: UnixMicros) -> Room {
        let ready = match budget.when_alone {
            WhenAlone::Refuse => self.lease_room(budget, now),
            WhenAlone::Spend { exposure } => {
                (self.granted + exposure).saturating_sub_to_zero(self.settled + self.reserved)
            }
        };
        Room { ready, total: ready, is_refused: self.wants.is_refused(least, now) }
    }

    /// Holds an amount.
    pub(super) fn reserve(&mut self, amount: Usd) {
        self.reserved += amount;
        self.in_flight += 1;
    }

    /// Ends a reservation of `held` that cost `settled`.
    pub(super) fn close(&mut self, held: Usd, settled: Usd) {
        self.reserved = self.reserved.saturating_sub_to_zero(held);
        self.in_flight = self.in_flight.saturating_sub(1);
        self.settled += settled;
        self.overshoot += settled.saturating_sub_to_zero(held);
    }
}
