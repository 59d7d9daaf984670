//! What a lease tells the authority and hears from it.

use std::mem;

use units::{BudgetId, UnixMicros, Usd};

use super::window::Window;
use crate::link::{AccountReport, Grant, Verdict};

/// How long a refusal by the authority answers further requests, so that refused traffic does not
/// hammer it, microseconds.
const REFUSAL_US: i64 = 250_000;
/// The time "recent" spending is counted over, microseconds.
const RECENT_US: i64 = 2_000_000;
/// Reports without any use after which a lease is given back.
const IDLE_REPORTS: u32 = 2;
/// And for at least so long, because reports may follow each other quickly, microseconds.
const IDLE_US: i64 = 2_000_000;

/// What the authority last said of a lease.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// When the report it answered was sent, gateway's clock.
    asked_at: UnixMicros,
    /// Until when the lease holds, gateway's clock.
    pub(super) expires_at: UnixMicros,
    /// Room of the budget that nobody holds.
    pub(super) remaining: Usd,
    /// Charged by everyone else.
    pub(super) elsewhere: Usd,
    /// What it has recorded as granted.
    granted: Usd,
    /// What it has recorded as charged to this lease.
    settled: Usd,
    /// Processes that hold a lease of the budget.
    nodes: u32,
    /// Half of what was left of the lease then.
    pub(super) refill_below: Usd,
}

/// What requests lacked.
#[derive(Debug, Default)]
pub(super) struct Wants {
    /// Sum of what they would hold.
    sum: Usd,
    /// The smallest room one of them fits in.
    least: Option<Usd>,
    /// The smallest that was asked for in the last report.
    asked: Option<Usd>,
    /// Since when, and from what size on, the authority refuses.
    refused: Option<(UnixMicros, Usd)>,
}

/// How fast a lease is spent, and since when not at all.
#[derive(Debug)]
pub(super) struct Pace {
    /// Two moments at least half of [`RECENT_US`] apart, with what was settled then; older first.
    marks: [(UnixMicros, Usd); 2],
    /// What the last report said.
    reported: (Usd, Usd),
    /// Reports in a row without any use, and when the first of them was.
    idle: (u32, UnixMicros),
    /// The last report was not answered yet.
    is_unanswered: bool,
}

impl Told {
    /// Processes that share the room, at least this one.
    pub(super) fn nodes(&self) -> u64 {
        u64::from(self.nodes.max(1))
    }
}

impl Wants {
    /// Notes a request that would hold `amount` and fits in no less than `least`.
    pub(super) fn note(&mut self, amount: Usd, least: Usd) {
        self.sum += amount;
        self.least = Some(self.least.map_or(least, |own| own.min(least)));
    }

    /// Whether the authority has just refused requests of this size.
    pub(super) fn is_refused(&self, least: Usd, now: UnixMicros) -> bool {
        self.refused.is_some_and(|(at, from)| least >= from && now.micros_since(at) < REFUSAL_US)
    }
}

impl Pace {
    /// The pace of a lease first used at an instant.
    pub(super) fn from(now: UnixMicros) -> Self {
        Self {
            marks: [(now, Usd::ZERO); 2],
            reported: (Usd::ZERO, Usd::ZERO),
            idle: (0, now),
            is_unanswered: false,
        }
    }

    /// What was settled in about the last two seconds.
    fn recent(&mut self, now: UnixMicros, settled: Usd) -> Usd {
        let [_, last] = self.marks;
        if now.micros_since(last.0) >= RECENT_US / 2 {
            self.marks = [last, (now, settled)];
        }
        let (since, before) = self.marks[0];
        let spent = settled.saturating_sub_to_zero(before);
        let elapsed = now.micros_since(since);
        if elapsed <= RECENT_US {
            return spent;
        }
        let share = spent.pico().saturating_mul(i128::from(RECENT_US)) / i128::from(elapsed);
        Usd::from_pico(share)
    }

    /// Whether the lease has not been used for two reports and two seconds.
    fn is_idle(&mut self, now: UnixMicros, is_used: bool) -> bool {
        self.idle = match self.idle {
            _ if is_used => (0, now),
            (0, _) => (1, now),
            (reports, since) => (reports.saturating_add(1), since),
        };
        let (reports, since) = self.idle;
        reports >= IDLE_REPORTS && now.micros_since(since) >= IDLE_US
    }
}

impl Window {
    /// What the authority is to be told; `None` when it knows everything and nothing is wanted.
    pub(super) fn report(&mut self, budget: BudgetId, now: UnixMicros) -> Option<AccountReport> {
        let (sum, least) = (mem::take(&mut self.wants.sum), self.wants.least.take());
        let is_used = least.is_some() || self.in_flight > 0 || self.settled != self.pace.reported.0;
        let is_past = now >= self.end && self.in_flight == 0 && least.is_none();
        // An authority that does not answer cannot hear that a lease comes back, and could not grant it
        // again: what is held then stays until it runs out.
        let is_idle = self.pace.is_idle(now, is_used) && !self.pace.is_unanswered;
        if is_idle || is_past {
            self.granted = self.granted.min(self.settled);
        }
        let recent = self.pace.recent(now, self.settled);
        self.wants.asked = least;
        if !is_used && self.is_known() {
            return None;
        }
        self.pace.reported = (self.settled, self.reserved);
        self.pace.is_unanswered = true;
        Some(AccountReport {
            budget,
            window_start: self.start,
            term: self.term,
            granted: self.granted,
            settled: self.settled,
            reserved: self.reserved,
            overshoot: self.overshoot,
            wanted: sum.saturating_sub_to_zero(self.left()),
            least: least.unwrap_or_default(),
            recent,
            next_seq: 0,
        })
    }

    /// Takes over a grant told in answer to a report of `asked_at`, which holds `until`.
    pub(super) fn apply(&mut self, grant: &Grant, asked_at: UnixMicros, until: UnixMicros) {
        if grant.term < self.term {
            return;
        }
        // Under the same term the lease may have been lowered here since: then that stands.
        self.granted =
            if grant.term > self.term { grant.granted } else { self.granted.min(grant.granted) };
        self.term = grant.term;
        self.told.expires_at = self.told.expires_at.max(until);
        if asked_at < self.told.asked_at {
            return;
        }
        self.told.asked_at = asked_at;
        self.pace.is_unanswered = false;
        self.told.remaining = grant.remaining.max(Usd::ZERO);
        self.told.elsewhere = grant.spent.saturating_sub_to_zero(grant.settled);
        self.told.granted = grant.granted;
        self.told.settled = grant.settled;
        self.told.nodes = grant.nodes;
        // More is granted than the limit allows, because the limit was lowered or spending nobody knew
        // of was found: what is not in use goes back with the next report.
        let excess = Usd::ZERO.saturating_sub_to_zero(grant.remaining);
        self.granted -= excess.min(self.left());
        self.told.refill_below = self.left().divided_by(2).unwrap_or_default();
        self.wants.refused = match (grant.verdict, self.wants.asked) {
            (Verdict::Refused, Some(least)) => Some((asked_at, least)),
            // An answer to a report that asked for nothing says nothing about what was refused.
            (_, None) => self.wants.refused,
            (Verdict::Held, Some(_)) => None,
        };
    }

    /// Whether the authority has recorded all there is, and the lease holds nothing to renew.
    fn is_known(&self) -> bool {
        let is_held = self.granted > self.settled || self.told.granted > self.settled;
        let is_recorded = self.told.settled == self.settled && self.pace.reported.1.is_zero();
        !is_held && is_recorded
    }
}
