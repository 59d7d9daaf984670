//! A session in the books. It is a row of turns, each a request of its own: what it may cost is held
//! before the message that starts it leaves, held further while it grows, and settled with what the
//! provider tells before the client hears that it ended.
//!
//! This file must never know a socket or a frame.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dialects::{
    Facts, RealtimeEffect, RealtimeServerEvent, read_realtime_client_event,
    read_realtime_server_event,
};
use events::ErrorClass;
use policy::{Quote, Target};
use pricing::{PriceContext, Query};
use tokio::time::{Instant, sleep};
use units::{RequestId, Usd};

use super::bound::{Bound, Dearest};
use super::tally::Tally;
use super::transcript::{Priced, Transcript};
use crate::call::Call;
use crate::engine::Engine;
use crate::failure::Failure;
use crate::ledger::{Billable, Ending, Ledger, Opening, Pricing, spool_full};
use crate::upstream::Upstream;

/// Status of a session that is under way: that of the answer that began it.
pub(super) const SWITCHED: u16 = 101;

/// Longest wait of a turn for its lease. A request that is refused can be sent again; a session that
/// is cut has lost its conversation.
const LEASE_WAIT_MAX: Duration = Duration::from_secs(1);
/// Pause between two tries.
const LEASE_PAUSE: Duration = Duration::from_millis(20);

/// One session with one target.
pub(super) struct Session<'a> {
    engine: &'a Engine,
    call: &'a Call,
    target: &'a Target,
    upstream: &'a Upstream,
    /// `None` when the model has no price by the token.
    dearest: Option<Dearest>,
    bound: Bound,
    tally: Tally,
    transcript: Transcript,
    /// The request the session began with, whose id the client was told.
    first: RequestId,
    /// The client has left: what is still told is drained.
    pub(super) is_deserted: bool,
    /// Bytes the client received in this turn.
    pub(super) passed_bytes: u64,
}

impl<'a> Session<'a> {
    /// A session that was not begun.
    pub(super) fn new(
        engine: &'a Engine,
        call: &'a Call,
        (target, upstream): (&'a Target, &'a Upstream),
        ledger: &Ledger,
    ) -> Self {
        let prices = &upstream.provider.prices;
        let at = ledger.received;
        Self {
            engine,
            call,
            target,
            upstream,
            dearest: Dearest::of(&call.in_force.prices, prices, &target.model, at),
            bound: Bound::new(),
            tally: Tally::default(),
            transcript: Transcript::default(),
            first: ledger.request_id,
            is_deserted: false,
            passed_bytes: 0,
        }
    }

    /// Whether no response is asked for or under way.
    pub(super) fn rests(&self) -> bool {
        self.bound.rests()
    }

    /// Opens a turn: holds what it may cost and puts it in the books.
    pub(super) async fn begin(
        &mut self,
        ledger: &mut Ledger,
        reason: String,
    ) -> Result<(), Failure> {
        let quote = self.dearest.as_ref().map(|dearest| Quote {
            fixed: self.bound.cost(dearest) + self.transcripts(ledger),
            output_per_million: Usd::ZERO,
            output_tokens_max: 0,
            output_tokens_usual: 0,
        });
        let engine = self.engine;
        let reservation = engine.hold(ledger, self.call, self.target, quote.as_ref()).await?;
        let slot = engine.accounting.spool.reserve().map_err(|_| spool_full())?;
        ledger.open(Opening {
            slot,
            reservation,
            pricing: Arc::new(Pricing::new(
                &self.call.in_force.prices,
                &self.upstream.provider.prices,
            )),
            provider: self.target.provider.clone(),
            model: self.target.model.clone(),
            dialect_out: self.upstream.provider.dialect,
            dropped_params: Vec::new(),
            reason,
            body: Bytes::new(),
            // What is heard is written down by one model at a time.
            beside: 1,
        })?;
        self.note(ledger);
        Ok(())
    }

    /// The client is about to say something: it may leave once what it can lead to is held. `None` is
    /// a message that is no event.
    pub(super) async fn hear(
        &mut self,
        ledger: &mut Ledger,
        message: Option<&Bytes>,
    ) -> Result<(), Failure> {
        let message = message.map_or(&[][..], |bytes| &bytes[..]);
        let event = read_realtime_client_event(std::str::from_utf8(message).unwrap_or_default());
        self.bound.hear(event, message);
        self.tally.hear(event.effect, message);
        self.transcript.hear(event.effect, message);
        // What lies in the conversation is paid for by the response that reads it.
        if event.effect == RealtimeEffect::Quiet && self.rests() {
            return Ok(());
        }
        let covered = self.cover(ledger).await;
        if covered.is_err() && event.effect == RealtimeEffect::Response {
            // It never leaves.
            self.bound.refused();
        }
        covered
    }

