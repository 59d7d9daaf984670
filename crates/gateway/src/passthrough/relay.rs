//! Passing an answer on, chunk by chunk: at most two chunks are in memory, however long it is.
//!
//! Until its first byte has arrived any fault still fails over. The attempt's ending is in the ledger,
//! and on its way to disk, before the client receives the last bytes.

use std::sync::Arc;

use bytes::Bytes;
use dialects::{AnswerMeter, OpenaiOperation, UpstreamError, Usage};
use events::{Dialect, ErrorClass, Meters};
use http::Method;
use pingora_core::protocols::http::{HttpTask, ServerSession};
use pingora_http::ResponseHeader;
use tokio::time::Instant;
use units::Clock;

use super::results::Results;
use super::{Passing, first, headers, own};
use crate::attempt::{Answering, Halt, read_error};
use crate::body::MemoryShare;
use crate::call::Client;
use crate::failure::Failure;
use crate::ledger::{Billable, Ending, Ledger};
use crate::reply::Headers;
use crate::upstream::Upstream;

/// How an answer is passed on.
pub(super) struct Begin<'a> {
    /// The results of a batch, where that is what is downloaded.
    pub(super) results: Option<Results<'a>>,
    pub(super) headers: Headers,
    pub(super) passing: &'a Passing,
    /// What its provider speaks.
    pub(super) speaks: Dialect,
    /// When the first byte must be there.
    pub(super) deadline: Instant,
    /// Whether it is read to its end though the client has left.
    pub(super) drains: bool,
    pub(super) clock: Arc<dyn Clock>,
}

/// What is known while an answer passes.
struct Passage<'a> {
    passing: &'a Passing,
    meter: AnswerMeter,
    /// Memory taken for events that are not whole yet, bytes.
    held_bytes: usize,
    /// What the answer's headers count, where its body tells nothing.
    counted: Option<Meters>,
    results: Option<Results<'a>>,
    status: u16,
    is_events: bool,
    drains: bool,
    is_alive: bool,
    is_settled: bool,
    response_bytes: u64,
}

/// Passes an answer on to its end; the status told to the client.
///
/// # Errors
/// Nothing was told to the client, and why.
pub(super) async fn take(
    client: &mut Client<'_>,
    upstream: &Upstream,
    mut answering: Answering,
    mut begin: Begin<'_>,
) -> Result<u16, Halt> {
    if let Some(open) = client.ledger.open_mut() {
        open.upstream_request_id(answering.head.request_id.take());
        open.reported_cost(answering.head.reported_cost);
    }
    let status = answering.status;
    // A provider that refuses the gateway's credential likes to quote it: its words stay here.
    let is_told = begin.passing.relays_errors() && !matches!(status, 401..=403);
    if !is_told && !(200..300).contains(&status) {
        let failure = read_error(answering, upstream).await;
        return Err(Halt::Failed(failure, Billable::Nothing));
    }
    let first = match first::part(client, upstream, &mut answering, &begin).await {
        Ok(first) => first,
        Err(halt) => {
            answering.discard(upstream).await;
            return Err(halt);
        }
    };
    if let Some(open) = client.ledger.open_mut() {
        open.first_byte(begin.clock.now());
    }
    begin.headers.extend(std::mem::take(&mut answering.head.limits));
    let (first, length) =
        match own::addresses(client.down, &mut answering, begin.passing, first).await {
            Ok(first) => first,
            Err(halt) => {
                answering.discard(upstream).await;
                return Err(halt);
            }
        };
    let mut passage = Passage::new(&mut begin, &answering);
    let mut header = head(client.down, &answering, &begin);
    if let (Some(header), Some(length)) = (&mut header, length) {
        header.remove_header("transfer-encoding");
        // A length is always a header's value.
        let _ = header.insert_header("content-length", length);
    }
    passage.pass(client, upstream, answering, (header, first)).await;
    Ok(status)
}

pub(super) fn cut() -> Failure {
    let message = "the provider's answer ended before it was complete";
    Failure::upstream(ErrorClass::UpstreamCut, 502, "upstream_cut", message)
}

