//! Seeded usage, as much as is asked for.

use std::sync::Arc;

use events::UsageEvent;
use jiff::ToSpan;
use jiff::civil::Date;
use lake::LakeRow;
use simulator::traffic::{Population, history_day};
use units::{BillingZone, RequestId, UnixMicros, Usd};

/// Rows of one commit.
const COMMIT_ROWS: usize = 250_000;
/// Days the rows are spread over.
const DAYS: usize = 30;

/// The seeded population's usage of the last days, over and over under new ids.
pub(super) struct History {
    days: Vec<Vec<UsageEvent>>,
    made: usize,
}

impl History {
    /// The days before an instant. What they cost is made up: a page adds it all the same.
    pub(super) fn before(now: UnixMicros) -> Self {
        let population = Population::seeded(1);
        let today = BillingZone::UTC.date_of(now);
        let back = |day: usize| -> Option<Date> {
            today.checked_sub(i32::try_from(day).ok()?.days()).ok()
        };
        let mut days: Vec<Vec<UsageEvent>> = (0..DAYS)
            .filter_map(back)
            .map(|date| history_day(date, &population, now))
            .filter(|events| !events.is_empty())
            .collect();
        for event in days.iter_mut().flatten() {
            let cost =
                Usd::from_pico(1_234_567_891 * i128::from(event.meters.output_tokens().max(1)));
            (event.cost.list, event.cost.contract, event.cost.billed) =
                (Some(cost), Some(cost), Some(cost));
            event.cost.price_version = Some("pb_0123456789abcdef".to_owned());
        }
        Self { days, made: 0 }
    }

    /// Rows made so far.
    pub(super) fn made(&self) -> usize {
        self.made
    }

    /// One event of the last days, under an id of its own.
    pub(super) fn event(&mut self) -> UsageEvent {
        let day = (self.made / COMMIT_ROWS) % self.days.len();
        let events = &self.days[day];
        let mut event = events[self.made % events.len()].clone();
        self.made += 1;
        event.ids.request_id = RequestId::from_u128(self.made as u128);
        event
    }

    /// The rows of one commit: one day's.
    pub(super) fn commit(&mut self) -> Vec<LakeRow> {
        let (node_id, epoch): (Arc<str>, Arc<str>) = ("bench".into(), "history".into());
        let mut row = || LakeRow {
            seq: self.made as u64,
            event: self.event(),
            node_id: Arc::clone(&node_id),
            epoch: Arc::clone(&epoch),
        };
        (0..COMMIT_ROWS).map(|_| row()).collect()
    }
}
