//! The simulator over real HTTP: both dialects, every script, the bill, and live traffic.
#![allow(clippy::unwrap_used, reason = "the client's functions are part of the tests")]

mod anthropic;
mod bill;
mod client;
mod openai;
mod scripts;
mod traffic;
