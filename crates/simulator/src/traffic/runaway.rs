//! The planted incident: an agent of one team that does not stop, in the last hours of the history.

use events::{Meter, Meters, UsageEvent};
use jiff::civil::Date;
use units::{BillingZone, UnixMicros};

use super::moment::Moment;
use super::population::Population;
use crate::dice::{Dice, mix, mix_text};

/// Team of the runaway agent.
pub const RUNAWAY_TEAM: &str = "research";
/// Feature of the runaway agent.
pub const RUNAWAY_FEATURE: &str = "agent-loop";
/// How long before the end of the history it began, hours.
pub const RUNAWAY_HOURS: i64 = 3;

/// One request every twenty seconds.
const STEP_US: i64 = 20_000_000;
/// Steps after which the agent's context starts anew.
const CONTEXT_STEPS: u64 = 60;

/// The rows of the runaway on one UTC date, up to `now`. It has one user and no customer.
pub(super) fn rows(date: Date, population: &Population, now: UnixMicros) -> Vec<UsageEvent> {
    let Some(team) = population.team(RUNAWAY_TEAM) else {
        return Vec::new();
    };
    let Some(feature) = team.features.iter().find(|f| f.slug == RUNAWAY_FEATURE) else {
        return Vec::new();
    };
    let Some((model, _)) = feature.models.first() else {
        return Vec::new();
    };
    let seed = mix_text(population.seed, RUNAWAY_FEATURE);
    let start = now.plus_micros(-RUNAWAY_HOURS * 3_600_000_000);
    let steps = (0..).map_while(|step: u64| {
        let offset = i64::try_from(step).ok()?.checked_mul(STEP_US)?;
        let at = start.plus_micros(offset);
        (at < now).then_some((step, at))
    });
    steps
        .map(|(step, at)| {
            let mut dice = Dice::new(mix(seed, step));
            let at = at.plus_micros(i64::try_from(dice.below(3_000_000)).unwrap_or(0));
            (step, at, dice)
        })
        .filter(|(_, at, _)| BillingZone::UTC.date_of(*at) == date)
        .map(|(step, at, mut dice)| {
            // Each turn carries all earlier ones, so the context grows until it starts anew.
            let context = 24_000 + step % CONTEXT_STEPS * 2_900;
            let output = dice.between(900, 2_600);
            let meters = Meters::NONE
                .with(Meter::InputText, context / 5)
                .with(Meter::CacheReadText, context * 4 / 5)
                .with(Meter::OutputText, output)
                .with(Meter::Reasoning, output / 3);
            let mut moment = Moment { population, team, feature, model: *model, at, dice };
            let mut row = moment.success(meters);
            row.attribution.user = Some("research-dev-03".to_owned());
            row.ids.session_id = Some("agent-loop-nightly".to_owned());
            row
        })
        .filter(|row| row.times.ended_us < now)
        .collect()
}
