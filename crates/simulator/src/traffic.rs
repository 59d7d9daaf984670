//! A made-up company and its use of models: months of history as events, and live requests.
//!
//! Everything follows from a seed and a date. It must never know a price: costs are left open.

mod cast;
mod history;
mod live;
mod moment;
mod population;
mod rhythm;
mod runaway;

pub use cast::{MODELS, ModelUse, UNPRICED_MODEL};
pub use history::{EVENTS_PER_DAY_MAX, history_day};
pub use live::{LiveTraffic, TrafficCounts};
pub use population::{Customer, Feature, Population, Shape, Team};
pub use runaway::{RUNAWAY_FEATURE, RUNAWAY_HOURS, RUNAWAY_TEAM};
