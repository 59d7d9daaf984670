//! One attempt in the books: what is held while it is under way, and what it comes to.
//!
//! This file must never know whether another attempt follows, or what the client is told.

use std::sync::Arc;

use bytes::Bytes;
use dialects::{Facts, StreamTranscoder, Usage};
use events::{Cost, Dialect, ErrorClass, Intent, Settlement, UsageEvent, UsageSource};
use policy::Reservation;
use spool::{Record, Slot, SpoolError};
use units::{UnixMicros, Usd};

use super::beside;
use super::price::{Pricing, price};
use crate::accounting::Accounting;
use crate::telemetry;

/// What is dropped where an answer tells sources and the client's dialect has no words for them, as the
/// row and the header name it among the parameters.
pub(crate) const CITATIONS: &str = "citations";

/// An attempt whose money is held.
pub(crate) struct OpenAttempt {
    pub(super) slot: Slot,
    pub(super) reservation: Reservation,
    pub(super) event: UsageEvent,
    pub(super) metering: Metering,
    pricing: Arc<Pricing>,
    /// The client's body, kept for an estimate should the provider give no usage.
    body: Bytes,
    dialect_in: Dialect,
    /// The stream being relayed: holds what is known so far.
    pub(crate) stream: Option<StreamTranscoder>,
    /// What a plain answer told.
    pub(crate) facts: Option<Facts>,
}

/// An attempt whose money is settled and whose row is complete but for whether it is the last.
pub(super) struct EndedAttempt {
    pub(super) slot: Slot,
    pub(super) event: UsageEvent,
    pub(super) charges: Vec<Settlement>,
    /// What it used on other models.
    pub(super) beside: Vec<Record>,
}

impl EndedAttempt {
    /// What it cost on all its models; `None` while one has no price.
    pub(super) fn cost(&self) -> Option<Usd> {
        let beside = self.beside.iter().map(|(event, _)| &event.cost);
        Cost::total(std::iter::once(&self.event.cost).chain(beside))
    }
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

/// How it is known what an attempt used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Metering {
    /// The provider tells, else it is estimated.
    Usual,
    /// The provider tells, else it stays unknown.
    Told,
    /// The same, and what is held is a bound of ours instead of a price: it is never taken for a cost.
    Blind,
    /// Something kept is looked at: usage that is told was billed when it was made, and nothing is known
    /// where none is.
    Looked,
    /// It uses nothing, whatever the answer tells of something else's usage.
    Free,
}

/// Everything that opens an attempt.
pub(crate) struct Opening {
    pub(crate) slot: Slot,
    pub(crate) reservation: Reservation,
    pub(crate) pricing: Arc<Pricing>,
    pub(crate) provider: String,
    pub(crate) model: String,
    pub(crate) dialect_out: Dialect,
    pub(crate) dropped_params: Vec<String>,
    pub(crate) reason: String,
    pub(crate) body: Bytes,
    /// Most rows of other models it is to have room for.
    pub(crate) beside: u8,
}

impl OpenAttempt {
    /// An attempt that is about to be sent; `event` is what the rows of its request share.
    pub(super) fn new(opening: Opening, mut event: UsageEvent) -> Self {
        let dialect_in = event.call.dialect_in.unwrap_or(Dialect::OpenaiChat);
        event.decision.reason = Some(opening.reason);
        event.model.provider = Some(opening.provider);
        event.model.resolved = Some(opening.model).filter(|model| !model.is_empty());
        event.call.dialect_out = Some(opening.dialect_out);
        event.privacy.dropped_params = opening.dropped_params;
        let mut slot = opening.slot;
        slot.beside(opening.beside);
        Self {
            slot,
            reservation: opening.reservation,
            event,
            metering: Metering::Usual,
            pricing: opening.pricing,
            body: opening.body,
            dialect_in,
            stream: None,
            facts: None,
        }
    }

    /// The first forwardable byte has arrived.
    pub(crate) fn first_byte(&mut self, at: UnixMicros) {
        self.event.times.first_byte_us.get_or_insert(at);
    }

    /// The provider's own id of the answer.
    pub(crate) fn upstream_request_id(&mut self, id: Option<String>) {
        self.event.outcome.upstream_request_id = id;
    }

    /// What a gateway behind this one says it cost; what the answer itself says goes before.
    pub(crate) fn reported_cost(&mut self, cost: Option<Usd>) {
        self.event.cost.provider_reported = cost;
    }

    /// What the answer that was read cost on all its models, as its rows will say; `None` while one
    /// has no price.
    pub(crate) fn told_cost(&self) -> Option<Usd> {
        let facts = self.facts.as_ref()?;
        let mut event = self.event.clone();
        let (usage, source) = bill(Billable::Answer, facts, self.dialect_in, &self.body);
        price(&mut event, &self.pricing, &usage, source);
        let room = usize::from(self.slot.room_beside());
        let beside = beside::rows(&event, facts, &self.pricing, room);
        Cost::total(std::iter::once(&event.cost).chain(beside.iter().map(|row| &row.cost)))
    }

    /// What it holds.
    pub(crate) fn held(&self) -> Usd {
        self.reservation.hold().amount
    }

