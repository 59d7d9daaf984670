//! The past, day by day.

use events::UsageEvent;
use jiff::civil::Date;
use units::{BillingZone, UnixMicros};

use super::moment::Moment;
use super::population::Population;
use super::rhythm::{day_number, moment_us, volume};
use super::runaway;
use crate::dice::{Dice, mix, mix_text};

/// Most events of one day.
pub const EVENTS_PER_DAY_MAX: usize = 2_000;

/// The usage events of one UTC date, in order of time, as they are known at `now`: growth leads up
/// to it, the runaway agent burns in the hours before it, and nothing is later. Costs are left open.
///
/// The same population, date and `now` give the same events; for another `now` on a later date the
/// volume differs, since growth is counted back from it.
pub fn history_day(date: Date, population: &Population, now: UnixMicros) -> Vec<UsageEvent> {
    let Some(midnight) = BillingZone::UTC.start_of(date) else {
        return Vec::new();
    };
    let today = BillingZone::UTC.date_of(now);
    let Some(days_ago) = day_number(today).checked_sub(day_number(date)) else {
        return Vec::new();
    };
    let planted = runaway::rows(date, population, now);
    let seed = mix_text(population.seed, "history");
    let mut dice = Dice::new(mix(seed, day_number(date)));
    let mut rows = Vec::with_capacity(EVENTS_PER_DAY_MAX);
    for number in 0..volume(seed, date, days_ago) {
        let since_us = i64::try_from(moment_us(date, &mut dice)).unwrap_or(0);
        let at = midnight.plus_micros(since_us);
        let Some((team, feature)) = population.pick(&mut dice) else {
            continue;
        };
        let Some((model, _)) = dice.weighted(&feature.models, |(_, weight)| *weight) else {
            continue;
        };
        let model = *model;
        let dice = Dice::new(mix(mix(seed, day_number(date)), number + 1));
        let moment = Moment { population, team, feature, model, at, dice };
        rows.extend(moment.rows().into_iter().filter(|row| row.times.ended_us < now));
    }
    rows.truncate(EVENTS_PER_DAY_MAX.saturating_sub(planted.len()));
    rows.extend(planted);
    rows.sort_by_key(|row| (row.times.received_us, row.ids.request_id, row.ids.attempt));
    rows
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use events::{ErrorClass, Meter};
    use jiff::civil::date;

    use super::super::{MODELS, RUNAWAY_FEATURE, UNPRICED_MODEL};
    use super::*;

    fn now() -> UnixMicros {
        date(2026, 11, 22)
            .at(16, 0, 0, 0)
            .to_zoned(jiff::tz::TimeZone::UTC)
            .unwrap()
            .timestamp()
            .into()
    }

    #[test]
    fn a_day_reads_the_same_every_time_and_differs_by_seed_and_date() {
        let day = |seed, day| history_day(date(2026, 11, day), &Population::seeded(seed), now());
        assert_eq!(day(1, 18), day(1, 18));
        assert_ne!(day(1, 18), day(2, 18));
        assert_ne!(day(1, 18).len(), day(1, 21).len());
    }

    #[test]
    fn no_event_is_later_than_now_nor_outside_its_date() {
        let population = Population::seeded(1);
        for day in [20, 21, 22, 23] {
            let day = date(2026, 11, day);
            let rows = history_day(day, &population, now());
            assert!(rows.len() <= EVENTS_PER_DAY_MAX);
            for row in &rows {
                assert!(row.times.ended_us < now());
                assert_eq!(BillingZone::UTC.date_of(row.times.received_us), day);
                assert!(row.times.ended_us >= row.times.received_us);
            }
        }
        assert!(history_day(date(2026, 11, 23), &population, now()).is_empty());
    }

    #[test]
    fn request_ids_are_unique_but_for_failovers() {
        let rows = history_day(date(2026, 11, 18), &Population::seeded(1), now());
        let ids: BTreeSet<_> =
            rows.iter().map(|row| (row.ids.request_id, row.ids.attempt)).collect();
        assert_eq!(ids.len(), rows.len());
        for row in rows.iter().filter(|row| row.ids.attempt == 2) {
            let first = rows
                .iter()
                .find(|other| other.ids.request_id == row.ids.request_id && other.ids.attempt == 1);
            assert!(first.is_some_and(|first| !first.decision.is_final));
        }
    }

    #[test]
    fn a_week_holds_every_model_some_errors_and_a_cache_heavy_feature() {
        let population = Population::seeded(1);
        let rows: Vec<_> =
            (14..21).flat_map(|day| history_day(date(2026, 11, day), &population, now())).collect();
        let models: BTreeSet<&str> = rows.iter().map(|row| row.model.asked.as_str()).collect();
        assert_eq!(models, MODELS.iter().map(|used| used.model).collect());
        assert!(models.contains(UNPRICED_MODEL));
        let mut errors: BTreeMap<ErrorClass, usize> = BTreeMap::new();
        for class in rows.iter().filter_map(|row| row.outcome.error) {
            *errors.entry(class).or_default() += 1;
        }
        assert!(
            errors.len() >= 4 && errors.values().sum::<usize>() * 20 < rows.len(),
            "{errors:?}"
        );
        let cached =
            rows.iter().filter(|r| r.attribution.feature.as_deref() == Some("agent-assist"));
        let (read, all) = cached.fold((0, 0), |(read, all), row| {
            (read + row.meters.get(Meter::CacheReadText), all + row.meters.input_tokens())
        });
        assert!(read * 100 / all > 65, "{read} of {all}");
    }

    #[test]
    fn a_runaway_over_midnight_is_told_on_both_dates_each_event_on_its_own() {
        let population = Population::seeded(1);
        let night = now().plus_micros(9 * 3_600_000_000);
        for day in [22, 23] {
            let day = date(2026, 11, day);
            let rows = history_day(day, &population, night);
            let planted = rows.iter().filter(|row| {
                assert_eq!(BillingZone::UTC.date_of(row.times.received_us), day);
                row.attribution.feature.as_deref() == Some(RUNAWAY_FEATURE)
            });
            assert!(planted.count() > 150);
        }
    }

    #[test]
    fn the_runaway_burns_in_the_last_hours_and_never_before() {
        let population = Population::seeded(1);
        let burned = |day| {
            history_day(date(2026, 11, day), &population, now())
                .iter()
                .filter(|row| row.attribution.feature.as_deref() == Some(RUNAWAY_FEATURE))
                .map(|row| row.meters.input_tokens())
                .sum::<u64>()
        };
        assert!(burned(22) > 20 * burned(18).max(burned(19)), "{} {}", burned(22), burned(18));
    }
}
