//! The account of one budget: its windows, of which it keeps the newest few.

use units::{BillingZone, UnixMicros};

use super::window::Window;
use super::{Denial, DenialCause, Refusal};
use crate::link::AccountReport;
use crate::{Budget, BudgetStatus};

/// Windows kept of one budget: the present one, the one before, whose last requests still run, and
/// one more for a clock that was set.
const WINDOWS_KEPT: usize = 3;

#[derive(Debug)]
pub(super) struct Account {
    pub(super) budget: Budget,
    /// No longer configured: it admits and reports nothing.
    pub(super) is_retired: bool,
    windows: Vec<Window>,
}

impl Account {
    pub(super) fn new(budget: Budget) -> Self {
        Self { budget, is_retired: false, windows: Vec::new() }
    }

    /// The account under a changed budget, or in a changed zone.
    pub(super) fn reconfigured(mut self, budget: &Budget, zone: &BillingZone) -> Self {
        for window in &mut self.windows {
            // A window of the old kind or zone goes on where it starts with one of the new, because
            // the authority knows it by its start; else it takes no more requests.
            let (start, end) = budget.window.range(window.start, zone);
            window.end = if start == window.start { end } else { window.start };
        }
        Self { budget: budget.clone(), is_retired: false, ..self }
    }

    pub(super) fn retired(self) -> Self {
        Self { is_retired: true, ..self }
    }

    /// Whether forgetting the account would lose anything.
    pub(super) fn is_used(&self) -> bool {
        self.windows.iter().any(Window::is_used)
    }

    /// The window that starts at an instant, unless it is not kept (any more).
    pub(super) fn window(&mut self, start: UnixMicros) -> Option<&mut Window> {
        self.windows.iter_mut().find(|window| window.start == start)
    }

    /// Where the window that starts at an instant is, unless it is not kept (any more).
    pub(super) fn position(&self, start: UnixMicros) -> Option<usize> {
        self.windows.iter().position(|window| window.start == start)
    }

    /// A window by its position.
    pub(super) fn at(&self, position: usize) -> &Window {
        &self.windows[position]
    }

    /// A window by its position, to be changed.
    pub(super) fn at_mut(&mut self, position: usize) -> &mut Window {
        &mut self.windows[position]
    }

    /// The position of the window that contains an instant, which is opened if need be. An instant
    /// older than every window kept counts in the oldest.
    pub(super) fn open(&mut self, at: UnixMicros, now: UnixMicros, zone: &BillingZone) -> usize {
        if let Some(position) = self.windows.iter().rposition(|window| window.contains(at)) {
            return position;
        }
        let (start, end) = self.budget.window.range(at, zone);
        if self.windows.len() >= WINDOWS_KEPT {
            let oldest = (0..self.windows.len()).min_by_key(|i| self.windows[*i].start);
            match oldest {
                Some(oldest) if self.windows[oldest].start > start => return oldest,
                Some(oldest) => drop(self.windows.remove(oldest)),
                None => {}
            }
        }
        self.windows.push(Window::new(start, end, now));
        self.windows.len() - 1
    }

    /// What the authority is to be told of the windows.
    pub(super) fn report(&mut self, now: UnixMicros) -> impl Iterator<Item = AccountReport> {
        let (id, is_retired) = (self.budget.id, self.is_retired);
        let windows = self.windows.iter_mut().filter(move |_| !is_retired);
        windows.filter_map(move |window| window.report(id, now))
    }

    /// How the budget stands in the window that contains `now`.
    pub(super) fn status(&mut self, now: UnixMicros, zone: &BillingZone) -> BudgetStatus {
        let position = self.open(now, now, zone);
        self.status_at(position, now)
    }

    /// Refuses a request of the window at a position.
    pub(super) fn deny(&self, position: usize, cause: DenialCause, now: UnixMicros) -> Refusal {
        Refusal::Denied(Box::new(Denial { cause, budget: self.status_at(position, now) }))
    }

    fn status_at(&self, position: usize, now: UnixMicros) -> BudgetStatus {
        let window = self.at(position);
        BudgetStatus {
            id: self.budget.id,
            name: self.budget.name.clone(),
            scope: self.budget.scope.to_string(),
            window: self.budget.window,
            limit: self.budget.limit,
            spent: window.spent(),
            reserved: window.reserved,
            leased: window.lease_room(&self.budget, now),
            overshoot: window.overshoot,
            window_start: window.start,
            resets_at: window.end,
        }
    }
}
