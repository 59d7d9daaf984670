//! The hours of a week, and which of them resemble each other. It must never know an amount.

use units::{BillingZone, UnixMicros};

use super::log::Log2;
use super::{HOUR_US, POINTS_MIN};

/// Hours of a week.
pub(super) const HOURS_OF_WEEK: usize = 168;
/// Hours of the working days, Monday to Friday.
const WORKING_HOURS: usize = 120;

/// The hour of the week an instant lies in, from Monday's first, in a zone. The hour a change of
/// clocks adds counts as the one before it.
pub(super) fn hour_of_week(at: UnixMicros, zone: &BillingZone) -> usize {
    let date = zone.date_of(at);
    let midnight = zone.start_of(date).unwrap_or(at);
    let hour = usize::try_from(at.micros_since(midnight) / HOUR_US).unwrap_or(0).min(23);
    let day = usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or(0);
    day * 24 + hour
}

/// The values of the smallest group of hours around one that holds enough of them: the hour itself,
/// it and its neighbours, the same hour of like days, all hours.
pub(super) fn group(by_slot: &[Vec<Log2>], slot: usize) -> Vec<Log2> {
    let own = &by_slot[slot];
    if own.len() >= POINTS_MIN {
        return own.clone();
    }
    let near = near(by_slot, slot);
    if near.len() >= POINTS_MIN {
        return near;
    }
    let days = if slot < WORKING_HOURS { 0..5 } else { 5..7 };
    let alike: Vec<Log2> =
        days.flat_map(|day| by_slot[day * 24 + slot % 24].iter().copied()).collect();
    if alike.len() >= POINTS_MIN {
        return alike;
    }
    by_slot.iter().flatten().copied().collect()
}

/// The values of an hour and of the hours before and after it.
pub(super) fn near(by_slot: &[Vec<Log2>], slot: usize) -> Vec<Log2> {
    let hours = [slot + HOURS_OF_WEEK - 1, slot, slot + 1];
    hours.iter().flat_map(|hour| by_slot[hour % HOURS_OF_WEEK].iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> UnixMicros {
        text.parse::<jiff::Timestamp>().unwrap().into()
    }

    #[test]
    fn the_hour_of_the_week_is_that_of_the_zone() {
        let berlin = BillingZone::named("Europe/Berlin").unwrap();
        for (text, utc, local) in [
            ("2026-11-23T00:00:00Z", 0, 1),
            ("2026-11-22T23:30:00Z", 167, 0),
            ("2026-11-28T12:59:59Z", 132, 133),
            // A day that begins in summer time and ends in winter time has 25 hours.
            ("2026-10-25T22:30:00Z", 166, 167),
        ] {
            assert_eq!(hour_of_week(at(text), &BillingZone::UTC), utc, "{text}");
            assert_eq!(hour_of_week(at(text), &berlin), local, "{text}");
        }
    }

    #[test]
    fn a_thin_hour_borrows_from_ever_wider_groups() {
        let filled = |count: &dyn Fn(usize) -> usize| -> Vec<Vec<Log2>> {
            (0..HOURS_OF_WEEK).map(|slot| vec![0; count(slot)]).collect()
        };
        assert_eq!(group(&filled(&|_| 20), 30).len(), 20, "the hour itself");
        assert_eq!(group(&filled(&|_| 12), 30).len(), 36, "its neighbours too");
        assert_eq!(group(&filled(&|_| 4), 30).len(), 20, "the hour of five working days");
        assert_eq!(group(&filled(&|_| 7), 130).len(), 21, "neighbours of a saturday's hour");
        assert_eq!(group(&filled(&|_| 1), 130).len(), 168, "all hours");
    }
}
