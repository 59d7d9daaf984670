//! How budgets stand over all gateways, for pages, alerts and gauges.

use std::sync::Arc;

use policy::{BudgetStatus, Lease, WindowBooks};
use units::{UnixMicros, Usd};

use super::plan::Known;
use super::{Authority, AuthorityError};

impl Authority {
    /// How every budget stands in its present window, over all gateways, in the order configured.
    /// A window nobody has opened yet is opened, so that what was spent before is in it.
    ///
    /// # Errors
    /// When the books or the lake cannot be read.
    pub async fn status(&self, now: UnixMicros) -> Result<Vec<BudgetStatus>, AuthorityError> {
        self.open_windows(now, usize::MAX).await?;
        let plan = self.plan();
        let since = plan.present(now).into_iter().map(|(_, start)| start).min();
        let books = self.leases.open_windows(since.unwrap_or(now)).await?;
        let status = |known: &Arc<Known>| {
            let window = plan.window(known, now);
            let own = books
                .iter()
                .find(|books| (books.budget, books.window_start) == (known.budget.id, window.from));
            let empty = WindowBooks::new(known.budget.id, window.from);
            status_of(known, own.unwrap_or(&empty), window.to, now)
        };
        Ok(plan.budgets().iter().map(status).collect())
    }
}

fn status_of(
    known: &Known,
    books: &WindowBooks,
    resets_at: UnixMicros,
    now: UnixMicros,
) -> BudgetStatus {
    // What a process held whose lease has run out it no longer holds; what it may have spent stays
    // out of everyone's reach until it is known.
    let live = |lease: &&Lease| lease.is_open() && lease.expires_at > now;
    let reserved: Usd = books.leases.iter().filter(live).map(|lease| lease.reserved).sum();
    let held = |lease: &Lease| lease.granted.saturating_sub_to_zero(lease.settled);
    let held: Usd = books.leases.iter().map(held).sum();
    BudgetStatus {
        id: known.budget.id,
        name: known.budget.name.clone(),
        scope: known.budget.scope.to_string(),
        window: known.budget.window,
        limit: known.budget.limit,
        spent: books.spent(),
        reserved,
        leased: held.saturating_sub_to_zero(reserved),
        overshoot: books.leases.iter().map(|lease| lease.overshoot).sum(),
        window_start: books.window_start,
        resets_at,
    }
}
