//! The durable framed log that holds usage events and settlements until they are committed.
//!
//! Before a request's first byte leaves for a provider it holds a [`Slot`]: disk space set aside
//! for everything it will ever write here. Settling then neither waits nor fails. A frame is in the
//! kernel's page cache before the answer ends, so a killed process loses nothing; a thread makes it
//! durable within milliseconds, so a power loss takes at most those. Whoever starts next adopts
//! what a dead process left ([`abandoned`]).
//!
//! Synchronous throughout: it runs on whatever thread calls it and on two of its own. This crate
//! must never know Parquet, HTTP, an async runtime, or what a budget is.

mod disk;
mod epoch;
mod error;
mod fill;
mod frame;
mod header;
mod log;
mod marks;
mod options;
mod read;
mod recovery;
mod replay;
mod scan;
mod segment;
mod slot;
mod spool;
mod stats;
mod sync;
mod trim;

pub use disk::{Disk, DiskFile, DiskLock, RealDisk};
pub use error::{FullReason, SpoolError};
pub use options::{SpoolOptions, Sync};
pub use read::Rows;
pub use recovery::{AbandonedEpoch, abandoned};
pub use replay::{Recovered, RecoveredEvent};
pub use slot::{BESIDE_MAX, Record, Slot};
pub use spool::Spool;
pub use stats::SpoolStats;
pub use trim::{SETTLEMENTS_MAX, TRIMMED_TAG};
