//! The reservation ledger: what every budget has settled and holds, and the one admission function.
//!
//! All budgets that apply to a request are checked and taken together under one short lock per
//! organisation. Invariant: a budget's counter = settled + live reservations, and a reservation is a
//! guard that every path either settles or releases.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use events::Settlement;
use units::{BillingPeriod, BillingZone, BudgetId, Slug, UnixMicros, Usd};

use crate::hold::{Hold, Quote, take};
use crate::{Budget, BudgetStatus, OnTight, OnUnpriced};

/// Everything known of one organisation's budgets.
#[derive(Debug)]
pub struct Treasury {
    zone: BillingZone,
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    accounts: Vec<Account>,
    /// Settled amounts of windows whose budget is not configured (yet), so that a restart may
    /// restore amounts before or after the budgets.
    restored: HashMap<(BudgetId, UnixMicros), Usd>,
}

#[derive(Debug)]
struct Account {
    budget: Budget,
    window: Window,
}

#[derive(Debug, Clone, Copy, Default)]
struct Window {
    start: UnixMicros,
    end: UnixMicros,
    settled: Usd,
    reserved: Usd,
    in_flight: u64,
    overshoot: Usd,
}

/// One request that asks to be admitted.
#[derive(Debug, Clone, Copy)]
pub struct Admission<'a> {
    /// Team that pays.
    pub team: &'a Slug,
    /// Request start: decides the window.
    pub at: UnixMicros,
    /// What it may cost; `None` when the model has no price.
    pub quote: Option<&'a Quote>,
}

/// Why a request was not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DenialCause {
    /// No room left in the window.
    Exhausted,
    /// Even an untouched window would not pay for it.
    NeverFits,
    /// The model has no price and the budget counts only known amounts.
    Unpriced,
}

/// The budget that refused a request, as it stood then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// Why.
    pub cause: DenialCause,
    /// How the budget stood.
    pub budget: BudgetStatus,
}

impl Treasury {
    /// A treasury without budgets, which admits everything.
    pub fn new(zone: BillingZone) -> Self {
        Self { zone, books: Mutex::default() }
    }

    /// Replaces the budgets. What a budget that stays has settled and holds stays with it.
    pub fn configure(&self, budgets: &[Budget]) {
        let mut books = self.lock();
        let mut kept: HashMap<BudgetId, Window> =
            books.accounts.drain(..).map(|account| (account.budget.id, account.window)).collect();
        let account = |budget: &Budget| Account {
            budget: budget.clone(),
            window: kept.remove(&budget.id).unwrap_or_default(),
        };
        books.accounts = budgets.iter().map(account).collect();
    }

    /// Says what a budget had already settled in the window that contains `at`, at a start.
    pub fn restore(&self, budget: BudgetId, at: UnixMicros, settled: Usd) {
        let (start, _) = BillingPeriod::containing(at, &self.zone).range(&self.zone);
        let mut books = self.lock();
        let account = books.accounts.iter_mut().find(|account| account.budget.id == budget);
        match account.filter(|account| account.window.start == start) {
            Some(account) => account.window.settled = settled,
            None => {
                books.restored.insert((budget, start), settled);
            }
        }
    }

    /// Admits a request to every budget that covers it, or to none.
    pub fn admit(self: &Arc<Self>, request: &Admission<'_>) -> Result<Reservation, Box<Denial>> {
        let mut books = self.lock();
        books.roll(request.at, &self.zone);
        let covering = || {
            let covers = |account: &Account| account.budget.scope.covers(request.team);
            books.accounts.iter().filter(move |account| covers(account))
        };
        let Some(quote) = request.quote else {
            let strict = covering().find(|a| a.budget.on_unpriced == OnUnpriced::Deny);
            return match strict {
                Some(account) => Err(account.deny(DenialCause::Unpriced)),
                None => {
                    Ok(Reservation::free(self, Hold { amount: Usd::ZERO, output_tokens_max: None }))
                }
            };
        };
        let Some(tightest) = covering().min_by_key(|account| account.room()) else {
            let hold =
                Hold { amount: quote.cost(quote.output_tokens_max), output_tokens_max: None };
            return Ok(Reservation::free(self, hold));
        };
        if let Some(account) = covering().find(|account| quote.exceeds(account.budget.limit)) {
            return Err(account.deny(DenialCause::NeverFits));
        }
        let strict = covering().any(|account| account.budget.on_tight == OnTight::Deny);
        let on_tight = if strict { OnTight::Deny } else { OnTight::Clamp };
        let in_flight = tightest.window.in_flight;
        let Some(hold) = take(quote, tightest.room(), in_flight, on_tight) else {
            return Err(tightest.deny(DenialCause::Exhausted));
        };
        let mut windows = Vec::new();
        for account in books.accounts.iter_mut() {
            if account.budget.scope.covers(request.team) {
                account.window.reserved += hold.amount;
                account.window.in_flight += 1;
                windows.push((account.budget.id, account.window.start));
            }
        }
        Ok(Reservation { treasury: Arc::clone(self), windows, hold, is_sent: false })
    }

