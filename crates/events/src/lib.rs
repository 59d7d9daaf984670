//! What the gateway records of a request: the usage event, its meters, attribution and outcome.
//!
//! This crate is the Rust mirror of `schemas/`. It must never know HTTP, SQL or a provider.

mod batch;
mod column;
mod event;
mod frame;
mod meter;
mod names;

pub use batch::{BATCH_LINE, BatchLine, LineKey, batch_name};
pub use column::{COLUMNS, Column, ColumnType, SCHEMA_VERSION};
pub use event::{
    Adjustment, Attribution, Cache, Call, Cost, Decision, EventIds, ModelNames, Outcome, Privacy,
    Times, UsageEvent,
};
pub use frame::{Frame, Intent, OPENED_LAYOUTS, Settlement};
pub use meter::{Meter, Meters};
pub use names::{
    AdjustmentKind, CacheState, Dialect, ErrorClass, Fault, FinishReason, UsageSource,
};
