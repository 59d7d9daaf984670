//! The figures of an incident, as they are stored with it and told in every message.
//!
//! Amounts are exact; they must never be rounded here.

use serde::{Deserialize, Serialize};
use units::{UnixMicros, Usd};

use super::Direction;
use crate::baseline::Expected;
use crate::decompose::{Decomposition, Driver};

/// The figures an incident is told with. In JSON amounts are decimal strings of US dollars and
/// instants are microseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentFigures {
    /// What the rule saw.
    pub evidence: Evidence,
    /// What was spent in the window the rule looked at.
    pub actual: Usd,
    /// What was expected of that window; `None` where nothing is.
    #[serde(default)]
    pub expected: Option<ExpectedRange>,
    /// What it has cost beyond the expected since it began; negative when less was spent.
    pub impact: Usd,
    /// What the calendar month comes to if it goes on at this rate.
    #[serde(default)]
    pub projected_month_end: Option<Usd>,
    /// When it began.
    pub since: UnixMicros,
    /// When the rule last held.
    pub last_seen: UnixMicros,
    /// What drives it, the strongest first, at most three.
    #[serde(default)]
    pub drivers: Vec<Driver>,
    /// The change of cost as price, volume and mix.
    #[serde(default)]
    pub decomposition: Option<Decomposition>,
    /// The tightest budget over it.
    #[serde(default)]
    pub budget: Option<BudgetLeft>,
    /// Ids of requests that show it, the dearest first.
    #[serde(default)]
    pub sample_requests: Vec<String>,
    /// The newest usage the figures are made from; `None` when there is none.
    #[serde(default)]
    pub data_as_of: Option<UnixMicros>,
}

impl IncidentFigures {
    /// Figures of a rule that saw something at `now`, with nothing else known.
    pub fn new(evidence: Evidence, actual: Usd, now: UnixMicros) -> Self {
        Self {
            evidence,
            actual,
            expected: None,
            impact: Usd::ZERO,
            projected_month_end: None,
            since: now,
            last_seen: now,
            drivers: Vec::new(),
            decomposition: None,
            budget: None,
            sample_requests: Vec::new(),
            data_as_of: None,
        }
    }
}

/// What a rule saw, in its own terms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Evidence {
    /// A budget reached a share of its limit, or will pass it.
    Budget {
        /// The budget's name.
        name: String,
        /// Its limit.
        limit: Usd,
        /// The share that was reached or will be, percent.
        threshold_percent: u32,
        /// What its window comes to if it goes on as it began; `None` too early in it.
        forecast: Option<Usd>,
        /// When its window ends.
        window_end: UnixMicros,
    },
    /// Spend outside what is usual.
    Spend {
        /// More or less than usual.
        direction: Direction,
        /// Length of the window looked at, seconds.
        window_s: u32,
        /// How unusual: tenths of a robust standard deviation; `None` where nothing is known to be
        /// usual.
        score_tenths: Option<i64>,
    },
    /// Usage that has no price.
    Unpriced {
        /// The provider.
        provider: Option<String>,
        /// The model as sent to it.
        model: String,
        /// Calls of the window looked at.
        calls: u64,
        /// Tokens of those calls.
        tokens: u64,
    },
    /// A provider names other costs than the price book computes.
    ReportedCost {
        /// The provider.
        provider: Option<String>,
        /// The model as sent to it.
        model: Option<String>,
        /// What the provider named for the calls, USD.
        reported: Usd,
        /// What they cost by the price book, USD.
        computed: Usd,
        /// Calls compared.
        calls: u64,
        /// From which hour on they are compared: where the difference began, or the first hour still
        /// looked at.
        from: UnixMicros,
    },
    /// Something stands still.
    Stall {
        /// What.
        what: StallKind,
        /// How long, milliseconds.
        for_ms: u64,
        /// How long it may, milliseconds.
        limit_ms: u64,
    },
    /// The authority's counters and the lake disagree.
    Drift {
        /// By how much.
        amount: Usd,
        /// By how much they may.
        limit: Usd,
    },
}

/// What can stand still.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StallKind {
    /// Recorded usage waits in a spool and is not committed to the lake.
    SpoolCommit,
    /// A gateway decides from a snapshot that was not confirmed for long.
    Snapshot,
}

/// Between which amounts a window was expected to lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpectedRange {
    /// The typical amount.
    pub typical: Usd,
    /// The lower end.
    pub low: Usd,
    /// The upper end.
    pub high: Usd,
}

impl From<Expected> for ExpectedRange {
    fn from(expected: Expected) -> Self {
        Self { typical: expected.typical, low: expected.low, high: expected.high }
    }
}

/// What is left of a budget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetLeft {
    /// Its name.
    pub name: String,
    /// Its limit.
    pub limit: Usd,
    /// What its window has spent.
    pub spent: Usd,
    /// What it may still spend; never below zero.
    pub remaining: Usd,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_back_and_older_ones_without_the_newer_fields_too() {
        let evidence =
            Evidence::Spend { direction: Direction::Up, window_s: 300, score_tenths: Some(120) };
        let figures = IncidentFigures::new(evidence, Usd::from_dollars(7), UnixMicros::new(5));
        let json = serde_json::to_value(&figures).unwrap();
        assert_eq!(json["actual"], "7.00");
        assert_eq!(json["evidence"]["kind"], "spend");
        assert_eq!(serde_json::from_value::<IncidentFigures>(json).unwrap(), figures);
        let older = serde_json::json!({
            "evidence": {"kind": "spend", "direction": "up", "window_s": 300, "score_tenths": 120},
            "actual": "7", "impact": "0", "since": 5, "last_seen": 5, "unknown": true,
        });
        assert_eq!(serde_json::from_value::<IncidentFigures>(older).unwrap(), figures);
    }
}
