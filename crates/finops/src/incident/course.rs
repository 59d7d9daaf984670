//! How an incident runs: when it opens, what is told again, when it ends. Pure: what is known and
//! what was found go in, what to do comes out.
//!
//! It must never know a channel, nor read a clock.

use std::collections::BTreeSet;

use store::Severity;
use units::{UnixMicros, Usd};

use super::{Finding, Level, Rule};

const MINUTE_US: i64 = 60_000_000;
const HOUR_US: i64 = 60 * MINUTE_US;

/// An incident as it is known from before: every open one, and those that ended lately.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its key.
    pub key: String,
    /// The rule that found it.
    pub rule: Rule,
    /// About what.
    pub subject: String,
    /// How much it matters.
    pub severity: Severity,
    /// What it had cost by the figures stored last.
    pub impact: Usd,
    /// When the rule last held.
    pub last_seen: UnixMicros,
    /// When it ended; `None` while it is open.
    pub resolved_at: Option<UnixMicros>,
    /// Somebody said that it was expected: it is told no more.
    pub is_expected: bool,
}

/// What to do about one incident. Positions are those of the findings and of what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Open an incident, and tell it.
    Open {
        /// The finding.
        finding: usize,
    },
    /// Store newer figures of an open one.
    Update {
        /// The finding.
        finding: usize,
        /// The incident.
        known: usize,
        /// Whether the change is worth a message.
        tells: bool,
    },
    /// End an open one.
    Resolve {
        /// The incident.
        known: usize,
        /// Whether its end is worth a message.
        tells: bool,
    },
}

/// How a rule's incidents behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manners {
    /// How long the rule must not have held before the incident ends, microseconds.
    pub quiet_us: i64,
    /// How long after its end the same key opens no other, microseconds; `None` is never again.
    pub cool_down_us: Option<i64>,
}

impl Manners {
    /// The manners of a rule. A budget's threshold is told once in its window, so its key, which
    /// names the window, never opens twice. The others end sooner the faster their rule looks.
    pub const fn of(rule: Rule) -> Self {
        match rule {
            Rule::BudgetSpent => Self { quiet_us: 0, cool_down_us: None },
            Rule::BudgetForecast => Self { quiet_us: 6 * HOUR_US, cool_down_us: None },
            // The rule also looks at the hour that has just ended.
            Rule::TeamSpend => Self { quiet_us: 90 * MINUTE_US, cool_down_us: Some(2 * HOUR_US) },
            Rule::BurnRate => Self { quiet_us: 15 * MINUTE_US, cool_down_us: Some(HOUR_US) },
            Rule::UnpricedModel => {
                Self { quiet_us: 24 * HOUR_US, cool_down_us: Some(24 * HOUR_US) }
            }
            // A difference that newer calls no longer have has been gone for hours when it is noticed.
            Rule::CostDrift => Self { quiet_us: HOUR_US, cool_down_us: Some(24 * HOUR_US) },
            Rule::Stalled => Self { quiet_us: 2 * MINUTE_US, cool_down_us: Some(10 * MINUTE_US) },
        }
    }
}

/// What to do at `now` about what was found. Only incidents of `looked` rules may end: a rule whose
/// inputs could not be read has nothing to say about what is over.
pub fn course(
    findings: &[Finding],
    known: &[Known],
    looked: &BTreeSet<Rule>,
    now: UnixMicros,
) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut held = BTreeSet::new();
    for (position, finding) in findings.iter().enumerate() {
        let key = finding.key();
        let open = known.iter().position(|one| one.key == key && one.resolved_at.is_none());
        if let Some(open) = open {
            if finding.level > Level::Quiet && held.insert(open) {
                let tells = !known[open].is_expected && is_news(finding, &known[open]);
                steps.push(Step::Update { finding: position, known: open, tells });
            }
        } else if finding.level == Level::Alarm
            && !is_cooling(&key, finding, known, now)
            && !is_explained(finding, findings, known, now)
        {
            steps.push(Step::Open { finding: position });
        }
    }
    for (position, one) in known.iter().enumerate() {
        let quiet_us = now.micros_since(one.last_seen);
        let is_over = one.resolved_at.is_none()
            && looked.contains(&one.rule)
            && !held.contains(&position)
            && quiet_us >= Manners::of(one.rule).quiet_us;
        if is_over {
            steps.push(Step::Resolve { known: position, tells: !one.is_expected });
        }
    }
    steps
}

/// Whether an update is worth a message: it matters more, or its cost has doubled.
fn is_news(finding: &Finding, known: &Known) -> bool {
    finding.severity > known.severity
        || impact_step(finding.figures.impact) > impact_step(known.impact)
}

/// Doublings of a dollar an impact has passed: an incident that grows is told again at each, and
/// whoever computes it tells the same ones.
pub fn impact_step(impact: Usd) -> u32 {
    let dollars = impact.pico().unsigned_abs() / 1_000_000_000_000;
    dollars.checked_ilog2().map_or(0, |log| log + 1)
}

fn is_cooling(key: &str, finding: &Finding, known: &[Known], now: UnixMicros) -> bool {
    known.iter().filter(|one| one.key == key).any(|one| {
        let Some(resolved_at) = one.resolved_at else { return false };
        match Manners::of(finding.rule).cool_down_us {
            None => true,
            // What is worse than the last one is told at once.
            Some(cool_down_us) => {
                finding.severity <= one.severity && now.micros_since(resolved_at) < cool_down_us
            }
        }
    })
}

/// A runaway also makes an unusual hour: while the burn rate tells of it, and until the hours it ran
/// in are no longer looked at, the unusual hour is not told again. Likewise a forecast says nothing
/// new once the limit itself is reached.
fn is_explained(finding: &Finding, findings: &[Finding], known: &[Known], now: UnixMicros) -> bool {
    let by = match finding.rule {
        Rule::TeamSpend if finding.figures.impact > Usd::ZERO => Rule::BurnRate,
        Rule::BudgetForecast => Rule::BudgetSpent,
        _ => return false,
    };
    let limit_reached = |severity| by == Rule::BurnRate || severity == Severity::Critical;
    let found = findings.iter().any(|other| {
        other.rule == by
            && other.subject == finding.subject
            && other.level == Level::Alarm
            && limit_reached(other.severity)
    });
    let lately = known.iter().any(|one| {
        let is_recent = one.resolved_at.is_none_or(|at| now.micros_since(at) < 2 * HOUR_US);
        one.rule == by && one.subject == finding.subject && is_recent && limit_reached(one.severity)
    });
    found || lately
}

#[cfg(test)]
mod tests;
