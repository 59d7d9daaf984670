//! How well the rules do on seeded series with planted events: recall, delay and false alarms, as
//! counts that must hold. One look an hour, one incident as long as the rule holds.

use units::{BillingZone, Usd};

use super::generator::{Chance, Event, Series, WEEK};
use super::{BurnRule, SpendRule, burn_rate, team_spend};
use crate::baseline::{Baseline, HOUR_US, HourPoint, Span};
use crate::incident::{Direction, Level};

/// Weeks learned from before the one that is watched.
const LEARNED: usize = 9;

/// What watching the last week of a series told.
#[derive(Debug, Default)]
struct Watched {
    /// First hour (in the series) and direction of each incident.
    incidents: Vec<(usize, Direction)>,
}

/// Watches the last week as the product does: the baseline is learned anew twice a week, and hours of
/// an incident are left out of it.
fn watch(series: &Series) -> Watched {
    let rule = SpendRule::default();
    let (mut watched, mut frozen) = (Watched::default(), Vec::<Span>::new());
    let mut open: Option<(Direction, usize)> = None;
    let mut baseline = None;
    let start = series.hours.len() - WEEK;
    for (number, point) in series.hours.iter().enumerate().skip(start) {
        if number.is_multiple_of(WEEK / 2) {
            let known = &series.hours[..number];
            baseline = Baseline::learn(known, &frozen, &BillingZone::UTC, rule.unit());
        }
        let reading = team_spend(baseline.as_ref().unwrap(), point, true, &rule);
        if reading.level > Level::Quiet && open.is_some() {
            frozen.push(Span { from: point.hour, to: point.hour.plus_micros(HOUR_US) });
        }
        match (reading.level, open) {
            (Level::Alarm, None) => {
                watched.incidents.push((number, reading.direction));
                frozen.push(Span { from: point.hour, to: point.hour.plus_micros(HOUR_US) });
                open = Some((reading.direction, 0));
            }
            // Two quiet hours end it.
            (Level::Quiet, Some((_, 1))) => open = None,
            (Level::Quiet, Some((direction, 0))) => open = Some((direction, 1)),
            (Level::Holding | Level::Alarm, Some((direction, _))) => open = Some((direction, 0)),
            _ => {}
        }
    }
    watched
}

#[test]
fn a_hundred_quiet_weeks_give_at_most_one_false_incident() {
    let incidents: usize =
        (0..100).map(|seed| watch(&Series::quiet(seed, LEARNED + 1)).incidents.len()).sum();
    assert!(incidents <= 1, "{incidents} incidents in 100 series-weeks");
}

#[test]
fn events_of_threefold_and_more_are_found_within_two_hours_and_on_the_right_side() {
    let (mut found, mut events, mut delays) = (0, 0, Vec::new());
    for seed in 0..60 {
        let mut chance = Chance::new(seed + 1_000);
        let hours = 2 + usize::try_from(chance.below(5)).unwrap();
        // Between Monday morning and Friday evening: a threefold night costs less than is worth telling.
        let day = usize::try_from(chance.below(5)).unwrap();
        let start = LEARNED * WEEK + day * 24 + 8 + usize::try_from(chance.below(9)).unwrap();
        let (event, direction) = if seed % 3 == 2 {
            (Event::Drop { tenths: chance.below(2), hours }, Direction::Down)
        } else {
            (Event::RetryLoop { tenths: 30 + chance.below(71), hours }, Direction::Up)
        };
        let watched = watch(&Series::quiet(seed, LEARNED + 1).with(event, start));
        events += 1;
        let hit = watched
            .incidents
            .iter()
            .find(|(at, side)| (start..start + hours).contains(at) && *side == direction);
        if let Some((at, _)) = hit {
            found += 1;
            delays.push(at - start + 1);
        }
    }
    delays.sort_unstable();
    assert!(found * 100 >= events * 95, "{found} of {events} events");
    assert!(delays[delays.len() / 2] <= 2, "median delay of {delays:?} hours");
}

#[test]
fn a_price_change_is_one_incident_and_becomes_the_level_once_it_is_expected() {
    let start = LEARNED * WEEK;
    let change = Event::PriceChange { percent: 250 };
    let series = Series::quiet(5, LEARNED + 3).with(change, start);
    let rule = SpendRule::default();
    let learn = |known: usize, frozen: &[Span]| {
        Baseline::learn(&series.hours[..known], frozen, &BillingZone::UTC, rule.unit()).unwrap()
    };
    let noon = |week: usize| series.hours[week * WEEK + 36];
    let level =
        |baseline: &Baseline, point: &HourPoint| team_spend(baseline, point, true, &rule).level;
    let from = series.hours[start].hour;
    let frozen = [Span { from, to: from.plus_micros(HOUR_US * 24 * 365) }];
    assert_eq!(level(&learn(start, &[]), &noon(LEARNED)), Level::Alarm);
    let held = learn(start + 2 * WEEK, &frozen);
    assert_eq!(level(&held, &noon(LEARNED + 2)), Level::Alarm, "it goes on, and is not learned");
    let expected = learn(start + 2 * WEEK, &[]);
    assert!(level(&expected, &noon(LEARNED + 2)) < Level::Alarm, "marked expected: learned");
}

#[test]
fn a_runaway_is_found_within_five_minutes_and_busy_mornings_are_none() {
    let rule = BurnRule::default();
    for seed in 0..50 {
        let series = Series::quiet(seed, LEARNED + 1);
        let known = &series.hours[..LEARNED * WEEK];
        let unit = SpendRule::default().unit();
        let baseline = Baseline::learn(known, &[], &BillingZone::UTC, unit).unwrap();
        let mut chance = Chance::new(seed);
        for point in &series.hours[LEARNED * WEEK..] {
            let usual = baseline.expect(point.hour);
            // Five minutes hold between nothing and three times their part of the hour.
            let part = point.cost.divided_by(12).unwrap();
            let burst = part.per_mille(u32::try_from(chance.below(3_000)).unwrap());
            assert!(burn_rate(burst, Some(usual), &rule).level < Level::Alarm);
            // Twelve times the usual rate for all of them.
            let runaway = usual.typical.divided_by(12).unwrap().times(12) + Usd::from_dollars(1);
            assert_eq!(burn_rate(runaway, Some(usual), &rule).level, Level::Alarm);
        }
    }
}
