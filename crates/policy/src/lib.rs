//! Decisions of the gateway as pure functions over a snapshot and a clock: which key, which targets,
//! whose cost, and whether there is money for it.
//!
//! This crate must never know HTTP or SQL.
#![deny(clippy::float_arithmetic)]

mod books;
mod budget;
mod claims;
mod document;
mod hold;
mod key;
mod link;
mod output;
mod route;
mod scope;
mod snapshot;
mod treasury;

pub use books::{Lease, LeaseState, WindowBooks};
pub use budget::{Budget, BudgetStatus, OnTight, OnUnpriced, WhenAlone};
pub use claims::{Claims, TAGS_MAX};
pub use document::{KeyEntry, ProviderEntry, SNAPSHOT_FORMAT, SnapshotDocument, SnapshotError};
pub use hold::{Hold, Quote};
pub use key::{ClientFields, Key, KeyHash, hash_secret};
pub use link::{AccountReport, Grant, LeaseReply, LeaseReport, PROTOCOL, Verdict};
pub use output::OutputHistory;
pub use route::{CachePolicy, OnClientGone, Plan, Route, RouteError, Target};
pub use scope::{Scope, ScopeError, Spender};
pub use snapshot::Snapshot;
pub use treasury::{Admission, Denial, DenialCause, Refusal, Reservation, Treasury};
