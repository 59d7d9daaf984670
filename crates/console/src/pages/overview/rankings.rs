//! Who spends most, and where the budgets stand.

use units::{BillingPeriod, Usd};

use crate::budgets::BudgetStatus;
use crate::figures::percent;
use crate::ledger::{OverviewData, Share};
use crate::markup::{Count, Money, ShareBar, Stamp};
use crate::moments::Moments;
use crate::pages::statements::statement_path;

/// Rows before the rest is summed up.
const ROWS_MAX: usize = 8;
/// From here on a budget is shown as near its limit, thousandths.
const NEAR_PER_MILLE: u32 = 800;

/// One ranking, such as the top teams.
pub(super) struct Ranking {
    pub(super) title: &'static str,
    /// What a row is: `Team`.
    pub(super) kind: &'static str,
    pub(super) rows: Vec<RankingRow>,
}

pub(super) struct RankingRow {
    pub(super) name: Name,
    pub(super) link: Option<String>,
    /// Empty where no price is known.
    pub(super) cost: Option<Money>,
    /// Empty where a number of requests would not mean anything.
    pub(super) requests: Option<Count>,
    pub(super) share: String,
    pub(super) bar: ShareBar,
}

/// What a row stands for.
pub(super) enum Name {
    /// A name as recorded.
    Recorded(String),
    /// Words of ours.
    Ours(&'static str),
}

impl Ranking {
    /// The three rankings of the page.
    pub(super) fn all(period: BillingPeriod, data: &OverviewData) -> Vec<Self> {
        let whole = data.totals.cost;
        let mut teams = Self::of(("Top teams", "Team", "No team"), &data.teams, whole);
        for row in &mut teams.rows {
            if let Name::Recorded(team) = &row.name {
                row.link = statement_path(team, period);
            }
        }
        let models = Self::of(("Top models", "Model", "No model"), &data.models, whole);
        let customers = ("Top customers", "Customer", "No customer");
        vec![teams, models, Self::of(customers, &data.customers, whole)]
    }

    fn of(
        (title, kind, nameless): (&'static str, &'static str, &'static str),
        shares: &[Share],
        whole: Usd,
    ) -> Self {
        let row = |name, cost: Option<Usd>, requests| {
            let known = cost.unwrap_or_default();
            let per_mille = known.share_per_mille(whole).unwrap_or_default();
            RankingRow {
                name,
                link: None,
                cost: cost.map(Money),
                requests,
                share: percent(per_mille),
                bar: ShareBar(per_mille),
            }
        };
        let shown = &shares[..shares.len().min(ROWS_MAX)];
        let mut rows: Vec<RankingRow> = shown
            .iter()
            .map(|share| {
                let name = share.name.clone().map_or(Name::Ours(nameless), Name::Recorded);
                row(name, share.cost, Some(Count(share.requests)))
            })
            .collect();
        let rest = whole - shown.iter().filter_map(|share| share.cost).sum();
        if rest > Usd::ZERO {
            rows.push(row(Name::Ours("All others"), Some(rest), None));
        }
        Self { title, kind, rows }
    }
}

/// A budget's state.
pub(super) struct BudgetRow {
    pub(super) name: String,
    pub(super) team: Option<String>,
    pub(super) spent: Money,
    pub(super) reserved: Option<Money>,
    pub(super) limit: Money,
    pub(super) left: Money,
    /// Spent and reserved, thousandths of the limit, at most 1000: the meter's value.
    pub(super) used_per_mille: u32,
    pub(super) used: String,
    pub(super) state: &'static str,
    pub(super) class: &'static str,
    pub(super) resets_at: Stamp,
}

impl BudgetRow {
    pub(super) fn of(budget: &BudgetStatus, moments: &Moments) -> Self {
        let taken = budget.spent + budget.reserved;
        // A budget of nothing is used up from the start.
        let used = taken.share_per_mille(budget.limit).unwrap_or(1000);
        let (state, class) = match used {
            1000.. => ("Used up", "over"),
            NEAR_PER_MILLE.. => ("Near its limit", "near"),
            _ => ("Within its limit", "within"),
        };
        Self {
            name: budget.name.clone(),
            team: budget.team.clone(),
            spent: Money(budget.spent),
            reserved: (!budget.reserved.is_zero()).then_some(Money(budget.reserved)),
            limit: Money(budget.limit),
            left: Money(budget.limit.saturating_sub_to_zero(taken)),
            used_per_mille: used.min(1000),
            used: percent(used),
            state,
            class,
            resets_at: moments.stamp(budget.resets_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use units::{BillingZone, UnixMicros};

    #[test]
    fn what_is_not_listed_is_summed_up_so_that_the_column_adds_up() {
        let share = |cost| Share { name: None, cost: Some(Usd::from_dollars(cost)), requests: 1 };
        let shares: Vec<Share> = (1..=12).rev().map(share).collect();
        let whole = Usd::from_dollars(80);
        let ranking = Ranking::of(("Top teams", "Team", "No team"), &shares, whole);
        assert_eq!(ranking.rows.len(), ROWS_MAX + 1);
        assert_eq!(
            ranking.rows.iter().flat_map(|row| &row.cost).map(|cost| cost.0).sum::<Usd>(),
            whole
        );
    }

    #[test]
    fn what_has_no_price_is_not_shown_as_free() {
        let share = Share { name: Some("aurora".to_owned()), cost: None, requests: 3 };
        let ranking = Ranking::of(("Top models", "Model", "No model"), &[share], Usd::ZERO);
        assert!(ranking.rows[0].cost.is_none());
    }

    #[test]
    fn a_budget_tells_its_state_in_words() {
        let moments = Moments::in_zone(&BillingZone::UTC);
        for (limit, spent, reserved, state, used) in [
            (100, 79, 0, "Within its limit", "79.0%"),
            (100, 70, 10, "Near its limit", "80.0%"),
            (100, 100, 0, "Used up", "100.0%"),
            (0, 0, 0, "Used up", "100.0%"),
        ] {
            let budget = BudgetStatus {
                name: "search-monthly".to_owned(),
                team: None,
                limit: Usd::from_dollars(limit),
                spent: Usd::from_dollars(spent),
                reserved: Usd::from_dollars(reserved),
                window_start: UnixMicros::new(0),
                resets_at: UnixMicros::new(0),
            };
            let row = BudgetRow::of(&budget, &moments);
            assert_eq!((row.state, row.used.as_str()), (state, used));
        }
    }
}
