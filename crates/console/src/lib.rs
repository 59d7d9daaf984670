//! The ledger's web face: server-rendered pages, login by one-time link, statements as CSV.
//!
//! It reads through three traits ([`Ledger`], [`Access`], [`BudgetBoard`]) and never writes usage or
//! money. It must never know Pingora, provider dialects or prices.

pub mod access;
pub mod adapters;
pub mod budgets;
pub mod chart;
pub mod ledger;

mod assets;
mod error;
mod figures;
mod forecast;
mod guard;
mod headers;
mod markup;
mod moments;
mod origin;
mod pages;
mod problem;
mod router;
mod session;
mod state;

pub use access::Access;
pub use budgets::{BudgetBoard, BudgetStatus};
pub use ledger::Ledger;
pub use origin::{PublicUrl, PublicUrlError};
pub use router::router;
pub use state::{ConsoleSettings, ConsoleState};
