//! The outbox over any engine.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use units::{DeliveryId, IncidentId, UnixMicros};

use super::audit::{self, AuditSql};
use crate::engine::{Engine, Link};
use crate::rows::{self, Columns, indexable, storable};
use crate::{
    Actor, DELIVERY_ERROR_CHARS, Delivery, DeliveryFilter, DeliveryKind, DeliveryState, Failure,
    NewAudit, NewDelivery, Outbox, OutboxStats, PAGE_MAX, StoreError,
};

/// What a failed attempt leaves behind.
pub(crate) struct Settled<'a> {
    /// Pending again, or dead.
    pub(crate) state: DeliveryState,
    /// From when on it may be claimed again.
    pub(crate) next_at: UnixMicros,
    /// Why and with which status, clipped.
    pub(crate) failure: &'a Failure,
}

/// The statements of the outbox.
#[async_trait]
pub(crate) trait OutboxSql: Engine {
    /// Adds a delivery; `false` when there is one of its dedupe key.
    async fn insert_delivery(
        link: &mut Link<Self>,
        delivery: &Delivery,
        dedupe_key: &str,
    ) -> Result<bool, StoreError>;

    /// Claims at most `max` deliveries that are due at `during.0` until `during.1`, in any order.
    async fn claim_due(
        link: &mut Link<Self>,
        during: (UnixMicros, UnixMicros),
        max: u32,
    ) -> Result<Vec<Delivery>, StoreError>;

    /// Writes that a delivery was accepted; `false` when it says so already.
    async fn set_sent(
        link: &mut Link<Self>,
        id: DeliveryId,
        at: UnixMicros,
        status: u16,
    ) -> Result<bool, StoreError>;

    /// Writes how an attempt failed; `false` when the claim is no longer that of `claimed`.
    async fn settle(
        link: &mut Link<Self>,
        claimed: &Delivery,
        settled: &Settled<'_>,
    ) -> Result<bool, StoreError>;

    /// Makes a delivery pending from an instant on, as if it had never been tried.
    async fn reset_delivery(
        link: &mut Link<Self>,
        id: DeliveryId,
        now: UnixMicros,
    ) -> Result<(), StoreError>;

    /// The delivery of an id.
    async fn delivery_of_id(
        link: &mut Link<Self>,
        id: DeliveryId,
    ) -> Result<Option<Delivery>, StoreError>;

    /// The delivery of an id; nobody else changes it before this transaction ends.
    async fn locked_delivery(
        link: &mut Link<Self>,
        id: DeliveryId,
    ) -> Result<Option<Delivery>, StoreError>;

    /// Deliveries that pass a filter, newest first.
    async fn deliveries_matching(
        link: &mut Link<Self>,
        filter: &DeliveryFilter,
    ) -> Result<Vec<Delivery>, StoreError>;

    /// How full the outbox is.
    async fn outbox_stats(link: &mut Link<Self>) -> Result<OutboxStats, StoreError>;

    /// Removes what was accepted before an instant; how many went.
    async fn sweep_deliveries(
        link: &mut Link<Self>,
        sent_before: UnixMicros,
    ) -> Result<u64, StoreError>;
}

/// [`Outbox`] over one database.
#[derive(Debug)]
pub(super) struct StoredOutbox<E>(pub(super) Arc<E>);

#[async_trait]
impl<E: OutboxSql + AuditSql> Outbox for StoredOutbox<E> {
    async fn enqueue(&self, new: &NewDelivery) -> Result<Option<Delivery>, StoreError> {
        let delivery = fresh(new, self.0.now());
        let mut transaction = self.0.begin().await?;
        let key = indexable(&new.dedupe_key);
        let is_new = E::insert_delivery(&mut transaction, &delivery, &key).await?;
        E::commit(transaction).await?;
        Ok(is_new.then_some(delivery))
    }

    async fn claim(
        &self,
        now: UnixMicros,
        max: u32,
        lease_ms: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        let until = now.plus_micros(i64::from(lease_ms) * 1_000);
        let mut transaction = self.0.begin().await?;
        let mut claimed = E::claim_due(&mut transaction, (now, until), max).await?;
        E::commit(transaction).await?;
        claimed.sort_unstable_by_key(|delivery| delivery.id);
        Ok(claimed)
    }

    async fn sent(
        &self,
        claimed: &Delivery,
        at: UnixMicros,
        status: u16,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.0.begin().await?;
        let is_news = E::set_sent(&mut transaction, claimed.id, at, status).await?;
        E::commit(transaction).await?;
        Ok(is_news)
    }

    async fn retry(
        &self,
        claimed: &Delivery,
        next_at: UnixMicros,
        failure: &Failure,
    ) -> Result<bool, StoreError> {
        let failure = &clipped(failure);
        let settled = Settled { state: DeliveryState::Pending, next_at, failure };
        self.settle(claimed, &settled).await
    }

