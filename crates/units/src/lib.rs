//! The vocabulary every other crate shares: money, quantities, ids, instants, billing periods.
//!
//! Pure values. This crate must never know a provider, a file, a socket or a database.
#![deny(clippy::float_arithmetic)]

mod clock;
mod digits;
mod id;
mod label;
mod money;
mod period;
mod secret;
mod window;

pub use clock::{Clock, OffsetClock, SystemClock, UnixMicros};
pub use id::{BudgetId, DeliveryId, IdError, IncidentId, KeyId, RequestId, SessionId, StatementId};
pub use label::{Label, LabelError, Slug, SlugError};
pub use money::{Usd, UsdError};
pub use period::{BillingPeriod, BillingZone, PeriodError};
pub use secret::Secret;
pub use window::{CalendarWindow, WindowError};
