//! Single requests: a list to page through, the dearest of a window, and every attempt of one.
//!
//! A request is told by its final row as first recorded; what it used and cost is that of all its
//! attempts.

mod attempt;
mod cursor;
mod list;
mod row;

pub use attempt::RequestAttempt;
pub use list::{RequestKind, RequestsPage, RequestsQuery};
pub use row::{RequestPayer, RequestRow, RequestUse};
