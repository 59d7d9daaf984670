//! The ledger of one request: what is held while an attempt is under way, and the one path on which
//! every outcome is recorded.
//!
//! It lives in the proxy's per-request context, so that whatever ends the request (an answer, an
//! error, a client that left, a task dropped at shutdown) ends here: dropping it settles what is
//! still open.

mod attempt;
mod beside;
mod line;
mod price;

use std::sync::Arc;

use bytes::Bytes;
use events::{
    Cache, CacheState, Call, Cost, Dialect, ErrorClass, Meters, Outcome, Times, UsageEvent,
};
use spool::Slot;
use units::{RequestId, UnixMicros, Usd};

use crate::accounting::Accounting;
use crate::cache::{Entry, Filling};
use crate::failure::Failure;
use crate::telemetry;

use attempt::EndedAttempt;
pub(crate) use attempt::{Billable, CITATIONS, Ending, Metering, OpenAttempt, Opening};
pub(crate) use line::LineDraft;
pub(crate) use price::Pricing;

/// The books of one request.
pub(crate) struct Ledger {
    accounting: Arc<Accounting>,
    /// The parts of every row of this request; `None` until the request is authenticated.
    pub(crate) draft: Option<UsageEvent>,
    /// The attempt under way.
    open: Option<OpenAttempt>,
    /// The attempt that ended, while it is not known whether another one follows.
    ended: Option<EndedAttempt>,
    /// The request's id, told to the client with every answer.
    pub(crate) request_id: RequestId,
    /// Request start.
    pub(crate) received: UnixMicros,
    /// Attempts sent so far.
    pub(crate) attempts: u16,
    /// Time spent waiting for providers, microseconds.
    pub(crate) upstream_us: i64,
    /// Time spent waiting for leases, microseconds.
    pub(crate) lease_us: i64,
    /// What the cache did.
    pub(crate) cache: CacheState,
    /// The answer on its way, where it may be kept.
    pub(crate) filling: Option<Box<Filling>>,
}

impl Ledger {
    pub(crate) fn new(accounting: Arc<Accounting>) -> Self {
        let received = accounting.clock.now();
        Self {
            accounting,
            draft: None,
            open: None,
            ended: None,
            request_id: RequestId::generate(),
            received,
            attempts: 0,
            upstream_us: 0,
            lease_us: 0,
            cache: CacheState::Off,
            filling: None,
        }
    }

    /// What the client speaks.
    pub(crate) fn dialect(&self) -> Dialect {
        let told = self.draft.as_ref().and_then(|draft| draft.call.dialect_in);
        told.unwrap_or(Dialect::OpenaiChat)
    }

    /// Time the gateway itself has taken so far, microseconds.
    pub(crate) fn overhead_us(&self) -> i64 {
        let total_us = self.accounting.clock.now().micros_since(self.received);
        total_us - self.upstream_us - self.lease_us
    }

    /// The attempt under way.
    pub(crate) fn open_mut(&mut self) -> Option<&mut OpenAttempt> {
        self.open.as_mut()
    }

    /// Records that an attempt is about to be sent. From here on its money is held, its row is
    /// certain, and the one before it is known not to have been the last.
    pub(crate) fn open(&mut self, opening: Opening) -> Result<(), Failure> {
        self.open_as(opening, Metering::Usual)
    }

    /// The same for an attempt that is metered in a way of its own.
    pub(crate) fn open_as(&mut self, opening: Opening, metering: Metering) -> Result<(), Failure> {
        let Some(draft) = &self.draft else { return Ok(()) };
        let mut event = draft.clone();
        event.ids.attempt = self.attempts + 1;
        let mut attempt = OpenAttempt::new(opening, event);
        attempt.metering = metering;
        let intent = attempt.intent();
        attempt.slot.open(intent).map_err(|error| {
            tracing::error!(%error, "spool refused an intent");
            spool_full()
        })?;
        attempt.reservation.mark_sent();
        self.close_pending(false, None);
        self.attempts += 1;
        self.open = Some(attempt);
        Ok(())
    }

    /// Says how the attempt under way ended. Its money is settled at once, so that the room it held
    /// is there for the next one; its row is written when it is known whether one follows.
    pub(crate) fn end_attempt(&mut self, ending: Ending) {
        if let Some(mut open) = self.open.take() {
            open.event.times.ended_us = self.accounting.clock.now();
            let ended = open.settle(&ending, &self.accounting);
            if let Some(filling) = &mut self.filling {
                filling.paid(&ended.event, ended.cost());
            }
            self.ended = Some(ended);
        }
    }

