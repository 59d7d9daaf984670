//! What a request needs to be accounted for: the spool, the budgets, the prices and the clock.

use std::sync::Arc;

use policy::{OutputHistory, Treasury};
use pricing::PriceBook;
use spool::Spool;
use units::{Clock, Usd};

/// The books every request is entered in. Shared by all requests, never replaced.
pub struct Accounting {
    /// Where events go.
    pub spool: Spool,
    /// What budgets have settled and hold.
    pub treasury: Arc<Treasury>,
    /// What things cost.
    pub prices: Arc<PriceBook>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// How long answers usually are.
    pub outputs: OutputHistory,
    /// Key of the prompt hashes, so that they mean nothing outside this installation.
    pub hash_key: [u8; 32],
}

impl Accounting {
    /// The cost of a quantity of meters on one provider's model, `None` when it has no price.
    pub(crate) fn cost(&self, query: &pricing::Query<'_>) -> Option<Usd> {
        self.prices.price(query).map(|priced| priced.cost)
    }
}
