//! Upkeep never changes what a query sees: roll-ups equal usage to the last digit, rewrites keep every
//! row, a vacuum takes nothing anyone needs.

mod compaction;
mod exactness;
pub(super) mod ground;
mod recovery;
mod vacuuming;
