//! One target's turn: reserve, encode, open the books, exchange, relay.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dialects::{
    CostFn, Encoded, Framing, PathModel, Peek, Quirk, Reply, ReplyContext, ReplyError,
    StreamTranscoder, VectorsAsked,
};
use events::{Dialect, ErrorClass, Meters};
use pingora_core::protocols::http::ServerSession;
use policy::{Key, OnClientGone, Plan, Target};
use tokio::time::Instant;
use units::UnixMicros;

use crate::admit::Held;
use crate::attempt::{Answering, Halt, exchange, garbage, read_error};
use crate::body::MemoryShare;
use crate::engine::Engine;
use crate::failure::Failure;
use crate::in_force::InForce;
use crate::inbound::Work;
use crate::ledger::{Billable, CITATIONS, Ending, Ledger, Opening, Pricing, spool_full};
use crate::reply::{Headers, base_headers, names, write};
use crate::upstream::{Outgoing, Upstream};
use crate::{plain, stream};

/// A request that is understood and may be sent.
pub(crate) struct Call {
    /// What the client speaks.
    pub(crate) dialect: Dialect,
    /// What is to be done.
    pub(crate) work: Work,
    /// What its address says, where the dialect says some of it there.
    pub(crate) path: Option<PathModel>,
    /// Headers for providers of that dialect.
    pub(crate) passed: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
    pub(crate) peek: Peek,
    pub(crate) who: Who,
    pub(crate) plan: Plan,
    /// Upper bound of the input, tokens.
    pub(crate) input_tokens_max: u64,
    /// What the request is decided from, whatever is put in force meanwhile.
    pub(crate) in_force: Arc<InForce>,
    /// When the client no longer wants a first byte.
    pub(crate) wanted_until: Option<Instant>,
}

/// Who spends.
pub(crate) struct Who {
    pub(crate) key: Arc<Key>,
    pub(crate) user: Option<String>,
    pub(crate) customer: Option<String>,
}

impl Call {
    /// The earlier of an instant and the end of the client's patience.
    pub(crate) fn at_most(&self, instant: Instant) -> Instant {
        self.wanted_until.map_or(instant, |until| until.min(instant))
    }

    /// The request in the words of a target.
    fn encoded(&self, wanted: &dialects::Target<'_>, quirks: &[Quirk]) -> Result<Encoded, Failure> {
        let encoded = match self.work {
            Work::Chat => {
                dialects::encode_request_at(self.dialect, self.path.as_ref(), &self.body, wanted)
            }
            Work::Completions => dialects::encode_completion(&self.body, wanted),
            Work::Embeddings { shape, .. } => {
                dialects::encode_vectors(shape, &self.body, wanted, quirks)
            }
            Work::Rerank { .. } => dialects::encode_rerank(&self.body, wanted),
        };
        let mut encoded = encoded.map_err(|error| Failure::request(&error))?;
        dialects::adapt(&mut encoded, quirks);
        if wanted.dialect == self.dialect {
            // Before those this body needs, which replace equal names.
            encoded.headers.splice(..0, self.passed.iter().cloned());
        }
        Ok(encoded)
    }

    /// How the client takes a stream.
    pub(crate) fn framing(&self) -> Framing {
        self.path.as_ref().map_or(Framing::Events, |path| path.framing)
    }

    /// Whether the client no longer wants a first byte.
    pub(crate) fn is_late(&self) -> bool {
        self.wanted_until.is_some_and(|until| Instant::now() >= until)
    }
}

/// The client of one request, and what is kept for it.
pub(crate) struct Client<'a> {
    pub(crate) down: &'a mut ServerSession,
    pub(crate) ledger: &'a mut Ledger,
    /// Memory taken for its body and its answer.
    pub(crate) share: &'a mut MemoryShare,
}

