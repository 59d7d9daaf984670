//! What is told of an incident: the incident as stored, its figures, and what changed.
//!
//! It must never know a channel or its format.

use std::fmt;

use finops::{Direction, Evidence, IncidentFigures, Rule, StallKind};
use serde::{Deserialize, Serialize};
use store::{Incident, Severity};
use units::{IncidentId, Slug, UnixMicros};

use crate::AlertsError;
use crate::text::{VALUE_CHARS_MAX, clean, dollars, grouped, percent};

/// What happened to an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Turn {
    /// It began.
    Opened,
    /// It matters more than before.
    Updated,
    /// It is over.
    Resolved,
}

impl Turn {
    /// The name it is told under.
    pub const fn as_str(self) -> &'static str {
        match self {
            Turn::Opened => "opened",
            Turn::Updated => "updated",
            Turn::Resolved => "resolved",
        }
    }
}

impl fmt::Display for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One thing to be told of an incident.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// The incident.
    pub id: IncidentId,
    /// Its key: rule, subject and window.
    pub key: String,
    /// The rule that found it.
    pub rule: Rule,
    /// How much it matters.
    pub severity: Severity,
    /// About what.
    pub subject: String,
    /// The team it belongs to.
    pub team: Option<Slug>,
    /// One line for people.
    pub headline: String,
    /// The figures.
    pub figures: IncidentFigures,
    /// When it was first seen.
    pub first_seen: UnixMicros,
    /// What happened.
    pub turn: Turn,
    /// When it happened: when it was last seen, or resolved.
    pub at: UnixMicros,
}

impl Notice {
    /// What is told of an incident as the store keeps it.
    ///
    /// # Errors
    /// When its rule or figures are not those of this release.
    pub fn of(incident: &Incident, turn: Turn) -> Result<Self, AlertsError> {
        let figures = IncidentFigures::deserialize(&incident.figures)?;
        let rule = incident.kind.parse::<Rule>();
        let rule = rule.map_err(|error| AlertsError::Inputs(error.to_string()))?;
        Ok(Self {
            id: incident.id,
            key: incident.key.clone(),
            rule,
            severity: incident.severity,
            subject: incident.subject.clone(),
            team: incident.team.clone(),
            headline: incident.headline.clone(),
            figures,
            first_seen: incident.first_seen,
            turn,
            at: incident.resolved_at.unwrap_or(incident.last_seen),
        })
    }
}

/// One line for people: what was seen about whom. Plain text; values from outside are made harmless.
pub fn headline(rule: Rule, subject: &str, figures: &IncidentFigures) -> String {
    let shown = |value: &str| clean(value, VALUE_CHARS_MAX);
    let whom = whom(subject);
    match &figures.evidence {
        Evidence::Budget { name, limit, forecast, .. } => {
            let (name, limit_shown) = (shown(name), dollars(*limit));
            let share =
                |amount: units::Usd| percent(amount.share_per_mille(*limit).map_or(0, i64::from));
            match (rule, forecast) {
                (Rule::BudgetForecast, Some(forecast)) => format!(
                    "Budget {name} will end at {}, {} of its {limit_shown}, if it goes on like this",
                    dollars(*forecast),
                    share(*forecast),
                ),
                _ => format!(
                    "Budget {name} has spent {} of its {limit_shown}",
                    share(figures.actual)
                ),
            }
        }
        Evidence::Spend { direction, window_s, .. } => {
            let span = span(*window_s);
            let usually = figures.expected.map_or_else(
                || ", and has no history to compare with".to_owned(),
                |expected| format!(", usually {}", dollars(expected.typical)),
            );
            let lost = match direction {
                Direction::Down => ": metering may be lost",
                Direction::Up => "",
            };
            format!("{whom} spent {} in {span}{usually}{lost}", dollars(figures.actual))
        }
        Evidence::Unpriced { provider, model, calls, .. } => {
            let provider = provider.as_deref().map(|name| format!(" of {}", shown(name)));
            let (model, provider) = (shown(model), provider.unwrap_or_default());
            let calls = grouped(&calls.to_string());
            format!("Model {model}{provider} is used without a price: {calls} calls")
        }
        Evidence::ReportedCost { provider, model, reported, computed, calls, .. } => {
            let provider = provider.as_deref().map_or_else(|| "A provider".to_owned(), shown);
            let model = model.as_deref().map_or_else(|| "calls without a model".to_owned(), shown);
            let differs = drift_share(*reported, *computed);
            let side = if reported < computed { "less" } else { "more" };
            let (reported, computed) = (dollars(*reported), dollars(*computed));
            let calls = grouped(&calls.to_string());
            format!(
                "{provider} reports {differs}{side} for {model} than the price book has: \
                 {reported} against {computed} for {calls} calls"
            )
        }
        Evidence::Stall { what, for_ms, limit_ms } => {
            let (for_s, limit_s) = (for_ms / 1_000, limit_ms / 1_000);
            match what {
                StallKind::SpoolCommit => format!(
                    "Usage of {whom} has waited {for_s} s for the lake, at most {limit_s} s is usual"
                ),
                StallKind::Snapshot => format!(
                    "{whom} decides from a snapshot confirmed {for_s} s ago, at most {limit_s} s is usual"
                ),
            }
        }
        Evidence::Drift { amount, limit } => format!(
            "The counters of {whom} and the lake differ by {}, at most {} is usual",
            dollars(*amount),
            dollars(*limit),
        ),
    }
}