    /// The provider has said something, which is still to be passed on. An error ends the session.
    pub(super) async fn tell(
        &mut self,
        ledger: &mut Ledger,
        message: &Bytes,
    ) -> Result<(), Failure> {
        let text = std::str::from_utf8(message).unwrap_or_default();
        match read_realtime_server_event(text) {
            RealtimeServerEvent::Session { max_output_tokens, transcription } => {
                self.bound.configured(max_output_tokens);
                self.transcript.configured(transcription);
                if ledger.open_mut().is_some() {
                    return self.cover(ledger).await;
                }
            }
            RealtimeServerEvent::Committed => self.transcript.committed(),
            RealtimeServerEvent::Transcribed(usage) => {
                self.transcript.written(usage.map(|usage| *usage));
                return self.wrote(ledger).await;
            }
            RealtimeServerEvent::Began => {
                self.bound.began();
                let covered = self.cover(ledger).await;
                self.tally.began();
                self.note(ledger);
                return covered;
            }
            RealtimeServerEvent::Output(output) => {
                self.tally.say(&output);
                self.note(ledger);
                let now = self.engine.accounting.clock.now();
                if let Some(open) = ledger.open_mut() {
                    open.first_byte(now);
                }
            }
            RealtimeServerEvent::Done(done) => {
                self.bound.ended(done.usage.as_ref());
                self.tally.ended(&done, self.bound.is_running());
                self.note(ledger);
                if let Some(open) = ledger.open_mut() {
                    open.upstream_request_id(done.id);
                }
                if !self.rests() {
                    return self.cover(ledger).await;
                }
                self.settle_turn(ledger);
            }
            RealtimeServerEvent::Refused => self.bound.refused(),
            RealtimeServerEvent::Other => {}
        }
        Ok(())
    }

    /// A transcript was told: it belongs to the turn that is open, or is one of its own.
    async fn wrote(&mut self, ledger: &mut Ledger) -> Result<(), Failure> {
        let covered = match ledger.open_mut() {
            Some(_) => self.cover(ledger).await,
            None => self.begin_next(ledger).await,
        };
        self.note(ledger);
        // A turn in which nobody has answered goes on: what was heard may still lead to a response.
        if covered.is_ok() && self.rests() && self.tally.has_ended() {
            self.settle_turn(ledger);
        }
        covered
    }

    /// Settles a turn whose responses have ended, unless a transcript of what was heard is to follow:
    /// that is billed with them.
    fn settle_turn(&mut self, ledger: &mut Ledger) {
        if !self.transcript.is_awaited() {
            let error = self.is_deserted.then_some(ErrorClass::ClientGone);
            self.settle(ledger, error);
        }
    }

    /// Settles the turn that is open, if any, with what is known of it. Its record is on its way to
    /// disk when this returns.
    pub(super) fn settle(&mut self, ledger: &mut Ledger, error: Option<ErrorClass>) {
        let now = self.engine.accounting.clock.now();
        if ledger.open_mut().is_some() {
            // All of it was the client's and the provider's time.
            ledger.upstream_us = now.micros_since(ledger.received);
            let is_empty = self.tally.is_empty() && self.transcript.told().is_empty();
            let billable = match (is_empty, self.is_deserted) {
                (true, _) => Billable::Nothing,
                (false, true) => Billable::Drained,
                (false, false) => Billable::Answer,
            };
            let response_bytes = std::mem::take(&mut self.passed_bytes);
            ledger.end_attempt(Ending { status: Some(SWITCHED), error, billable, response_bytes });
        }
        ledger.finish(Some(SWITCHED));
        self.tally.settled();
        self.transcript.settled();
    }

    /// Makes sure that what is asked for and under way is paid for.
    async fn cover(&mut self, ledger: &mut Ledger) -> Result<(), Failure> {
        let Some(open) = ledger.open_mut() else { return self.begin_next(ledger).await };
        let Some(dearest) = &self.dearest else { return Ok(()) };
        let held = open.held();
        let spent = self.price(ledger).unwrap_or(Usd::ZERO);
        let needed = spent + self.bound.cost(dearest) + self.transcripts(ledger);
        if needed <= held {
            return Ok(());
        }
        self.engine.hold_more(ledger, needed - held).await
    }

    /// Opens a further turn, as a request of its own that begins now.
    async fn begin_next(&mut self, ledger: &mut Ledger) -> Result<(), Failure> {
        let now = self.engine.accounting.clock.now();
        ledger.request_id = RequestId::generate();
        (ledger.received, ledger.attempts) = (now, 0);
        (ledger.upstream_us, ledger.lease_us) = (0, 0);
        if let Some(draft) = &mut ledger.draft {
            draft.ids.request_id = ledger.request_id;
            draft.ids.parent_id.get_or_insert_with(|| self.first.to_string());
            draft.times.received_us = now;
        }
        let deadline = Instant::now() + LEASE_WAIT_MAX;
        loop {
            match self.begin(ledger, "turn".to_owned()).await {
                Err(failure)
                    if failure.class == ErrorClass::Overloaded && Instant::now() < deadline =>
                {
                    ledger.lease_us = 0;
                    sleep(LEASE_PAUSE).await;
                }
                begun => return begun,
            }
        }
    }

    /// What is written down of this turn costs, told or not.
    fn transcripts(&self, ledger: &Ledger) -> Usd {
        self.transcript.cost(&Priced {
            book: &self.call.in_force.prices,
            provider: &self.upstream.provider.prices,
            at: ledger.received,
        })
    }

    /// What ended responses of this turn cost.
    fn price(&self, ledger: &Ledger) -> Option<Usd> {
        let usage = self.tally.told();
        let priced = self.call.in_force.prices.price(&Query {
            provider: &self.upstream.provider.prices,
            model: &self.target.model,
            at: ledger.received,
            context: PriceContext::NONE,
            meters: &usage.meters,
        })?;
        Some(priced.cost)
    }

    /// Keeps what is known with the turn, so that it is in the books whatever ends it.
    fn note(&self, ledger: &mut Ledger) {
        if let Some(open) = ledger.open_mut() {
            let extra = self.transcript.told().to_vec();
            open.facts = Some(Facts { extra, ..self.tally.facts() });
        }
    }
}
