//! The statements of the outbox in SQLite.

use async_trait::async_trait;
use sqlx::SqliteConnection;
use units::{DeliveryId, UnixMicros};

use super::database::Database;
use crate::rows;
use crate::stored::{OutboxSql, Settled, delivery, stats};
use crate::{Delivery, DeliveryFilter, DeliveryState, OutboxStats, StoreError};

/// The columns of a delivery.
macro_rules! columns {
    () => {
        "id, incident, channel, kind, payload, state, attempts, next_at_us, created_at_us, sent_at_us,
         last_status, last_error"
    };
}

#[async_trait]
impl OutboxSql for Database {
    async fn insert_delivery(
        link: &mut SqliteConnection,
        delivery: &Delivery,
        dedupe_key: &str,
    ) -> Result<bool, StoreError> {
        let inserted = sqlx::query(
            "INSERT INTO deliveries (id, incident, channel, kind, payload, dedupe_key, state, attempts,
                                     next_at_us, created_at_us)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
             ON CONFLICT (dedupe_key) DO NOTHING",
        )
        .bind(delivery.id.to_string())
        .bind(delivery.incident.map(|id| id.to_string()))
        .bind(&delivery.channel)
        .bind(delivery.kind.as_str())
        .bind(rows::to_json(&delivery.payload, "payload")?)
        .bind(dedupe_key)
        .bind(delivery.state.as_str())
        .bind(i64::from(delivery.attempts))
        .bind(delivery.next_at.get())
        .bind(delivery.created_at.get())
        .execute(link)
        .await?;
        Ok(inserted.rows_affected() > 0)
    }

    async fn claim_due(
        link: &mut SqliteConnection,
        (now, until): (UnixMicros, UnixMicros),
        max: u32,
    ) -> Result<Vec<Delivery>, StoreError> {
        let rows = sqlx::query(concat!(
            "UPDATE deliveries SET attempts = attempts + 1, next_at_us = $2
             WHERE id IN (SELECT id FROM deliveries WHERE state = 'pending' AND next_at_us <= $1
                          ORDER BY next_at_us, id LIMIT $3)
             RETURNING ",
            columns!()
        ))
        .bind(now.get())
        .bind(until.get())
        .bind(i64::from(max))
        .fetch_all(link)
        .await?;
        rows.iter().map(delivery).collect()
    }

    async fn set_sent(
        link: &mut SqliteConnection,
        id: DeliveryId,
        at: UnixMicros,
        status: u16,
    ) -> Result<bool, StoreError> {
        let updated = sqlx::query(
            "UPDATE deliveries SET state = 'sent', sent_at_us = $2, last_status = $3, last_error = NULL
             WHERE id = $1 AND state <> 'sent'",
        )
        .bind(id.to_string())
        .bind(at.get())
        .bind(i64::from(status))
        .execute(link)
        .await?;
        Ok(updated.rows_affected() > 0)
    }

    async fn settle(
        link: &mut SqliteConnection,
        claimed: &Delivery,
        settled: &Settled<'_>,
    ) -> Result<bool, StoreError> {
        let updated = sqlx::query(
            "UPDATE deliveries SET state = $4, next_at_us = $5, last_status = $6, last_error = $7
             WHERE id = $1 AND state = 'pending' AND attempts = $2 AND next_at_us = $3",
        )
        .bind(claimed.id.to_string())
        .bind(i64::from(claimed.attempts))
        .bind(claimed.next_at.get())
        .bind(settled.state.as_str())
        .bind(settled.next_at.get())
        .bind(settled.failure.status.map(i64::from))
        .bind(&settled.failure.error)
        .execute(link)
        .await?;
        Ok(updated.rows_affected() > 0)
    }

    async fn reset_delivery(
        link: &mut SqliteConnection,
        id: DeliveryId,
        now: UnixMicros,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE deliveries SET state = 'pending', attempts = 0, next_at_us = $2, sent_at_us = NULL
             WHERE id = $1",
        )
        .bind(id.to_string())
        .bind(now.get())
        .execute(link)
        .await?;
        Ok(())
    }

    async fn delivery_of_id(
        link: &mut SqliteConnection,
        id: DeliveryId,
    ) -> Result<Option<Delivery>, StoreError> {
        let sql = concat!("SELECT ", columns!(), " FROM deliveries WHERE id = $1");
        let row = sqlx::query(sql).bind(id.to_string()).fetch_optional(link).await?;
        row.as_ref().map(delivery).transpose()
    }

    /// A transaction that may write holds the whole file.
    async fn locked_delivery(
        link: &mut SqliteConnection,
        id: DeliveryId,
    ) -> Result<Option<Delivery>, StoreError> {
        Self::delivery_of_id(link, id).await
    }

    async fn deliveries_matching(
        link: &mut SqliteConnection,
        filter: &DeliveryFilter,
    ) -> Result<Vec<Delivery>, StoreError> {
        let rows = sqlx::query(concat!(
            "SELECT ",
            columns!(),
            " FROM deliveries
             WHERE ($1 IS NULL OR state = $1) AND ($2 IS NULL OR channel = $2)
               AND ($3 IS NULL OR incident = $3) AND ($4 IS NULL OR id < $4)
             ORDER BY id DESC LIMIT $5"
        ))
        .bind(filter.state.map(DeliveryState::as_str))
        .bind(filter.channel.as_deref())
        .bind(filter.incident.map(|id| id.to_string()))
        .bind(filter.before.map(|id| id.to_string()))
        .bind(i64::from(filter.limit))
        .fetch_all(link)
        .await?;
        rows.iter().map(delivery).collect()
    }

    async fn outbox_stats(link: &mut SqliteConnection) -> Result<OutboxStats, StoreError> {
        let row = sqlx::query(
            "SELECT count(*) FILTER (WHERE state = 'pending') AS pending,
                    count(*) FILTER (WHERE state = 'dead') AS dead,
                    min(created_at_us) FILTER (WHERE state = 'pending') AS oldest_pending_us
             FROM deliveries WHERE state IN ('pending', 'dead')",
        )
        .fetch_one(link)
        .await?;
        stats(&row)
    }

    async fn sweep_deliveries(
        link: &mut SqliteConnection,
        sent_before: UnixMicros,
    ) -> Result<u64, StoreError> {
        let deleted =
            sqlx::query("DELETE FROM deliveries WHERE state = 'sent' AND sent_at_us < $1")
                .bind(sent_before.get())
                .execute(link)
                .await?;
        Ok(deleted.rows_affected())
    }
}