/// Who a subject is, as it starts a sentence.
pub(crate) fn whom(subject: &str) -> String {
    let shown = |value: &str| clean(value, VALUE_CHARS_MAX);
    match subject.split_once(':') {
        Some(("team", "")) => "Usage of no team".to_owned(),
        Some(("team", team)) => format!("Team {}", shown(team)),
        Some(("spool" | "snapshot", node)) => format!("Gateway {}", shown(node)),
        Some(("drift", budget)) => format!("budget {}", shown(budget)),
        Some((_, name)) => shown(name),
        None => shown(subject),
    }
}

/// By which share of what was reported two costs differ, and a blank: `2.4 % `; empty where nothing was.
fn drift_share(reported: units::Usd, computed: units::Usd) -> String {
    let share =
        finops::drift_per_mille(reported, computed).and_then(|s| i64::try_from(s.abs()).ok());
    share.map_or_else(String::new, |share| format!("{} ", percent(share)))
}

/// A window's length in words.
pub(crate) fn span(window_s: u32) -> String {
    match window_s {
        3_600 => "an hour".to_owned(),
        s if s.is_multiple_of(60) => format!("{} minutes", s / 60),
        s => format!("{s} seconds"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use finops::ExpectedRange;
    use units::Usd;

    fn usd(text: &str) -> Usd {
        text.parse().unwrap()
    }

    fn told(rule: Rule, subject: &str, evidence: Evidence, actual: &str) -> String {
        let mut figures = IncidentFigures::new(evidence, usd(actual), UnixMicros::new(0));
        figures.expected =
            Some(ExpectedRange { typical: usd("0.30"), low: usd("0.10"), high: usd("0.90") });
        headline(rule, subject, &figures)
    }

    #[test]
    fn every_rule_has_a_sentence_of_its_own() {
        let budget = |percent| Evidence::Budget {
            name: "search-monthly".to_owned(),
            limit: usd("1000"),
            threshold_percent: percent,
            forecast: Some(usd("1340")),
            window_end: UnixMicros::new(0),
        };
        let spend =
            |direction, window_s| Evidence::Spend { direction, window_s, score_tenths: None };
        let unpriced = Evidence::Unpriced {
            provider: Some("openai".to_owned()),
            model: "aurora\u{202e}-1".to_owned(),
            calls: 1_042,
            tokens: 1,
        };
        let reported = |provider: Option<&str>, model: Option<&str>, reported, computed| {
            Evidence::ReportedCost {
                provider: provider.map(str::to_owned),
                model: model.map(str::to_owned),
                reported: usd(reported),
                computed: usd(computed),
                calls: 1_042,
                from: UnixMicros::new(0),
            }
        };
        let stall = |what| Evidence::Stall { what, for_ms: 95_400, limit_ms: 60_000 };
        let drift = Evidence::Drift { amount: usd("-2.1"), limit: usd("1") };
        for (rule, subject, evidence, expected) in [
            (
                Rule::BudgetSpent,
                "budget:bud_1",
                budget(80),
                "Budget search-monthly has spent 83 % of its $1,000.00",
            ),
            (
                Rule::BudgetForecast,
                "budget:bud_1",
                budget(100),
                "Budget search-monthly will end at $1,340.00, 134 % of its $1,000.00, if it goes on like this",
            ),
            (
                Rule::TeamSpend,
                "team:search",
                spend(Direction::Up, 3_600),
                "Team search spent $830.00 in an hour, usually $0.3000",
            ),
            (
                Rule::TeamSpend,
                "team:search",
                spend(Direction::Down, 3_600),
                "Team search spent $830.00 in an hour, usually $0.3000: metering may be lost",
            ),
            (
                Rule::BurnRate,
                "team:",
                spend(Direction::Up, 300),
                "Usage of no team spent $830.00 in 5 minutes, usually $0.3000",
            ),
            (
                Rule::UnpricedModel,
                "model:x",
                unpriced,
                "Model aurora-1 of openai is used without a price: 1,042 calls",
            ),
            (
                Rule::CostDrift,
                "model:x-ai/grok-4.6",
                reported(Some("x-ai"), Some("grok\u{202e}-4.6"), "82", "80"),
                "x-ai reports 2.4 % more for grok-4.6 than the price book has: $82.00 against $80.00 for 1,042 calls",
            ),
            (
                Rule::CostDrift,
                "model:/",
                reported(None, None, "0", "0.5"),
                "A provider reports less for calls without a model than the price book has: $0.00 against $0.5000 for 1,042 calls",
            ),
            (
                Rule::Stalled,
                "spool:gw-1",
                stall(StallKind::SpoolCommit),
                "Usage of Gateway gw-1 has waited 95 s for the lake, at most 60 s is usual",
            ),
            (
                Rule::Stalled,
                "snapshot:gw-1",
                stall(StallKind::Snapshot),
                "Gateway gw-1 decides from a snapshot confirmed 95 s ago, at most 60 s is usual",
            ),
            (
                Rule::Stalled,
                "drift:bud_1",
                drift,
                "The counters of budget bud_1 and the lake differ by -$2.10, at most $1.00 is usual",
            ),
        ] {
            assert_eq!(told(rule, subject, evidence, "830"), expected);
        }
    }
}
