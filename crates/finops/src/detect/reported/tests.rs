//! What is told of a difference and what is not; and trials that count how many planted ones are found,
//! and what is told of traffic that has none.

use super::*;
use crate::detect::generator::Chance;

/// 2026-11-22T00:00:00Z.
const MIDNIGHT: UnixMicros = UnixMicros::new(1_795_305_600_000_000);
/// Hours of a series, its last one ended at midnight.
const HOURS: i64 = 14 * 24;

fn at(hour: i64) -> UnixMicros {
    MIDNIGHT.plus_micros((hour - HOURS) * HOUR_US)
}

/// Ten calls an hour that cost a dollar together by the book, and `per_mille` of that by the provider.
fn hour(number: i64, per_mille: u32) -> ReportedHour {
    let computed = Usd::from_dollars(1);
    let reported = computed.per_mille(per_mille);
    ReportedHour { hour: at(number), calls: 10, unpriced: 0, reported, computed }
}

fn series(hours: impl IntoIterator<Item = ReportedHour>) -> ReportedSeries {
    ReportedSeries {
        provider: Some("x-ai".to_owned()),
        model: Some("grok-4.6".to_owned()),
        hours: hours.into_iter().collect(),
    }
}

fn look(series: &ReportedSeries, now: UnixMicros) -> Option<Finding> {
    reported_cost(series, &DriftRule::default(), now)
}

#[test]
fn a_lasting_difference_is_told_from_the_hour_it_began_with_its_sums() {
    let drifted = series((0..HOURS).map(|n| hour(n, if n < 100 { 1_000 } else { 1_025 })));
    let finding = look(&drifted, MIDNIGHT).unwrap();
    assert_eq!(finding.key(), "cost_drift/model:x-ai/grok-4.6/up");
    assert_eq!((finding.level, finding.team), (Level::Alarm, None));
    let figures = finding.figures;
    assert_eq!((figures.since, figures.last_seen), (at(100), MIDNIGHT));
    assert_eq!(figures.impact, "5.9".parse().unwrap(), "236 hours of 2.5 cents");
    let Evidence::ReportedCost { reported, computed, calls, from, .. } = figures.evidence else {
        unreachable!("{figures:?}")
    };
    assert_eq!((computed, calls, from), (Usd::from_dollars(236), 2_360, at(100)));
    assert_eq!((reported, figures.actual), ("241.9".parse().unwrap(), reported));
}

#[test]
fn each_threshold_alone_keeps_a_difference_from_being_told() {
    let of = |hours: i64, per_mille, calls| {
        let hours = (HOURS - hours..HOURS).map(|n| ReportedHour { calls, ..hour(n, per_mille) });
        look(&series(hours), MIDNIGHT).map(|finding| finding.level)
    };
    for (hours, per_mille, calls, expected, why) in [
        (200, 1_010, 10, Some(Level::Alarm), "a percent for two dollars"),
        (200, 990, 10, Some(Level::Alarm), "as much on the other side"),
        (200, 1_004, 10, Some(Level::Holding), "four thousandths hold what is open"),
        (200, 1_002, 10, None, "two thousandths are nothing"),
        (90, 1_010, 10, Some(Level::Holding), "ninety cents hold what is open"),
        (40, 1_010, 10, None, "forty cents are nothing"),
        (2, 3_000, 10, Some(Level::Holding), "two hours do not last"),
        (3, 3_000, 10, Some(Level::Alarm), "three do"),
        (3, 3_000, 6, Some(Level::Holding), "eighteen calls are few"),
        (3, 3_000, 3, None, "nine are too few for anything"),
        (3, 0, 10, Some(Level::Alarm), "a provider that names nothing at all"),
        (200, 1_010, 10_000, None, "ten thousand roundings explain a cent an hour"),
    ] {
        assert_eq!(of(hours, per_mille, calls), expected, "{why}");
    }
}

#[test]
fn a_difference_that_newer_calls_do_not_have_is_over() {
    let mended = |hours_since: i64| {
        let ended = HOURS - hours_since;
        let hours = (0..HOURS).map(|n| hour(n, if n < ended { 1_025 } else { 1_000 }));
        look(&series(hours), MIDNIGHT).map(|finding| finding.level)
    };
    assert_eq!(mended(1), Some(Level::Alarm), "five of six hours have it");
    assert_eq!(mended(5), Some(Level::Holding));
    assert_eq!(mended(6), None);
    let corrected = series((0..HOURS).map(|n| hour(n, 1_000)));
    assert_eq!(look(&corrected, MIDNIGHT), None, "priced again");
}

#[test]
fn a_model_that_is_not_called_any_more_opens_nothing_and_ends_nothing() {
    let drifted = series((0..HOURS).map(|n| hour(n, 1_025)));
    let level = |hours: i64| look(&drifted, at(HOURS + hours)).map(|finding| finding.level);
    assert_eq!(level(23), Some(Level::Alarm));
    assert_eq!(level(24), Some(Level::Holding));
    let last_seen = look(&drifted, at(HOURS + 48)).unwrap().figures.last_seen;
    assert_eq!(last_seen, MIDNIGHT);
}

#[test]
fn hours_with_calls_that_have_no_price_are_not_compared() {
    let unpriced = |n| ReportedHour { unpriced: 1, computed: Usd::ZERO, ..hour(n, 1_000) };
    assert_eq!(look(&series((0..HOURS).map(unpriced)), MIDNIGHT), None);
    assert_eq!(look(&series([]), MIDNIGHT), None);
    let some = (0..HOURS).map(|n| if n % 5 == 0 { unpriced(n) } else { hour(n, 1_025) });
    assert_eq!(look(&series(some), MIDNIGHT).map(|found| found.level), Some(Level::Alarm));
}

