//! When a delivery that failed is tried again. Pure; it must never know why it failed.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use units::DeliveryId;

/// Pause after the first failure.
const FIRST: Duration = Duration::from_secs(2);
/// Longest pause of our own choosing.
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// Longest pause a receiver may ask for.
const ASKED_MAX: Duration = Duration::from_secs(12 * 3_600);
/// Attempts after which a delivery is given up: about a day of failures.
pub(crate) const ATTEMPTS_MAX: u32 = 300;

/// How long to wait after attempt number `attempts` (from 1): twice as long each time up to five
/// minutes, between three quarters and five quarters of that so that many do not return at once, and
/// at least as long as the receiver asked for.
pub(crate) fn pause(id: DeliveryId, attempts: u32, asked: Option<Duration>) -> Duration {
    let doublings = attempts.saturating_sub(1).min(16);
    let pause = FIRST.saturating_mul(1 << doublings).min(PAUSE_MAX);
    let mut hasher = DefaultHasher::new();
    (id.as_u128(), attempts).hash(&mut hasher);
    let share = 750 + u32::try_from(hasher.finish() % 501).unwrap_or(250);
    let pause = pause * share / 1_000;
    pause.max(asked.unwrap_or_default().min(ASKED_MAX))
}

/// Reads a `Retry-After` header: seconds, or an HTTP date held against `now_s`, seconds since 1970.
pub(crate) fn retry_after(header: &str, now_s: i64) -> Option<Duration> {
    let header = header.trim();
    if let Ok(seconds) = header.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(header).ok()?;
    u64::try_from(date.timestamp().as_second().saturating_sub(now_s)).ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_five_minutes_and_scatter() {
        for (attempts, seconds) in [(1, 2), (2, 4), (5, 32), (8, 256), (9, 300), (300, 300)] {
            let (mut low, mut high) = (Duration::MAX, Duration::ZERO);
            for number in 0..200 {
                let found = pause(DeliveryId::from_u128(number), attempts, None);
                low = low.min(found);
                high = high.max(found);
            }
            let whole = Duration::from_secs(seconds);
            assert!(low >= whole * 3 / 4 && low < whole * 8 / 10, "{attempts}: {low:?}");
            assert!(high <= whole * 5 / 4 && high > whole * 12 / 10, "{attempts}: {high:?}");
        }
    }

    #[test]
    fn a_day_of_failures_passes_before_a_delivery_is_given_up() {
        let id = DeliveryId::from_u128(7);
        let total: Duration = (1..ATTEMPTS_MAX).map(|attempts| pause(id, attempts, None)).sum();
        assert!(total > Duration::from_secs(20 * 3_600), "{total:?}");
        assert!(total < Duration::from_secs(30 * 3_600), "{total:?}");
    }

    #[test]
    fn a_receiver_may_ask_for_longer_and_never_for_less_or_for_ever() {
        let id = DeliveryId::from_u128(7);
        let asked = |seconds| pause(id, 1, Some(Duration::from_secs(seconds)));
        assert_eq!(asked(30), Duration::from_secs(30));
        assert!(asked(0) >= Duration::from_millis(1_500));
        assert_eq!(asked(u64::MAX), ASKED_MAX);
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_as_a_date() {
        // 1994-11-06T08:49:37Z.
        let at = 784_111_777;
        for (header, expected) in [
            ("7", Some(7)),
            (" 120 ", Some(120)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(60)),
            ("Sun, 06 Nov 1994 08:47:37 GMT", None),
            ("soon", None),
            ("-5", None),
            ("", None),
        ] {
            assert_eq!(retry_after(header, at - 60), expected.map(Duration::from_secs), "{header}");
        }
    }
}
