//! What an incident is: which rule found what about whom, with the figures people decide by.
//!
//! It must never know how it is stored, shown or sent.

mod course;
mod figures;
mod remedy;

pub use course::{Known, Manners, Step, course, impact_step};
pub use figures::{BudgetLeft, Evidence, ExpectedRange, IncidentFigures, StallKind};
pub use remedy::Remedy;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use store::Severity;
use units::Slug;

/// The rule that found an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// A budget's spend reached a share of its limit.
    BudgetSpent,
    /// A budget will be passed if its window goes on as it began.
    BudgetForecast,
    /// A team's hour lies outside what is usual for it.
    TeamSpend,
    /// A team spends many times its usual rate right now.
    BurnRate,
    /// A model is used that has no price.
    UnpricedModel,
    /// A provider names other costs than the price book computes, and goes on to.
    CostDrift,
    /// Something that must move stands still.
    Stalled,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Rule; 7] = [
        Rule::BudgetSpent,
        Rule::BudgetForecast,
        Rule::TeamSpend,
        Rule::BurnRate,
        Rule::UnpricedModel,
        Rule::CostDrift,
        Rule::Stalled,
    ];

    /// The name it is stored and counted under.
    pub const fn as_str(self) -> &'static str {
        match self {
            Rule::BudgetSpent => "budget_spent",
            Rule::BudgetForecast => "budget_forecast",
            Rule::TeamSpend => "team_spend",
            Rule::BurnRate => "burn_rate",
            Rule::UnpricedModel => "unpriced_model",
            Rule::CostDrift => "cost_drift",
            Rule::Stalled => "stalled",
        }
    }

    /// Version of the rule's arithmetic, told in every message: raised when it changes.
    pub const fn version(self) -> u32 {
        1
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why a text is not a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a rule of this release")]
pub struct RuleError(String);

impl FromStr for Rule {
    type Err = RuleError;
    fn from_str(text: &str) -> Result<Self, RuleError> {
        let named = Rule::ALL.into_iter().find(|rule| rule.as_str() == text);
        named.ok_or_else(|| RuleError(text.chars().take(64).collect()))
    }
}

/// Which side of what is usual an amount lies on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// More than usual.
    Up,
    /// Less than usual: metering may be lost.
    Down,
}

/// How clearly a rule holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Nothing to tell.
    Quiet,
    /// Not clear enough to open an incident, and too clear to end one.
    Holding,
    /// An incident.
    Alarm,
}

/// What one look of one rule found about one subject; quiet subjects are not told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// About what: `team:search`, `budget:bud_…`, `model:PROVIDER/NAME`, `spool:NODE`.
    pub subject: String,
    /// Which occasion; with rule and subject it is the incident's key. Empty when an incident lasts
    /// as long as what it tells of.
    pub window: String,
    /// The team it belongs to, for routing and for who may see it; `None` is the organisation's own.
    pub team: Option<Slug>,
    /// How clear.
    pub level: Level,
    /// How much it matters.
    pub severity: Severity,
    /// The figures.
    pub figures: IncidentFigures,
}

impl Finding {
    /// The key: at most one incident of it is open.
    pub fn key(&self) -> String {
        format!("{}/{}/{}", self.rule, self.subject, self.window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_reads_back_from_its_name_and_its_json_is_that_name() {
        for rule in Rule::ALL {
            assert_eq!(rule.as_str().parse(), Ok(rule));
            assert_eq!(serde_json::to_value(rule).unwrap(), rule.as_str());
        }
        assert!("burn".parse::<Rule>().is_err());
    }
}
