//! The console's router, driven as a browser would mostly over in-memory sources.
//!
//! - `login`: links, sessions, signing out
//! - `security`: headers, origins, forged cookies, hostile names
//! - `roles`: who may open what, role by role and team by team
//! - `pages`: what each page shows, full and empty
//! - `statements`: the statement as page and as CSV
//! - `prices`: the price book, what it lacks, and costing over the API
//! - `elsewhere`: what-if, models that end, invoice drift, and the queue over the API
//! - `receipts`: costs taken apart by the book their row names
//! - `keys`, `budgets`, `api`, `docs`: those pages and the admin API, over a real store (`bench`)
//! - `gateways`: what gateways that run apart ask
//! - `exploring`: explore, its files, and who sees what of it
//! - `lookups`: single requests and incidents
//! - `adapters`: the same over a real usage table and a real store

#![allow(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

mod adapters;
mod api;
mod bench;
mod browser;
mod budgets;
mod docs;
mod elsewhere;
mod exploring;
mod gateways;
mod incidents;
mod keys;
mod login;
mod lookups;
mod pages;
mod prices;
mod receipts;
mod roles;
mod sample;
mod security;
mod sources;
mod statements;
mod usage;
