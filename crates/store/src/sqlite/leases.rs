//! The statements of the books of budgets in SQLite. They run in this process, so a loop of small ones
//! costs less than it looks.

use async_trait::async_trait;
use policy::{Lease, WindowBooks};
use sqlx::SqliteConnection;
use units::UnixMicros;

use super::database::Database;
use crate::StoreError;
use crate::rows::from_counter;
use crate::stored::{LeaseSql, WindowKey, gather, state};

/// The statement that reads leases, with what follows `FROM leases`.
macro_rules! select_leases {
    ($rest:literal) => {
        concat!(
            "SELECT budget, window_start_us, node, epoch, term, granted, settled, spent_before, reserved,
                    overshoot, next_seq, expires_at_us, reported_at_us, state
             FROM leases ",
            $rest
        )
    };
}

#[async_trait]
impl LeaseSql for Database {
    async fn create_windows(
        link: &mut SqliteConnection,
        keys: &[WindowKey],
        now: UnixMicros,
    ) -> Result<(), StoreError> {
        for (budget, start) in keys {
            sqlx::query(
                "INSERT INTO budget_windows (budget, window_start_us, base, corrections,
                                             created_at_us, changed_at_us)
                 VALUES ($1, $2, NULL, '0.00', $3, $3) ON CONFLICT DO NOTHING",
            )
            .bind(budget.to_string())
            .bind(start.get())
            .bind(now.get())
            .execute(&mut *link)
            .await?;
        }
        Ok(())
    }

    /// A transaction that may write holds the whole file.
    async fn locked_windows(
        link: &mut SqliteConnection,
        keys: &[WindowKey],
    ) -> Result<Vec<WindowBooks>, StoreError> {
        let (mut windows, mut leases) = (Vec::new(), Vec::new());
        for (budget, start) in keys {
            let budget = budget.to_string();
            windows.extend(
                sqlx::query(
                    "SELECT budget, window_start_us, base, corrections FROM budget_windows
                     WHERE budget = $1 AND window_start_us = $2",
                )
                .bind(&budget)
                .bind(start.get())
                .fetch_all(&mut *link)
                .await?,
            );
            leases.extend(
                sqlx::query(select_leases!(
                    "WHERE budget = $1 AND window_start_us = $2 ORDER BY node, epoch"
                ))
                .bind(&budget)
                .bind(start.get())
                .fetch_all(&mut *link)
                .await?,
            );
        }
        gather(&windows, &leases)
    }

    async fn windows_since(
        link: &mut SqliteConnection,
        since: UnixMicros,
    ) -> Result<Vec<WindowBooks>, StoreError> {
        let windows = sqlx::query(
            "SELECT budget, window_start_us, base, corrections FROM budget_windows
             WHERE window_start_us >= $1
                OR (budget, window_start_us) IN
                   (SELECT budget, window_start_us FROM leases WHERE state = 'open')
             ORDER BY budget, window_start_us",
        )
        .bind(since.get())
        .fetch_all(&mut *link)
        .await?;
        let leases = sqlx::query(select_leases!(
            "WHERE window_start_us >= $1
                OR (budget, window_start_us) IN
                   (SELECT budget, window_start_us FROM leases WHERE state = 'open')
             ORDER BY budget, window_start_us, node, epoch"
        ))
        .bind(since.get())
        .fetch_all(&mut *link)
        .await?;
        gather(&windows, &leases)
    }

    async fn write_windows(
        link: &mut SqliteConnection,
        windows: &[&WindowBooks],
        now: UnixMicros,
    ) -> Result<(), StoreError> {
        for books in windows {
            sqlx::query(
                "UPDATE budget_windows SET base = $3, corrections = $4, changed_at_us = $5
                 WHERE budget = $1 AND window_start_us = $2",
            )
            .bind(books.budget.to_string())
            .bind(books.window_start.get())
            .bind(books.base.map(|base| base.to_string()))
            .bind(books.corrections.to_string())
            .bind(now.get())
            .execute(&mut *link)
            .await?;
        }
        Ok(())
    }

    async fn write_leases(
        link: &mut SqliteConnection,
        leases: &[(WindowKey, &Lease)],
    ) -> Result<(), StoreError> {
        for ((budget, start), lease) in leases {
            sqlx::query(
                "INSERT INTO leases (budget, window_start_us, node, epoch, term, granted, settled,
                                     spent_before, reserved, overshoot, next_seq, expires_at_us,
                                     reported_at_us, state)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
                 ON CONFLICT (budget, window_start_us, node, epoch) DO UPDATE SET
                     term = excluded.term, granted = excluded.granted, settled = excluded.settled,
                     spent_before = excluded.spent_before, reserved = excluded.reserved,
                     overshoot = excluded.overshoot, next_seq = excluded.next_seq,
                     expires_at_us = excluded.expires_at_us,
                     reported_at_us = excluded.reported_at_us, state = excluded.state",
            )
            .bind(budget.to_string())
            .bind(start.get())
            .bind(&lease.node)
            .bind(&lease.epoch)
            .bind(from_counter(lease.term))
            .bind(lease.granted.to_string())
            .bind(lease.settled.to_string())
            .bind(lease.before.to_string())
            .bind(lease.reserved.to_string())
            .bind(lease.overshoot.to_string())
            .bind(from_counter(lease.next_seq))
            .bind(lease.expires_at.get())
            .bind(lease.reported_at.get())
            .bind(state(lease))
            .execute(&mut *link)
            .await?;
        }
        Ok(())
    }

    async fn delete_leases(
        link: &mut SqliteConnection,
        leases: &[(WindowKey, &Lease)],
    ) -> Result<(), StoreError> {
        for ((budget, start), lease) in leases {
            sqlx::query(
                "DELETE FROM leases
                 WHERE budget = $1 AND window_start_us = $2 AND node = $3 AND epoch = $4",
            )
            .bind(budget.to_string())
            .bind(start.get())
            .bind(&lease.node)
            .bind(&lease.epoch)
            .execute(&mut *link)
            .await?;
        }
        Ok(())
    }
}
