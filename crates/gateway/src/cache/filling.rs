//! An answer on its way to a client that may be kept: gathered as it passes, stored when it has
//! ended well.
//!
//! It lies in the request's ledger, so that whatever ends the request ends the flight it leads.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use events::{Dialect, FinishReason, UsageEvent};
use units::Usd;

use super::AnswerCache;
use super::entry::{Entry, Paid, free_reply, free_stream};
use super::flight::Lead;
use super::key::CacheKey;
use crate::body::MemoryShare;

/// What is known of an answer that may be kept.
pub(crate) struct Filling {
    pub(super) cache: Arc<AnswerCache>,
    pub(super) key: CacheKey,
    pub(super) ttl: Duration,
    /// What it is told in.
    pub(super) dialect: Dialect,
    pub(super) is_stream: bool,
    /// Whoever waits for this answer; `None` when nobody may.
    pub(super) lead: Option<Lead>,
    /// Memory taken for what was gathered.
    pub(super) share: MemoryShare,
    pub(super) gathered: BytesMut,
    /// Whether it has become too large to be kept.
    pub(super) is_too_large: bool,
    /// Whether this gateway bounded the answer, so that it may have been cut short.
    pub(super) is_bounded: bool,
    pub(super) paid: Option<Paid>,
}

impl Filling {
    /// Another attempt begins.
    pub(crate) fn begin(&mut self, is_bounded: bool) {
        self.gathered.clear();
        self.is_bounded = is_bounded;
        self.paid = None;
    }

    /// Some of the answer passes.
    pub(crate) fn gather(&mut self, bytes: &Bytes) {
        if self.is_too_large {
            return;
        }
        let length = (self.gathered.len() + bytes.len()) as u64;
        if length > self.cache.entry_bytes_max || self.share.grow(bytes.len()).is_err() {
            self.is_too_large = true;
            self.gathered = BytesMut::new();
            // Nobody waits any longer for what will not be shared.
            self.lead = None;
            return;
        }
        self.gathered.extend_from_slice(bytes);
    }

    /// The attempt that answered has ended, as its row says; `cost` is that of all its models.
    pub(crate) fn paid(&mut self, event: &UsageEvent, cost: Option<Usd>) {
        self.paid = Some(Paid {
            request_id: event.ids.request_id,
            model: event.model.clone(),
            cost,
            finish_reason: event.outcome.finish_reason,
            dropped_params: event.privacy.dropped_params.clone(),
        });
    }

    /// The answer is complete: it is stored and shared, unless it may not be.
    pub(crate) async fn keep(mut self) {
        let Some(paid) = self.paid.take() else { return };
        let is_broken = paid.finish_reason == Some(FinishReason::Error);
        // An answer this gateway cut short for want of money is not the answer.
        let is_cut =
            self.is_bounded && matches!(paid.finish_reason, None | Some(FinishReason::Length));
        if self.is_too_large || is_broken || is_cut {
            return;
        }
        let body = self.gathered.freeze();
        let body = match self.is_stream {
            true => free_stream(self.dialect, &body),
            false => free_reply(self.dialect, &body),
        };
        let Some(body) = body else { return };
        let entry = Arc::new(Entry { body, paid, stored: Instant::now(), ttl: self.ttl });
        self.cache.insert(self.key, Arc::clone(&entry)).await;
        if let Some(lead) = self.lead {
            lead.land(entry);
        }
    }
}
