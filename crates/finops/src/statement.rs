//! The monthly statement of a team: lines by feature and customer that add up to the last digit.
//!
//! It must never know where usage is kept or how a page looks.

mod adjustment;
mod compile;
mod export;
#[cfg(test)]
mod laws;

pub use adjustment::Adjustment;
use serde::Serialize;
use units::{BillingPeriod, BillingZone, Slug, StatementId, UnixMicros, Usd};

/// Decimals of the amounts people read: cents.
pub const DISPLAY_DECIMALS: u32 = 2;

/// How usage without a feature or customer is named: an explicit bucket, never left out.
pub const UNTAGGED: &str = "(untagged)";

/// What a reader must know about the rounded amounts.
pub const ROUNDING_NOTE: &str = "Amounts in cents are rounded by largest remainder, so that lines add \
    up to their feature's subtotal and subtotals to the total; each is less than one cent from the \
    exact amount beside it, which is kept to 1e-12 USD.";

/// Whose statement, of which month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Scope {
    /// Organisation.
    pub organisation: Slug,
    /// Team: the cost centre.
    pub team: Slug,
    /// Calendar month.
    pub period: BillingPeriod,
    /// IANA name of the zone the month is cut in.
    pub zone: String,
}

impl Scope {
    /// The statement of a team for a month in its organisation's zone.
    pub fn new(organisation: Slug, team: Slug, period: BillingPeriod, zone: &BillingZone) -> Self {
        Self { organisation, team, period, zone: zone.name().to_owned() }
    }
}

/// What a statement was computed from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Basis {
    /// When it was computed.
    pub generated_at: UnixMicros,
    /// Version of the usage table it was read at.
    pub table_version: u64,
    /// Price books the usage was priced with, sorted, each once.
    pub price_versions: Vec<String>,
}

/// Quantities and money, of a line or of a sum of lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// Requests, unpriced ones included.
    pub requests: u64,
    /// Requests whose cost is unknown; the cost leaves them out, it does not count them as free.
    pub unpriced_requests: u64,
    /// Input tokens, cached and uncached.
    pub input_tokens: u64,
    /// Output tokens, reasoning included.
    pub output_tokens: u64,
    /// Cost of the priced requests, exact to 1e-12 USD.
    pub cost: Usd,
}

/// Usage of a team in a month, by feature and customer: what a statement is compiled from. Several
/// lines may name the same pair, in any order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageLine {
    /// Product feature; `None` or blank is untagged.
    pub feature: Option<String>,
    /// Customer served; `None` or blank is untagged.
    pub customer: Option<String>,
    /// What was used.
    pub figures: Figures,
}

/// A line of a statement: one per feature and customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatementLine {
    /// Product feature; `None` is the untagged bucket.
    pub feature: Option<String>,
    /// Customer served; `None` is the untagged bucket.
    pub customer: Option<String>,
    /// What was used.
    #[serde(flatten)]
    pub figures: Figures,
    /// The cost in whole cents, rounded so that lines add up.
    pub cost_displayed: Usd,
}

/// The lines of one feature together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FeatureSubtotal {
    /// Product feature; `None` is the untagged bucket.
    pub feature: Option<String>,
    /// What was used.
    #[serde(flatten)]
    pub figures: Figures,
    /// The sum of the displayed costs of the feature's lines.
    pub cost_displayed: Usd,
}

/// All lines together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// What was used.
    #[serde(flatten)]
    pub figures: Figures,
    /// The exact cost rounded half to even to cents: the sum of the displayed costs of the lines.
    pub cost_displayed: Usd,
}

/// How much of a statement is explained, in thousandths rounded down; `None` where there is nothing
/// to explain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Requests with a known cost, of all requests.
    pub priced_requests_per_mille: Option<u32>,
    /// Cost that names a feature, of all cost.
    pub feature_cost_per_mille: Option<u32>,
    /// Cost that names a customer, of all cost.
    pub customer_cost_per_mille: Option<u32>,
}

/// The statement of a team for a month. Lines and subtotals are sorted by name, untagged last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Statement {
    /// Id, the same for every draft of this team and month.
    pub id: StatementId,
    /// Whose, and of which month.
    pub scope: Scope,
    /// One line per feature and customer.
    pub lines: Vec<StatementLine>,
    /// One subtotal per feature.
    pub features: Vec<FeatureSubtotal>,
    /// All lines together.
    pub totals: Totals,
    /// How much is explained.
    pub coverage: Coverage,
    /// What corrected prices changed since the usage was recorded; all of it is in `totals` already.
    pub adjustments: Vec<Adjustment>,
    /// What it was computed from.
    pub basis: Basis,
    /// `blake3:` and the hash of scope, lines, price versions and adjustments if any. When and at which table version it
    /// was computed is left out: equal digests mean equal figures.
    pub digest: String,
}