/// One attempt that has been opened.
struct Turn<'a> {
    engine: &'a Engine,
    upstream: &'a Upstream,
    call: &'a Call,
    target: &'a Target,
    pricing: Arc<Pricing>,
    headers: Headers,
    deadline: Instant,
}

impl Engine {
    /// Attempts one target. `Ok` holds the status told to the client, `None` when it has left.
    pub(crate) async fn attempt(
        &self,
        client: &mut Client<'_>,
        call: &Call,
        target: &Target,
        reason: String,
    ) -> Result<Option<u16>, Failure> {
        let ledger = &mut *client.ledger;
        let upstream = call.in_force.upstreams.get(&target.provider).ok_or_else(|| {
            let message = format!("provider `{}` cannot be used on this gateway", target.provider);
            Failure::upstream(ErrorClass::UpstreamConnect, 503, "provider_unknown", message)
        })?;
        let Held { reservation, output_tokens_max, remaining, beside } =
            self.reserve(ledger, call, (target, upstream)).await?;
        // After the money: whoever waits for a lease takes no room from those who have theirs.
        let slot = self.accounting.spool.reserve().map_err(|_| spool_full())?;
        let wanted = dialects::Target {
            dialect: upstream.provider.dialect,
            model: &target.model,
            max_output_tokens: output_tokens_max,
            drop_params: call.plan.route.drop_params,
        };
        let encoded = call.encoded(&wanted, upstream.provider.quirks)?;
        let mut copy = self.memory.share();
        copy.grow(encoded.body.len())?;
        let clamp = reservation.hold().output_tokens_max;
        let prices = &upstream.provider.prices;
        let pricing = Arc::new(Pricing::new(&call.in_force.prices, prices));
        let opening = Opening {
            slot,
            reservation,
            pricing: Arc::clone(&pricing),
            provider: target.provider.clone(),
            model: target.model.clone(),
            dialect_out: upstream.provider.dialect,
            dropped_params: encoded.dropped.clone(),
            reason,
            body: call.body.clone(),
            beside,
        };
        ledger.open_as(opening, call.work.metering())?;
        if let Some(filling) = &mut ledger.filling {
            filling.begin(output_tokens_max.is_some());
        }
        let ttfb_ms = target.ttfb_timeout_ms.unwrap_or(upstream.provider.ttfb_timeout_ms);
        let deadline = call.at_most(Instant::now() + Duration::from_millis(ttfb_ms));
        let mut headers = self.headers(ledger, target, clamp, &encoded.dropped);
        if let Some(left) = remaining {
            headers.push(&names::BUDGET_REMAINING, left);
        }
        let turn = Turn { engine: self, upstream, call, target, pricing, headers, deadline };
        let path = match call.work {
            Work::Chat => dialects::endpoint_path(wanted.dialect, wanted.model, call.peek.stream),
            Work::Completions => Cow::Owned(dialects::completions_path().to_owned()),
            Work::Embeddings { shape, .. } => {
                let quirks = upstream.provider.quirks;
                dialects::vectors_path(shape, wanted.dialect, wanted.model, quirks)
            }
            Work::Rerank { .. } => Cow::Owned(dialects::rerank_path().to_owned()),
        };
        turn.run(client, Outgoing { encoded, path, head: None }, copy).await
    }

    /// What the answer's headers say of the attempt.
    fn headers(
        &self,
        ledger: &Ledger,
        target: &Target,
        clamp: Option<u64>,
        dropped: &[String],
    ) -> Headers {
        let mut headers = base_headers(ledger);
        headers.push(&names::PROVIDER, &target.provider);
        headers.push(&names::MODEL, &target.model);
        if let Some(tokens) = clamp {
            headers.push(&names::MAX_TOKENS, tokens);
        }
        if !dropped.is_empty() {
            headers.push(&names::DROPPED_PARAMS, dropped.join(","));
        }
        if self.options.litellm_headers {
            headers.push(&names::LITELLM_CALL_ID, ledger.request_id);
            headers.push(&names::LITELLM_MODEL_ID, &target.model);
        }
        headers
    }
}

