//! What a gateway and the budget authority tell each other: reports one way, grants the other.
//!
//! JSON over HTTP, or passed in process. Fields this release does not know are ignored; a change that
//! an older half would misread raises [`PROTOCOL`].

use serde::{Deserialize, Serialize};
use units::{BudgetId, UnixMicros, Usd};

/// The version of these messages.
pub const PROTOCOL: u32 = 1;

/// What one gateway process has done with its leases since it started, and what it wants.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseReport {
    /// [`PROTOCOL`] of the sender.
    pub protocol: u32,
    /// The gateway's node id.
    pub node: String,
    /// The epoch of its process: the name of its spool's directory.
    pub epoch: String,
    /// When it was sent, by the gateway's clock.
    pub sent_at: UnixMicros,
    /// The accounts that have something to say.
    pub accounts: Vec<AccountReport>,
    /// Other epochs whose events are still in this node's spool directory. The events of any epoch
    /// of this node that is not among them are all in the lake.
    #[serde(default)]
    pub unfinished: Vec<String>,
    /// The process stops after this: everything it does not report as settled goes back.
    #[serde(default)]
    pub is_final: bool,
}

/// One lease as its holder sees it. All amounts are cumulative for the lease, so that repeats are
/// harmless.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountReport {
    /// The budget.
    pub budget: BudgetId,
    /// First instant of the window.
    pub window_start: UnixMicros,
    /// Term of the newest grant received; 0 before the first.
    pub term: u64,
    /// Most the holder will spend under that term. Less than was granted when it gives back.
    pub granted: Usd,
    /// Charged so far.
    pub settled: Usd,
    /// Held for requests under way.
    pub reserved: Usd,
    /// Sum of what requests cost beyond what they held.
    pub overshoot: Usd,
    /// Room missing for the requests that did not fit, beyond what the lease still holds; 0 when none
    /// waits.
    pub wanted: Usd,
    /// The smallest room, that of the lease included, in which one of them would fit.
    pub least: Usd,
    /// Charged in about the last two seconds.
    pub recent: Usd,
    /// The spool's next sequence number, read before the amounts: every charge of an earlier number
    /// is in `settled`. 0 when nothing was spooled.
    #[serde(default)]
    pub next_seq: u64,
}

/// The authority's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseReply {
    /// [`PROTOCOL`] of the sender.
    pub protocol: u32,
    /// The authority's clock, to show skew.
    pub now: UnixMicros,
    /// How long the grants hold, counted from the moment the report was sent, milliseconds.
    pub ttl_ms: u64,
    /// One for each account of the report that is known.
    pub grants: Vec<Grant>,
}

/// One lease as the authority has written it down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The budget.
    pub budget: BudgetId,
    /// First instant of the window.
    pub window_start: UnixMicros,
    /// Rises with every change of `granted`. A holder ignores terms older than its own.
    pub term: u64,
    /// Most the holder may charge to the lease in all.
    pub granted: Usd,
    /// What the authority has recorded as charged to this lease.
    #[serde(default)]
    pub settled: Usd,
    /// Room of the whole budget that nobody holds; negative when more is granted than the limit now
    /// allows, upon which every holder gives back what it can of the difference.
    pub remaining: Usd,
    /// Charged to the whole budget by everyone, as recorded; includes `settled`.
    pub spent: Usd,
    /// How many processes hold an open lease of the budget, this one included.
    #[serde(default)]
    pub nodes: u32,
    /// What became of the request for room.
    pub verdict: Verdict,
}

/// The authority's decision on what an account wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The lease stands as told; what was wanted, if anything, is in it as far as it was there.
    Held,
    /// Even the least of the requests that wait does not fit.
    Refused,
}