/// The head of the answer to the client.
fn head(
    down: &mut ServerSession,
    answering: &Answering,
    begin: &Begin<'_>,
) -> Option<ResponseHeader> {
    let told = answering.session.response_header()?;
    let mut header = ResponseHeader::build(answering.status, Some(16)).ok()?;
    for (name, value) in headers::of_answer(told) {
        header.append_header(name, value).ok()?;
    }
    begin.headers.add_to(&mut header);
    match told.headers.get(http::header::CONTENT_LENGTH) {
        Some(length) => header.insert_header("content-length", length.clone()).ok()?,
        None if has_no_body(answering.status, &begin.passing.method) => {}
        None if down.req_header().version == http::Version::HTTP_11 => {
            header.insert_header("transfer-encoding", "chunked").ok()?;
        }
        // Where there are no chunks the end of the connection is the end of the answer.
        None => down.set_keepalive(None),
    }
    Some(header)
}

fn has_no_body(status: u16, method: &Method) -> bool {
    *method == Method::HEAD || matches!(status, 204 | 304)
}

impl<'a> Passage<'a> {
    fn new(begin: &mut Begin<'a>, answering: &Answering) -> Self {
        let passing = begin.passing;
        Self {
            passing,
            meter: AnswerMeter::new(begin.speaks, passing.operation, answering.kind()),
            results: begin.results.take().filter(|_| answering.status == 200),
            held_bytes: 0,
            counted: answering.head.counted,
            status: answering.status,
            is_events: answering.head.is_stream,
            drains: begin.drains,
            is_alive: true,
            is_settled: false,
            response_bytes: 0,
        }
    }

    async fn pass(
        &mut self,
        client: &mut Client<'_>,
        upstream: &Upstream,
        mut answering: Answering,
        (header, first): (Option<ResponseHeader>, Option<Bytes>),
    ) {
        let has_body = first.is_some() && !has_no_body(self.status, &self.passing.method);
        let mut held = first.filter(|_| has_body);
        if let Some(first) = &held {
            self.measure(first, client.share);
        } else {
            self.settle(client.ledger, None);
        }
        self.is_alive = match header {
            Some(header) => {
                let task = HttpTask::Header(Box::new(header), !has_body);
                client.down.response_duplex_vec(vec![task]).await.is_ok()
            }
            None => false,
        };
        let ended = match self.record_lines(held.as_ref()).await {
            Ok(()) => self.body(client, &mut answering, &mut held).await,
            Err(error) => Err(error),
        };
        let Client { down, ledger, .. } = client;
        match ended {
            Ok(()) => {
                self.settle(ledger, held.as_ref());
                self.forward(down, held).await;
                self.close(down, has_body).await;
                answering.release(upstream).await;
            }
            Err(error) => {
                answering.discard(upstream).await;
                self.settle_broken(ledger, error);
                // What the client has must not look like all there is.
                down.set_keepalive(None);
                down.shutdown().await;
            }
        }
    }

    /// Passes the body on but for its last piece, which is left in `held`.
    async fn body(
        &mut self,
        client: &mut Client<'_>,
        answering: &mut Answering,
        held: &mut Option<Bytes>,
    ) -> Result<(), ErrorClass> {
        let Client { down, ledger, share } = client;
        loop {
            // Events are not to wait for the next one; of anything else the last piece waits for the
            // books.
            if self.is_events && held.is_some() {
                if self.meter.is_done() {
                    self.settle(ledger, held.as_ref());
                }
                self.forward(down, held.take()).await;
            }
            if !self.is_alive && !self.drains {
                return Err(ErrorClass::ClientGone);
            }
            let read = tokio::select! { biased;
                read = answering.session.read_response_body() => read,
                _ = down.read_body_or_idle(true), if self.is_alive => {
                    self.is_alive = false;
                    continue;
                }
            };
            match read {
                Ok(Some(chunk)) => {
                    self.measure(&chunk, share);
                    self.record_lines(Some(&chunk)).await?;
                    self.forward(down, held.replace(chunk)).await;
                }
                Ok(None) => return self.record_lines(None).await,
                Err(_) => return Err(ErrorClass::UpstreamCut),
            }
        }
    }

    /// Records the lines of results that end in a chunk, or the last one when there is no more.
    async fn record_lines(&mut self, chunk: Option<&Bytes>) -> Result<(), ErrorClass> {
        match (&mut self.results, chunk) {
            (Some(results), Some(chunk)) => results.take(chunk).await,
            (Some(results), None) => results.end().await,
            (None, _) => Ok(()),
        }
    }

