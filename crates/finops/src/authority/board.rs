//! How budgets stand over all gateways, for pages, alerts and gauges.

use std::sync::Arc;

use policy::{BudgetStatus, Lease, WindowBooks};
use units::{UnixMicros, Usd};

use super::plan::{Known, Plan};
use super::round::Decided;
use super::{Authority, AuthorityError};

/// The last figures of every budget, ready to be read.
#[derive(Debug, Default)]
pub(super) struct Board(Arc<Vec<BudgetStatus>>);

impl Board {
    /// Forgets budgets that are gone, and takes over what else changed of those that stay.
    pub(super) fn keep(&mut self, plan: &Plan) {
        let kept = self.0.iter().filter_map(|status| {
            let budget = &plan.budget(status.id)?.budget;
            let same = budget.window == status.window;
            let (name, scope) = (budget.name.clone(), budget.scope.to_string());
            same.then(|| BudgetStatus { name, scope, limit: budget.limit, ..status.clone() })
        });
        self.0 = Arc::new(kept.collect());
    }

    fn replace(&mut self, statuses: Vec<BudgetStatus>) {
        self.0 = Arc::new(statuses);
    }

    fn update(&mut self, status: BudgetStatus) {
        let board = Arc::make_mut(&mut self.0);
        match board.iter_mut().find(|other| other.id == status.id) {
            Some(other) => *other = status,
            None => board.push(status),
        }
    }
}

impl Authority {
    /// How every budget stood when it was last asked for or reported, without waiting.
    pub fn board(&self) -> Arc<Vec<BudgetStatus>> {
        Arc::clone(&self.state().board.0)
    }

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
        let statuses: Vec<_> = plan.budgets().iter().map(status).collect();
        self.state().board.replace(statuses.clone());
        Ok(statuses)
    }

    /// Takes the books of a decision over to the board.
    pub(super) fn show(&self, decided: &Decided, plan: &Plan, now: UnixMicros) {
        let mut state = self.state();
        for books in &decided.books {
            let Some(known) = plan.budget(books.budget) else { continue };
            let window = plan.window(known, now);
            if window.from == books.window_start {
                state.board.update(status_of(known, books, window.to, now));
            }
        }
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
