//! The budgets in force and the windows that may be asked for.

use std::collections::HashMap;
use std::sync::Arc;

use lake::Window;
use policy::Budget;
use units::{BillingZone, BudgetId, UnixMicros};

/// A budget and the start of one of its windows.
pub(super) type WindowKey = (BudgetId, UnixMicros);

/// The budgets of one organisation.
#[derive(Debug, Default)]
pub(super) struct Plan {
    zone: BillingZone,
    budgets: Vec<Arc<Known>>,
    by_id: HashMap<BudgetId, usize>,
}

/// A budget, and since when this process has known it as it is.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) budget: Budget,
    pub(super) since: UnixMicros,
}

impl Plan {
    /// The plan with other budgets; those that count the same as before are known since then.
    pub(super) fn changed(&self, budgets: &[Budget], zone: &BillingZone, now: UnixMicros) -> Self {
        let known = |budget: &Budget| {
            let before = self.budget(budget.id).filter(|known| {
                let own = &known.budget;
                *zone == self.zone && own.scope == budget.scope && own.window == budget.window
            });
            let since = before.map_or(now, |known| known.since);
            Arc::new(Known { budget: budget.clone(), since })
        };
        let budgets: Vec<_> = budgets.iter().map(known).collect();
        let by_id = budgets.iter().enumerate().map(|(at, known)| (known.budget.id, at)).collect();
        Self { zone: zone.clone(), budgets, by_id }
    }

    /// Every budget, as configured.
    pub(super) fn budgets(&self) -> &[Arc<Known>] {
        &self.budgets
    }

    /// A budget by its id.
    pub(super) fn budget(&self, id: BudgetId) -> Option<&Arc<Known>> {
        self.by_id.get(&id).map(|at| &self.budgets[*at])
    }

    /// The window of a budget that contains an instant.
    pub(super) fn window(&self, known: &Known, at: UnixMicros) -> Window {
        let (from, to) = known.budget.window.range(at, &self.zone);
        Window { from, to }
    }

    /// Whether a window of this start may be asked for: the present one, the one before, or one that
    /// is about to start.
    pub(super) fn accepts(
        &self,
        known: &Known,
        start: UnixMicros,
        now: UnixMicros,
        skew_us_max: i64,
    ) -> bool {
        let present = self.window(known, now);
        let is_next = start == present.to && present.to.micros_since(now) <= skew_us_max;
        start == present.from
            || is_next
            || start == self.window(known, present.from.plus_micros(-1)).from
    }

    /// The key of every budget's present window.
    pub(super) fn present(&self, now: UnixMicros) -> Vec<WindowKey> {
        let key = |known: &Arc<Known>| (known.budget.id, self.window(known, now).from);
        self.budgets.iter().map(key).collect()
    }

    /// Whether everything spent in a window was spent under a lease, because the budget has been
    /// known since before it began: then nothing needs to be summed.
    pub(super) fn is_fresh(known: &Known, start: UnixMicros) -> bool {
        known.since <= start
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use policy::{OnTight, OnUnpriced, Scope, WhenAlone};
    use units::CalendarWindow;

    fn daily(scope: Scope) -> Budget {
        Budget {
            id: BudgetId::from_u128(1),
            name: "all".into(),
            organisation: "acme".parse().unwrap(),
            scope,
            window: CalendarWindow::Day,
            limit: units::Usd::from_dollars(1),
            on_tight: OnTight::Clamp,
            on_unpriced: OnUnpriced::Deny,
            when_alone: WhenAlone::Refuse,
        }
    }

    #[test]
    fn a_gateway_may_ask_for_the_present_window_the_last_and_one_about_to_start() {
        const DAY: i64 = 86_400_000_000;
        let plan = Plan::default().changed(
            &[daily(Scope::Organisation)],
            &BillingZone::UTC,
            UnixMicros::new(0),
        );
        let known = &plan.budgets()[0];
        for (now, start, accepted) in [
            (10 * DAY + 5, 10 * DAY, true),
            (10 * DAY + 5, 9 * DAY, true),
            (10 * DAY + 5, 8 * DAY, false),
            (10 * DAY + 5, 11 * DAY, false),
            (11 * DAY - 300_000_000, 11 * DAY, true),
            (11 * DAY - 300_000_001, 11 * DAY, false),
            (10 * DAY + 5, 10 * DAY + 1, false),
        ] {
            let at = |micros| UnixMicros::new(micros);
            let accepts = plan.accepts(known, at(start), at(now), 300_000_000);
            assert_eq!(accepts, accepted, "{start} at {now}");
        }
    }

    #[test]
    fn a_budget_is_known_since_it_last_counted_something_else() {
        let (first, second) = (UnixMicros::new(1), UnixMicros::new(2));
        let plan = Plan::default().changed(&[daily(Scope::Organisation)], &BillingZone::UTC, first);
        let raised = Budget { limit: units::Usd::from_dollars(2), ..daily(Scope::Organisation) };
        let same = plan.changed(&[raised], &BillingZone::UTC, second);
        assert_eq!(same.budgets()[0].since, first);
        let other = plan.changed(&[daily(Scope::User("a".into()))], &BillingZone::UTC, second);
        assert_eq!(other.budgets()[0].since, second);
    }
}
