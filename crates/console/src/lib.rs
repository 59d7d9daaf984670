//! The ledger's web face: server-rendered pages, login by one-time link, statements as CSV.
//!
//! Beside the pages: the admin API under `/api/v1`, and what gateways that run apart ask. It reads
//! through traits ([`Sources`]), changes keys, incidents and deliveries in the store, and never writes
//! usage or money. It must never know Pingora or provider dialects.

pub mod access;
pub mod adapters;
pub mod alerting;
pub mod budgets;
pub mod chart;
pub mod declared;
pub mod explore;
pub mod ledger;
pub mod link;
pub mod permission;
pub mod prices;
pub mod requests;

mod amount;
mod api;
mod assets;
mod comparison;
mod desk;
mod draft;
mod endings;
mod error;
mod figures;
mod forecast;
mod gateways;
mod guard;
mod headers;
mod markup;
mod moments;
mod origin;
mod pages;
mod problem;
mod rates;
mod replay;
mod router;
mod session;
mod sheet;
mod sources;
mod span;
mod state;
mod theme;

pub use access::Access;
pub use alerting::AlertBoard;
pub use budgets::{BoardError, BudgetAmounts, BudgetBoard, BudgetStatus, LeaseStatus};
pub use declared::{Declared, DeclaredKey};
pub use explore::Explorer;
pub use ledger::Ledger;
pub use link::{GatewayLink, Link, LinkError};
pub use origin::{PublicUrl, PublicUrlError};
pub use prices::PriceDesk;
pub use requests::RequestLog;
pub use router::router;
pub use sources::Sources;
pub use state::{ConsoleSettings, ConsoleState};