    /// Reads what a chunk tells of usage. An event that is not whole yet takes its memory from that of
    /// all bodies; where there is none left it is read no further, and what the answer used is unknown.
    fn measure(&mut self, chunk: &Bytes, share: &mut MemoryShare) {
        self.meter.push(chunk);
        let more = self.meter.held_bytes().saturating_sub(self.held_bytes);
        if more == 0 {
            return;
        }
        match share.grow(more) {
            Ok(()) => self.held_bytes = self.held_bytes.saturating_add(more),
            Err(_) => {
                let held_bytes = self.held_bytes;
                tracing::warn!(held_bytes, "no memory to meter an answer that is passed on");
                self.meter.stop();
            }
        }
    }

    async fn forward(&mut self, down: &mut ServerSession, chunk: Option<Bytes>) {
        let Some(chunk) = chunk.filter(|chunk| self.is_alive && !chunk.is_empty()) else { return };
        self.response_bytes = self.response_bytes.saturating_add(chunk.len() as u64);
        self.is_alive = down.write_response_body(chunk, false).await.is_ok();
    }

    async fn close(&mut self, down: &mut ServerSession, has_body: bool) {
        if self.is_alive && has_body {
            // A client that leaves now has received everything.
            let _ = down.write_response_body(Bytes::new(), true).await;
        } else if !self.is_alive {
            down.set_keepalive(None);
        }
    }

    /// Records an answer that is complete but for the bytes that are held.
    fn settle(&mut self, ledger: &mut Ledger, held: Option<&Bytes>) {
        if std::mem::replace(&mut self.is_settled, true) {
            return;
        }
        let is_told = (200..300).contains(&self.status);
        let (error, billable) = match (is_told, self.is_alive) {
            (true, _) if self.meter.failed().is_some() => (self.failure(), self.billable()),
            (true, true) => (None, Billable::Answer),
            (true, false) => (Some(ErrorClass::ClientGone), Billable::Drained),
            (false, _) => (self.refusal(), Billable::Nothing),
        };
        let waiting = held.filter(|_| self.is_alive).map_or(0, |held| held.len() as u64);
        let response_bytes = self.response_bytes.saturating_add(waiting);
        self.record(ledger, Ending { status: Some(self.status), error, billable, response_bytes });
    }

    fn settle_broken(&mut self, ledger: &mut Ledger, error: ErrorClass) {
        if std::mem::replace(&mut self.is_settled, true) {
            return;
        }
        let is_told = (200..300).contains(&self.status);
        let billable = if is_told { self.billable() } else { Billable::Nothing };
        let (status, response_bytes) = (Some(self.status), self.response_bytes);
        let error = self.failure().filter(|_| error != ErrorClass::ClientGone).or(Some(error));
        self.record(ledger, Ending { status, error, billable, response_bytes });
    }

    fn record(&self, ledger: &mut Ledger, ending: Ending) {
        if let Some(open) = ledger.open_mut() {
            let mut facts = self.meter.facts();
            let counted = self.counted.map(|meters| Usage { meters, ..Usage::default() });
            facts.usage = facts.usage.or(counted);
            // Characters are what the client wrote, which the provider need not repeat.
            let is_speech = self.passing.operation == Some(OpenaiOperation::Speech);
            if facts.usage.is_none() && is_speech && !self.passing.expected.is_empty() {
                let meters = self.passing.expected;
                facts.usage = Some(Usage { meters, ..Usage::default() });
                facts.is_usage_partial = true;
            }
            open.facts = Some(facts);
        }
        let status = ending.status;
        ledger.end_attempt(ending);
        ledger.finish(status);
    }

    /// What kind of error a stream told, where it told one.
    fn failure(&self) -> Option<ErrorClass> {
        self.meter.failed().map(|error| Failure::answered(error, None).class)
    }

    /// What is billed of an answer: nothing of one that was an error from its first event on.
    fn billable(&self) -> Billable {
        match self.meter.failed() {
            Some(_) if !self.meter.has_begun() => Billable::Nothing,
            _ => Billable::Answer,
        }
    }

    /// What kind of error a provider's status is; a redirection is none.
    fn refusal(&self) -> Option<ErrorClass> {
        let error = UpstreamError {
            status: self.status,
            message: String::new(),
            kind: None,
            code: None,
            param: None,
        };
        (self.status >= 400).then(|| Failure::answered(&error, None).class)
    }
}
