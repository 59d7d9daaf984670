//! Roll-ups of the usage table: sums by bucket and dimensions, exact at every instant.
//!
//! They must never know who asks, or change what `usage` holds.

mod check;
mod files;
pub(crate) mod generation;
mod merge;
pub(crate) mod plan;
mod roll;
pub(crate) mod schema;
pub(crate) mod view;

pub use roll::RolledUp;
pub use schema::{Grain, MEASURES, Measure, ROLLUP_TABLES, RollupTable, rollup_schema};
