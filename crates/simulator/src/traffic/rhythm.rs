//! When people work: shares of a day by hour, of a week by day, and growth over months.

use jiff::civil::{Date, Weekday};

use crate::dice::{Dice, mix};

/// Requests of an average working day at the end of the history, failovers not counted.
const DAILY_REQUESTS: u64 = 1_150;
/// Shares of a working day's hours, UTC: up from seven, a dip at noon, down from six.
const WORKDAY: [u64; 24] =
    [6, 5, 4, 4, 5, 9, 18, 38, 66, 88, 96, 92, 74, 84, 98, 100, 94, 80, 58, 40, 30, 22, 15, 9];
/// Shares of a weekend day's hours, UTC: later and flatter.
const WEEKEND: [u64; 24] =
    [12, 9, 7, 6, 6, 7, 10, 16, 26, 38, 48, 54, 56, 56, 54, 52, 52, 54, 56, 52, 44, 34, 24, 16];
const HOUR_US: u64 = 3_600_000_000;

/// Whether most people are at work.
pub(super) fn is_workday(date: Date) -> bool {
    !matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday)
}

/// Requests of a day that lies `days_ago` before the end of the history.
pub(super) fn volume(seed: u64, date: Date, days_ago: u64) -> u64 {
    let of_week = match date.weekday() {
        Weekday::Monday => 96,
        Weekday::Tuesday => 106,
        Weekday::Wednesday => 108,
        Weekday::Thursday => 103,
        Weekday::Friday => 87,
        Weekday::Saturday => 36,
        Weekday::Sunday => 31,
    };
    // Three months ago two thirds of today's traffic, a year ago a third.
    let growth = 100_000 / (1_000 + days_ago.saturating_mul(6));
    let luck = Dice::new(mix(seed, day_number(date))).between(94, 106);
    DAILY_REQUESTS * of_week * growth * luck / 1_000_000
}

/// A moment of a day, microseconds since its midnight, as likely as its hour is busy.
pub(super) fn moment_us(date: Date, dice: &mut Dice) -> u64 {
    let hours = if is_workday(date) { &WORKDAY } else { &WEEKEND };
    let mut left = dice.below(hours.iter().sum());
    let mut hour = 0;
    for share in hours {
        if left < *share {
            break;
        }
        left -= share;
        hour += 1;
    }
    hour * HOUR_US + dice.below(HOUR_US)
}

/// A number that only this date has.
pub(super) fn day_number(date: Date) -> u64 {
    let days = date.duration_since(jiff::civil::date(1970, 1, 1)).as_hours() / 24;
    u64::try_from(days).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn traffic_grows_and_rests_at_weekends() {
        let (friday, saturday) = (date(2026, 11, 20), date(2026, 11, 21));
        assert!(volume(1, saturday, 0) * 2 < volume(1, friday, 0));
        assert!(volume(1, friday, 90) * 5 < volume(1, friday, 0) * 4);
    }

    #[test]
    fn working_days_are_busy_by_day_and_quiet_by_night() {
        let mut dice = Dice::new(1);
        let mut hours = [0_u32; 24];
        for _ in 0..20_000 {
            let hour = moment_us(date(2026, 11, 19), &mut dice) / HOUR_US;
            hours[usize::try_from(hour).unwrap()] += 1;
        }
        assert!(hours[15] > 10 * hours[3], "{hours:?}");
    }
}
