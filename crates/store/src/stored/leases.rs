//! The books of budgets over any engine.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use policy::{Lease, LeaseState, WindowBooks};
use units::{BudgetId, UnixMicros, Usd};

use crate::engine::{Engine, Link};
use crate::rows::{self, Columns};
use crate::{Decide, Leases, StoreError};

/// A budget and the start of one of its windows.
pub(crate) type WindowKey = (BudgetId, UnixMicros);

/// The statements of the books.
#[async_trait]
pub(crate) trait LeaseSql: Engine {
    /// Creates the windows that are missing, empty. The keys are in order and differ.
    async fn create_windows(
        link: &mut Link<Self>,
        keys: &[WindowKey],
        now: UnixMicros,
    ) -> Result<(), StoreError>;

    /// The books of windows, in the order of their keys; nobody else reads them to decide, or changes
    /// them, before this transaction ends. The keys are in order and differ.
    async fn locked_windows(
        link: &mut Link<Self>,
        keys: &[WindowKey],
    ) -> Result<Vec<WindowBooks>, StoreError>;

    /// Windows with an open lease or that start at an instant or later, in order.
    async fn windows_since(
        link: &mut Link<Self>,
        since: UnixMicros,
    ) -> Result<Vec<WindowBooks>, StoreError>;

    /// Writes base and corrections of windows.
    async fn write_windows(
        link: &mut Link<Self>,
        windows: &[&WindowBooks],
        now: UnixMicros,
    ) -> Result<(), StoreError>;

    /// Adds leases, or writes those that are there.
    async fn write_leases(
        link: &mut Link<Self>,
        leases: &[(WindowKey, &Lease)],
    ) -> Result<(), StoreError>;

    /// Removes leases.
    async fn delete_leases(
        link: &mut Link<Self>,
        leases: &[(WindowKey, &Lease)],
    ) -> Result<(), StoreError>;
}

/// [`Leases`] over one database.
#[derive(Debug)]
pub(super) struct StoredLeases<E>(pub(super) Arc<E>);

#[async_trait]
impl<E: LeaseSql> Leases for StoredLeases<E> {
    async fn transact(
        &self,
        windows: &[(BudgetId, UnixMicros)],
        decide: Decide,
    ) -> Result<Vec<WindowBooks>, StoreError> {
        // Everyone takes the windows in the same order, so that nobody waits in a circle.
        let mut keys = windows.to_vec();
        keys.sort_unstable();
        keys.dedup();
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let now = self.0.now();
        let mut transaction = self.0.begin().await?;
        E::create_windows(&mut transaction, &keys, now).await?;
        let before = E::locked_windows(&mut transaction, &keys).await?;
        let mut after = before.clone();
        decide(&mut after);
        after.retain(|books| keys.binary_search(&key_of(books)).is_ok());
        let changes = Changes::between(&before, &after);
        E::write_windows(&mut transaction, &changes.windows, now).await?;
        E::write_leases(&mut transaction, &changes.written).await?;
        E::delete_leases(&mut transaction, &changes.deleted).await?;
        E::commit(transaction).await?;
        Ok(after)
    }

    async fn open_windows(&self, since: UnixMicros) -> Result<Vec<WindowBooks>, StoreError> {
        let mut view = self.0.view().await?;
        let windows = E::windows_since(&mut view, since).await?;
        E::commit(view).await?;
        Ok(windows)
    }
}

/// What a decision changed.
#[derive(Default)]
struct Changes<'a> {
    windows: Vec<&'a WindowBooks>,
    written: Vec<(WindowKey, &'a Lease)>,
    deleted: Vec<(WindowKey, &'a Lease)>,
}

impl<'a> Changes<'a> {
    fn between(before: &'a [WindowBooks], after: &'a [WindowBooks]) -> Self {
        let mut changes = Self::default();
        for books in after {
            let Some(known) = before.iter().find(|known| key_of(known) == key_of(books)) else {
                continue;
            };
            if (known.base, known.corrections) != (books.base, books.corrections) {
                changes.windows.push(books);
            }
            let key = key_of(books);
            let kept = by_holder(&books.leases);
            let had = by_holder(&known.leases);
            changes.written.extend(
                kept.iter()
                    .filter(|(holder, lease)| had.get(*holder) != Some(lease))
                    .map(|(_, lease)| (key, *lease)),
            );
            changes.deleted.extend(
                had.iter()
                    .filter(|(holder, _)| !kept.contains_key(*holder))
                    .map(|(_, lease)| (key, *lease)),
            );
        }
        changes
    }
}

fn key_of(books: &WindowBooks) -> WindowKey {
    (books.budget, books.window_start)
}

fn by_holder(leases: &[Lease]) -> BTreeMap<(&str, &str), &Lease> {
    leases.iter().map(|lease| ((lease.node.as_str(), lease.epoch.as_str()), lease)).collect()
}

/// Books from the rows of windows, in their order, and of leases, in any.
pub(crate) fn gather<R: Columns>(
    windows: &[R],
    leases: &[R],
) -> Result<Vec<WindowBooks>, StoreError> {
    let mut held: BTreeMap<WindowKey, Vec<Lease>> = BTreeMap::new();
    for row in leases {
        held.entry(window_key(row)?).or_default().push(lease(row)?);
    }
    let books = |row: &R| {
        let key = window_key(row)?;
        Ok(WindowBooks {
            budget: key.0,
            window_start: key.1,
            base: rows::parsed_option(row, "base", |text| text.parse::<Usd>())?,
            corrections: rows::parsed(row, "corrections", |text| text.parse::<Usd>())?,
            leases: held.remove(&key).unwrap_or_default(),
        })
    };
    windows.iter().map(books).collect()
}

fn window_key(row: &impl Columns) -> Result<WindowKey, StoreError> {
    let budget = rows::parsed(row, "budget", |text| text.parse::<BudgetId>())?;
    Ok((budget, rows::instant(row, "window_start_us")?))
}

fn lease(row: &impl Columns) -> Result<Lease, StoreError> {
    let usd = |column| rows::parsed(row, column, |text| text.parse::<Usd>());
    Ok(Lease {
        node: rows::text(row, "node")?,
        epoch: rows::text(row, "epoch")?,
        term: rows::count(row, "term")?,
        granted: usd("granted")?,
        settled: usd("settled")?,
        before: usd("spent_before")?,
        reserved: usd("reserved")?,
        overshoot: usd("overshoot")?,
        next_seq: rows::count(row, "next_seq")?,
        expires_at: rows::instant(row, "expires_at_us")?,
        reported_at: rows::instant(row, "reported_at_us")?,
        state: rows::parsed(row, "state", |text| match text.as_str() {
            "open" => Ok(LeaseState::Open),
            "closed" => Ok(LeaseState::Closed),
            _ => Err(format!("`{text}` is neither open nor closed")),
        })?,
    })
}

/// The stable text form of a lease's state, as stored.
pub(crate) const fn state(lease: &Lease) -> &'static str {
    match lease.state {
        LeaseState::Open => "open",
        LeaseState::Closed => "closed",
    }
}
