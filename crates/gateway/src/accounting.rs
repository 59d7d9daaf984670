//! What a request needs to be accounted for: the spool, the budgets and the clock. What things cost
//! changes with the snapshot and is not here.

use std::sync::Arc;

use policy::{OutputHistory, Treasury};
use spool::Spool;
use units::Clock;

/// The books every request is entered in. Shared by all requests, never replaced.
pub struct Accounting {
    /// Where events go.
    pub spool: Spool,
    /// What budgets have settled and hold.
    pub treasury: Arc<Treasury>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// How long answers usually are.
    pub outputs: OutputHistory,
    /// Key of the prompt hashes, so that they mean nothing outside this installation.
    pub hash_key: [u8; 32],
}
