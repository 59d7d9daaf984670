//! The outbox: messages that must reach someone outside, kept until they have or are given up.
//!
//! It must never know how a message is sent, nor a channel's address.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use units::{DeliveryId, IncidentId, UnixMicros};

use crate::{Actor, StoreError};

/// Characters kept of why an attempt failed: enough for a page, never a whole answer.
pub const DELIVERY_ERROR_CHARS: usize = 500;

/// How a message is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryKind {
    /// To a Slack incoming webhook.
    Slack,
    /// As a Standard Webhook.
    Webhook,
}

impl DeliveryKind {
    /// Every kind.
    pub const ALL: [DeliveryKind; 2] = [DeliveryKind::Slack, DeliveryKind::Webhook];

    /// The stable text form, as stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            DeliveryKind::Slack => "slack",
            DeliveryKind::Webhook => "webhook",
        }
    }
}

impl fmt::Display for DeliveryKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for DeliveryKind {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let found = DeliveryKind::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| format!("`{text}` is not one of slack, webhook"))
    }
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryState {
    /// To be sent, or being sent.
    Pending,
    /// Accepted by the other side.
    Sent,
    /// Given up: a dead letter. A person may have it sent again.
    Dead,
}

impl DeliveryState {
    /// Every state.
    pub const ALL: [DeliveryState; 3] =
        [DeliveryState::Pending, DeliveryState::Sent, DeliveryState::Dead];

    /// The stable text form, as stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            DeliveryState::Pending => "pending",
            DeliveryState::Sent => "sent",
            DeliveryState::Dead => "dead",
        }
    }
}

impl fmt::Display for DeliveryState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for DeliveryState {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let found = DeliveryState::ALL.into_iter().find(|state| state.as_str() == text);
        found.ok_or_else(|| format!("`{text}` is not one of pending, sent, dead"))
    }
}

/// A message to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDelivery {
    /// The incident it tells of; a test message tells of none.
    pub incident: Option<IncidentId>,
    /// Name of the channel, never its address.
    pub channel: String,
    /// How it is sent.
    pub kind: DeliveryKind,
    /// The body, as it is sent.
    pub payload: Value,
    /// What makes two messages the same: of one key only the first is ever kept.
    pub dedupe_key: String,
}

/// A message on its way, sent, or given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// Id; enqueued later sorts later.
    pub id: DeliveryId,
    /// The incident it tells of.
    pub incident: Option<IncidentId>,
    /// Name of the channel, never its address.
    pub channel: String,
    /// How it is sent.
    pub kind: DeliveryKind,
    /// The body, as it is sent.
    pub payload: Value,
    /// Where it stands.
    pub state: DeliveryState,
    /// How often it was claimed since it was enqueued or replayed.
    pub attempts: u32,
    /// From when on it may be claimed. While it is claimed: when the claim ends.
    pub next_at: UnixMicros,
    /// When it was enqueued.
    pub created_at: UnixMicros,
    /// When it was accepted.
    pub sent_at: Option<UnixMicros>,
    /// HTTP status of the last attempt, if there was an answer.
    pub last_status: Option<u16>,
    /// Why the last attempt failed, at most [`DELIVERY_ERROR_CHARS`] characters.
    pub last_error: Option<String>,
}

/// How an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Why, without the channel's address. It is clipped to [`DELIVERY_ERROR_CHARS`].
    pub error: String,
    /// HTTP status, if there was an answer.
    pub status: Option<u16>,
}

/// Which deliveries to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// In this state only.
    pub state: Option<DeliveryState>,
    /// To this channel only.
    pub channel: Option<String>,
    /// Of this incident only.
    pub incident: Option<IncidentId>,
    /// Those enqueued before this one: the cursor of a page.
    pub before: Option<DeliveryId>,
    /// At most this many, and never more than [`crate::PAGE_MAX`].
    pub limit: u32,
}

/// Every delivery, at most 100.
impl Default for DeliveryFilter {
    fn default() -> Self {
        Self { state: None, channel: None, incident: None, before: None, limit: 100 }
    }
}

/// How full the outbox is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct OutboxStats {
    /// Deliveries to be sent.
    pub pending: u64,
    /// Dead letters.
    pub dead: u64,
    /// When the oldest pending one was enqueued.
    pub oldest_pending: Option<UnixMicros>,
}

/// The outbox of an installation: every message is sent at least once, or ends as a dead letter.
///
/// A delivery is claimed for a while. Whoever claimed it reports with the delivery as it was claimed;
/// a claim that ended meanwhile no longer counts, so that of two workers only one decides what is next.
#[async_trait]
pub trait Outbox: Send + Sync + fmt::Debug {
    /// Keeps a message to be sent at once. `None` when one of the same `dedupe_key` was kept before.
    async fn enqueue(&self, new: &NewDelivery) -> Result<Option<Delivery>, StoreError>;

    /// Claims deliveries that are due, oldest first, for `lease_ms` milliseconds; no one else gets them
    /// before that time is over. Each claim counts as an attempt.
    async fn claim(
        &self,
        now: UnixMicros,
        max: u32,
        lease_ms: u32,
    ) -> Result<Vec<Delivery>, StoreError>;

    /// Notes that a claimed delivery was accepted. This counts even when the claim has ended, since it
    /// happened. `false` when it was noted before.
    async fn sent(
        &self,
        claimed: &Delivery,
        at: UnixMicros,
        status: u16,
    ) -> Result<bool, StoreError>;

    /// Puts a claimed delivery back to be claimed at `next_at` or later. `false` when the claim has
    /// ended and this no longer counts.
    async fn retry(
        &self,
        claimed: &Delivery,
        next_at: UnixMicros,
        failure: &Failure,
    ) -> Result<bool, StoreError>;

    /// Gives a claimed delivery up. `false` when the claim has ended and this no longer counts.
    async fn dead(&self, claimed: &Delivery, failure: &Failure) -> Result<bool, StoreError>;

    /// The delivery of an id.
    async fn get(&self, id: DeliveryId) -> Result<Option<Delivery>, StoreError>;

    /// Deliveries, newest first.
    async fn list(&self, filter: &DeliveryFilter) -> Result<Vec<Delivery>, StoreError>;

    /// Has a dead or sent delivery sent again, from its first attempt. A pending one stays as it is. An
    /// unknown id is [`StoreError::NotFound`].
    async fn replay(&self, id: DeliveryId, by: &Actor) -> Result<Delivery, StoreError>;

    /// How full it is.
    async fn stats(&self) -> Result<OutboxStats, StoreError>;

    /// Forgets what was accepted before an instant, and with it its dedupe key; how many rows went.
    async fn sweep(&self, sent_before: UnixMicros) -> Result<u64, StoreError>;
}
