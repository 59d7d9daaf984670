//! What a baseline expects, and what it must not learn.

use super::*;
use proptest::prelude::*;

const UNIT: Usd = Usd::from_pico(500_000_000_000);
const WEEK: i64 = 168;

/// Hours in order from Thursday, 1970-01-01.
fn series(hours: i64, cost: impl Fn(i64) -> i64) -> Vec<HourPoint> {
    let point = |number: i64| HourPoint {
        hour: UnixMicros::new(number * HOUR_US),
        cost: Usd::from_dollars(cost(number)),
    };
    (0..hours).map(point).collect()
}

fn learn(points: &[HourPoint]) -> Option<Baseline> {
    Baseline::learn(points, &[], &BillingZone::UTC, UNIT)
}

fn about(amount: Usd, dollars: i64) -> bool {
    let error = (amount - Usd::from_dollars(dollars)).pico().unsigned_abs();
    error * 1000 <= Usd::from_dollars(dollars.max(1)).pico().unsigned_abs()
}

#[test]
fn each_hour_of_the_week_has_its_own_expectation() {
    let cost = |hour: i64| if hour % 24 == 9 { 100 } else { 10 };
    let baseline = learn(&series(16 * WEEK, cost)).unwrap();
    let at = |hour| UnixMicros::new((16 * WEEK + hour) * HOUR_US);
    assert!(about(baseline.expect(at(9)).typical, 100), "{:?}", baseline.expect(at(9)));
    assert!(about(baseline.expect(at(10)).typical, 10));
    assert!(baseline.score_tenths(at(10), Usd::from_dollars(100)) > 100);
    assert_eq!(baseline.score_tenths(at(9), Usd::from_dollars(100)), 0);
}

#[test]
fn too_few_points_are_no_baseline_and_fourteen_are() {
    assert_eq!(learn(&series(13, |_| 10)), None);
    let baseline = learn(&series(14, |_| 10)).unwrap();
    assert!(about(baseline.expect(UnixMicros::new(100 * HOUR_US)).typical, 10));
}

#[test]
fn outliers_do_not_move_the_expectation() {
    let cost = |hour: i64| if hour % 40 == 7 { 5_000 } else { 10 };
    let baseline = learn(&series(4 * WEEK, cost)).unwrap();
    for hour in 0..WEEK {
        assert!(about(baseline.expect(UnixMicros::new(hour * HOUR_US)).typical, 10));
    }
}

#[test]
fn frozen_hours_are_not_learned() {
    // Two days of a hundredfold spend within the last week would move its level.
    let points = series(2 * WEEK, |hour| if hour >= WEEK + 70 { 1_000 } else { 10 });
    let from = UnixMicros::new((WEEK + 70) * HOUR_US + 1);
    let frozen = [Span { from, to: UnixMicros::new(i64::MAX) }];
    let zone = BillingZone::UTC;
    let at = UnixMicros::new(2 * WEEK * HOUR_US);
    let learned = learn(&points).unwrap().expect(at);
    let held = Baseline::learn(&points, &frozen, &zone, UNIT).unwrap().expect(at);
    assert!(about(held.typical, 10), "{held:?}");
    assert!(learned.typical > held.typical, "{learned:?}");
}

#[test]
fn growth_lifts_the_expectation_to_the_present_level() {
    // Ten percent a week for eight weeks: the medians alone lag four weeks behind.
    let cost = |hour: i64| {
        1_000 * 11_i64.pow(u32::try_from(hour / WEEK).unwrap())
            / 10_i64.pow(u32::try_from(hour / WEEK).unwrap())
    };
    let baseline = learn(&series(8 * WEEK, cost)).unwrap();
    let typical = baseline.expect(UnixMicros::new(8 * WEEK * HOUR_US)).typical;
    assert!(typical > Usd::from_dollars(1_850), "{typical}");
    assert!(typical < Usd::from_dollars(2_050), "{typical}");
}

#[test]
fn a_series_that_never_varies_is_not_alarmed_by_a_cent() {
    let baseline = learn(&series(4 * WEEK, |_| 10)).unwrap();
    let at = UnixMicros::new(0);
    assert_eq!(baseline.score_tenths(at, "10.01".parse().unwrap()), 0);
    let expected = baseline.expect(at);
    assert!(expected.low < expected.typical && expected.typical < expected.high);
}

proptest! {
    #[test]
    fn an_expectation_is_ordered_never_negative_and_the_typical_amount_is_not_unusual(
        costs in prop::collection::vec(0_i64..10_000, 14..400),
    ) {
        let points = series(i64::try_from(costs.len()).unwrap(), |hour| {
            costs[usize::try_from(hour).unwrap()]
        });
        let baseline = learn(&points).unwrap();
        for hour in 0..WEEK {
            let at = UnixMicros::new(hour * HOUR_US);
            let expected = baseline.expect(at);
            prop_assert!(Usd::ZERO <= expected.low && expected.low <= expected.typical);
            prop_assert!(expected.typical <= expected.high);
            prop_assert!(baseline.score_tenths(at, expected.typical).abs() <= 1);
        }
    }

    #[test]
    fn the_order_of_the_points_does_not_matter(
        costs in prop::collection::vec(0_i64..1_000, 20..100), seed in 0_usize..97,
    ) {
        let points = series(i64::try_from(costs.len()).unwrap(), |hour| {
            costs[usize::try_from(hour).unwrap()]
        });
        let mut shuffled = points.clone();
        let middle = seed % shuffled.len();
        shuffled.rotate_left(middle);
        shuffled.reverse();
        prop_assert_eq!(learn(&points), learn(&shuffled));
    }
}
