//! What the lake holds of a window, by holder.

use std::collections::HashMap;
use std::sync::Arc;

use lake::{HolderSpend, Window};
use units::Usd;

use super::plan::{Known, WindowKey};
use super::{Authority, AuthorityError};

/// Windows whose sums are remembered; when full, all are forgotten.
const WINDOWS_MAX: usize = 4_096;

/// One window's spending by holder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sums(HashMap<(String, String), Usd>);

/// The first sums read of each window: what holders had spent before they had a lease.
#[derive(Debug, Default)]
pub(super) struct SumsCache(HashMap<WindowKey, Arc<Sums>>);

impl Sums {
    pub(super) fn of(spends: Vec<HolderSpend>) -> Self {
        Self(spends.into_iter().map(|spend| ((spend.node, spend.epoch), spend.cost)).collect())
    }

    /// What the lake holds of one holder.
    pub(super) fn holder(&self, node: &str, epoch: &str) -> Usd {
        let own = |((n, e), _): &(&(String, String), &Usd)| n == node && e == epoch;
        self.0.iter().find(own).map(|(_, cost)| *cost).unwrap_or_default()
    }

    /// What the lake holds of all holders but those that are excepted.
    pub(super) fn without(&self, except: impl Fn(&str, &str) -> bool) -> Usd {
        let others = self.0.iter().filter(|((node, epoch), _)| !except(node, epoch));
        others.map(|(_, cost)| *cost).sum()
    }
}

impl SumsCache {
    fn get(&self, key: &WindowKey) -> Option<Arc<Sums>> {
        self.0.get(key).cloned()
    }

    fn put(&mut self, key: WindowKey, sums: &Arc<Sums>) {
        if self.0.len() >= WINDOWS_MAX {
            self.0.clear();
        }
        self.0.entry(key).or_insert_with(|| Arc::clone(sums));
    }
}

impl Authority {
    /// What the lake holds of a window now.
    pub(super) async fn sums(
        &self,
        known: &Known,
        window: Window,
    ) -> Result<Arc<Sums>, AuthorityError> {
        let budget = &known.budget;
        let organisation = budget.organisation.as_str();
        let spends = self.lake.budget_spend(organisation, &budget.scope, window).await?;
        let sums = Arc::new(Sums::of(spends));
        self.state().sums.put((budget.id, window.from), &sums);
        Ok(sums)
    }

    /// What the lake held of a window when it was first read, if it was.
    pub(super) fn first_sums(&self, key: &WindowKey) -> Option<Arc<Sums>> {
        self.state().sums.get(key)
    }
}
