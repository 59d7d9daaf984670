//! The proxy: a thin Pingora shell around the engine that authenticates, routes, meters and caps
//! every call.
//!
//! This crate must never know DataFusion, sqlx or a template. A request waits for nothing but the
//! provider and, at most 50 ms, for a lease.

mod accounting;
mod admit;
mod attempt;
mod auth;
mod backoff;
mod batches;
mod body;
mod bound;
mod cache;
mod call;
mod connections;
mod cork;
mod count;
mod current;
mod drain;
mod engine;
mod epochs;
mod failure;
mod feed;
mod fingerprint;
mod in_force;
mod inbound;
mod leases;
mod ledger;
mod link;
mod passthrough;
mod plain;
mod probe;
mod quote;
mod realtime;
mod reply;
mod shell;
mod snapshot_file;
mod stream;
mod telemetry;
mod upstream;

pub use accounting::Accounting;
pub use batches::{BatchMemory, Batches};
pub use body::BodyMemory;
pub use cache::AnswerCache;
pub use current::{Current, Origin, SnapshotStatus};
pub use drain::{Drain, StopSignals};
pub use engine::{Engine, EngineOptions};
pub use feed::{BootError, SnapshotFeed, SnapshotFeedOptions};
pub use in_force::{InForce, InForceError, Local, ResolveSecret, SecretUnresolved};
pub use leases::{Authority, AuthorityAway, AuthorityStatus, Leases, LeasesOptions};
pub use link::{HttpLink, HttpLinkOptions, LinkError, SnapshotReply};
pub use shell::{Listen, ServeError, serve};
pub use snapshot_file::{Loaded, SnapshotFile, SnapshotFileError};
pub use upstream::{Provider, Upstream, UpstreamError};
