//! A batch that names the address of its results names ours: at the provider's own the client's key means
//! nothing, and what is downloaded there is never metered.

use bytes::{Bytes, BytesMut};
use dialects::own_results_urls;
use pingora_core::protocols::http::ServerSession;

use super::Passing;
use super::relay::cut;
use crate::attempt::{Answering, Halt};
use crate::ledger::Billable;

/// Largest list of batches in which addresses are changed, bytes: some thousand batches.
const BATCHES_BYTES_MAX: usize = 1 << 20;

/// What is passed on first, and the length of all where that has changed: a batch names the address of
/// its results, which is to be ours. One too long to be held is passed on as it is.
pub(super) async fn addresses(
    down: &ServerSession,
    answering: &mut Answering,
    passing: &Passing,
    first: Option<Bytes>,
) -> Result<(Option<Bytes>, Option<usize>), Halt> {
    let Some(first) = first else { return Ok((None, None)) };
    if !passing.tells_batches() || answering.status != 200 {
        return Ok((Some(first), None));
    }
    let mut held = BytesMut::from(first);
    while held.len() <= BATCHES_BYTES_MAX {
        match answering.session.read_response_body().await {
            Ok(Some(chunk)) => held.extend_from_slice(&chunk),
            Ok(None) => {
                let body = held.freeze();
                let path = down.req_header().uri.path();
                let prefix = path.split("/messages/batches").next().unwrap_or_default();
                let told = own_results_urls(&body, prefix);
                let length = told.as_ref().map(Bytes::len);
                return Ok((Some(told.unwrap_or(body)), length));
            }
            Err(_) => return Err(Halt::Failed(cut(), Billable::Answer)),
        }
    }
    Ok((Some(held.freeze()), None))
}
