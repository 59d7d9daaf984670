//! The decision on one lease, as a pure function over the books of its window.
//!
//! Invariant: after a grant, `base + corrections + Σ max(granted, settled) <= limit`. Reports may be
//! lost, repeated or arrive in any order: cumulative amounts only rise, and room is granted only to a
//! report that knows the lease as it stands.

use policy::{AccountReport, Grant, Lease, LeaseState, Verdict, WindowBooks};
use units::{UnixMicros, Usd};

/// A holder is given at most one part in this many, times the number of holders, of what is left,
/// unless its requests need more.
const SHARE_MAX: u64 = 4;
/// And at least one part in this many, times the number of holders.
const SHARE_MIN: u64 = 64;

/// Who reports.
#[derive(Debug, Clone, Copy)]
pub(super) struct Holder<'a> {
    pub(super) node: &'a str,
    pub(super) epoch: &'a str,
    /// The process stops.
    pub(super) is_final: bool,
    /// What the lake held of it before it had a lease; used when the lease is opened.
    pub(super) before: Usd,
}

/// When the report arrived, and when the lease runs out if it is renewed by it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) now: UnixMicros,
    pub(super) expires_at: UnixMicros,
}

/// Records what a holder reports of its lease, takes back what it gives back, and grants what it
/// wants as far as `limit` allows.
pub(super) fn decide(
    books: &mut WindowBooks,
    limit: Usd,
    holder: &Holder<'_>,
    asked: &AccountReport,
    moment: Moment,
) -> Grant {
    let position = position(books, holder, moment);
    let nodes = open_holders(books, position, moment.now);
    let others = books.committed() - books.leases[position].committed();
    let is_open = books.base.is_some();
    let lease = &mut books.leases[position];
    let is_current = record(lease, holder, asked, moment);
    let verdict = if is_current && is_open && !holder.is_final {
        grant(lease, limit - others, nodes, asked)
    } else {
        Verdict::Held
    };
    // A first lease has a term even when it holds nothing, so that its holder knows it was heard.
    lease.term = lease.term.max(1);
    let (term, granted, settled) = (lease.term, lease.granted, lease.settled);
    Grant {
        budget: books.budget,
        window_start: books.window_start,
        term,
        granted,
        settled,
        remaining: limit - books.committed(),
        spent: books.spent(),
        nodes: u32::try_from(nodes).unwrap_or(u32::MAX),
        verdict,
    }
}

/// Closes the lease of a holder all of whose spending is in the lake.
pub(super) fn close(lease: &mut Lease, lake: Usd) {
    lease.settled = lake - lease.before;
    lease.granted = lease.settled;
    lease.reserved = Usd::ZERO;
    lease.state = LeaseState::Closed;
    // Should its holder turn out to be alive, it learns that the lease is no longer what it was.
    lease.term += 1;
}

/// Where the holder's lease is; opened if need be.
fn position(books: &mut WindowBooks, holder: &Holder<'_>, moment: Moment) -> usize {
    let known = books.leases.iter().position(|lease| lease.is_of(holder.node, holder.epoch));
    known.unwrap_or_else(|| {
        books.leases.push(Lease {
            node: holder.node.to_owned(),
            epoch: holder.epoch.to_owned(),
            term: 0,
            granted: Usd::ZERO,
            settled: Usd::ZERO,
            before: holder.before,
            reserved: Usd::ZERO,
            overshoot: Usd::ZERO,
            next_seq: 0,
            expires_at: moment.expires_at,
            reported_at: moment.now,
            state: LeaseState::Open,
        });
        books.leases.len() - 1
    })
}

/// How many processes share the budget: those whose lease has not run out, and the one that asks.
fn open_holders(books: &WindowBooks, asking: usize, now: UnixMicros) -> u64 {
    let is_counted = |(position, lease): &(usize, &Lease)| {
        *position == asking || (lease.is_open() && lease.expires_at > now)
    };
    let count = books.leases.iter().enumerate().filter(is_counted).count();
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// Writes down what is reported; says whether the reporter knows the lease as it stands, so that what
/// it wants may be granted.
fn record(lease: &mut Lease, holder: &Holder<'_>, asked: &AccountReport, moment: Moment) -> bool {
    lease.settled = lease.settled.max(asked.settled);
    lease.overshoot = lease.overshoot.max(asked.overshoot);
    if asked.next_seq >= lease.next_seq {
        lease.reserved = asked.reserved.max(Usd::ZERO);
        lease.next_seq = asked.next_seq;
    }
    if asked.term > lease.term {
        // The books are older than what was told: they were restored from a copy. What was promised
        // stays promised.
        lease.term = asked.term;
        lease.granted = lease.granted.max(asked.granted);
    }
    let is_current = asked.term == lease.term && asked.granted <= lease.granted;
    if is_current {
        // Less than was granted is what the holder has given back.
        lease.granted = asked.granted.max(Usd::ZERO);
    }
    if !lease.is_open() {
        lease.state = LeaseState::Open;
        lease.granted = lease.granted.max(lease.settled);
    }
    if holder.is_final {
        lease.granted = lease.granted.min(lease.settled + lease.reserved);
        // Reports of the same process that are still on the way must not be granted anything.
        lease.term += 1;
    }
    lease.reported_at = moment.now;
    lease.expires_at = if holder.is_final { moment.now } else { moment.expires_at };
    is_current
}

/// Grants what is wanted, or what is worth having in hand; `cap` is the limit less what others hold.
fn grant(lease: &mut Lease, cap: Usd, nodes: u64, asked: &AccountReport) -> Verdict {
    let used = lease.settled + lease.reserved;
    let room = lease.granted.saturating_sub_to_zero(used);
    // A holder that spent beyond its lease needs that covered before it has any room.
    let floor = lease.granted.max(used);
    let available = cap.saturating_sub_to_zero(floor);
    let share = |of: u64| available.divided_by(of.saturating_mul(nodes)).unwrap_or_default();
    let spare = asked.recent.times(2).max(share(SHARE_MIN)).min(share(SHARE_MAX));
    let wanted = asked.wanted.max(Usd::ZERO);
    let amount = if wanted.is_zero() {
        let is_refill = asked.recent > Usd::ZERO && room < spare.divided_by(2).unwrap_or_default();
        if is_refill { spare - room } else { Usd::ZERO }
    } else if available >= wanted {
        wanted.max(spare)
    } else if room + available >= asked.least {
        available
    } else {
        return Verdict::Refused;
    };
    let amount = amount.min(available);
    if amount > Usd::ZERO {
        lease.granted = floor + amount;
        lease.term += 1;
    }
    Verdict::Held
}

#[cfg(test)]
#[path = "simulation_tests.rs"]
mod simulation;
#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
