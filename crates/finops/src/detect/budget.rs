//! Budgets: what share of the limit is reached, and whether the window will pass it.
//!
//! It must never know how a budget is enforced.

use policy::BudgetStatus;
use store::Severity;
use units::{BudgetId, Slug, UnixMicros, Usd};

use crate::forecast::run_rate;
use crate::incident::{BudgetLeft, Evidence, Finding, IncidentFigures, Level, Rule};

/// A budget and what its present window has spent, over all gateways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetUse {
    /// Which budget.
    pub id: BudgetId,
    /// Its name.
    pub name: String,
    /// The team it binds; `None` when it binds more, or less, than one team.
    pub team: Option<Slug>,
    /// Its limit.
    pub limit: Usd,
    /// Settled spend of the window.
    pub spent: Usd,
    /// Start of the window, in the zone it is cut in.
    pub window_start: UnixMicros,
    /// End of the window.
    pub window_end: UnixMicros,
}

impl BudgetUse {
    /// What is left of it.
    pub fn left(&self) -> BudgetLeft {
        BudgetLeft {
            name: self.name.clone(),
            limit: self.limit,
            spent: self.spent,
            remaining: self.limit.saturating_sub_to_zero(self.spent),
        }
    }
}

/// A budget as the authority tells of it.
impl From<&BudgetStatus> for BudgetUse {
    fn from(status: &BudgetStatus) -> Self {
        Self {
            id: status.id,
            name: status.name.clone(),
            team: status.scope.strip_prefix("team:").and_then(|team| team.parse().ok()),
            limit: status.limit,
            spent: status.spent,
            window_start: status.window_start,
            window_end: status.resets_at,
        }
    }
}

/// When a budget is told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetRule {
    /// Shares of the limit that are told when they are reached, percent.
    pub thresholds_percent: Vec<u32>,
    /// How far below a threshold the spend must fall for its incident to end, percent points: a
    /// correction of cents ends none.
    pub slack_percent: u32,
    /// Least part of the window that must be over before it is extrapolated, percent.
    pub forecast_after_percent: u32,
}

impl Default for BudgetRule {
    fn default() -> Self {
        Self { thresholds_percent: vec![80, 100], slack_percent: 5, forecast_after_percent: 15 }
    }
}

/// What is to be told of a budget at `now`: the highest share reached (lower ones go without saying,
/// but hold what was told of them), or the forecast that passes the limit.
///
/// The limit is part of the occasion: a budget that is raised is told of again.
pub fn budget(budget: &BudgetUse, rule: &BudgetRule, now: UnixMicros) -> Vec<Finding> {
    if budget.limit <= Usd::ZERO || !(budget.window_start..budget.window_end).contains(&now) {
        return Vec::new();
    }
    let share = budget.spent.share_per_mille(budget.limit).unwrap_or(0);
    let elapsed_us = now.micros_since(budget.window_start);
    let length_us = budget.window_end.micros_since(budget.window_start);
    let forecast = run_rate(budget.spent, elapsed_us, length_us).filter(|_| {
        elapsed_us / 100 >= length_us / 10_000 * i64::from(rule.forecast_after_percent)
    });
    let reached = rule.thresholds_percent.iter().filter(|percent| share >= **percent * 10).max();
    let mut findings = Vec::new();
    for percent in &rule.thresholds_percent {
        let level = match reached {
            Some(highest) if highest == percent => Level::Alarm,
            _ if share + rule.slack_percent * 10 >= *percent * 10 => Level::Holding,
            _ => continue,
        };
        let severity = if *percent >= 100 { Severity::Critical } else { Severity::Warning };
        findings.push(finding(
            budget,
            Rule::BudgetSpent,
            (*percent, level, severity),
            forecast,
            now,
        ));
    }
    let forecast_share = forecast.and_then(|amount| amount.share_per_mille(budget.limit));
    let level = match forecast_share {
        Some(share) if share > 1000 => Level::Alarm,
        Some(share) if share + rule.slack_percent * 10 > 1000 => Level::Holding,
        _ => return findings,
    };
    let told = (100, level, Severity::Warning);
    findings.push(finding(budget, Rule::BudgetForecast, told, forecast, now));
    findings
}

