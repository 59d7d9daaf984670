//! The proxy: a thin Pingora shell around the engine that authenticates, routes, meters and caps
//! every call.
//!
//! This crate must never know DataFusion, sqlx or a template. It waits for nothing but the provider.

mod accounting;
mod attempt;
mod auth;
mod body;
mod call;
mod drain;
mod engine;
mod failure;
mod fingerprint;
mod ledger;
mod plain;
mod probe;
mod quote;
mod reply;
mod shell;
mod stream;
mod telemetry;
mod upstream;

pub use accounting::Accounting;
pub use body::BodyMemory;
pub use drain::{Drain, StopSignals};
pub use engine::{Engine, EngineOptions};
pub use shell::{Listen, ServeError, serve};
pub use upstream::{Provider, Upstream, UpstreamError};
