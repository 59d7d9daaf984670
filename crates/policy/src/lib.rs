//! Decisions of the gateway as pure functions over a snapshot and a clock: which key, which targets,
//! whose cost, and whether there is money for it.
//!
//! This crate must never know HTTP or SQL.
#![deny(clippy::float_arithmetic)]

mod budget;
mod claims;
mod hold;
mod key;
mod output;
mod route;
mod snapshot;
mod treasury;

pub use budget::{Budget, BudgetStatus, OnTight, OnUnpriced, Scope};
pub use claims::{Claims, TAGS_MAX};
pub use hold::{Hold, Quote};
pub use key::{ClientFields, Key, KeyHash, hash_secret};
pub use output::OutputHistory;
pub use route::{OnClientGone, Plan, Route, RouteError, Target};
pub use snapshot::Snapshot;
pub use treasury::{Admission, Denial, DenialCause, Reservation, Treasury};
