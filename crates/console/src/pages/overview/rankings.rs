//! Who spends most.

use units::{BillingPeriod, Usd};

use crate::figures::percent;
use crate::ledger::{OverviewData, Share};
use crate::markup::{Count, Money, ShareBar};
use crate::pages::statements::statement_path;

/// Rows before the rest is summed up.
const ROWS_MAX: usize = 8;

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
