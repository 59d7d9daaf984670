//! Statements, allocation, and what is unusual: what finance reads, computed in integers.
//!
//! Pure functions over figures someone else read, and the budget authority, which reads and writes its
//! own. This crate must never know HTTP, SQL or a file, and but for the authority not the present time.
#![deny(clippy::float_arithmetic)]

mod authority;
mod baseline;
mod costing;
mod decompose;
mod detect;
mod drift;
mod error;
mod forecast;
mod incident;
mod rounding;
mod spreadsheet;
mod statement;
mod whatif;

pub use authority::{Authority, AuthorityError, AuthorityOptions, Drift};
pub use baseline::{Baseline, Expected, HOUR_US, HourPoint, POINTS_MIN, Span};
pub use costing::cost_line;
pub use decompose::{Decomposition, Driver, DriverBy, LineChange, Moved, Use, drivers};
pub use detect::{
    BURN_WINDOW_US, BudgetRule, BudgetUse, BurnRule, DriftRule, Gauge, Measured, Reading,
    ReportedHour, ReportedSeries, SpendRule, Unpriced, budget, burn_rate, reported_cost, since,
    stalled, team_spend, unpriced,
};
pub use drift::{
    CostDrift, DRIFT_TOLERATED_PER_MILLE, DriftVerdict, cost_drift, cost_drift_by_model,
    drift_per_mille,
};
pub use error::FinopsError;
pub use forecast::{Change, run_rate};
pub use incident::{
    BudgetLeft, Direction, Evidence, ExpectedRange, Finding, IncidentFigures, Known, Level,
    Manners, Remedy, Rule, RuleError, StallKind, Step, course, impact_step,
};
pub use rounding::{Rounded, largest_remainder};
pub use spreadsheet::neutralise;
pub use statement::{
    Adjustment, Basis, Coverage, DISPLAY_DECIMALS, FeatureSubtotal, Figures, ROUNDING_NOTE, Scope,
    Statement, StatementLine, Totals, UNTAGGED, UsageLine,
};
pub use whatif::{
    Alternative, Bill, Caching, Conversion, Estimate, Ratio, Repricing, TIERS_MAX, TokenBand,
    TokenizerFamily, Tokenizers, TokenizersError, WhatIf, WhatIfLine, model_named, tier_starts,
    tier_starts_of, what_if,
};
