//! Relaying a stream: nothing is sent to the client before the first forwardable byte has arrived,
//! so that an error in its place still fails over; from then on errors are told in the stream.

use std::time::Duration;

use bytes::Bytes;
use dialects::{EventArray, Framing, StreamError, StreamTranscoder};
use events::ErrorClass;
use pingora_core::protocols::http::{HttpTask, ServerSession};
use pingora_http::ResponseHeader;
use pingora_timeout::timeout;
use tokio::time::Instant;

use crate::attempt::{Answering, Halt, late};
use crate::call::Client;
use crate::failure::Failure;
use crate::ledger::{Billable, Ending, Ledger};
use crate::reply::Headers;
use crate::upstream::Upstream;

/// Longest wait for the end of an answer behind its last event.
const END_TIME_MAX: Duration = Duration::from_millis(500);

/// Reads until there is something to forward. Any fault here is invisible to the client.
pub(crate) async fn first_bytes(
    client: &mut Client<'_>,
    upstream: &Upstream,
    answering: &mut Answering,
    deadline: Instant,
    watch_client: bool,
) -> Result<Bytes, Halt> {
    let Client { down, ledger, .. } = client;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let read = tokio::select! { biased;
            read = timeout(left, answering.session.read_response_body()) => read,
            _ = down.read_body_or_idle(true), if watch_client => return Err(Halt::ClientGone),
        };
        let pushed = match read {
            Err(_) => return Err(late(upstream)),
            Ok(Ok(Some(chunk))) => push(ledger, &chunk),
            Ok(Ok(None)) => finish(ledger).and(Err(StreamError::Cut)),
            Ok(Err(_)) => Err(StreamError::Cut),
        };
        // An error right behind the first bytes is still invisible to the client.
        match pushed.and_then(|bytes| pending(ledger).map_or(Ok(bytes), Err)) {
            Ok(forwardable) if forwardable.is_empty() => {}
            Ok(forwardable) => return Ok(forwardable),
            Err(error) => {
                let billable = match error {
                    StreamError::Upstream(_) => Billable::Nothing,
                    _ => Billable::Answer,
                };
                return Err(Halt::Failed(failure(&error), billable));
            }
        }
    }
}

/// What a stream of events is called, and one that is a growing JSON array.
const EVENTS: &str = "text/event-stream; charset=utf-8";
const ARRAY: &str = "application/json";

/// How a stream to the client begins.
pub(crate) struct Begin<'a> {
    pub(crate) headers: &'a Headers,
    /// The first bytes to forward.
    pub(crate) first: Bytes,
    /// Whether it is read to its end though the client has left.
    pub(crate) drain: bool,
    /// How the client takes it.
    pub(crate) framing: Framing,
}

/// Commits: sends the header and the first bytes, then relays to the end. The attempt's ending is in
/// the ledger, and on its way to disk, before the client receives the last bytes.
pub(crate) async fn relay(
    client: &mut Client<'_>,
    upstream: &Upstream,
    mut answering: Answering,
    begin: Begin<'_>,
) {
    let Client { down, ledger, .. } = client;
    let Begin { headers, first, drain, framing } = begin;
    let mut relay = Relay::new(framing);
    let mut forwardable = first;
    let mut is_committed = false;
    let outcome = loop {
        if is_done(ledger) {
            break Ok(forwardable);
        }
        ledger.gather(&forwardable);
        if is_committed {
            relay.forward(down, forwardable).await;
        } else {
            relay.commit(down, headers, forwardable).await;
            is_committed = true;
        }
        if !relay.is_alive && !drain {
            break Err(None);
        }
        // The provider may leave the connection open behind the error it told.
        if let Some(error) = pending(ledger) {
            break Err(Some(error));
        }
        let read = tokio::select! { biased;
            read = answering.session.read_response_body() => read,
            _ = down.read_body_or_idle(true), if relay.is_alive => {
                relay.is_alive = false;
                forwardable = Bytes::new();
                continue;
            }
        };
        let pushed = match read {
            Ok(Some(chunk)) => push(ledger, &chunk),
            Ok(None) => break finish(ledger).map_err(Some),
            Err(_) => Err(StreamError::Cut),
        };
        match pushed {
            Ok(bytes) => forwardable = bytes,
            Err(error) => break Err(Some(error)),
        }
    };
    match outcome {
        Ok(last) => {
            relay.settle_complete(ledger, last.len());
            ledger.gather(&last);
            match is_committed {
                true => relay.forward(down, last).await,
                false => relay.commit(down, headers, last).await,
            }
            relay.close(down).await;
            ledger.keep().await;
            give_back(answering, upstream).await;
        }
        Err(error) => {
            answering.discard(upstream).await;
            relay.settle_broken(down, ledger, error).await;
        }
    }
}

/// Reads what little may follow the last event, so that the connection can be used again.
async fn give_back(mut answering: Answering, upstream: &Upstream) {
    let end = async {
        while let Ok(Some(_)) = answering.session.read_response_body().await {}
        answering.session.response_done()
    };
    match timeout(END_TIME_MAX, end).await {
        Ok(true) => answering.release(upstream).await,
        _ => answering.discard(upstream).await,
    }
}

struct Relay {
    is_alive: bool,
    response_bytes: u64,
    /// For a client that takes one JSON array instead of events.
    array: Option<EventArray>,
}

impl Relay {
    fn new(framing: Framing) -> Self {
        let array = (framing == Framing::Array).then(EventArray::default);
        Self { is_alive: true, response_bytes: 0, array }
    }

    fn framed(&mut self, events: Bytes) -> Bytes {
        match &mut self.array {
            Some(array) if !events.is_empty() => array.push(&events),
            _ => events,
        }
    }