    /// The reservation, to hold more; [`OpenAttempt::record_hold`] must follow.
    pub(crate) fn reservation_mut(&mut self) -> &mut Reservation {
        &mut self.reservation
    }

    /// Records what it holds by now, so that it is known should the process die.
    ///
    /// # Errors
    /// The spool's, when it is full; what was recorded before stands.
    pub(crate) fn record_hold(&mut self) -> Result<(), SpoolError> {
        let intent = self.intent();
        self.slot.open(intent)
    }

    /// What is certain already: should nothing more be learned, the attempt cost what it holds.
    pub(super) fn intent(&self) -> Intent {
        let (held, source) = match self.metering {
            Metering::Usual | Metering::Told => {
                (self.reservation.hold().amount, UsageSource::Estimated)
            }
            Metering::Blind | Metering::Looked => (Usd::ZERO, UsageSource::Unknown),
            Metering::Free => (Usd::ZERO, UsageSource::None),
        };
        let mut event = self.event.clone();
        event.outcome.error = Some(ErrorClass::Interrupted);
        event.decision.is_final = true;
        event.decision.is_waste = source != UsageSource::None;
        let charges = self.reservation.charges(held);
        let amount = Some(held).filter(|held| !held.is_zero() || source == UsageSource::None);
        event.cost.usage_source = source;
        (event.cost.list, event.cost.contract, event.cost.billed) = (amount, amount, amount);
        event.cost.price_version = Some(self.pricing.version().to_owned());
        Intent { event, held: charges }
    }

    /// What the attempt came to. Its money is settled; its row is left to be written.
    pub(super) fn settle(self, ending: &Ending, accounting: &Accounting) -> EndedAttempt {
        let OpenAttempt {
            slot,
            reservation,
            mut event,
            metering,
            pricing,
            body,
            dialect_in,
            stream,
            facts,
            ..
        } = self;
        let facts = facts.or_else(|| stream.map(|stream| stream.facts().clone()));
        let is_free = match metering {
            Metering::Free => true,
            Metering::Looked => facts.as_ref().is_some_and(|facts| facts.usage.is_some()),
            Metering::Usual | Metering::Told | Metering::Blind => false,
        };
        let facts = facts.filter(|_| !is_free).unwrap_or_default();
        let is_untold = metering != Metering::Usual && facts.usage.is_none();
        let (usage, source) = match ending.billable {
            _ if is_free => (Usage::default(), UsageSource::None),
            Billable::Answer | Billable::Drained if is_untold => {
                (Usage::default(), UsageSource::Unknown)
            }
            billable => bill(billable, &facts, dialect_in, &body),
        };
        event.outcome.status = ending.status;
        event.outcome.error = ending.error;
        event.outcome.finish_reason = facts.finish_reason;
        event.model.answered.clone_from(&facts.model);
        if facts.dropped_citations {
            event.privacy.dropped_params.push(CITATIONS.to_owned());
        }
        if metering == Metering::Usual || facts.usage.is_some() {
            name_answer(&mut event, &facts);
        }
        event.call.response_bytes = ending.response_bytes;
        event.decision.is_waste = ending.error.is_some() && source != UsageSource::None;
        event.meters = usage.meters;
        price(&mut event, &pricing, &usage, source);
        let beside = match ending.billable {
            Billable::Nothing => Vec::new(),
            Billable::Answer | Billable::Drained => {
                beside::rows(&event, &facts, &pricing, usize::from(slot.room_beside()))
            }
        };
        if ending.error.is_none()
            && metering == Metering::Usual
            && let (Some(key), Some(model)) = (event.attribution.key_id, &event.model.resolved)
        {
            let route = event.decision.route.as_deref().unwrap_or_default();
            accounting
                .outputs
                .observe(((key, route), model.as_str()), event.meters.output_tokens());
        }
        let (event, charges, beside) = charged(reservation, event, beside);
        EndedAttempt { slot, event, charges, beside }
    }
}

/// Charges every budget that guards an attempt with what its rows cost.
fn charged(
    reservation: Reservation,
    event: UsageEvent,
    beside: Vec<UsageEvent>,
) -> (UsageEvent, Vec<Settlement>, Vec<Record>) {
    let cost = |event: &UsageEvent| event.cost.billed.unwrap_or(Usd::ZERO);
    let billed = beside.iter().map(cost).fold(cost(&event), |sum, cost| sum + cost);
    telemetry::settled(&event, billed.saturating_sub_to_zero(reservation.hold().amount));
    beside.iter().for_each(telemetry::settled_beside);
    let charges = reservation.charges(cost(&event));
    let charged = |event: UsageEvent| {
        let charges = reservation.charges(cost(&event));
        (event, charges)
    };
    let beside = beside.into_iter().map(charged).collect();
    reservation.settle(billed);
    (event, charges, beside)
}

/// Names the answer by its own id where no header of the provider named the request.
fn name_answer(event: &mut UsageEvent, facts: &Facts) {
    // An answer without an id has been given that of its request.
    let ours = event.ids.request_id.to_string();
    let told = facts.id.as_ref().filter(|id| !id.is_empty() && **id != ours);
    let name = &mut event.outcome.upstream_request_id;
    *name = name.take().or_else(|| told.cloned());
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
    for extra in facts.extra.iter().filter(|extra| !beside::is_beside(extra, facts)) {
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
