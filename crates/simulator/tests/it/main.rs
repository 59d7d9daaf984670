//! The simulator over real HTTP: every dialect, every script, the bill, and live traffic.
#![allow(clippy::unwrap_used, reason = "the client's functions are part of the tests")]

mod anthropic;
mod bedrock;
mod bill;
mod client;
mod cohere;
mod gemini;
mod openai;
mod responses;
mod scripts;
mod spoken;
mod traffic;