/// How a provider writes what a call cost.
#[derive(Debug, Clone, Copy)]
struct Writing {
    decimals: u32,
    /// 0 cuts off, 1 rounds half up, 2 rounds up.
    how: u64,
}

impl Writing {
    fn of(chance: &mut Chance) -> Self {
        let decimals = 6 + u32::try_from(chance.below(3)).unwrap();
        Self { decimals, how: chance.below(3) }
    }

    fn written(self, cost: Usd) -> Usd {
        let step = 10_i128.pow(12 - self.decimals);
        let before = [0, step / 2, step - 1][usize::try_from(self.how).unwrap()];
        Usd::from_pico((cost.pico() + before).div_euclid(step) * step)
    }
}

/// Two weeks of calls of a few sizes, busy by day and idle at night, reported at `per_mille` of their cost
/// from an hour on: every call of `of_ten` in ten, none of the others.
fn traffic(
    chance: &mut Chance,
    cost_pico_max: u64,
    (start, per_mille, of_ten): (i64, u32, u64),
) -> ReportedSeries {
    let writing = Writing::of(chance);
    let hours = (0..HOURS).filter_map(|number| {
        let calls = chance.below(if number % 24 < 8 { 3 } else { 40 });
        let mut sum = ReportedHour { calls, ..hour(number, 0) };
        (sum.reported, sum.computed) = (Usd::ZERO, Usd::ZERO);
        for _ in 0..calls {
            let pico = cost_pico_max / 10 + chance.below(cost_pico_max);
            let cost = Usd::from_pico(i128::from(pico));
            let is_drifted = number >= start && chance.below(10) < of_ten;
            let billed = if is_drifted { cost.per_mille(per_mille) } else { cost };
            sum.computed += cost;
            sum.reported += writing.written(billed);
        }
        (calls > 0).then_some(sum)
    });
    series(hours)
}

/// What was known at the beginning of an hour.
fn until(all: &ReportedSeries, end: i64) -> ReportedSeries {
    series(all.hours.iter().filter(|one| one.hour < at(end)).copied())
}

/// Costs of a call at most, 1e-12 USD: from a hundredth of a cent to ten cents.
const COSTS: [u64; 4] = [100_000_000, 1_000_000_000, 10_000_000_000, 100_000_000_000];

#[test]
fn rounding_of_whatever_kind_and_size_is_never_told() {
    let rule = DriftRule { amount_min: Usd::from_pico(1), ..DriftRule::default() };
    for seed in 0..100 {
        let mut chance = Chance::new(seed);
        // Down to a ten-thousandth of a cent, which six decimals are as large as.
        for cost in COSTS.into_iter().chain([1_000_000, 10_000_000]) {
            let exact = traffic(&mut chance, cost, (0, 1_000, 10));
            let found = (1..=HOURS)
                .step_by(24)
                .find_map(|end| reported_cost(&until(&exact, end), &rule, at(end)));
            assert_eq!(found, None, "seed {seed}, at most {cost} pico-dollars a call");
        }
    }
}

#[test]
fn differences_of_a_percent_and_more_are_all_found_within_an_hour_of_where_they_began() {
    let (mut planted, mut found, mut late) = (0, 0, 0);
    for seed in 0..100 {
        let mut chance = Chance::new(seed + 1_000);
        // Calls of at most ten cents, and of at most one, where a tenth of a dollar is worth telling.
        for (cost, amount_min) in [(100_000_000_000, "1"), (10_000_000_000, "0.1")] {
            let rule =
                DriftRule { amount_min: amount_min.parse().unwrap(), ..DriftRule::default() };
            let size = 10 + u32::try_from(chance.below(60)).unwrap();
            let is_up = chance.below(2) == 0;
            let per_mille = if is_up { 1_000 + size } else { 1_000 - size };
            let start = 24 + i64::try_from(chance.below(120)).unwrap();
            let drifted = traffic(&mut chance, cost, (start, per_mille, 10));
            planted += 1;
            let finding =
                reported_cost(&drifted, &rule, MIDNIGHT).filter(|one| one.level == Level::Alarm);
            let Some(finding) = finding else { continue };
            found += u32::from(finding.window == if is_up { "up" } else { "down" });
            let first = drifted.hours.iter().find(|one| one.hour >= at(start)).unwrap();
            let off = finding.figures.since.micros_since(first.hour).abs();
            late += u32::from(off > HOUR_US);
        }
    }
    assert_eq!((found, late), (planted, 0), "of {planted}");
}

#[test]
fn a_difference_of_some_calls_only_is_one_incident_that_does_not_come_and_go() {
    for seed in 0..50 {
        let mut chance = Chance::new(seed + 2_000);
        // One call in two is billed a fifth higher: a tier, or cached input.
        let drifted = traffic(&mut chance, 100_000_000_000, (48, 1_200, 5));
        let levels: Vec<Level> = (48..=HOURS)
            .map(|end| {
                look(&until(&drifted, end), at(end)).map_or(Level::Quiet, |finding| finding.level)
            })
            .collect();
        let opened = levels.iter().position(|level| *level == Level::Alarm).unwrap();
        assert!(opened <= 30, "seed {seed}: after {opened} hours");
        assert!(levels[opened..].iter().all(|level| *level > Level::Quiet), "seed {seed}");
    }
}
