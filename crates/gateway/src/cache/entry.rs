//! One answer that is kept, and what it is told with.
//!
//! This file must never know whose answer it is: the key it is found by does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use dialects::{ReplyContext, StreamTranscoder};
use events::{Dialect, FinishReason, ModelNames};
use units::{RequestId, Usd};

/// What an entry takes besides its body, bytes: names, its place in the table.
const OVERHEAD_BYTES: usize = 512;

/// An answer that is kept.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The body as clients receive it, its cost told as 0.
    pub(crate) body: Bytes,
    /// Who paid for it.
    pub(crate) paid: Paid,
    pub(crate) stored: Instant,
    pub(crate) ttl: Duration,
}

/// The request that paid for an answer.
#[derive(Debug, Clone)]
pub(crate) struct Paid {
    pub(crate) request_id: RequestId,
    /// Who answered.
    pub(crate) model: ModelNames,
    /// What it was billed; `None` where its model has no price.
    pub(crate) cost: Option<Usd>,
    pub(crate) finish_reason: Option<FinishReason>,
    /// What was dropped on the way to it and back.
    pub(crate) dropped_params: Vec<String>,
}

impl Entry {
    /// How long ago the answer was stored.
    pub(crate) fn age(&self) -> Duration {
        self.stored.elapsed()
    }

    /// What it takes of the cache, bytes.
    pub(super) fn weight(&self) -> u32 {
        let names: usize = self.paid.dropped_params.iter().map(String::len).sum();
        u32::try_from(self.body.len() + names + OVERHEAD_BYTES).unwrap_or(u32::MAX)
    }
}

/// A plain answer with its cost told as 0; `None` when it is no complete answer.
pub(super) fn free_reply(dialect: Dialect, body: &Bytes) -> Option<Bytes> {
    let reply = dialects::transcode_reply(dialect, dialect, body, &free_of_charge()).ok()?;
    Some(Bytes::copy_from_slice(&reply.body))
}

/// The same for a whole stream, every event of it.
pub(super) fn free_stream(dialect: Dialect, body: &Bytes) -> Option<Bytes> {
    let mut stream = StreamTranscoder::new(dialect, dialect, free_of_charge());
    let mut whole = stream.push(body).ok()?.to_vec();
    if stream.failure().is_some() {
        return None;
    }
    if !stream.is_done() {
        whole.extend_from_slice(&stream.finish().ok()?);
    }
    Some(whole.into())
}

/// Usage stays what it was, told to whoever it was told to.
fn free_of_charge() -> ReplyContext {
    ReplyContext {
        model_shown: None,
        wants_usage: true,
        answer_id: None,
        cost: Arc::new(|_| Some(Usd::ZERO)),
        created_unix_s: 0,
    }
}