    async fn commit(&mut self, down: &mut ServerSession, headers: &Headers, first: Bytes) {
        let first = self.framed(first);
        self.response_bytes = first.len() as u64;
        let kind = if self.array.is_some() { ARRAY } else { EVENTS };
        self.is_alive = commit(down, headers, kind, first).await;
    }

    async fn forward(&mut self, down: &mut ServerSession, bytes: Bytes) {
        let bytes = self.framed(bytes);
        self.write(down, bytes).await;
    }

    async fn write(&mut self, down: &mut ServerSession, bytes: Bytes) {
        if self.is_alive && !bytes.is_empty() {
            self.response_bytes += bytes.len() as u64;
            self.is_alive = down.write_response_body(bytes, false).await.is_ok();
        }
    }

    /// Records a stream that is complete but for its last bytes.
    fn settle_complete(&mut self, ledger: &mut Ledger, last_bytes: usize) {
        let (error, billable) = match self.is_alive {
            true => (None, Billable::Answer),
            false => (Some(ErrorClass::ClientGone), Billable::Drained),
        };
        let response_bytes =
            self.response_bytes + if self.is_alive { last_bytes as u64 } else { 0 };
        ledger.end_attempt(Ending { status: Some(200), error, billable, response_bytes });
        ledger.finish(Some(200));
    }

    /// Records a stream that broke, and tells the client in the stream. The end that follows can
    /// then not be taken for a clean one.
    async fn settle_broken(
        &mut self,
        down: &mut ServerSession,
        ledger: &mut Ledger,
        error: Option<StreamError>,
    ) {
        // Whoever waits for this answer waits no longer.
        ledger.filling = None;
        let failure = error.as_ref().map(failure);
        ledger.end_attempt(Ending {
            status: Some(200),
            error: Some(failure.as_ref().map_or(ErrorClass::ClientGone, |failure| failure.class)),
            billable: Billable::Answer,
            response_bytes: self.response_bytes,
        });
        ledger.finish(Some(200));
        if let Some(failure) = failure {
            let body = failure.body(ledger.request_id.to_string());
            let told = dialects::encode_stream_error(ledger.dialect(), &body);
            self.forward(down, told).await;
        }
        self.close(down).await;
    }

    async fn close(&mut self, down: &mut ServerSession) {
        if let Some(end) = self.array.as_mut().map(EventArray::finish) {
            self.write(down, end).await;
        }
        if self.is_alive {
            // A client that leaves now has received everything.
            let _ = down.write_response_body(Bytes::new(), true).await;
        } else {
            down.set_keepalive(None);
        }
    }
}

/// Answers with a whole stream; `false` when the client has left.
pub(crate) async fn replay(
    down: &mut ServerSession,
    headers: &Headers,
    framing: Framing,
    stream: Bytes,
) -> bool {
    let mut relay = Relay::new(framing);
    relay.commit(down, headers, stream).await;
    let is_alive = relay.is_alive;
    relay.close(down).await;
    is_alive && relay.is_alive
}

async fn commit(
    down: &mut ServerSession,
    headers: &Headers,
    content_type: &'static str,
    first: Bytes,
) -> bool {
    let Ok(mut header) = ResponseHeader::build_no_case(200, Some(headers.len() + 4)) else {
        return false;
    };
    // Where there are no chunks the end of the connection is the end of the stream.
    let is_chunked = down.req_header().version == http::Version::HTTP_11;
    if !is_chunked {
        down.set_keepalive(None);
    }
    let standing = [
        ("content-type", content_type),
        ("cache-control", "no-cache"),
        ("x-accel-buffering", "no"),
    ];
    let standing =
        standing.into_iter().chain(is_chunked.then_some(("transfer-encoding", "chunked")));
    for (name, value) in standing {
        if header.insert_header(name, value).is_err() {
            return false;
        }
    }
    headers.add_to(&mut header);
    let tasks = vec![HttpTask::Header(Box::new(header), false), HttpTask::Body(Some(first), false)];
    down.response_duplex_vec(tasks).await.is_ok()
}

fn is_done(ledger: &mut Ledger) -> bool {
    let stream = ledger.open_mut().and_then(|open| open.stream.as_ref());
    stream.is_some_and(StreamTranscoder::is_done)
}

/// The error that follows what the last push gave.
fn pending(ledger: &mut Ledger) -> Option<StreamError> {
    ledger.open_mut()?.stream.as_ref()?.failure().cloned()
}

fn push(ledger: &mut Ledger, chunk: &Bytes) -> Result<Bytes, StreamError> {
    with_stream(ledger, |stream| stream.push(chunk))
}

fn finish(ledger: &mut Ledger) -> Result<Bytes, StreamError> {
    with_stream(ledger, StreamTranscoder::finish)
}

fn with_stream(
    ledger: &mut Ledger,
    step: impl FnOnce(&mut StreamTranscoder) -> Result<Bytes, StreamError>,
) -> Result<Bytes, StreamError> {
    match ledger.open_mut().and_then(|open| open.stream.as_mut()) {
        Some(stream) => step(stream),
        None => Err(StreamError::Cut),
    }
}

fn failure(error: &StreamError) -> Failure {
    let (class, code) = match error {
        StreamError::Upstream(error) => return Failure::answered(error, None),
        StreamError::Cut => (ErrorClass::UpstreamCut, "upstream_cut"),
        _ => (ErrorClass::UpstreamGarbage, "upstream_garbage"),
    };
    Failure::upstream(class, 502, code, format!("the provider's stream failed: {error}"))
}
