//! One transaction over the windows a report is about.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use policy::{AccountReport, Grant, LeaseReport, WindowBooks};
use store::Leases;
use units::Usd;

use super::AuthorityError;
use super::decide::{Holder, Moment, close, decide};
use super::holders::Present;
use super::plan::WindowKey;
use super::sums::Sums;

/// One account of a report whose window is open.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) account: AccountReport,
    pub(super) limit: Usd,
    /// Nothing can have been spent in the window without a lease.
    pub(super) is_fresh: bool,
    /// What holders had spent before they had leases, if it is known.
    pub(super) first: Option<Arc<Sums>>,
}

/// What a report asks, ready to be decided.
#[derive(Debug, Clone)]
pub(super) struct Round {
    pub(super) node: String,
    pub(super) epoch: String,
    pub(super) is_final: bool,
    pub(super) present: Present,
    pub(super) asks: Vec<Ask>,
    /// What the lake holds now, of windows for which that was needed.
    pub(super) sums: HashMap<WindowKey, Arc<Sums>>,
    /// The lake was asked for all that was needed: decide with what there is.
    pub(super) is_last: bool,
    pub(super) moment: Moment,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Decided {
    pub(super) grants: Vec<Grant>,
    /// What could not be decided without asking the lake.
    pub(super) lacking: Vec<Ask>,
}

impl Round {
    /// A round without asks.
    pub(super) fn of(report: &LeaseReport, moment: Moment) -> Self {
        Self {
            node: report.node.clone(),
            epoch: report.epoch.clone(),
            is_final: report.is_final,
            present: Present::of(report),
            asks: Vec::new(),
            sums: HashMap::new(),
            is_last: false,
            moment,
        }
    }

    /// Decides every ask in one transaction.
    pub(super) async fn run(self, leases: &dyn Leases) -> Result<Decided, AuthorityError> {
        if self.asks.is_empty() {
            return Ok(Decided::default());
        }
        let keys: Vec<WindowKey> =
            self.asks.iter().map(|ask| (ask.account.budget, ask.account.window_start)).collect();
        let decided = Arc::new(Mutex::new(Decided::default()));
        let slot = Arc::clone(&decided);
        let decide = Box::new(move |all: &mut Vec<WindowBooks>| {
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = self.decide(all);
        });
        leases.transact(&keys, decide).await?;
        let mut decided = decided.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(std::mem::take(&mut *decided))
    }

    fn decide(&self, all: &mut [WindowBooks]) -> Decided {
        let mut decided = Decided::default();
        for ask in &self.asks {
            let key = (ask.account.budget, ask.account.window_start);
            let own = all.iter_mut().find(|books| (books.budget, books.window_start) == key);
            let Some(books) = own else { continue };
            let sums = self.sums.get(&key).map(Arc::as_ref);
            if sums.is_none() && self.lacks(books, ask) {
                decided.lacking.push(ask.clone());
            } else {
                decided.grants.push(self.grant(books, ask, sums));
            }
        }
        decided
    }

    /// Whether the lake must be asked first.
    fn lacks(&self, books: &WindowBooks, ask: &Ask) -> bool {
        if books.base.is_none() {
            return !ask.is_fresh;
        }
        let is_new = books.lease(&self.node, &self.epoch).is_none();
        let is_unknown = is_new && !ask.is_fresh && ask.first.is_none();
        !self.is_last && (is_unknown || books.leases.iter().any(|lease| self.is_gone(lease)))
    }

    fn grant(&self, books: &mut WindowBooks, ask: &Ask, sums: Option<&Sums>) -> Grant {
        if books.base.is_none() {
            books.base = Some(sums.map_or(Usd::ZERO, |sums| unleased(books, sums)));
        }
        if let Some(sums) = sums {
            for lease in books.leases.iter_mut().filter(|lease| self.is_gone(lease)) {
                close(lease, sums.holder(&lease.node, &lease.epoch));
            }
        }
        let first = ask.first.as_deref().or(sums);
        let holder = Holder {
            node: &self.node,
            epoch: &self.epoch,
            is_final: self.is_final,
            before: first.map(|sums| sums.holder(&self.node, &self.epoch)).unwrap_or_default(),
        };
        decide(books, ask.limit, &holder, &ask.account, self.moment)
    }

    fn is_gone(&self, lease: &policy::Lease) -> bool {
        lease.node == self.node && self.present.has_outlived(lease)
    }
}

/// What holders without a lease have spent.
pub(super) fn unleased(books: &WindowBooks, sums: &Sums) -> Usd {
    sums.without(|node, epoch| books.lease(node, epoch).is_some())
}
