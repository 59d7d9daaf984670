//! What providers say that calls cost against what they come to by the price book.
//!
//! A small lasting difference is a wrong rate, a large one a wrong model or tier. It must never know
//! where the figures were read.

use std::collections::BTreeMap;

use lake::ReportedCost;
use units::Usd;

/// Difference that is told, in thousandths of what the provider reported: more than 0.1 %.
pub const DRIFT_TOLERATED_PER_MILLE: i128 = 1;

/// What a comparison comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DriftVerdict {
    /// The same, within 0.1 % of what was reported.
    Agrees,
    /// Some of the calls have no price of ours, so that there is nothing to compare.
    Unpriced,
    /// More than 0.1 % apart.
    Differs,
}

/// Reported and computed cost, compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CostDrift {
    /// The figures, as read.
    pub cost: ReportedCost,
    /// Reported less computed, USD: positive when the provider bills more than the book says.
    pub delta: Usd,
    /// What that means.
    pub verdict: DriftVerdict,
}

impl CostDrift {
    /// The difference in thousandths of what was reported, rounded towards zero; `None` where nothing
    /// was reported.
    pub fn per_mille(&self) -> Option<i128> {
        drift_per_mille(self.cost.reported, self.cost.computed)
    }

    /// Compares one day of one model.
    pub fn of(cost: ReportedCost) -> Self {
        let delta = cost.reported - cost.computed;
        let verdict = if cost.unpriced > 0 {
            DriftVerdict::Unpriced
        } else if is_tolerated(delta, cost.reported) {
            DriftVerdict::Agrees
        } else {
            DriftVerdict::Differs
        };
        Self { cost, delta, verdict }
    }
}

/// How far a reported cost lies from the computed one, in thousandths of what was reported, rounded
/// towards zero: positive when more was reported; `None` where nothing was.
pub fn drift_per_mille(reported: Usd, computed: Usd) -> Option<i128> {
    (reported - computed).pico().saturating_mul(1_000).checked_div(reported.pico())
}

/// Compares each line, in the order they come.
pub fn cost_drift(costs: impl IntoIterator<Item = ReportedCost>) -> Vec<CostDrift> {
    costs.into_iter().map(CostDrift::of).collect()
}

/// The same by provider and model over all days, each told under its newest day.
pub fn cost_drift_by_model(costs: impl IntoIterator<Item = ReportedCost>) -> Vec<CostDrift> {
    let mut models: BTreeMap<(Option<String>, Option<String>), ReportedCost> = BTreeMap::new();
    for cost in costs {
        let key = (cost.provider.clone(), cost.model.clone());
        match models.get_mut(&key) {
            Some(sum) => {
                sum.day = sum.day.max(cost.day);
                sum.requests = sum.requests.saturating_add(cost.requests);
                sum.unpriced = sum.unpriced.saturating_add(cost.unpriced);
                sum.reported += cost.reported;
                sum.computed += cost.computed;
            }
            None => drop(models.insert(key, cost)),
        }
    }
    cost_drift(models.into_values())
}

/// Nothing reported tolerates nothing.
fn is_tolerated(delta: Usd, reported: Usd) -> bool {
    let (delta, reported) = (delta.pico().saturating_abs(), reported.pico().saturating_abs());
    delta.saturating_mul(1_000) <= reported.saturating_mul(DRIFT_TOLERATED_PER_MILLE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn cost(day: i8, reported: i128, computed: i128, unpriced: u64) -> ReportedCost {
        ReportedCost {
            day: date(2026, 11, day),
            provider: Some("openrouter".to_owned()),
            model: Some("deepseek-chat".to_owned()),
            requests: 10,
            unpriced,
            reported: Usd::from_pico(reported),
            computed: Usd::from_pico(computed),
        }
    }

    #[test]
    fn a_difference_above_a_thousandth_is_told_and_one_of_exactly_that_is_not() {
        for (reported, computed, unpriced, expected) in [
            (1_000_000, 1_000_000, 0, DriftVerdict::Agrees),
            (1_000_000, 999_000, 0, DriftVerdict::Agrees),
            (1_000_000, 998_999, 0, DriftVerdict::Differs),
            (1_000_000, 1_001_001, 0, DriftVerdict::Differs),
            (0, 0, 0, DriftVerdict::Agrees),
            (0, 1, 0, DriftVerdict::Differs),
            (1_000_000, 0, 3, DriftVerdict::Unpriced),
        ] {
            let drift = CostDrift::of(cost(22, reported, computed, unpriced));
            assert_eq!(drift.verdict, expected, "{reported} {computed}");
            assert_eq!(drift.delta, Usd::from_pico(reported - computed));
        }
    }

    #[test]
    fn days_of_a_model_add_up() {
        let all = cost_drift_by_model([cost(21, 500, 400, 0), cost(22, 500, 600, 0)]);
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].delta, all[0].verdict), (Usd::ZERO, DriftVerdict::Agrees));
        assert_eq!((all[0].cost.day, all[0].cost.requests), (date(2026, 11, 22), 20));
    }
}
