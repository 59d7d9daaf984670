//! Statements and allocation: what finance reads, computed in integers.
//!
//! Pure functions over figures someone else read. This crate must never know HTTP, SQL, a file or the
//! present time.
#![deny(clippy::float_arithmetic)]

mod error;
mod forecast;
mod rounding;
mod spreadsheet;
mod statement;

pub use error::FinopsError;
pub use forecast::{Change, run_rate};
pub use rounding::{Rounded, largest_remainder};
pub use spreadsheet::neutralise;
pub use statement::{
    Basis, Coverage, DISPLAY_DECIMALS, FeatureSubtotal, Figures, ROUNDING_NOTE, Scope, Statement,
    StatementLine, Totals, UNTAGGED, UsageLine,
};
