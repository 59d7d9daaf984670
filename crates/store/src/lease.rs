//! The books of budgets: what each window has spent and what is on lease to whom.
//!
//! It must never know how much to grant: whoever decides is handed the books inside a transaction.

use std::fmt;

use async_trait::async_trait;
use policy::WindowBooks;
use units::{BudgetId, UnixMicros};

use crate::StoreError;

/// What decides over the books of some windows, in place. It runs once, inside the transaction, so it
/// must neither wait nor ask anyone.
pub type Decide = Box<dyn FnOnce(&mut Vec<WindowBooks>) + Send>;

/// The books of every budget and window, kept so that a grant is durable before it is told.
#[async_trait]
pub trait Leases: Send + Sync + fmt::Debug {
    /// Changes the books of some windows in one transaction that is serialisable with every other of
    /// its kind, whichever process makes it.
    ///
    /// `decide` sees each window once, in the order of budget and start; those unknown so far are
    /// created empty, without a base. Its changes to base, corrections and leases are written (a lease
    /// that is gone is deleted); windows it adds are not. The result is the books as written.
    async fn transact(
        &self,
        windows: &[(BudgetId, UnixMicros)],
        decide: Decide,
    ) -> Result<Vec<WindowBooks>, StoreError>;

    /// Windows with an open lease or that start at `since` or later, in the order of budget and start,
    /// all of one instant.
    async fn open_windows(&self, since: UnixMicros) -> Result<Vec<WindowBooks>, StoreError>;
}
