//! The budget authority: how much of every budget each gateway process may spend.
//!
//! There is no leader. A grant is one transaction in the store, cumulative and durable before it is
//! told, so any number of consoles may answer, restart, or answer twice (ADR 007). The lake has the
//! record: it says what was spent without a lease, what a process that died had spent, and whether
//! the books drift. It must never know HTTP, nor how a gateway spends its lease.

mod compare;
mod decide;
mod error;
mod holders;
mod options;
mod plan;
mod reconcile;
mod round;
mod status;
mod sums;
mod sync;
mod tend;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lake::Lake;
use policy::Budget;
use store::{Audit, Leases};
use units::{BillingZone, Clock, UnixMicros};

use compare::Observations;
pub use error::AuthorityError;
use holders::Holders;
pub use options::AuthorityOptions;
use plan::Plan;
pub use reconcile::Drift;
use sums::SumsCache;

/// The authority of one installation, shared by all who ask.
pub struct Authority {
    leases: Arc<dyn Leases>,
    lake: Lake,
    audit: Arc<dyn Audit>,
    clock: Arc<dyn Clock>,
    options: AuthorityOptions,
    state: Mutex<State>,
}

/// What is remembered between calls. Nothing of it is needed to decide rightly.
#[derive(Debug, Default)]
struct State {
    plan: Arc<Plan>,
    holders: Holders,
    sums: SumsCache,
    observations: Observations,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Authority {
    /// An authority without budgets, over the books in the store and the record in the lake.
    pub fn new(
        leases: Arc<dyn Leases>,
        lake: Lake,
        audit: Arc<dyn Audit>,
        clock: Arc<dyn Clock>,
        options: AuthorityOptions,
    ) -> Self {
        Self { leases, lake, audit, clock, options, state: Mutex::default() }
    }

    /// Replaces the budgets and the zone their windows are cut in.
    pub fn configure(&self, budgets: &[Budget], zone: &BillingZone) {
        let now = self.clock.now();
        let mut state = self.state();
        state.plan = Arc::new(state.plan.changed(budgets, zone, now));
    }

    /// How far each gateway's clock was ahead of ours when it last reported, microseconds (its time
    /// on the way counts as being behind), by node id.
    pub fn skew_us(&self) -> BTreeMap<String, i64> {
        self.state().holders.skew_us()
    }

    fn plan(&self) -> Arc<Plan> {
        Arc::clone(&self.state().plan)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When a lease told now runs out.
    fn expiry(&self, now: UnixMicros) -> UnixMicros {
        now.plus_micros(self.options.ttl_us())
    }
}

#[cfg(test)]
#[path = "authority/service_tests.rs"]
mod service_tests;
