//! What is done ahead of requests: windows opened, leases of processes that are gone closed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use policy::{Lease, WindowBooks};
use store::{Actor, NewAudit};
use units::{UnixMicros, Usd};

use super::decide::close;
use super::plan::{Known, Plan, WindowKey};
use super::round::unleased;
use super::sums::Sums;
use super::{Authority, AuthorityError};

impl Authority {
    /// Opens present windows that nobody has opened yet and closes the leases of processes whose
    /// node has reported since with all they spent in the lake, so that requests need not wait for
    /// either. Call it every few seconds. At most [`super::AuthorityOptions::sums_max`] windows are
    /// summed; the next call goes on.
    ///
    /// # Errors
    /// When the books or the lake cannot be read or written; what was done stays done.
    pub async fn tend(&self, now: UnixMicros) -> Result<(), AuthorityError> {
        self.open_windows(now, self.options.sums_max).await?;
        let present = self.state().holders.present();
        let is_gone = move |lease: &Lease| {
            present.get(&lease.node).is_some_and(|present| present.has_outlived(lease))
        };
        self.close_where(now, self.options.sums_max, Arc::new(is_gone)).await?;
        Ok(())
    }

    /// Says that a gateway process will never report again: its leases are closed at what the lake
    /// holds of it. What it spent beyond that, and never delivered, is not counted. Gives the number
    /// of leases closed.
    ///
    /// # Errors
    /// When the books or the lake cannot be read or written.
    pub async fn forget(
        &self,
        node: &str,
        epoch: &str,
        by: &Actor,
    ) -> Result<usize, AuthorityError> {
        let (own_node, own_epoch) = (node.to_owned(), epoch.to_owned());
        let is_own = move |lease: &Lease| lease.is_open() && lease.is_of(&own_node, &own_epoch);
        let closed = self.close_where(self.clock.now(), usize::MAX, Arc::new(is_own)).await?;
        for Closed { key: (budget, window_start), before, after } in &closed {
            let mut entry = NewAudit::new(by, "lease.forget", budget);
            entry.before = described(*window_start, before);
            entry.after = described(*window_start, after);
            self.audit.append(&entry).await?;
        }
        Ok(closed.len())
    }

    /// Opens every present window whose base is not known, up to a number of questions to the lake.
    pub(super) async fn open_windows(
        &self,
        now: UnixMicros,
        sums_max: usize,
    ) -> Result<(), AuthorityError> {
        let plan = self.plan();
        let present = plan.present(now);
        let Some(since) = present.iter().map(|(_, start)| *start).min() else { return Ok(()) };
        let books = self.leases.open_windows(since).await?;
        let open: HashSet<WindowKey> = books
            .iter()
            .filter(|books| books.base.is_some())
            .map(|books| (books.budget, books.window_start))
            .collect();
        let missing = present.into_iter().filter(|key| !open.contains(key));
        let mut bases = HashMap::new();
        for key in missing {
            let Some(known) = plan.budget(key.0) else { continue };
            if Plan::is_fresh(known, key.1) {
                // It starts at nothing, whenever it is first used.
                continue;
            }
            if bases.len() >= sums_max {
                break;
            }
            bases.insert(key, self.sums(known, plan.window(known, key.1)).await?);
        }
        if bases.is_empty() {
            return Ok(());
        }
        let keys: Vec<WindowKey> = bases.keys().copied().collect();
        let open = Box::new(move |all: &mut Vec<WindowBooks>| {
            for books in all.iter_mut().filter(|books| books.base.is_none()) {
                let sums = bases.get(&(books.budget, books.window_start));
                books.base = sums.map(|sums| unleased(books, sums));
            }
        });
        self.leases.transact(&keys, open).await?;
        Ok(())
    }

    /// Closes open leases that are gone, up to a number of windows.
    async fn close_where(
        &self,
        now: UnixMicros,
        windows_max: usize,
        is_gone: Arc<dyn Fn(&Lease) -> bool + Send + Sync>,
    ) -> Result<Vec<Closed>, AuthorityError> {
        let plan = self.plan();
        let mut closed = Vec::new();
        let open = self.leases.open_windows(now).await?;
        let concerned = open.iter().filter(|books| books.leases.iter().any(|lease| is_gone(lease)));
        for books in concerned.take(windows_max) {
            let key = (books.budget, books.window_start);
            // Without its budget nobody can say what counts in the window; nobody asks either.
            let Some(known) = plan.budget(key.0) else { continue };
            let sums = self.sums(known, plan.window(known, key.1)).await?;
            closed.extend(books.leases.iter().filter(|lease| is_gone(lease)).map(|lease| {
                let mut after = lease.clone();
                close(&mut after, sums.holder(&lease.node, &lease.epoch));
                Closed { key, before: lease.clone(), after }
            }));
            self.close_in(key, sums, Arc::clone(&is_gone), known).await?;
        }
        Ok(closed)
    }

    async fn close_in(
        &self,
        key: WindowKey,
        sums: Arc<Sums>,
        is_gone: Arc<dyn Fn(&Lease) -> bool + Send + Sync>,
        known: &Known,
    ) -> Result<(), AuthorityError> {
        let closing = Box::new(move |all: &mut Vec<WindowBooks>| {
            let leases = all.iter_mut().flat_map(|books| &mut books.leases);
            for lease in leases.filter(|lease| is_gone(lease)) {
                close(lease, sums.holder(&lease.node, &lease.epoch));
            }
        });
        self.leases.transact(&[key], closing).await?;
        tracing::info!(budget = known.budget.name, window_start = %key.1, "leases closed");
        Ok(())
    }
}

/// A lease before and after it was closed.
struct Closed {
    key: WindowKey,
    before: Lease,
    after: Lease,
}

fn described(window_start: UnixMicros, lease: &Lease) -> serde_json::Value {
    let committed: Usd = lease.committed();
    serde_json::json!({
        "window_start_us": window_start.get(),
        "node": lease.node,
        "epoch": lease.epoch,
        "committed_usd": committed,
        "settled_usd": lease.settled,
        "state": lease.state,
    })
}
