//! Where budgets stand over all gateways; implemented where the authority is wired.

use async_trait::async_trait;
use policy::{Scope, WhenAlone};
use units::{BudgetId, CalendarWindow, Slug, UnixMicros, Usd};

/// Why budgets could not be read. Always our fault; a retry may help.
#[derive(Debug, thiserror::Error)]
#[error("budgets could not be read: {0}")]
pub struct BoardError(pub String);

/// Where one budget stands in its present window, over all gateways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetStatus {
    /// Its id.
    pub id: BudgetId,
    /// Its name.
    pub name: String,
    /// Whose spending counts.
    pub scope: Scope,
    /// The one team all that spending belongs to, whose sessions may see the budget; `None` for a
    /// budget that others spend from too.
    pub team: Option<Slug>,
    /// What it is counted in.
    pub window: CalendarWindow,
    /// First instant of the present window.
    pub window_start: UnixMicros,
    /// When the next window starts.
    pub resets_at: UnixMicros,
    /// Limit and spend.
    pub amounts: BudgetAmounts,
    /// What gateways hold of it, by gateway process.
    pub leases: Vec<LeaseStatus>,
    /// What a gateway does when its lease is used up and nobody can be asked.
    pub when_alone: WhenAlone,
}

/// Limit and spend of a window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BudgetAmounts {
    /// The most that may be spent.
    pub limit: Usd,
    /// Settled spend.
    pub spent: Usd,
    /// Held for requests under way.
    pub reserved: Usd,
    /// By how much answers have cost more than was held for them: what a limit can be passed by.
    pub overshoot: Usd,
}

impl BudgetAmounts {
    /// Settled and held.
    pub fn taken(&self) -> Usd {
        self.spent + self.reserved
    }

    /// What is left to spend.
    pub fn left(&self) -> Usd {
        self.limit.saturating_sub_to_zero(self.taken())
    }

    /// Taken, in thousandths of the limit. A budget of nothing is used up from the start.
    pub fn used_per_mille(&self) -> u32 {
        if self.limit.is_zero() {
            return 1_000;
        }
        self.taken().share_per_mille(self.limit).unwrap_or_default()
    }
}

/// What one gateway process holds of a budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseStatus {
    /// The gateway.
    pub node: String,
    /// Its process, as its spool names it.
    pub epoch: String,
    /// Granted in this window, what was settled since included.
    pub granted: Usd,
    /// Settled of it.
    pub settled: Usd,
    /// Held of it for requests under way.
    pub reserved: Usd,
    /// When it last reported.
    pub reported_at: UnixMicros,
    /// When the grant ends unless it reports again.
    pub expires_at: UnixMicros,
}

impl LeaseStatus {
    /// Granted and neither settled nor held: what it may still spend without asking.
    pub fn unspent(&self) -> Usd {
        self.granted.saturating_sub_to_zero(self.settled + self.reserved)
    }
}

/// Tells where every budget stands.
#[async_trait]
pub trait BudgetBoard: Send + Sync {
    /// Every budget, in the order to show. Pages wait for it.
    async fn status(&self) -> Result<Vec<BudgetStatus>, BoardError>;
}

/// The board of a console without budgets.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoBudgets;

#[async_trait]
impl BudgetBoard for NoBudgets {
    async fn status(&self) -> Result<Vec<BudgetStatus>, BoardError> {
        Ok(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_never_falls_below_nothing_and_nothing_is_used_up() {
        let dollars = Usd::from_dollars;
        for (limit, spent, reserved, left, used) in
            [(100, 70, 10, 20, 800), (100, 100, 5, 0, 1_050), (0, 0, 0, 0, 1_000)]
        {
            let amounts = BudgetAmounts {
                limit: dollars(limit),
                spent: dollars(spent),
                reserved: dollars(reserved),
                overshoot: Usd::ZERO,
            };
            assert_eq!((amounts.left(), amounts.used_per_mille()), (dollars(left), used));
        }
    }
}
