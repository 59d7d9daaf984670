//! The price book, model resolution and the one pure function that prices a request.
//!
//! A price is data: `data/catalog.json`, converted from `genai-prices` by `data/convert.py`, what that
//! lacks in `data/additions.json` and `data/regional.json`, and imports, operators' files and contracts
//! in layers over them. Cost is one pure function over it. This crate must never know a clock, a file, a
//! socket or a database, and never holds an amount as a float.
#![deny(clippy::float_arithmetic)]

mod alias;
mod book;
mod check;
mod clause;
mod compose;
mod context;
mod decimal;
mod edges;
mod error;
mod factor;
mod file;
pub mod import;
mod key;
mod layer;
pub mod life;
mod listing;
mod lookup;
mod model;
mod multiplier;
mod name;
mod place;
mod plan;
mod price;
mod rate;
mod receipt;
mod resolution;
mod rewrite;
mod window;

pub use book::{ModelLife, ModelLimits, PriceBook};
pub use context::PriceContext;
pub use error::{PriceBookError, PriceFault};
pub use factor::Factor;
pub use key::PriceKey;
pub use layer::{Layer, LayerKind, Source};
pub use listing::{ModelEntry, RateEntry, SheetEntry, TierEntry};
pub use multiplier::AppliedFactor;
pub use plan::{PlannedCost, PricePlan};
pub use price::{Line, Measured, Priced, Query, RateInForce, RateSet, Tariff};
pub use rate::Rate;
pub use receipt::{NoReceipt, Receipt};
pub use resolution::{Resolution, Rewrite, Rule};
