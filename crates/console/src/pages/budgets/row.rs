//! A budget in a table: how much of it is used, and when it would be used up.

use finops::run_rate;
use units::{BudgetId, CalendarWindow, UnixMicros, Usd};

use crate::ConsoleState;
use crate::budgets::BudgetStatus;
use crate::figures::percent;
use crate::markup::{Money, Stamp};
use crate::moments::Moments;

/// From here on a budget is shown as near its limit, thousandths.
const NEAR_PER_MILLE: u32 = 800;
/// From here on there is nothing left, thousandths.
const FULL_PER_MILLE: u32 = 1_000;

/// A budget's state.
pub(crate) struct BudgetRow {
    pub(crate) id: BudgetId,
    pub(crate) name: String,
    /// What kind of thing it limits, and which: `team`, `search`.
    pub(crate) scope: (&'static str, Option<String>),
    pub(crate) spent: Money,
    pub(crate) reserved: Option<Money>,
    pub(crate) limit: Money,
    pub(crate) left: Money,
    /// Spent and reserved, thousandths of the limit, at most 1000: the meter's value.
    pub(crate) used_per_mille: u32,
    pub(crate) used: String,
    /// In words, and the badge's class.
    pub(crate) state: (&'static str, &'static str),
    pub(crate) resets_at: Stamp,
}

impl BudgetRow {
    pub(crate) fn of(budget: &BudgetStatus, moments: &Moments) -> Self {
        let amounts = &budget.amounts;
        let used = amounts.used_per_mille();
        let state = match used {
            FULL_PER_MILLE.. => ("Used up", "over"),
            NEAR_PER_MILLE.. => ("Near its limit", "near"),
            _ => ("Within its limit", "within"),
        };
        Self {
            id: budget.id,
            name: budget.name.clone(),
            scope: (budget.scope.kind(), budget.scope.name()),
            spent: Money(amounts.spent),
            reserved: (!amounts.reserved.is_zero()).then_some(Money(amounts.reserved)),
            limit: Money(amounts.limit),
            left: Money(amounts.left()),
            used_per_mille: used.min(FULL_PER_MILLE),
            used: percent(used),
            state,
            resets_at: moments.stamp(budget.resets_at),
        }
    }
}

/// How often a budget starts anew.
pub(super) fn window_title(window: CalendarWindow) -> &'static str {
    match window {
        CalendarWindow::Day => "each day",
        CalendarWindow::Week => "each week",
        CalendarWindow::Month => "each month",
        CalendarWindow::Quarter => "each quarter",
        CalendarWindow::Year => "each year",
    }
}

/// When a budget would be used up, in a straight line from what was spent so far.
#[derive(Debug, Clone)]
pub(super) enum Projection {
    /// Nothing is left, what is held counted.
    UsedUp,
    /// Too little of the window is over to tell.
    TooEarly,
    /// It lasts.
    NotAtThisRate {
        /// What will have been spent.
        total: Money,
    },
    /// It will be used up.
    Breach {
        /// When.
        at: Stamp,
    },
}

impl Projection {
    pub(super) fn of(budget: &BudgetStatus, state: &ConsoleState) -> Self {
        let moments = state.moments();
        match Outlook::of(budget, state.now()) {
            Outlook::UsedUp => Self::UsedUp,
            Outlook::TooEarly => Self::TooEarly,
            Outlook::Lasts(total) => Self::NotAtThisRate { total: Money(total) },
            Outlook::Breach(at) => Self::Breach { at: moments.stamp(at) },
        }
    }
}

/// The same before it is written for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outlook {
    /// Nothing is left.
    UsedUp,
    /// Too little of the window is over to tell.
    TooEarly,
    /// It lasts; this will have been spent.
    Lasts(Usd),
    /// It will be used up at this instant.
    Breach(UnixMicros),
}

impl Outlook {
    pub(super) fn of(budget: &BudgetStatus, now: UnixMicros) -> Self {
        let (limit, spent) = (budget.amounts.limit, budget.amounts.spent);
        if budget.amounts.left().is_zero() {
            return Self::UsedUp;
        }
        let length = budget.resets_at.micros_since(budget.window_start);
        let elapsed = now.micros_since(budget.window_start);
        // One day of a month and one hour of a day say enough for a line.
        if elapsed < length / 30 {
            return Self::TooEarly;
        }
        match run_rate(spent, elapsed, length) {
            None => Self::TooEarly,
            Some(total) if total <= limit => Self::Lasts(total),
            // More than nothing was spent, else nothing would be the total.
            Some(_) => {
                let until = i128::from(elapsed).saturating_mul(limit.pico()) / spent.pico().max(1);
                let until = i64::try_from(until).unwrap_or(length).min(length);
                Self::Breach(budget.window_start.plus_micros(until))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budgets::BudgetAmounts;
    use policy::{Scope, WhenAlone};
    use units::BillingZone;

    const DAY_US: i64 = 86_400 * 1_000_000;

    /// A budget of a month of 30 days, `elapsed` of them over.
    fn budget(limit: i64, spent: i64, reserved: i64) -> BudgetStatus {
        BudgetStatus {
            id: BudgetId::from_u128(1),
            name: "search-monthly".to_owned(),
            scope: Scope::Organisation,
            team: None,
            window: CalendarWindow::Month,
            window_start: UnixMicros::new(0),
            resets_at: UnixMicros::new(30 * DAY_US),
            amounts: BudgetAmounts {
                limit: Usd::from_dollars(limit),
                spent: Usd::from_dollars(spent),
                reserved: Usd::from_dollars(reserved),
                overshoot: Usd::ZERO,
            },
            leases: Vec::new(),
            when_alone: WhenAlone::Refuse,
        }
    }

    #[test]
    fn a_budget_tells_its_state_in_words() {
        let moments = Moments::in_zone(&BillingZone::UTC);
        for (limit, spent, reserved, state, used) in [
            (100, 79, 0, "Within its limit", "79.0%"),
            (100, 70, 10, "Near its limit", "80.0%"),
            (100, 100, 0, "Used up", "100.0%"),
            (100, 103, 0, "Used up", "103.0%"),
            (0, 0, 0, "Used up", "100.0%"),
        ] {
            let row = BudgetRow::of(&budget(limit, spent, reserved), &moments);
            assert_eq!((row.state.0, row.used.as_str()), (state, used));
            assert!(row.used_per_mille <= 1_000);
        }
    }

    #[test]
    fn the_rate_so_far_says_when_a_budget_is_used_up_if_ever() {
        let day = |day| UnixMicros::new(day * DAY_US);
        for (limit, spent, now, outlook) in [
            (100, 100, day(10), Outlook::UsedUp),
            (0, 0, day(10), Outlook::UsedUp),
            (100, 5, UnixMicros::new(DAY_US - 1), Outlook::TooEarly),
            (100, 5, UnixMicros::new(-1), Outlook::TooEarly),
            (300, 10, day(1), Outlook::Lasts(Usd::from_dollars(300))),
            (100, 50, day(10), Outlook::Breach(day(20))),
            (100, 0, day(10), Outlook::Lasts(Usd::ZERO)),
            (100, 99, day(30), Outlook::Lasts(Usd::from_dollars(99))),
        ] {
            assert_eq!(Outlook::of(&budget(limit, spent, 0), now), outlook, "{limit} {spent}");
        }
        assert_eq!(Outlook::of(&budget(100, 90, 10), day(20)), Outlook::UsedUp, "the rest is held");
    }
}
