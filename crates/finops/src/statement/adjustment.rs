//! What corrected prices changed of a statement after the usage was recorded.

use serde::Serialize;
use units::Usd;

use super::Statement;

/// One model's calls, priced anew with another price book.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Adjustment {
    /// Model as sent to the provider; `None` where none was named.
    pub model: Option<String>,
    /// Price book before; `None` where the calls had no price.
    pub version_before: Option<String>,
    /// Price book since; `None` where the calls lost theirs.
    pub version_after: Option<String>,
    /// Attempts corrected.
    pub attempts: u64,
    /// What they cost before, USD; zero where that was not known.
    pub before: Usd,
    /// What they cost since, USD.
    pub after: Usd,
}

impl Adjustment {
    /// What it changed, USD.
    pub fn difference(&self) -> Usd {
        self.after - self.before
    }
}

impl Statement {
    /// What all adjustments together changed, USD.
    pub fn adjusted(&self) -> Usd {
        self.adjustments.iter().map(Adjustment::difference).sum()
    }

    /// What the total was before any correction, USD: with [`Statement::adjusted`] it is the total, to the
    /// last digit.
    pub fn recorded(&self) -> Usd {
        self.totals.figures.cost - self.adjusted()
    }
}
