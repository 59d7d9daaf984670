//! The figures at the top of the overview.

use std::cmp::Ordering;

use finops::Change;
use units::Usd;

use crate::figures::{per_mille, percent};
use crate::forecast;
use crate::ledger::{self, MonthWindow, OverviewData};
use crate::markup::{Count, Money, UnitMoney};
use crate::moments;

/// The cards.
pub(super) struct Summary {
    pub(super) spent: Money,
    pub(super) comparison: Comparison,
    pub(super) forecast: Option<ForecastCard>,
    pub(super) previous_total: Money,
    pub(super) previous_month: String,
    pub(super) requests: Count,
    pub(super) per_request: Option<UnitMoney>,
    pub(super) input_tokens: Count,
    pub(super) output_tokens: Count,
    pub(super) coverage: CoverageCard,
}

/// This month against the same stretch of the month before.
pub(super) struct Comparison {
    pub(super) before: Money,
    /// `12.3% more`, `4.0% less`, `the same`; `None` when there was nothing before.
    pub(super) change: Option<String>,
    pub(super) direction: &'static str,
}

/// Where the month will end.
pub(super) struct ForecastCard {
    pub(super) total: Money,
    pub(super) range: Option<(Money, Money)>,
}

/// How much of the month's usage the figures stand for, as shares of its calls.
pub(super) struct CoverageCard {
    pub(super) priced: String,
    pub(super) with_team: String,
    pub(super) metered: String,
    pub(super) calls: Count,
    pub(super) unpriced: Option<Count>,
}

impl Summary {
    pub(super) fn of(window: &MonthWindow, data: &OverviewData) -> Self {
        let totals = data.totals;
        Self {
            spent: Money(totals.cost),
            comparison: Comparison::of(totals.cost, data.previous_to_date),
            forecast: forecast_of(window, data),
            previous_total: Money(data.previous_days.iter().map(|day| day.cost).sum()),
            previous_month: moments::month_title(window.period.previous()),
            requests: Count(totals.requests),
            per_request: totals.cost.divided_by(totals.requests).map(UnitMoney),
            input_tokens: Count(totals.input_tokens),
            output_tokens: Count(totals.output_tokens),
            coverage: CoverageCard::of(data.coverage),
        }
    }
}

impl Comparison {
    fn of(now: Usd, before: Usd) -> Self {
        let per_mille = Change::between(before, now).per_mille;
        let share =
            |per_mille: i64| percent(u32::try_from(per_mille.unsigned_abs()).unwrap_or(u32::MAX));
        let (direction, change) = match now.cmp(&before) {
            Ordering::Greater => ("up", per_mille.map(|change| format!("{} more", share(change)))),
            Ordering::Less => ("down", per_mille.map(|change| format!("{} less", share(change)))),
            Ordering::Equal => ("level", per_mille.map(|_| "the same".to_owned())),
        };
        Self { before: Money(before), change, direction }
    }
}

impl CoverageCard {
    fn of(coverage: ledger::Coverage) -> Self {
        let share = |part| per_mille(part, coverage.calls).map_or("–".to_owned(), percent);
        let unpriced = coverage.calls.saturating_sub(coverage.priced);
        Self {
            priced: share(coverage.priced),
            with_team: share(coverage.with_team),
            metered: share(coverage.metered),
            calls: Count(coverage.calls),
            unpriced: (unpriced > 0).then_some(Count(unpriced)),
        }
    }
}

fn forecast_of(window: &MonthWindow, data: &OverviewData) -> Option<ForecastCard> {
    let today = window.zone.date_of(window.until);
    let mut day = window.period.first_day();
    let mut whole_days = Vec::new();
    while day < today {
        let spend = data.days.iter().find(|spend| spend.date == day);
        whole_days.push(spend.map_or(Usd::ZERO, |spend| spend.cost));
        day = day.tomorrow().ok()?;
    }
    let elapsed = window.until.micros_since(window.from);
    let whole = window.end.micros_since(window.from);
    let forecast = forecast::linear(data.totals.cost, &whole_days, elapsed, whole)?;
    let range = forecast.range.map(|(low, high)| (Money(low), Money(high)));
    Some(ForecastCard { total: Money(forecast.total), range })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_told_in_words_and_nothing_before_is_no_percentage() {
        for (now, before, change, direction) in [
            (1_125, 1_000, Some("12.5% more"), "up"),
            (960, 1_000, Some("4.0% less"), "down"),
            (1_000, 1_000, Some("the same"), "level"),
            (5, 0, None, "up"),
        ] {
            let compared = Comparison::of(Usd::from_dollars(now), Usd::from_dollars(before));
            assert_eq!(compared.change.as_deref(), change);
            assert_eq!(compared.direction, direction);
        }
    }
}