    /// Records the end of the request as the client sees it.
    pub(crate) fn finish(&mut self, told: Option<u16>) {
        self.close_pending(true, told);
    }

    /// Some of the answer passes on its way to the client.
    pub(crate) fn gather(&mut self, bytes: &Bytes) {
        if let Some(filling) = &mut self.filling {
            filling.gather(bytes);
        }
    }

    /// The answer is complete, and kept for equal requests where it may be.
    pub(crate) async fn keep(&mut self) {
        if let Some(filling) = self.filling.take() {
            filling.keep().await;
        }
    }

    /// Records a request that is answered from the cache: nothing is sent, nothing is charged.
    pub(crate) fn hit(&mut self, slot: Slot, entry: &Entry) {
        let Some(mut event) = self.draft.take() else { return };
        let paid = &entry.paid;
        event.times.ended_us = self.accounting.clock.now();
        event.decision.is_final = true;
        event.decision.reason = Some(format!("cache:{}", paid.request_id));
        let asked = std::mem::take(&mut event.model.asked);
        event.model = events::ModelNames { asked, ..paid.model.clone() };
        event.call.response_bytes = entry.body.len() as u64;
        event.outcome =
            Outcome { status: Some(200), finish_reason: paid.finish_reason, ..Outcome::default() };
        event.cache.saved = paid.cost;
        event.privacy.dropped_params.clone_from(&paid.dropped_params);
        slot.settle(event, Vec::new());
    }

    /// Records a request that was answered without anything being sent to a provider.
    pub(crate) fn refuse(&mut self, failure: &Failure) {
        // Whoever waits for this answer waits no longer.
        self.filling = None;
        if self.open.is_some() || self.ended.is_some() {
            return self.finish(Some(failure.status));
        }
        telemetry::refused(failure.class);
        let Some(mut event) = self.draft.take() else { return };
        event.times.ended_us = self.accounting.clock.now();
        event.decision.is_final = true;
        event.outcome = Outcome {
            status: Some(failure.status),
            error: Some(failure.class),
            ..Outcome::default()
        };
        match self.accounting.spool.reserve() {
            Ok(slot) => {
                slot.settle(event, Vec::new());
            }
            Err(error) => tracing::warn!(%error, "refusal not recorded: the spool is full"),
        }
    }

    fn close_pending(&mut self, is_final: bool, told: Option<u16>) {
        // Nobody said how an attempt that is still open ended: it was dropped.
        self.end_attempt(Ending {
            status: None,
            error: Some(ErrorClass::Interrupted),
            billable: Billable::Answer,
            response_bytes: 0,
        });
        let Some(ended) = self.ended.take() else { return };
        let EndedAttempt { slot, mut event, charges, beside } = ended;
        event.decision.is_final = is_final;
        if is_final {
            event.outcome.status = told.or(event.outcome.status);
        }
        slot.settle_with(beside, event, charges);
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.close_pending(true, None);
    }
}

/// The parts of a row that are known before anything is sent.
pub(crate) fn draft(
    request_id: RequestId,
    received: UnixMicros,
    attribution: events::Attribution,
) -> UsageEvent {
    UsageEvent {
        ids: events::EventIds {
            request_id,
            attempt: 0,
            revision: 0,
            trace_id: None,
            session_id: None,
            parent_id: None,
        },
        times: Times { received_us: received, first_byte_us: None, ended_us: received },
        attribution,
        decision: events::Decision::default(),
        model: events::ModelNames::default(),
        call: Call {
            endpoint: "chat".to_owned(),
            dialect_in: Some(Dialect::OpenaiChat),
            dialect_out: None,
            is_stream: false,
            request_bytes: 0,
            response_bytes: 0,
        },
        outcome: Outcome::default(),
        meters: Meters::NONE,
        cost: Cost {
            list: Some(Usd::ZERO),
            contract: Some(Usd::ZERO),
            billed: Some(Usd::ZERO),
            ..Cost::default()
        },
        cache: Cache { state: CacheState::Off, saved: None },
        privacy: events::Privacy::default(),
        source: "tollgate".to_owned(),
    }
}

/// What is told when there is no room to account for another request.
pub(crate) fn spool_full() -> Failure {
    Failure {
        retry_after_s: Some(5),
        ..Failure::new(
            ErrorClass::Overloaded,
            503,
            "spool_full",
            "the gateway cannot record more usage until its spool is committed: try again shortly",
        )
    }
}
