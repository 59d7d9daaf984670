//! One attempt on one target: connect, send, wait for the head of the answer.

use std::time::Duration;

use dialects::Encoded;
use events::ErrorClass;
use pingora_core::protocols::http::ServerSession;
use pingora_core::protocols::http::client::HttpSession;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_timeout::timeout;
use tokio::time::Instant;

use crate::failure::Failure;
use crate::ledger::Billable;
use crate::upstream::Upstream;

/// Longest error body read for its message, bytes.
const ERROR_BYTES_MAX: usize = 64 * 1024;
/// Longest wait for the rest of an error body.
const ERROR_TIME_MAX: Duration = Duration::from_millis(500);
/// Longest wait for the provider to take more of the request.
const WRITE_TIME_MAX: Duration = Duration::from_secs(30);

/// A provider's answer whose head has arrived.
pub(crate) struct Answering {
    pub(crate) session: HttpSession,
    pub(crate) peer: HttpPeer,
    pub(crate) status: u16,
    pub(crate) is_sse: bool,
    pub(crate) retry_after_s: Option<u64>,
    pub(crate) request_id: Option<String>,
    /// Rate-limit headers, kept under `x-upstream-`.
    pub(crate) limits: Vec<(String, String)>,
}

/// Why an attempt ended before an answer.
pub(crate) enum Halt {
    /// The client left.
    ClientGone,
    /// No answer; what the provider will bill for it.
    Failed(Failure, Billable),
}

/// Sends the request and waits for the head of the answer until `deadline`. A stale pooled connection is
/// replaced once, on the same target, as nothing was received.
pub(crate) async fn exchange(
    down: &mut ServerSession,
    upstream: &Upstream,
    request: &Encoded,
    deadline: Instant,
    watch_client: bool,
) -> Result<Answering, Halt> {
    let Some(peer) = upstream.peer().await else {
        return Err(unreachable(upstream, "its name does not resolve"));
    };
    let mut may_replace = true;
    loop {
        let (mut session, is_reused) = match upstream.session(&peer).await {
            Ok(connected) => connected,
            Err(error) => return Err(unreachable(upstream, error.etype().as_str())),
        };
        session.set_read_timeout(Some(Duration::from_millis(upstream.provider.idle_timeout_ms)));
        session.set_write_timeout(Some(WRITE_TIME_MAX));
        let exchanged = tokio::select! { biased;
            head = send(&mut session, upstream, request, deadline) => head,
            // The body has been read: anything that arrives now is the end of the connection.
            _ = down.read_body_or_idle(true), if watch_client => {
                session.shutdown().await;
                return Err(Halt::ClientGone);
            }
        };
        match exchanged {
            Ok(()) => return answering(session, peer, upstream),
            Err(Silence::Late) => {
                session.shutdown().await;
                return Err(late(upstream));
            }
            Err(Silence::Broken(reason)) => {
                session.shutdown().await;
                if !(is_reused && may_replace) {
                    return Err(unreachable(upstream, &reason));
                }
                may_replace = false;
            }
        }
    }
}

enum Silence {
    Late,
    Broken(String),
}

async fn send(
    session: &mut HttpSession,
    upstream: &Upstream,
    request: &Encoded,
    deadline: Instant,
) -> Result<(), Silence> {
    let sending = async {
        let is_h2 = matches!(session, HttpSession::H2(_));
        let header = upstream.header(is_h2, request)?;
        session.write_request_header(header).await?;
        session.write_request_body(request.body.clone(), true).await?;
        session.finish_request_body().await?;
        session.read_response_header().await
    };
    match timeout(deadline.saturating_duration_since(Instant::now()), sending).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(Silence::Broken(error.etype().as_str().to_owned())),
        Err(_) => Err(Silence::Late),
    }
}

fn answering(session: HttpSession, peer: HttpPeer, upstream: &Upstream) -> Result<Answering, Halt> {
    let Some(header) = session.response_header() else {
        return Err(unreachable(upstream, "it sent no header"));
    };
    let text = |name: &str| header.headers.get(name).and_then(|value| value.to_str().ok());
    let limits = header.headers.iter().filter_map(|(name, value)| {
        let is_limit = name.as_str().contains("ratelimit");
        let value = value.to_str().ok().filter(|_| is_limit)?;
        Some((format!("x-upstream-{}", name.as_str().trim_start_matches("x-")), value.to_owned()))
    });
    Ok(Answering {
        status: header.status.as_u16(),
        is_sse: text("content-type").is_some_and(|kind| kind.starts_with("text/event-stream")),
        retry_after_s: text("retry-after").and_then(|seconds| seconds.parse().ok()),
        request_id: text("x-request-id").or_else(|| text("request-id")).map(str::to_owned),
        limits: limits.collect(),
        session,
        peer,
    })
}

/// Reads a provider's error and gives the connection back, so that a failing provider does not cost
/// a new connection each time.
pub(crate) async fn read_error(mut answering: Answering, upstream: &Upstream) -> Failure {
    let mut body = Vec::new();
    let complete = loop {
        match timeout(ERROR_TIME_MAX, answering.session.read_response_body()).await {
            Ok(Ok(Some(more))) if body.len() + more.len() <= ERROR_BYTES_MAX => {
                body.extend_from_slice(&more)
            }
            Ok(Ok(None)) => break true,
            _ => break false,
        }
    };
    let error = dialects::decode_error(upstream.provider.dialect, answering.status, &body);
    if complete {
        upstream.release(answering.session, &answering.peer).await;
    } else {
        answering.session.shutdown().await;
    }
    Failure::answered(&error, answering.retry_after_s)
}

pub(crate) fn late(upstream: &Upstream) -> Halt {
    let message = format!("provider `{}` did not answer in time", upstream.provider.name);
    let failure = Failure::upstream(ErrorClass::UpstreamTimeout, 504, "upstream_timeout", message);
    Halt::Failed(failure, Billable::Answer)
}

fn unreachable(upstream: &Upstream, reason: &str) -> Halt {
    let message = format!("provider `{}` cannot be reached: {reason}", upstream.provider.name);
    let failure =
        Failure::upstream(ErrorClass::UpstreamConnect, 502, "upstream_unreachable", message);
    Halt::Failed(failure, Billable::Nothing)
}
