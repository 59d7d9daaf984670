//! Admission: every budget that covers a request is checked, then all are taken, or none.

use std::mem;

use units::{BudgetId, UnixMicros, Usd};

use super::window::Room;
use super::{Admission, Books, DenialCause, Refusal};
use crate::hold::{Hold, Quote, least, take};
use crate::{OnTight, OnUnpriced};

/// A window a request counts in: the account's position, and the window's within it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot {
    pub(super) account: usize,
    pub(super) window: usize,
}

/// How a request asks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask {
    pub(super) now: UnixMicros,
    /// The authority did not answer.
    pub(super) is_alone: bool,
}

/// What an admitted request holds.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) hold: Hold,
    /// Whether budgets guard it.
    pub(super) is_guarded: bool,
    /// Whether it leaves a lease more than half used.
    pub(super) runs_low: bool,
    /// What it leaves of the tightest budget.
    pub(super) left: Option<Usd>,
}

/// What one request needs: at most, at least, and how it shares.
struct Need<'a> {
    quote: &'a Quote,
    least: Usd,
    on_tight: OnTight,
}

impl Books {
    /// The windows a request counts in, opened if need be.
    pub(super) fn cover(&mut self, request: &Admission<'_>, now: UnixMicros) -> Vec<Spot> {
        let mut spots = mem::take(&mut self.spots);
        spots.clear();
        for account in self.index.covering(&request.spender) {
            let window = self.accounts[account].open(request.at, now, &self.zone);
            spots.push(Spot { account, window });
        }
        spots
    }

    /// What a request may hold of all its budgets; notes what is missing when a lease is too small.
    pub(super) fn take(
        &mut self,
        quote: Option<&Quote>,
        spots: &[Spot],
        ask: Ask,
    ) -> Result<Taken, Refusal> {
        let budget = |spot: &Spot| &self.accounts[spot.account].budget;
        let deny =
            |spot: &Spot, cause| Err(self.accounts[spot.account].deny(spot.window, cause, ask.now));
        let free = |amount| {
            let hold = Hold { amount, output_tokens_max: None };
            Ok(Taken { hold, is_guarded: false, runs_low: false, left: None })
        };
        let Some(quote) = quote else {
            let strict = spots.iter().find(|spot| budget(spot).on_unpriced == OnUnpriced::Deny);
            return match strict {
                Some(spot) => deny(spot, DenialCause::Unpriced),
                None => free(Usd::ZERO),
            };
        };
        if spots.is_empty() {
            return free(quote.cost(quote.output_tokens_max));
        }
        if let Some(spot) = spots.iter().find(|spot| quote.exceeds(budget(spot).limit)) {
            return deny(spot, DenialCause::NeverFits);
        }
        let strict = spots.iter().any(|spot| budget(spot).on_tight == OnTight::Deny);
        let on_tight = if strict { OnTight::Deny } else { OnTight::Clamp };
        let need = Need { quote, least: least(quote, on_tight), on_tight };
        self.hold(&need, spots, ask)
    }

    /// What a request with a price holds of the budgets that guard it.
    fn hold(&mut self, need: &Need<'_>, spots: &[Spot], ask: Ask) -> Result<Taken, Refusal> {
        let rooms = || spots.iter().map(|spot| (spot, self.room(spot, need.least, ask)));
        let refused = rooms().find(|(_, room)| room.is_refused && room.total < need.least);
        if let Some((spot, _)) = refused {
            let account = &self.accounts[spot.account];
            return Err(account.deny(spot.window, DenialCause::Exhausted, ask.now));
        }
        let Some((tightest, room)) = rooms().min_by_key(|(_, room)| room.total) else {
            return Err(Refusal::Short);
        };
        let window = self.accounts[tightest.account].at(tightest.window);
        let in_flight = window.in_flight.saturating_mul(window.told.nodes());
        let hold = take(need.quote, room.total, in_flight, need.on_tight);
        let amount = hold.map_or(need.least, |hold| hold.amount);
        if let Some(hold) = hold
            && rooms().all(|(_, room)| room.ready >= amount)
        {
            let runs_low = spots.iter().any(|spot| self.runs_low(spot, amount));
            let left = Some(room.total.saturating_sub_to_zero(amount));
            return Ok(Taken { hold, is_guarded: true, runs_low, left });
        }
        if ask.is_alone {
            // The tightest is the one that did not suffice: alone, room is what is ready.
            let account = &self.accounts[tightest.account];
            return Err(account.deny(tightest.window, DenialCause::AuthorityAway, ask.now));
        }
        for spot in spots {
            self.note(spot, need, amount, ask);
        }
        Err(Refusal::Short)
    }

    /// Holds an amount in every window.
    pub(super) fn reserve(&mut self, spots: &[Spot], hold: Hold) -> Vec<(BudgetId, UnixMicros)> {
        let mut reserve = |spot: &Spot| {
            let account = &mut self.accounts[spot.account];
            let window = account.at_mut(spot.window);
            window.reserve(hold.amount);
            let start = window.start;
            (account.budget.id, start)
        };
        spots.iter().map(&mut reserve).collect()
    }

    /// Holds more in windows where an attempt holds money already.
    pub(super) fn reserve_more(&mut self, spots: &[Spot], more: Usd) {
        for spot in spots {
            self.accounts[spot.account].at_mut(spot.window).reserved += more;
        }
    }

    /// Whether the budget of a spot is still configured.
    pub(super) fn guards(&self, spot: &Spot) -> bool {
        !self.accounts[spot.account].is_retired
    }

    fn room(&self, spot: &Spot, least: Usd, ask: Ask) -> Room {
        let account = &self.accounts[spot.account];
        let window = account.at(spot.window);
        if ask.is_alone {
            window.room_alone(&account.budget, least, ask.now)
        } else {
            window.room(&account.budget, least, ask.now)
        }
    }

    /// Notes what a request lacks in a window, if anything.
    fn note(&mut self, spot: &Spot, need: &Need<'_>, amount: Usd, ask: Ask) {
        let room = self.room(spot, need.least, ask);
        let account = &mut self.accounts[spot.account];
        let limit = account.budget.limit;
        let window = account.at_mut(spot.window);
        if room.ready >= amount {
            return;
        }
        // Before the authority has said how much room there is, a request asks for its ceiling, but
        // for no more than the share it could take of an untouched window.
        let wanted = if window.term == 0 { need.first_guess(limit) } else { amount };
        window.wants.note(wanted, need.least);
    }

    /// Whether a lease would be more than half used with `amount` more.
    fn runs_low(&self, spot: &Spot, amount: Usd) -> bool {
        let window = self.accounts[spot.account].at(spot.window);
        let left = window.left().saturating_sub_to_zero(amount);
        !window.told.remaining.is_zero() && left < window.told.refill_below
    }
}

impl Need<'_> {
    fn first_guess(&self, limit: Usd) -> Usd {
        let hold = take(self.quote, limit, 0, self.on_tight);
        hold.map_or(self.least, |hold| hold.amount)
    }
}