    async fn dead(&self, claimed: &Delivery, failure: &Failure) -> Result<bool, StoreError> {
        let (next_at, failure) = (claimed.next_at, &clipped(failure));
        let settled = Settled { state: DeliveryState::Dead, next_at, failure };
        self.settle(claimed, &settled).await
    }

    async fn get(&self, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        E::delivery_of_id(&mut *self.0.reader().await?, id).await
    }

    async fn list(&self, filter: &DeliveryFilter) -> Result<Vec<Delivery>, StoreError> {
        let filter = DeliveryFilter {
            channel: filter.channel.as_deref().map(|name| storable(name).into_owned()),
            limit: filter.limit.min(PAGE_MAX),
            ..filter.clone()
        };
        E::deliveries_matching(&mut *self.0.reader().await?, &filter).await
    }

    async fn replay(&self, id: DeliveryId, by: &Actor) -> Result<Delivery, StoreError> {
        let now = self.0.now();
        let mut transaction = self.0.begin().await?;
        let missing = || StoreError::NotFound { what: "delivery", id: id.to_string() };
        let before = E::locked_delivery(&mut transaction, id).await?.ok_or_else(missing)?;
        if before.state == DeliveryState::Pending {
            E::commit(transaction).await?;
            return Ok(before);
        }
        E::reset_delivery(&mut transaction, id, now).await?;
        let after = E::delivery_of_id(&mut transaction, id).await?.ok_or_else(missing)?;
        let entry = NewAudit {
            before: json!({ "state": before.state, "attempts": before.attempts }),
            after: json!({ "state": after.state, "attempts": after.attempts }),
            ..NewAudit::new(by, "delivery.replay", id)
        };
        audit::append::<E>(&mut transaction, now, &entry).await?;
        E::commit(transaction).await?;
        Ok(after)
    }

    async fn stats(&self) -> Result<OutboxStats, StoreError> {
        E::outbox_stats(&mut *self.0.reader().await?).await
    }

    async fn sweep(&self, sent_before: UnixMicros) -> Result<u64, StoreError> {
        let mut transaction = self.0.begin().await?;
        let swept = E::sweep_deliveries(&mut transaction, sent_before).await?;
        E::commit(transaction).await?;
        Ok(swept)
    }
}

impl<E: OutboxSql> StoredOutbox<E> {
    async fn settle(&self, claimed: &Delivery, to: &Settled<'_>) -> Result<bool, StoreError> {
        let mut transaction = self.0.begin().await?;
        let counts = E::settle(&mut transaction, claimed, to).await?;
        E::commit(transaction).await?;
        Ok(counts)
    }
}

/// A message to be sent at once.
fn fresh(new: &NewDelivery, now: UnixMicros) -> Delivery {
    Delivery {
        id: DeliveryId::generate(),
        incident: new.incident,
        channel: storable(&new.channel).into_owned(),
        kind: new.kind,
        payload: new.payload.clone(),
        state: DeliveryState::Pending,
        attempts: 0,
        next_at: now,
        created_at: now,
        sent_at: None,
        last_status: None,
        last_error: None,
    }
}

/// A failure as it is kept.
fn clipped(failure: &Failure) -> Failure {
    let error = storable(&failure.error).chars().take(DELIVERY_ERROR_CHARS).collect();
    Failure { error, status: failure.status }
}

/// A delivery from its row.
pub(crate) fn delivery(row: &impl Columns) -> Result<Delivery, StoreError> {
    let status = row.integer("last_status")?.map(u16::try_from).transpose();
    Ok(Delivery {
        id: rows::parsed(row, "id", |text| text.parse::<DeliveryId>())?,
        incident: rows::parsed_option(row, "incident", |text| text.parse::<IncidentId>())?,
        channel: rows::text(row, "channel")?,
        kind: rows::parsed(row, "kind", |text| text.parse::<DeliveryKind>())?,
        payload: rows::json(row, "payload")?,
        state: rows::parsed(row, "state", |text| text.parse::<DeliveryState>())?,
        attempts: rows::count(row, "attempts")?,
        next_at: rows::instant(row, "next_at_us")?,
        created_at: rows::instant(row, "created_at_us")?,
        sent_at: rows::instant_option(row, "sent_at_us")?,
        last_status: status.map_err(|error| rows::corrupt("last_status", error))?,
        last_error: row.text("last_error")?,
    })
}

/// How full the outbox is, from its row.
pub(crate) fn stats(row: &impl Columns) -> Result<OutboxStats, StoreError> {
    Ok(OutboxStats {
        pending: rows::count(row, "pending")?,
        dead: rows::count(row, "dead")?,
        oldest_pending: rows::instant_option(row, "oldest_pending_us")?,
    })
}
