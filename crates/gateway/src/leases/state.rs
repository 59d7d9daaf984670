//! What is known of the authority: whether it answers, since when not, and how its clock differs.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use metrics::{counter, gauge};
use policy::LeaseReply;
use units::UnixMicros;

/// A difference of clocks that is worth a warning, microseconds.
const SKEW_US_MAX: i64 = 5_000_000;

/// How the authority was last heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthorityStatus {
    /// Whether the last round went well.
    pub is_connected: bool,
    /// Time since the last round that did, microseconds; `None` before the first.
    pub last_round_age_us: Option<i64>,
}

/// Shared by the task that talks to the authority and by the requests that wait for it.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Number of the last round that began.
    begun: AtomicU64,
    /// The last round failed. Before the first one has ended nobody knows, and a wait is worth it.
    is_away: AtomicBool,
    /// When the last good round ended, Unix microseconds; 0 before the first.
    heard_at: AtomicI64,
    /// How long grants hold, as last told; 0 before the first good round.
    ttl_ms: AtomicU64,
    is_skewed: AtomicBool,
}

impl State {
    /// Begins a round and gives its number.
    pub(super) fn begin(&self) -> u64 {
        self.begun.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(super) fn begun(&self) -> u64 {
        self.begun.load(Ordering::SeqCst)
    }

    pub(super) fn is_away(&self) -> bool {
        self.is_away.load(Ordering::SeqCst)
    }

    pub(super) fn ttl_ms(&self) -> u64 {
        self.ttl_ms.load(Ordering::Relaxed)
    }

    /// A round went well between these two instants of our clock.
    pub(super) fn heard(&self, asked_at: UnixMicros, now: UnixMicros, reply: &LeaseReply) {
        counter!("tollgate_lease_rounds_total", "outcome" => "ok").increment(1);
        self.heard_at.store(now.get(), Ordering::Relaxed);
        self.ttl_ms.store(reply.ttl_ms, Ordering::Relaxed);
        if self.is_away.swap(false, Ordering::SeqCst) {
            tracing::info!("the budget authority answers again");
        }
        let middle = asked_at.plus_micros(now.micros_since(asked_at) / 2);
        let skew_us = reply.now.micros_since(middle);
        gauge!("tollgate_authority_clock_skew_seconds").set(seconds(skew_us));
        let is_skewed = skew_us.saturating_abs() > SKEW_US_MAX;
        if is_skewed && !self.is_skewed.swap(is_skewed, Ordering::Relaxed) {
            tracing::warn!(
                skew_us,
                "the authority's clock differs from this gateway's: budgets of a day or a month turn at different instants"
            );
        }
        self.is_skewed.store(is_skewed, Ordering::Relaxed);
    }

    /// A round failed.
    pub(super) fn lost(&self, reason: &str) {
        counter!("tollgate_lease_rounds_total", "outcome" => "failed").increment(1);
        if !self.is_away.swap(true, Ordering::SeqCst) {
            tracing::warn!(
                reason,
                "the budget authority is away: serving from what is held, then as each budget says"
            );
        }
    }

    pub(super) fn status(&self, now: UnixMicros) -> AuthorityStatus {
        let heard_at = self.heard_at.load(Ordering::Relaxed);
        let age_us = now.get().saturating_sub(heard_at).max(0);
        AuthorityStatus {
            is_connected: heard_at != 0 && !self.is_away(),
            last_round_age_us: (heard_at != 0).then_some(age_us),
        }
    }

    pub(super) fn set_gauges(&self, now: UnixMicros) {
        let status = self.status(now);
        gauge!("tollgate_authority_connected").set(if status.is_connected { 1.0 } else { 0.0 });
        if let Some(age_us) = status.last_round_age_us {
            gauge!("tollgate_authority_last_round_age_seconds").set(seconds(age_us));
        }
    }
}

/// A duration as the float that metrics are made of.
#[allow(clippy::cast_precision_loss, reason = "metrics are floats, and durations are short")]
fn seconds(micros: i64) -> f64 {
    micros as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(now: UnixMicros) -> LeaseReply {
        LeaseReply { protocol: 1, now, ttl_ms: 15_000, grants: Vec::new() }
    }

    #[test]
    fn an_authority_is_connected_from_its_first_answer_to_the_next_failure() {
        let (state, at) = (State::default(), UnixMicros::new);
        let status = |now: i64| state.status(at(now));
        assert_eq!((status(5).is_connected, status(5).last_round_age_us), (false, None));
        assert!(!state.is_away(), "before the first round a wait is worth it");
        state.heard(at(10), at(20), &reply(at(15)));
        assert_eq!((status(50).is_connected, status(50).last_round_age_us), (true, Some(30)));
        state.lost("gone");
        assert_eq!((status(70).is_connected, status(70).last_round_age_us), (false, Some(50)));
        state.heard(at(80), at(90), &reply(at(85)));
        assert!(status(90).is_connected && !state.is_away());
        assert_eq!(status(80).last_round_age_us, Some(0), "a clock set back gives no negative age");
    }
}
