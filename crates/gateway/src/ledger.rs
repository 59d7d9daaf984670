//! The ledger of one request: what is held while an attempt is under way, and the one path on which
//! every outcome is recorded.
//!
//! It lives in the proxy's per-request context, so that whatever ends the request (an answer, an
//! error, a client that left, a task dropped at shutdown) ends here: dropping it settles what is
//! still open.

use std::sync::Arc;

use bytes::Bytes;
use dialects::{Facts, StreamTranscoder, Usage};
use events::{
    Cache, CacheState, Call, Cost, Dialect, ErrorClass, Intent, Meters, Outcome, Settlement, Times,
    UsageEvent, UsageSource,
};
use policy::Reservation;
use pricing::Query;
use spool::Slot;
use units::{RequestId, UnixMicros, Usd};

use crate::accounting::Accounting;
use crate::failure::Failure;
use crate::telemetry;

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
}

/// An attempt whose money is held.
pub(crate) struct OpenAttempt {
    slot: Slot,
    reservation: Reservation,
    event: UsageEvent,
    prices: String,
    /// The client's body, kept for an estimate should the provider give no usage.
    body: Bytes,
    dialect_in: Dialect,
    /// The stream being relayed: holds what is known so far.
    pub(crate) stream: Option<StreamTranscoder>,
    /// What a plain answer told.
    pub(crate) facts: Option<Facts>,
}

/// An attempt whose money is settled and whose row is complete but for whether it is the last.
struct EndedAttempt {
    slot: Slot,
    event: UsageEvent,
    charges: Vec<Settlement>,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ending {
    /// Status of the provider's answer, or of ours to the client.
    pub(crate) status: Option<u16>,
    /// The error, if any.
    pub(crate) error: Option<ErrorClass>,
    /// What the provider will bill for.
    pub(crate) billable: Billable,
    /// Bytes of body the client received.
    pub(crate) response_bytes: u64,
}

/// What a provider will bill for an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Billable {
    /// Nothing: it was not reached, or answered with an error.
    Nothing,
    /// What its answer says, or an estimate where it says nothing.
    Answer,
    /// What its answer says; read to its end although the client had left.
    Drained,
}

/// Everything that opens an attempt.
pub(crate) struct Opening {
    pub(crate) slot: Slot,
    pub(crate) reservation: Reservation,
    pub(crate) prices: String,
    pub(crate) provider: String,
    pub(crate) model: String,
    pub(crate) dialect_out: Dialect,
    pub(crate) dropped_params: Vec<String>,
    pub(crate) reason: String,
    pub(crate) body: Bytes,
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
        }
    }

    /// The attempt under way.
    pub(crate) fn open_mut(&mut self) -> Option<&mut OpenAttempt> {
        self.open.as_mut()
    }

    /// Records that an attempt is about to be sent. From here on its money is held, its row is
    /// certain, and the one before it is known not to have been the last.
    pub(crate) fn open(&mut self, opening: Opening) -> Result<(), Failure> {
        let Some(draft) = &self.draft else { return Ok(()) };
        let mut event = draft.clone();
        event.ids.attempt = self.attempts + 1;
        event.decision.reason = Some(opening.reason);
        event.model.provider = Some(opening.provider);
        event.model.resolved = Some(opening.model);
        event.call.dialect_out = Some(opening.dialect_out);
        event.privacy.dropped_params = opening.dropped_params;
        let mut attempt = OpenAttempt {
            slot: opening.slot,
            reservation: opening.reservation,
            event,
            prices: opening.prices,
            body: opening.body,
            dialect_in: Dialect::OpenaiChat,
            stream: None,
            facts: None,
        };
        let intent = attempt.intent(&self.accounting);
        attempt.slot.open(&intent).map_err(|error| {
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
            self.ended = Some(open.settle(&ending, &self.accounting));
        }
    }

    /// Records the end of the request as the client sees it.
    pub(crate) fn finish(&mut self, told: Option<u16>) {
        self.close_pending(true, told);
    }

    /// Records a request that was answered without anything being sent to a provider.
    pub(crate) fn refuse(&mut self, failure: &Failure) {
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
        let Some(EndedAttempt { slot, mut event, charges }) = self.ended.take() else { return };
        event.decision.is_final = is_final;
        if is_final {
            event.outcome.status = told.or(event.outcome.status);
        }
        slot.settle(event, charges);
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.close_pending(true, None);
    }
}

impl OpenAttempt {
    /// The first forwardable byte has arrived.
    pub(crate) fn first_byte(&mut self, at: UnixMicros) {
        self.event.times.first_byte_us.get_or_insert(at);
    }