    /// How every budget stands at an instant.
    pub fn status(&self, at: UnixMicros) -> Vec<BudgetStatus> {
        let mut books = self.lock();
        books.roll(at, &self.zone);
        books.accounts.iter().map(Account::status).collect()
    }

    /// Moves what a reservation held into what is settled (nothing, when it was not used).
    fn close(&self, windows: &[(BudgetId, UnixMicros)], held: Usd, settled: Usd) {
        let mut books = self.lock();
        for (id, start) in windows {
            let account = books.accounts.iter_mut().find(|account| account.budget.id == *id);
            // A budget that is gone, or a window that has passed, no longer guards anything: the
            // lake has the record.
            if let Some(account) = account.filter(|account| account.window.start == *start) {
                let window = &mut account.window;
                window.reserved = window.reserved.saturating_sub_to_zero(held);
                window.in_flight = window.in_flight.saturating_sub(1);
                window.settled += settled;
                window.overshoot += settled.saturating_sub_to_zero(held);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
    /// Opens the window that contains `at` wherever a later one than the current has begun.
    fn roll(&mut self, at: UnixMicros, zone: &BillingZone) {
        let Books { accounts, restored } = self;
        for account in accounts.iter_mut().filter(|account| at >= account.window.end) {
            let (start, end) = BillingPeriod::containing(at, zone).range(zone);
            let settled = restored.remove(&(account.budget.id, start)).unwrap_or_default();
            account.window = Window { start, end, settled, ..Window::default() };
        }
    }
}

impl Account {
    fn room(&self) -> Usd {
        self.budget.limit.saturating_sub_to_zero(self.window.settled + self.window.reserved)
    }

    fn deny(&self, cause: DenialCause) -> Box<Denial> {
        Box::new(Denial { cause, budget: self.status() })
    }

    fn status(&self) -> BudgetStatus {
        BudgetStatus {
            id: self.budget.id,
            name: self.budget.name.clone(),
            scope: self.budget.scope.to_string(),
            limit: self.budget.limit,
            spent: self.window.settled,
            reserved: self.window.reserved,
            overshoot: self.window.overshoot,
            window_start: self.window.start,
            resets_at: self.window.end,
        }
    }
}

/// What one attempt holds of its budgets. Settle it with what the attempt cost, or release it when
/// nothing was sent. Dropped unsettled, it releases if nothing was sent and else settles in full, so
/// that neither money nor room is ever lost.
#[derive(Debug)]
pub struct Reservation {
    treasury: Arc<Treasury>,
    windows: Vec<(BudgetId, UnixMicros)>,
    hold: Hold,
    is_sent: bool,
}

impl Reservation {
    /// A reservation no budget guards; its amount is only what such a request usually costs.
    fn free(treasury: &Arc<Treasury>, hold: Hold) -> Self {
        Self { treasury: Arc::clone(treasury), windows: Vec::new(), hold, is_sent: false }
    }

    /// The amount held and the output limit it pays for.
    pub fn hold(&self) -> Hold {
        self.hold
    }

    /// Whether any budget guards the attempt, so that its output limit must be told upstream.
    pub fn is_guarded(&self) -> bool {
        !self.windows.is_empty()
    }

    /// The charges to record if the attempt cost `amount`.
    pub fn charges(&self, amount: Usd) -> Vec<Settlement> {
        let charge = |(budget_id, window_start): &(BudgetId, UnixMicros)| Settlement {
            budget_id: *budget_id,
            window_start: *window_start,
            amount,
        };
        self.windows.iter().map(charge).collect()
    }

    /// Says that the first byte is about to leave: from here on a lost guard counts in full.
    pub fn mark_sent(&mut self) {
        self.is_sent = true;
    }

    /// Charges what the attempt cost.
    pub fn settle(mut self, amount: Usd) {
        self.close(amount);
    }

    /// Gives the hold back; nothing was used.
    pub fn release(mut self) {
        self.close(Usd::ZERO);
    }

    fn close(&mut self, amount: Usd) {
        if !self.windows.is_empty() {
            self.treasury.close(&self.windows, self.hold.amount, amount);
            self.windows.clear();
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.close(if self.is_sent { self.hold.amount } else { Usd::ZERO });
    }
}

#[cfg(test)]
#[path = "treasury_tests.rs"]
mod tests;
