//! The instants at which anything in a price book may change: between two of them every name leads to
//! the same model and every request of one kind to the same rates.
//!
//! It must never know which of the prices an instant is of: a few spans too many cost nothing, one too
//! few would price wrongly.

use units::UnixMicros;

use crate::book::PriceBook;
use crate::window::{MICROS_PER_DAY, Window};

/// The edges of all windows of a book, ascending.
#[derive(Debug, Clone, Default)]
pub(crate) struct Edges {
    dated: Vec<i64>,
    /// Microseconds of the day in UTC.
    daily: Vec<i64>,
}

impl Edges {
    /// Those of prices, aliases and factors.
    pub(crate) fn of(book: &PriceBook) -> Self {
        let mut edges = Self::default();
        for provider in &book.providers {
            for layer in provider.models.iter().flat_map(|model| &model.stack) {
                let sheets = layer.sheets.iter().chain(&layer.variants);
                sheets.for_each(|sheet| edges.add(&sheet.window));
            }
        }
        book.aliases.iter().for_each(|alias| edges.add(&alias.window));
        book.multipliers.iter().for_each(|factor| edges.add(&factor.window));
        for list in [&mut edges.dated, &mut edges.daily] {
            list.sort_unstable();
            list.dedup();
        }
        edges
    }

    fn add(&mut self, window: &Window) {
        self.dated.extend([window.from.get(), window.to.get()]);
        if let Some((start, end)) = window.daily {
            self.daily.extend([start, end]);
        }
    }

    /// The span around an instant in which nothing changes: its first instant, and the first no longer.
    /// The last instant there is lies in no span.
    pub(crate) fn around(&self, at: UnixMicros) -> (UnixMicros, UnixMicros) {
        let (mut from, mut until) = between(&self.dated, at.get());
        if !self.daily.is_empty() {
            let now = at.get().rem_euclid(MICROS_PER_DAY);
            let (start, end) = between(&self.daily, now);
            // Midnight is an edge here, too: so a span lies in one day.
            from = from.max(at.get().saturating_sub(now - start.max(0)));
            until = until.min(at.get().saturating_add(end.min(MICROS_PER_DAY) - now));
        }
        (UnixMicros::new(from), UnixMicros::new(until))
    }
}

/// The last of an ascending list up to a value, and the first above it.
fn between(list: &[i64], value: i64) -> (i64, i64) {
    let above = list.partition_point(|edge| *edge <= value);
    let from = above.checked_sub(1).and_then(|at| list.get(at)).copied().unwrap_or(i64::MIN);
    (from, list.get(above).copied().unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_ends_at_the_next_date_and_at_the_next_hour_of_the_day() {
        let edges = Edges { dated: vec![100, 90_000_000_000], daily: vec![10, 50_000_000_000] };
        let around = |at| {
            let (from, until) = edges.around(UnixMicros::new(at));
            (from.get(), until.get())
        };
        assert_eq!(around(-1), (-86_400_000_000 + 50_000_000_000, 0));
        assert_eq!(around(5), (0, 10));
        assert_eq!(around(50), (10, 100));
        assert_eq!(around(100), (100, 50_000_000_000));
        assert_eq!(around(86_400_000_005), (86_400_000_000, 86_400_000_010));
        assert_eq!(around(90_000_000_000), (90_000_000_000, 136_400_000_000));
        let dated = Edges { dated: vec![7], daily: Vec::new() };
        let ever = (UnixMicros::new(i64::MIN), UnixMicros::new(7));
        assert_eq!(dated.around(UnixMicros::new(6)), ever);
        assert_eq!(dated.around(UnixMicros::new(7)).1, UnixMicros::new(i64::MAX));
    }
}
