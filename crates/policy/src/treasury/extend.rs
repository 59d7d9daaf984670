//! Holding more for an attempt under way: for a session, whose cost becomes known as it goes on.

use units::{BudgetId, UnixMicros, Usd};

use super::admission::{Ask, Spot};
use super::{Books, Refusal, Treasury};
use crate::hold::Quote;

impl Treasury {
    /// Holds `more` in every window a reservation holds money in, or in none; gives what that leaves
    /// of the tightest budget. A budget that is gone, or a window long past, guards nothing.
    pub(super) fn extend(
        &self,
        windows: &[(BudgetId, UnixMicros)],
        more: Usd,
        ask: Ask,
    ) -> Result<Option<Usd>, Refusal> {
        let mut books = self.lock();
        let spots = books.spots(windows);
        let in_force: Vec<Spot> = spots.iter().filter(|spot| books.guards(spot)).copied().collect();
        let quote = Quote {
            fixed: more,
            output_per_million: Usd::ZERO,
            output_tokens_max: 0,
            output_tokens_usual: 0,
        };
        let taken = books.take(Some(&quote), &in_force, ask)?;
        books.reserve_more(&spots, more);
        if taken.runs_low {
            self.hurry();
        }
        Ok(taken.left)
    }
}

impl Books {
    /// Where windows are; those that are not kept any more are left out.
    fn spots(&mut self, windows: &[(BudgetId, UnixMicros)]) -> Vec<Spot> {
        let Self { accounts, by_id, .. } = self;
        let spot = |(id, start): &(BudgetId, UnixMicros)| {
            let account = *by_id.get(id)?;
            let window = accounts.get(account)?.position(*start)?;
            Some(Spot { account, window })
        };
        windows.iter().filter_map(spot).collect()
    }
}