fn finding(
    budget: &BudgetUse,
    rule: Rule,
    (threshold_percent, level, severity): (u32, Level, Severity),
    forecast: Option<Usd>,
    now: UnixMicros,
) -> Finding {
    let evidence = Evidence::Budget {
        name: budget.name.clone(),
        limit: budget.limit,
        threshold_percent,
        forecast,
        window_end: budget.window_end,
    };
    let mut figures = IncidentFigures::new(evidence, budget.spent, now);
    figures.since = budget.window_start;
    figures.budget = Some(budget.left());
    figures.impact = match rule {
        Rule::BudgetForecast => forecast.unwrap_or_default().saturating_sub_to_zero(budget.limit),
        _ => budget.spent.saturating_sub_to_zero(budget.limit),
    };
    Finding {
        rule,
        subject: format!("budget:{}", budget.id),
        window: format!("{}/{threshold_percent}/{}", budget.window_start, budget.limit),
        team: budget.team.clone(),
        level,
        severity,
        figures,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_US: i64 = 86_400_000_000;

    fn month(spent: &str) -> BudgetUse {
        BudgetUse {
            id: BudgetId::from_u128(7),
            name: "search-monthly".to_owned(),
            team: "search".parse().ok(),
            limit: Usd::from_dollars(1_000),
            spent: spent.parse().unwrap(),
            window_start: UnixMicros::new(0),
            window_end: UnixMicros::new(30 * DAY_US),
        }
    }

    fn told(spent: &str, day: i64) -> Vec<(Rule, String, Level)> {
        let found = budget(&month(spent), &BudgetRule::default(), UnixMicros::new(day * DAY_US));
        let occasion = |f: &Finding| f.window.split('/').nth(1).unwrap().to_owned();
        found.iter().map(|f| (f.rule, occasion(f), f.level)).collect()
    }

    #[test]
    fn the_highest_threshold_reached_is_told_and_the_lower_ones_are_held() {
        use Level::{Alarm, Holding};
        use Rule::{BudgetForecast, BudgetSpent};
        let spent = |percent: &str, level| (BudgetSpent, percent.to_owned(), level);
        let forecast = |level| (BudgetForecast, "100".to_owned(), level);
        for (amount, day, expected) in [
            ("700", 29, vec![]),
            ("749.99", 29, vec![]),
            ("750", 29, vec![spent("80", Holding)]),
            ("800", 29, vec![spent("80", Alarm)]),
            ("940", 29, vec![spent("80", Alarm), forecast(Holding)]),
            ("950", 29, vec![spent("80", Alarm), spent("100", Holding), forecast(Holding)]),
            ("1000", 29, vec![spent("80", Holding), spent("100", Alarm), forecast(Alarm)]),
            // A tenth of the window is too early to extend it; a fifth is not.
            ("150", 3, vec![]),
            ("250", 6, vec![forecast(Alarm)]),
            ("200", 6, vec![forecast(Holding)]),
            ("1500", 30, vec![]),
        ] {
            assert_eq!(told(amount, day), expected, "{amount} on day {day}");
        }
    }

    #[test]
    fn a_raised_limit_is_another_occasion_and_the_same_limit_is_the_same() {
        let key = |budget_use: &BudgetUse, day: i64| {
            let now = UnixMicros::new(day * DAY_US);
            budget(budget_use, &BudgetRule::default(), now)[0].key()
        };
        let tight = month("900");
        let raised = BudgetUse { limit: Usd::from_dollars(1_100), ..tight.clone() };
        assert_eq!(key(&tight, 29), key(&tight, 28));
        assert_ne!(key(&tight, 29), key(&raised, 29));
        assert!(key(&tight, 29).contains("1970-01-01T00:00:00Z/80/1000.00"), "{}", key(&tight, 29));
    }

    #[test]
    fn a_budget_without_a_limit_above_zero_says_nothing() {
        let none = BudgetUse { limit: Usd::ZERO, ..month("5") };
        assert!(budget(&none, &BudgetRule::default(), UnixMicros::new(DAY_US)).is_empty());
    }
}
