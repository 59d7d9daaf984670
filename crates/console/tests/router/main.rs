//! The console's router, driven as a browser would mostly over in-memory sources.
//!
//! - `login`: links, sessions, signing out
//! - `security`: headers, origins, forged cookies, hostile names
//! - `pages`: what each page shows, full and empty
//! - `statements`: the statement as page and as CSV
//! - `adapters`: the same over a real usage table and a real store

#![allow(clippy::unwrap_used, reason = "a test may stop at what it did not expect")]

mod adapters;
mod browser;
mod login;
mod pages;
mod sample;
mod security;
mod sources;
mod statements;
