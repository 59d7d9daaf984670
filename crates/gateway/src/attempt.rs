//! One attempt on one target: connect, send, wait for the head of the answer.

mod head;

use std::time::Duration;

use events::{Dialect, ErrorClass};
use pingora_core::protocols::http::ServerSession;
use pingora_core::protocols::http::client::HttpSession;
use pingora_error::ErrorType;
use pingora_timeout::timeout;
use tokio::time::Instant;

use crate::failure::Failure;
use crate::ledger::Billable;
use crate::upstream::{Connected, Outgoing, Place, Upstream};

pub(crate) use head::Head;

/// Longest error body read for its message, bytes.
const ERROR_BYTES_MAX: usize = 64 * 1024;
/// Longest wait for the rest of an error body.
const ERROR_TIME_MAX: Duration = Duration::from_millis(500);
/// Longest wait for the provider to take more of the request.
const WRITE_TIME_MAX: Duration = Duration::from_secs(30);

/// A provider's answer whose head has arrived.
pub(crate) struct Answering {
    pub(crate) session: Box<HttpSession>,
    place: Place,
    pub(crate) status: u16,
    pub(crate) head: Head,
    /// The whole request was taken, so that the connection can serve another.
    is_whole: bool,
}

impl Answering {
    /// Gives the connection back; only after the answer was read to its end.
    pub(crate) async fn release(self, upstream: &Upstream) {
        match self.is_whole {
            true => upstream.release(self.session, self.place).await,
            false => self.discard(upstream).await,
        }
    }

    /// Its media type; empty where it names none.
    pub(crate) fn kind(&self) -> &str {
        let header = self.session.response_header();
        let kind = header.and_then(|header| header.headers.get(http::header::CONTENT_TYPE));
        kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default()
    }

    /// What its header calls the error, where the provider's dialect names errors there.
    fn error_type(&self, dialect: Dialect) -> Option<String> {
        let name = dialects::error_type_header(dialect)?;
        let value = self.session.response_header()?.headers.get(name)?.to_str().ok()?;
        Some(dialects::error_type(dialect, value).to_owned()).filter(|name| !name.is_empty())
    }

    /// Ends it as it is.
    pub(crate) async fn discard(self, upstream: &Upstream) {
        upstream.discard(self.session, self.place).await;
    }
}

/// Why an attempt ended before an answer.
pub(crate) enum Halt {
    /// The client left.
    ClientGone,
    /// No answer; what the provider will bill for it.
    Failed(Failure, Billable),
}

/// Sends the request and waits for the head of the answer until `deadline`. A stale pooled connection is
/// replaced once by a new one, on the same target, as nothing was received.
pub(crate) async fn exchange(
    down: &mut ServerSession,
    upstream: &Upstream,
    request: &Outgoing,
    deadline: Instant,
    watch_client: bool,
) -> Result<Answering, Halt> {
    let mut is_fresh = false;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let Connected { mut session, place, is_reused } =
            match timeout(left, upstream.connect(is_fresh)).await {
                Ok(Ok(connected)) => connected,
                Ok(Err(reason)) => return Err(unreachable(upstream, &reason)),
                Err(_) => return Err(unreachable(upstream, "no connection in time")),
            };
        session.set_write_timeout(Some(WRITE_TIME_MAX));
        let exchanged = tokio::select! { biased;
            head = send(&mut session, upstream, request, deadline) => head,
            // The body has been read: anything that arrives now is the end of the connection.
            _ = down.read_body_or_idle(true), if watch_client => {
                upstream.discard(session, place).await;
                return Err(Halt::ClientGone);
            }
        };
        match exchanged {
            Ok(is_whole) => {
                // From the head on it is silence that counts.
                let idle = Duration::from_millis(upstream.provider.idle_timeout_ms);
                session.set_read_timeout(Some(idle));
                return answering(session, place, is_whole)
                    .ok_or_else(|| unreachable(upstream, "it sent no header"));
            }
            Err(Silence::Late) => {
                upstream.discard(session, place).await;
                return Err(late(upstream));
            }
            Err(Silence::Closed) if is_reused && !is_fresh => {
                upstream.discard(session, place).await;
                is_fresh = true;
            }
            Err(Silence::Closed) => {
                upstream.discard(session, place).await;
                return Err(unreachable(upstream, "it closed the connection"));
            }
            Err(Silence::Garbage) => {
                upstream.discard(session, place).await;
                return Err(garbage(upstream, "answered with something that is not HTTP"));
            }
        }
    }
}

/// Why there is no head.
enum Silence {
    /// It took too long.
    Late,
    /// The connection ended and nothing had been received.
    Closed,
    /// What was received is no head.
    Garbage,
}

