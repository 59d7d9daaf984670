//! Money as programs read it: exact, and never a float.

use serde::Serialize;
use units::{UnixMicros, Usd};
use utoipa::ToSchema;

/// An amount.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Money {
    /// Exact decimal, such as `12.340000000001`.
    #[schema(example = "12.340000000001")]
    amount: String,
    /// ISO 4217 code.
    #[schema(example = "USD")]
    currency: &'static str,
}

impl From<Usd> for Money {
    fn from(amount: Usd) -> Self {
        Self { amount: amount.to_string(), currency: "USD" }
    }
}

/// An instant as RFC 3339 in UTC.
pub(super) fn instant(at: UnixMicros) -> String {
    at.to_string()
}
