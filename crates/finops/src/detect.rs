//! The rules: each looks at figures someone else read and says how clearly it holds.
//!
//! Pure and in integers. It must never know where figures come from, nor the present time.

mod budget;
mod reported;
mod spend;
mod standing;

pub use budget::{BudgetRule, BudgetUse, budget};
pub use reported::{DriftRule, ReportedHour, ReportedSeries, reported_cost};
pub use spend::{BURN_WINDOW_US, BurnRule, Reading, SpendRule, burn_rate, since, team_spend};
pub use standing::{Gauge, Measured, Unpriced, stalled, unpriced};

#[cfg(test)]
mod generator;
#[cfg(test)]
mod trial;