    /// The provider's own id of the answer.
    pub(crate) fn upstream_request_id(&mut self, id: Option<String>) {
        self.event.outcome.upstream_request_id = id;
    }

    /// What is certain already: should nothing more be learned, the attempt cost what it holds.
    fn intent(&self, accounting: &Accounting) -> Intent {
        let held = self.reservation.hold().amount;
        let mut event = self.event.clone();
        event.outcome.error = Some(ErrorClass::Interrupted);
        event.decision.is_final = true;
        event.decision.is_waste = true;
        let charges = self.reservation.charges(held);
        let amount = Some(held).filter(|held| !held.is_zero());
        event.cost.usage_source = UsageSource::Estimated;
        (event.cost.list, event.cost.contract, event.cost.billed) = (amount, amount, amount);
        event.cost.price_version = Some(accounting.prices.version().to_owned());
        Intent { event, held: charges }
    }

    fn settle(self, ending: &Ending, accounting: &Accounting) -> EndedAttempt {
        let OpenAttempt {
            slot,
            reservation,
            mut event,
            prices,
            body,
            dialect_in,
            stream,
            facts,
            ..
        } = self;
        let facts =
            facts.or_else(|| stream.map(|stream| stream.facts().clone())).unwrap_or_default();
        let (usage, source) = bill(ending.billable, &facts, dialect_in, &body);
        event.outcome.status = ending.status;
        event.outcome.error = ending.error;
        event.outcome.finish_reason = facts.finish_reason;
        event.model.answered = facts.model;
        event.call.response_bytes = ending.response_bytes;
        event.decision.is_waste = ending.error.is_some() && source != UsageSource::None;
        event.meters = usage.meters;
        price(&mut event, &prices, &usage, source, accounting);
        let billed = event.cost.billed.unwrap_or(Usd::ZERO);
        if ending.error.is_none()
            && let (Some(key), Some(model)) = (event.attribution.key_id, &event.model.resolved)
        {
            let route = event.decision.route.as_deref().unwrap_or_default();
            accounting
                .outputs
                .observe(((key, route), model.as_str()), event.meters.output_tokens());
        }
        telemetry::settled(&event, billed.saturating_sub_to_zero(reservation.hold().amount));
        let charges = reservation.charges(billed);
        reservation.settle(billed);
        EndedAttempt { slot, event, charges }
    }
}

/// Fills in what the quantities cost.
fn price(
    event: &mut UsageEvent,
    prices: &str,
    usage: &Usage,
    source: UsageSource,
    books: &Accounting,
) {
    let model = event.model.resolved.clone().unwrap_or_default();
    let priced = books.prices.price(&Query {
        provider: prices,
        model: &model,
        at: event.times.received_us,
        service_tier: usage.service_tier.as_deref(),
        meters: &usage.meters,
    });
    let amount = match (&priced, source) {
        (Some(priced), _) => Some(priced.cost),
        (None, UsageSource::None) => Some(Usd::ZERO),
        (None, _) => None,
    };
    event.model.priced = priced.as_ref().map(|priced| priced.model_id.to_owned());
    event.cost = Cost {
        list: amount,
        contract: amount,
        billed: amount,
        provider_reported: usage.reported_cost,
        price_version: Some(books.prices.version().to_owned()),
        rate_set: priced.as_ref().map(|priced| priced.rate_set.to_string()),
        usage_source: source,
        service_tier: usage.service_tier.clone(),
    };
}

/// The quantities to bill, and where they come from. Usage beside the answer's own counts with it
/// where it is billed on the same model.
fn bill(billable: Billable, facts: &Facts, dialect: Dialect, body: &[u8]) -> (Usage, UsageSource) {
    if billable == Billable::Nothing {
        return (Usage::default(), UsageSource::None);
    }
    let is_told = facts.usage.is_some();
    let input = if is_told { 0 } else { dialects::estimate_input_tokens(dialect, body) };
    let (mut usage, is_estimate) = facts.usage_to_bill(input);
    for extra in
        facts.extra.iter().filter(|extra| extra.model.is_none() || extra.model == facts.model)
    {
        for (meter, quantity) in extra.usage.meters.iter() {
            usage.meters.add(meter, quantity);
        }
    }
    match (is_estimate, billable) {
        (true, _) => (usage, UsageSource::Estimated),
        (false, Billable::Drained) => (usage, UsageSource::Drained),
        (false, _) => (usage, UsageSource::Provider),
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
            provider_reported: None,
            price_version: None,
            rate_set: None,
            usage_source: UsageSource::None,
            service_tier: None,
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
