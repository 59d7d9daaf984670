//! The prices of a batch of rows: looked up once for all rows that are priced alike, then multiplied.
//!
//! Rows are told apart by the numbers their texts are stored as, never by the texts. It must never give
//! a row another amount than asking for it by itself would.

use events::Meters;
use units::UnixMicros;

use super::priced::PricedRows;
use super::{Amounts, Reprice, RowPrices};

/// Most kinds of rows of a batch that have plans; rows of more are asked for one by one.
const KINDS_MAX: usize = 1 << 16;
/// Most spans of time one kind has plans for at a time.
const SPANS_MAX: usize = 8;

/// Prices by kind of row.
pub(super) struct Plans<'p> {
    prices: &'p dyn Reprice,
    kinds: Vec<Kind<'p>>,
}

/// The prices of rows that are priced alike.
#[derive(Default)]
struct Kind<'p> {
    /// One for each span of time met so far.
    plans: Vec<Box<dyn RowPrices + 'p>>,
}

impl<'p> Plans<'p> {
    /// Nothing looked up yet.
    pub(super) fn of(prices: &'p dyn Reprice, rows: &PricedRows<'_>) -> Self {
        let count = rows.kinds().filter(|count| *count <= KINDS_MAX).unwrap_or(0);
        let kinds = std::iter::repeat_with(Kind::default).take(count).collect();
        Self { prices, kinds }
    }

    /// What a row costs.
    pub(super) fn amounts(
        &mut self,
        rows: &PricedRows<'_>,
        (row, received_at): (usize, UnixMicros),
        meters: &Meters,
    ) -> Option<Amounts> {
        let alone = || rows.row(row, received_at, meters);
        let Some(kind) = self.kinds.get_mut(rows.kind(row)) else {
            return self.prices.amounts(&alone());
        };
        let known = kind.plans.iter().find(|plan| plan.holds_at(received_at));
        if let Some(plan) = known {
            return plan.amounts(meters, rows.duration(row));
        }
        let Some(plan) = self.prices.plan(&alone()) else {
            return self.prices.amounts(&alone());
        };
        let amounts = plan.amounts(meters, rows.duration(row));
        if kind.plans.len() >= SPANS_MAX {
            // The span least lately begun goes: rows of a file come more or less by time.
            kind.plans.remove(0);
        }
        kind.plans.push(plan);
        amounts
    }
}
