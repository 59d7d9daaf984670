//! Relaying a complete answer: read it whole, translate it, then answer. Nothing is visible to the
//! client before it is understood, so any fault still fails over.

use bytes::{Bytes, BytesMut};
use dialects::{Reply, ReplyError};
use events::ErrorClass;

use crate::attempt::{Answering, Halt};
use crate::body::MemoryShare;
use crate::call::Client;
use crate::failure::Failure;
use crate::ledger::Billable;
use crate::upstream::Upstream;

/// Largest answer taken from a provider, bytes.
const ANSWER_BYTES_MAX: usize = 32 << 20;

/// Reads the answer and translates it for the client; what it tells of usage goes to the ledger.
pub(crate) async fn read(
    client: &mut Client<'_>,
    upstream: &Upstream,
    mut answering: Answering,
    watch_client: bool,
    translate: impl FnOnce(&Bytes) -> Result<Reply, ReplyError>,
) -> Result<Bytes, Halt> {
    let Client { down, ledger, share } = client;
    let body = tokio::select! { biased;
        body = collect(&mut answering, share) => body,
        _ = down.read_body_or_idle(true), if watch_client => {
            answering.discard(upstream).await;
            return Err(Halt::ClientGone);
        }
    };
    let body = match body {
        Ok(body) => body,
        Err(failure) => {
            answering.discard(upstream).await;
            return Err(Halt::Failed(failure, Billable::Answer));
        }
    };
    answering.release(upstream).await;
    let reply = translate(&body).map_err(|error| {
        if let ReplyError::Upstream(error) = &error {
            return Halt::Failed(Failure::answered(error, None), Billable::Nothing);
        }
        let name = &upstream.provider.name;
        let failure = Failure::upstream(
            ErrorClass::UpstreamGarbage,
            502,
            "upstream_garbage",
            format!("provider `{name}` sent an answer that is not one: {error}"),
        );
        Halt::Failed(failure, Billable::Answer)
    })?;
    if let Some(open) = ledger.open_mut() {
        open.facts = Some(reply.facts);
    }
    Ok(reply.body)
}

pub(crate) async fn collect(
    answering: &mut Answering,
    share: &mut MemoryShare,
) -> Result<Bytes, Failure> {
    let mut first: Option<Bytes> = None;
    let mut rest = BytesMut::new();
    loop {
        match answering.session.read_response_body().await {
            Ok(Some(more)) => {
                share.grow(more.len())?;
                match (&first, rest.is_empty()) {
                    (None, true) => first = Some(more),
                    _ => {
                        if let Some(first) = first.take() {
                            rest.extend_from_slice(&first);
                        }
                        rest.extend_from_slice(&more);
                    }
                }
                if rest.len() > ANSWER_BYTES_MAX {
                    return Err(Failure::upstream(
                        ErrorClass::UpstreamGarbage,
                        502,
                        "upstream_answer_too_large",
                        format!("the provider's answer is larger than {ANSWER_BYTES_MAX} bytes"),
                    ));
                }
            }
            Ok(None) => return Ok(first.unwrap_or_else(|| rest.freeze())),
            Err(_) => {
                return Err(Failure::upstream(
                    ErrorClass::UpstreamCut,
                    502,
                    "upstream_cut",
                    "the provider's answer ended before it was complete",
                ));
            }
        }
    }
}
