//! The statements of the books of budgets in PostgreSQL. Each takes all windows or leases at once: the
//! locks are held while they run, and every one of them is a journey to the server.

use async_trait::async_trait;
use policy::{Lease, WindowBooks};
use sqlx::PgConnection;
use units::UnixMicros;

use super::database::{Bounded, Database};
use crate::StoreError;
use crate::rows::from_counter;
use crate::stored::{LeaseSql, WindowKey, gather, state};

/// The columns of a lease, money as text.
macro_rules! lease_columns {
    () => {
        "budget, window_start_us, node, epoch, term, granted::text, settled::text, spent_before::text,
         reserved::text, overshoot::text, next_seq, expires_at_us, reported_at_us, state"
    };
}

/// Windows with an open lease or that start at `$1` or later.
macro_rules! since {
    () => {
        " WHERE window_start_us >= $1
             OR (budget, window_start_us) IN
                (SELECT budget, window_start_us FROM leases WHERE state = 'open')
          ORDER BY budget, window_start_us"
    };
}

#[async_trait]
impl LeaseSql for Database {
    async fn create_windows(
        link: &mut PgConnection,
        keys: &[WindowKey],
        now: UnixMicros,
    ) -> Result<(), StoreError> {
        let (budgets, starts) = split(keys);
        sqlx::query(
            "INSERT INTO budget_windows (budget, window_start_us, base, corrections,
                                         created_at_us, changed_at_us)
             SELECT budget, start_us, NULL, 0, $3, $3
             FROM unnest($1::text[], $2::bigint[]) AS asked (budget, start_us)
             ORDER BY budget COLLATE \"C\", start_us
             ON CONFLICT DO NOTHING",
        )
        .bind(budgets)
        .bind(starts)
        .bind(now.get())
        .run(link)
        .await?;
        Ok(())
    }

    /// Whoever changes a lease holds its window first, so that locking the windows is enough.
    async fn locked_windows(
        link: &mut PgConnection,
        keys: &[WindowKey],
    ) -> Result<Vec<WindowBooks>, StoreError> {
        let (budgets, starts) = split(keys);
        let windows = sqlx::query(
            "SELECT budget, window_start_us, base::text, corrections::text FROM budget_windows
             WHERE (budget, window_start_us) IN (SELECT * FROM unnest($1::text[], $2::bigint[]))
             ORDER BY budget, window_start_us FOR UPDATE",
        )
        .bind(&budgets)
        .bind(&starts)
        .all(link)
        .await?;
        let leases = sqlx::query(concat!(
            "SELECT ",
            lease_columns!(),
            " FROM leases
             WHERE (budget, window_start_us) IN (SELECT * FROM unnest($1::text[], $2::bigint[]))
             ORDER BY budget, window_start_us, node, epoch"
        ))
        .bind(&budgets)
        .bind(&starts)
        .all(link)
        .await?;
        gather(&windows, &leases)
    }

    async fn windows_since(
        link: &mut PgConnection,
        since: UnixMicros,
    ) -> Result<Vec<WindowBooks>, StoreError> {
        let windows = sqlx::query(concat!(
            "SELECT budget, window_start_us, base::text, corrections::text FROM budget_windows",
            since!()
        ))
        .bind(since.get())
        .all(link)
        .await?;
        let leases = sqlx::query(concat!(
            "SELECT ",
            lease_columns!(),
            " FROM leases",
            since!(),
            ", node, epoch"
        ))
        .bind(since.get())
        .all(link)
        .await?;
        gather(&windows, &leases)
    }

    async fn write_windows(
        link: &mut PgConnection,
        windows: &[&WindowBooks],
        now: UnixMicros,
    ) -> Result<(), StoreError> {
        if windows.is_empty() {
            return Ok(());
        }
        let keys: Vec<WindowKey> =
            windows.iter().map(|books| (books.budget, books.window_start)).collect();
        let (budgets, starts) = split(&keys);
        let bases: Vec<Option<String>> =
            windows.iter().map(|books| books.base.map(|base| base.to_string())).collect();
        let corrections: Vec<String> =
            windows.iter().map(|books| books.corrections.to_string()).collect();
        sqlx::query(
            "UPDATE budget_windows
             SET base = told.base::numeric, corrections = told.corrections::numeric,
                 changed_at_us = $5
             FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[])
                  AS told (budget, start_us, base, corrections)
             WHERE budget_windows.budget = told.budget AND window_start_us = told.start_us",
        )
        .bind(budgets)
        .bind(starts)
        .bind(bases)
        .bind(corrections)
        .bind(now.get())
        .run(link)
        .await?;
        Ok(())
    }

    async fn write_leases(
        link: &mut PgConnection,
        leases: &[(WindowKey, &Lease)],
    ) -> Result<(), StoreError> {
        if leases.is_empty() {
            return Ok(());
        }
        let (budgets, starts) = split_leases(leases);
        let text = |of: fn(&Lease) -> String| -> Vec<String> {
            leases.iter().map(|(_, lease)| of(lease)).collect()
        };
        let integer = |of: fn(&Lease) -> i64| -> Vec<i64> {
            leases.iter().map(|(_, lease)| of(lease)).collect()
        };
        sqlx::query(
            "INSERT INTO leases (budget, window_start_us, node, epoch, term, granted, settled,
                                 spent_before, reserved, overshoot, next_seq, expires_at_us,
                                 reported_at_us, state)
             SELECT budget, start_us, node, epoch, term, granted::numeric, settled::numeric,
                    spent_before::numeric, reserved::numeric, overshoot::numeric, next_seq,
                    expires_at_us, reported_at_us, state
             FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::text[],
                         $7::text[], $8::text[], $9::text[], $10::text[], $11::bigint[],
                         $12::bigint[], $13::bigint[], $14::text[])
                  AS told (budget, start_us, node, epoch, term, granted, settled, spent_before,
                           reserved, overshoot, next_seq, expires_at_us, reported_at_us, state)
             ON CONFLICT (budget, window_start_us, node, epoch) DO UPDATE SET
                 term = excluded.term, granted = excluded.granted, settled = excluded.settled,
                 spent_before = excluded.spent_before, reserved = excluded.reserved,
                 overshoot = excluded.overshoot, next_seq = excluded.next_seq,
                 expires_at_us = excluded.expires_at_us,
                 reported_at_us = excluded.reported_at_us, state = excluded.state",
        )
        .bind(budgets)
        .bind(starts)
        .bind(text(|lease| lease.node.clone()))
        .bind(text(|lease| lease.epoch.clone()))
        .bind(integer(|lease| from_counter(lease.term)))
        .bind(text(|lease| lease.granted.to_string()))
        .bind(text(|lease| lease.settled.to_string()))
        .bind(text(|lease| lease.before.to_string()))
        .bind(text(|lease| lease.reserved.to_string()))
        .bind(text(|lease| lease.overshoot.to_string()))
        .bind(integer(|lease| from_counter(lease.next_seq)))
        .bind(integer(|lease| lease.expires_at.get()))
        .bind(integer(|lease| lease.reported_at.get()))
        .bind(text(|lease| state(lease).to_owned()))
        .run(link)
        .await?;
        Ok(())
    }

    async fn delete_leases(
        link: &mut PgConnection,
        leases: &[(WindowKey, &Lease)],
    ) -> Result<(), StoreError> {
        if leases.is_empty() {
            return Ok(());
        }
        let (budgets, starts) = split_leases(leases);
        let nodes: Vec<&str> = leases.iter().map(|(_, lease)| lease.node.as_str()).collect();
        let epochs: Vec<&str> = leases.iter().map(|(_, lease)| lease.epoch.as_str()).collect();
        sqlx::query(
            "DELETE FROM leases WHERE (budget, window_start_us, node, epoch) IN
                 (SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[]))",
        )
        .bind(budgets)
        .bind(starts)
        .bind(nodes)
        .bind(epochs)
        .run(link)
        .await?;
        Ok(())
    }
}

/// Budgets and starts apart, as arrays go to the server.
fn split(keys: &[WindowKey]) -> (Vec<String>, Vec<i64>) {
    keys.iter().map(|(budget, start)| (budget.to_string(), start.get())).unzip()
}

fn split_leases(leases: &[(WindowKey, &Lease)]) -> (Vec<String>, Vec<i64>) {
    leases.iter().map(|((budget, start), _)| (budget.to_string(), start.get())).unzip()
}