impl Turn<'_> {
    async fn run(
        mut self,
        client: &mut Client<'_>,
        request: Outgoing,
        memory: MemoryShare,
    ) -> Result<Option<u16>, Failure> {
        let started = self.engine.accounting.clock.now();
        let watch = self.watch_client();
        let exchanged = exchange(client.down, self.upstream, &request, self.deadline, watch).await;
        drop((request, memory));
        let result = match exchanged {
            // On the heap: held inline, a stream in progress would be 18 KiB of every request.
            Ok(answering) => Box::pin(self.take(client, answering)).await,
            Err(halt) => Err(halt),
        };
        let Client { down, ledger, .. } = client;
        ledger.upstream_us += self.engine.accounting.clock.now().micros_since(started);
        match result {
            Ok(Answer::Plain(body)) => Ok(self.answer_plain(down, ledger, body).await),
            Ok(Answer::Streamed) => Ok(Some(200)),
            Err(Halt::ClientGone) => {
                down.set_keepalive(None);
                ledger.end_attempt(Ending {
                    status: None,
                    error: Some(ErrorClass::ClientGone),
                    billable: Billable::Answer,
                    response_bytes: 0,
                });
                Ok(None)
            }
            Err(Halt::Failed(failure, billable)) => {
                ledger.end_attempt(Ending {
                    status: failure.upstream_status,
                    error: Some(failure.class),
                    billable,
                    response_bytes: 0,
                });
                Err(failure)
            }
        }
    }

    /// Takes an answer whose head has arrived, whatever kind it is.
    async fn take(
        &mut self,
        client: &mut Client<'_>,
        mut answering: Answering,
    ) -> Result<Answer, Halt> {
        if let Some(open) = client.ledger.open_mut() {
            open.upstream_request_id(answering.head.request_id.take());
            open.reported_cost(answering.head.reported_cost);
        }
        if !(200..300).contains(&answering.status) {
            let failure = read_error(answering, self.upstream).await;
            return Err(Halt::Failed(failure, Billable::Nothing));
        }
        let context = self.context(client.ledger);
        self.headers.extend(std::mem::take(&mut answering.head.limits));
        if !self.call.peek.stream {
            let (watch, counted) = (self.watch_client(), answering.head.counted);
            let translate = |body: &Bytes| self.translate(body, counted, &context);
            let body = plain::read(client, self.upstream, answering, watch, translate).await?;
            self.mark_first_byte(client.ledger);
            return Ok(Answer::Plain(body));
        }
        if !answering.head.is_stream {
            answering.discard(self.upstream).await;
            return Err(garbage(self.upstream, "did not answer with a stream"));
        }
        self.take_stream(client, answering, context).await
    }

    /// A complete answer in the client's words.
    fn translate(
        &self,
        body: &Bytes,
        counted: Option<Meters>,
        context: &ReplyContext,
    ) -> Result<Reply, ReplyError> {
        let from = self.upstream.provider.dialect;
        match self.call.work {
            Work::Chat | Work::Completions => {
                dialects::transcode_reply(from, self.call.dialect, body, context)
            }
            Work::Embeddings { shape, tokens } => {
                let model = self.target.model.as_str();
                let quirks = self.upstream.provider.quirks;
                let asked =
                    VectorsAsked { shape, model, estimated_tokens: tokens, counted, quirks };
                dialects::transcode_vectors(from, &asked, body, context)
            }
            Work::Rerank { .. } => dialects::transcode_rerank(body, context),
        }
    }

    async fn take_stream(
        &mut self,
        client: &mut Client<'_>,
        mut answering: Answering,
        context: ReplyContext,
    ) -> Result<Answer, Halt> {
        if let Some(open) = client.ledger.open_mut() {
            let from = self.upstream.provider.dialect;
            open.stream = Some(StreamTranscoder::new(from, self.call.dialect, context));
        }
        let watch = self.watch_client();
        let first =
            stream::first_bytes(client, self.upstream, &mut answering, self.deadline, watch);
        let first = match first.await {
            Ok(first) => first,
            Err(halt) => {
                answering.discard(self.upstream).await;
                return Err(halt);
            }
        };
        self.mark_first_byte(client.ledger);
        let begin = stream::Begin {
            headers: &self.headers,
            first,
            drain: !watch,
            framing: self.call.framing(),
        };
        stream::relay(client, self.upstream, answering, begin).await;
        Ok(Answer::Streamed)
    }

    async fn answer_plain(
        mut self,
        down: &mut ServerSession,
        ledger: &mut Ledger,
        body: Bytes,
    ) -> Option<u16> {
        self.headers.push(&names::OVERHEAD, ledger.overhead_us());
        let facts = ledger.open_mut().and_then(|open| open.facts.as_ref());
        if facts.is_some_and(|facts| facts.dropped_citations) {
            self.headers.push_listed(&names::DROPPED_PARAMS, CITATIONS);
        }
        let (pricing, received) = (Arc::clone(&self.pricing), ledger.received);
        let cost = ledger.open_mut().and_then(|open| {
            let facts = open.facts.as_ref()?;
            // Usage of its own is of the model of the answer alone.
            match facts.extra.is_empty() {
                true => pricing.cost(&self.target.model, received, facts.usage.as_ref()?),
                false => open.told_cost(),
            }
        });
        if let Some(cost) = cost {
            self.headers.push(&names::COST, cost);
            if self.engine.options.litellm_headers {
                self.headers.push(&names::LITELLM_COST, cost);
            }
        }
        let (error, billable, response_bytes) = match has_left(down).await {
            true => (Some(ErrorClass::ClientGone), Billable::Drained, 0),
            false => (None, Billable::Answer, body.len() as u64),
        };
        // The record is on its way to disk before the answer's last byte is.
        ledger.end_attempt(Ending { status: Some(200), error, billable, response_bytes });
        ledger.finish(Some(200));
        // Before the answer, too: a client that takes it slowly keeps no equal request waiting.
        ledger.gather(&body);
        ledger.keep().await;
        let headers = std::mem::take(&mut self.headers);
        if !write(down, 200, "application/json", headers, body).await {
            down.set_keepalive(None);
        }
        Some(200)
    }

    fn mark_first_byte(&self, ledger: &mut Ledger) {
        let now = self.engine.accounting.clock.now();
        if let Some(open) = ledger.open_mut() {
            open.first_byte(now);
        }
    }

    /// Whether a client that leaves stops the upstream.
    fn watch_client(&self) -> bool {
        self.call.plan.route.on_client_gone == OnClientGone::Cancel
    }

    fn context(&self, ledger: &Ledger) -> ReplyContext {
        ReplyContext {
            // Clients expect a name where some providers give none.
            model_shown: (!dialects::tells_model(self.upstream.provider.dialect))
                .then(|| self.target.model.clone()),
            answer_id: Some(ledger.request_id.to_string()),
            wants_usage: self.call.peek.wants_usage,
            cost: self.pricer(ledger.received),
            created_unix_s: u64::try_from(ledger.received.get() / 1_000_000).unwrap_or_default(),
        }
    }

    /// Prices usage on this attempt's target.
    fn pricer(&self, at: UnixMicros) -> CostFn {
        let (pricing, model) = (Arc::clone(&self.pricing), self.target.model.clone());
        Arc::new(move |usage| pricing.cost(&model, at, usage))
    }
}

/// Whether the client has left by now.
async fn has_left(down: &mut ServerSession) -> bool {
    tokio::select! { biased;
        _ = down.read_body_or_idle(true) => true,
        () = std::future::ready(()) => false,
    }
}

enum Answer {
    Plain(Bytes),
    Streamed,
}
