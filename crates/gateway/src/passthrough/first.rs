//! The first part of an answer that is passed on. Of a stream that is routed by its model it ends with a
//! whole event: nothing was told to the client yet, so that an error in its place still fails over.

use bytes::{Bytes, BytesMut};
use dialects::AnswerMeter;
use pingora_core::protocols::http::ServerSession;
use pingora_timeout::timeout;
use tokio::time::Instant;

use super::relay::{Begin, cut};
use crate::attempt::{Answering, Halt, late};
use crate::call::Client;
use crate::failure::Failure;
use crate::ledger::Billable;
use crate::upstream::Upstream;

/// How much is read in search of the end of the first event, bytes: no error is longer.
const ERROR_BYTES_MAX: usize = 1 << 20;

/// The first bytes of the body; `None` when there are none.
///
/// # Errors
/// The provider is late, hung up, or told an error; or the client has left.
pub(super) async fn part(
    client: &mut Client<'_>,
    upstream: &Upstream,
    answering: &mut Answering,
    begin: &Begin<'_>,
) -> Result<Option<Bytes>, Halt> {
    let first = chunk(client.down, upstream, answering, begin).await?;
    if !is_watched(answering, begin) {
        return Ok(first);
    }
    let Some(first) = first else { return Ok(None) };
    let mut meter = AnswerMeter::new(begin.speaks, begin.passing.operation, answering.kind());
    meter.push(&first);
    let (mut whole, mut more) = (first, BytesMut::new());
    while !meter.has_begun() && whole.len() + more.len() <= ERROR_BYTES_MAX {
        if let Some(error) = meter.failed() {
            return Err(Halt::Failed(Failure::answered(error, None), Billable::Nothing));
        }
        let Some(next) = chunk(client.down, upstream, answering, begin).await? else { break };
        let room = client.share.grow(next.len());
        room.map_err(|failure| Halt::Failed(failure, Billable::Answer))?;
        meter.push(&next);
        more.extend_from_slice(&next);
    }
    if !more.is_empty() {
        let mut joined = BytesMut::from(whole);
        joined.unsplit(more);
        whole = joined.freeze();
    }
    Ok(Some(whole))
}

/// Whether an error in the answer is worded anew, after other targets were tried.
fn is_watched(answering: &Answering, begin: &Begin<'_>) -> bool {
    let is_told = (200..300).contains(&answering.status);
    is_told && answering.head.is_stream && !begin.passing.relays_errors()
}

async fn chunk(
    down: &mut ServerSession,
    upstream: &Upstream,
    answering: &mut Answering,
    begin: &Begin<'_>,
) -> Result<Option<Bytes>, Halt> {
    let left = begin.deadline.saturating_duration_since(Instant::now());
    let read = tokio::select! { biased;
        read = timeout(left, answering.session.read_response_body()) => read,
        _ = down.read_body_or_idle(true), if !begin.drains => return Err(Halt::ClientGone),
    };
    match read {
        Ok(Ok(first)) => Ok(first),
        Ok(Err(_)) => Err(Halt::Failed(cut(), Billable::Answer)),
        Err(_) => Err(late(upstream)),
    }
}
