//! One attempt to begin a session on one target: connect, ask to leave HTTP, wait for the answer.

use std::time::Duration;

use dialects::RequestError;
use events::Dialect;
use pingora_core::protocols::http::ServerSession;
use pingora_core::protocols::http::client::HttpSession;
use pingora_http::ResponseHeader;
use pingora_timeout::timeout;
use tokio::time::Instant;

use super::ask::Ask;
use super::session::SWITCHED;
use crate::attempt::{Halt, answering, garbage, late, read_error, unreachable};
use crate::failure::Failure;
use crate::ledger::Billable;
use crate::reply::Headers;
use crate::upstream::{Connected, Upstream};

/// Longest wait for a side to take more of what it is told.
const WRITE_TIME_MAX: Duration = Duration::from_secs(30);
/// Headers of the provider's answer that complete the client's handshake.
const HANDSHAKE: [&str; 2] = ["sec-websocket-accept", "sec-websocket-protocol"];

/// Whether a provider may serve sessions: it speaks OpenAI's dialects.
///
/// # Errors
/// It speaks another one; another target may do better.
pub(super) fn serves(upstream: &Upstream) -> Result<(), Failure> {
    match upstream.provider.dialect {
        Dialect::OpenaiChat | Dialect::OpenaiResponses => Ok(()),
        other => {
            let provider = &upstream.provider.name;
            let message =
                format!("provider `{provider}` speaks {other}, which has no realtime sessions");
            let code = RequestError::NoTranslation { from: Dialect::OpenaiChat, to: other };
            Err(Failure { message, ..Failure::request(&code) })
        }
    }
}

/// Connects and asks for the session; gives the connection behind it and the head that began it.
pub(super) async fn begin(
    upstream: &Upstream,
    (ask, model): (&Ask, &str),
    deadline: Instant,
) -> Result<(Box<HttpSession>, ResponseHeader), Halt> {
    let left = deadline.saturating_duration_since(Instant::now());
    let Connected { mut session, place, .. } = match timeout(left, upstream.connect_alone()).await {
        Ok(Ok(connected)) => connected,
        Ok(Err(reason)) => return Err(unreachable(upstream, &reason)),
        Err(_) => return Err(unreachable(upstream, "no connection in time")),
    };
    session.set_write_timeout(Some(WRITE_TIME_MAX));
    let left = deadline.saturating_duration_since(Instant::now());
    let exchanged = timeout(left, exchange(&mut session, upstream, (ask, model))).await;
    let head = match exchanged {
        Ok(Ok(head)) => head,
        Ok(Err(_)) => {
            session.shutdown().await;
            return Err(unreachable(upstream, "it closed the connection"));
        }
        Err(_) => {
            session.shutdown().await;
            return Err(late(upstream));
        }
    };
    let status = head.status.as_u16();
    if status == SWITCHED {
        session.set_read_timeout(None);
        return Ok((session, head));
    }
    let refused = answering(session, place, false).filter(|_| status >= 400);
    match refused {
        Some(refused) => Err(Halt::Failed(read_error(refused, upstream).await, Billable::Nothing)),
        None => Err(garbage(upstream, "did not begin a session")),
    }
}

async fn exchange(
    session: &mut HttpSession,
    upstream: &Upstream,
    (ask, model): (&Ask, &str),
) -> pingora_error::Result<ResponseHeader> {
    let header = upstream.upgrade_header(&ask.path(model), &ask.headers())?;
    session.write_request_header(header).await?;
    loop {
        session.read_response_header().await?;
        if let Some(head) = session.response_header()
            && (head.status.as_u16() == SWITCHED || !head.status.is_informational())
        {
            break Ok(head.clone());
        }
    }
}

/// Tells the client that its session has begun; `false` when it has left.
pub(super) async fn switch(
    down: &mut ServerSession,
    head: &ResponseHeader,
    headers: &Headers,
) -> bool {
    let Ok(mut answer) = ResponseHeader::build(SWITCHED, Some(headers.len() + 4)) else {
        return false;
    };
    let mut is_complete = answer.insert_header("connection", "Upgrade").is_ok()
        && answer.insert_header("upgrade", "websocket").is_ok();
    for name in HANDSHAKE {
        if let Some(value) = head.headers.get(name) {
            is_complete &= answer.insert_header(name, value.clone()).is_ok();
        }
    }
    headers.add_to(&mut answer);
    down.set_read_timeout(None);
    down.set_write_timeout(Some(WRITE_TIME_MAX));
    is_complete && down.write_response_header(Box::new(answer)).await.is_ok()
}
