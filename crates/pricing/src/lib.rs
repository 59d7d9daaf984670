//! The price book, model resolution and the one pure function that prices a request.
//!
//! A price is data (`data/catalog.json`, converted from `genai-prices` by `data/convert.py`, and the
//! operator's own files over it), cost is one pure function over it. This crate must never know a
//! clock, a file, a socket or a database, and never holds an amount as a float.
#![deny(clippy::float_arithmetic)]

mod book;
mod clause;
mod decimal;
mod error;
mod file;
mod key;
mod lookup;
mod model;
mod name;
mod overlay;
mod price;
mod rate;
mod receipt;

pub use book::{ModelLimits, PriceBook};
pub use error::PriceBookError;
pub use key::PriceKey;
pub use price::{Line, Priced, Query, RateSet};
pub use rate::Rate;
pub use receipt::{NoReceipt, Receipt};