/// Sends the request and reads the head of the answer; whether the whole request was taken.
async fn send(
    session: &mut HttpSession,
    upstream: &Upstream,
    request: &Outgoing,
    deadline: Instant,
) -> Result<bool, Silence> {
    let sending = async {
        let written = write(session, upstream, request).await;
        // A provider that refuses a request half way answers before it hangs up.
        loop {
            session.read_response_header().await?;
            let status = session.response_header().map(|header| header.status);
            if !status.is_some_and(|status| status.is_informational()) {
                break;
            }
        }
        pingora_error::Result::<bool>::Ok(written.is_ok())
    };
    match timeout(deadline.saturating_duration_since(Instant::now()), sending).await {
        Ok(Ok(is_whole)) => Ok(is_whole),
        Ok(Err(error)) if is_unheard(&error) => Err(Silence::Closed),
        Ok(Err(_)) => Err(Silence::Garbage),
        Err(_) => Err(Silence::Late),
    }
}

async fn write(
    session: &mut HttpSession,
    upstream: &Upstream,
    request: &Outgoing,
) -> pingora_error::Result<()> {
    let is_h2 = matches!(session, HttpSession::H2(_));
    session.write_request_header(upstream.header(is_h2, request)?).await?;
    let pieces = request.encoded.body.pieces();
    for (at, piece) in pieces.iter().enumerate() {
        session.write_request_body(piece.clone(), at + 1 == pieces.len()).await?;
    }
    session.finish_request_body().await
}

/// Whether an error means that not one byte was received.
fn is_unheard(error: &pingora_error::Error) -> bool {
    // Pingora tells how much it had read only in words.
    let read = error.context.as_ref().and_then(|context| {
        let (_, read) = context.as_str().rsplit_once("bytes already read: ")?;
        read.parse::<u64>().ok()
    });
    let is_garbage = matches!(error.etype(), ErrorType::InvalidHTTPHeader);
    !is_garbage && read.is_none_or(|bytes| bytes == 0)
}

pub(crate) fn answering(
    session: Box<HttpSession>,
    place: Place,
    is_whole: bool,
) -> Option<Answering> {
    let header = session.response_header()?;
    let (status, head) = (header.status.as_u16(), Head::of(&header.headers));
    Some(Answering { session, place, status, head, is_whole })
}

/// Whether the provider's dialect names errors beside their words.
fn names_errors(upstream: &Upstream) -> bool {
    dialects::error_type_header(upstream.provider.dialect).is_some()
}

/// Reads a provider's error and gives the connection back, so that a failing provider does not cost
/// a new connection each time.
pub(crate) async fn read_error(mut answering: Answering, upstream: &Upstream) -> Failure {
    let mut body = Vec::new();
    let reading = async {
        loop {
            match answering.session.read_response_body().await {
                Ok(Some(more)) if body.len() + more.len() <= ERROR_BYTES_MAX => {
                    body.extend_from_slice(&more);
                }
                Ok(None) => break true,
                _ => break false,
            }
        }
    };
    let complete = timeout(ERROR_TIME_MAX, reading).await.unwrap_or(false);
    let mut error = dialects::decode_error(upstream.provider.dialect, answering.status, &body);
    // Where a header names the error, the body often does not.
    error.kind = answering.error_type(upstream.provider.dialect).or(error.kind);
    error.code = error.code.or_else(|| error.kind.clone().filter(|_| names_errors(upstream)));
    if matches!(error.status, 401..=403) {
        let provider = upstream.provider.name.as_str();
        tracing::warn!(provider, status = error.status, "provider refused the credential");
    }
    let retry_after_s = answering.head.retry_after_s;
    if complete {
        answering.release(upstream).await;
    } else {
        answering.discard(upstream).await;
    }
    Failure::answered(&error, retry_after_s)
}

pub(crate) fn garbage(upstream: &Upstream, what: &str) -> Halt {
    let message = format!("provider `{}` {what}", upstream.provider.name);
    let failure = Failure::upstream(ErrorClass::UpstreamGarbage, 502, "upstream_garbage", message);
    Halt::Failed(failure, Billable::Answer)
}

pub(crate) fn late(upstream: &Upstream) -> Halt {
    let message = format!("provider `{}` did not answer in time", upstream.provider.name);
    let failure = Failure::upstream(ErrorClass::UpstreamTimeout, 504, "upstream_timeout", message);
    Halt::Failed(failure, Billable::Answer)
}

pub(crate) fn unreachable(upstream: &Upstream, reason: &str) -> Halt {
    let message = format!("provider `{}` cannot be reached: {reason}", upstream.provider.name);
    let failure =
        Failure::upstream(ErrorClass::UpstreamConnect, 502, "upstream_unreachable", message);
    Halt::Failed(failure, Billable::Nothing)
}
