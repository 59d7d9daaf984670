//! This machine's clock against those of the servers that answered.

use jiff::Timestamp;
use units::{Clock, SystemClock};

use super::Finding;
use super::providers::Dates;

/// Further off than a `Date` header's whole seconds and a slow answer explain.
const SKEW_S_MAX: i64 = 5;

/// Compares the present with what servers said it was.
pub(super) fn check(dates: &Dates) -> Finding {
    judge(dates, SystemClock.now().to_timestamp())
}

fn judge(dates: &Dates, now: Timestamp) -> Finding {
    let mut skews: Vec<i64> =
        dates.iter().map(|(_, date)| now.as_second() - date.as_second()).collect();
    skews.sort_unstable();
    let Some(median) = skews.get(skews.len() / 2) else {
        return Finding::skipped("clock", "no server said what time it is");
    };
    if median.abs() <= SKEW_S_MAX {
        return Finding::fine("clock", format!("within {SKEW_S_MAX} s of {} servers", skews.len()));
    }
    let direction = if *median > 0 { "ahead" } else { "behind" };
    Finding::failed(
        "clock",
        format!("{} s {direction} of what servers say", median.abs()),
        "synchronise it (chrony, systemd-timesyncd): it decides days, prices and budget windows",
    )
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn a_clock_is_judged_by_the_median_of_the_servers() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let said = |seconds: &[i64]| {
            let date = |s: &i64| ("x".to_owned(), Timestamp::from_second(now.as_second() - s));
            let dates: Dates =
                seconds.iter().map(date).map(|(n, date)| (n, date.unwrap())).collect();
            judge(&dates, now)
        };
        assert_eq!(said(&[]).state, State::Skipped);
        assert_eq!(said(&[0, 1, 9_000]).state, State::Fine);
        let ahead = said(&[120, 121, 0]);
        assert_eq!(ahead.state, State::Failed);
        assert!(ahead.said.starts_with("120 s ahead"), "{}", ahead.said);
        assert!(said(&[-60]).said.starts_with("60 s behind"));
    }
}
