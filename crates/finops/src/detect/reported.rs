//! What a provider says that its answers cost against what they come to by the price book, by hour: a
//! difference that lasts is a wrong rate, a wrong tier, or a contract the book does not know.
//!
//! A difference counts only when it is large in proportion, in money and in calls, when it lasts, and when
//! the newest calls have it too. It must never know where figures come from, nor what a price is.

use store::Severity;
use units::{UnixMicros, Usd};

use crate::baseline::HOUR_US;
use crate::incident::{Direction, Evidence, Finding, IncidentFigures, Level, Rule};

/// Most that rounding changes of what a provider names for one call: they name six to eight decimals of a
/// dollar, and the last of six that is cut off is a microdollar.
const ROUNDING: Usd = Usd::from_pico(1_000_000);
/// The newest hours, by which it is judged whether a difference still holds, microseconds: six hours.
const LATELY_US: i64 = 6 * HOUR_US;
/// How long after its newest call a difference opens no incident, microseconds: a day.
const FRESH_US: i64 = 24 * HOUR_US;

/// When a difference is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DriftRule {
    /// Least difference, thousandths of what the provider reports.
    pub per_mille_min: u32,
    /// Least difference since it began, beyond what rounding explains.
    pub amount_min: Usd,
    /// Least calls it rests on.
    pub calls_min: u64,
    /// Least hours with calls it rests on.
    pub hours_min: u64,
}

impl Default for DriftRule {
    fn default() -> Self {
        Self { per_mille_min: 5, amount_min: Usd::from_dollars(1), calls_min: 20, hours_min: 3 }
    }
}

impl DriftRule {
    /// Half of everything holds what is open.
    fn halved(self) -> Self {
        Self {
            per_mille_min: self.per_mille_min / 2,
            amount_min: self.amount_min.per_mille(500),
            calls_min: self.calls_min / 2,
            hours_min: 1,
        }
    }
}

/// One hour of the calls of one model whose answers named a cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportedHour {
    /// First instant of the hour, UTC.
    pub hour: UnixMicros,
    /// Calls whose answer named a cost.
    pub calls: u64,
    /// Those of them without a price of ours; such an hour cannot be compared.
    pub unpriced: u64,
    /// What the provider named, USD.
    pub reported: Usd,
    /// What they cost by the price book, corrections included, USD.
    pub computed: Usd,
}

/// The hours of one model at one provider, in order; hours without calls may be left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportedSeries {
    /// The provider.
    pub provider: Option<String>,
    /// The model as sent to it.
    pub model: Option<String>,
    /// The hours.
    pub hours: Vec<ReportedHour>,
}

/// Tells of a model whose reported cost differs from the computed one, and goes on to. One that is not
/// called any more stays as it is: nothing says that the difference is gone.
pub fn reported_cost(
    series: &ReportedSeries,
    rule: &DriftRule,
    now: UnixMicros,
) -> Option<Finding> {
    let (run, level) = match Run::of(&series.hours, rule) {
        Some(run) => (run, Level::Alarm),
        None => (Run::of(&series.hours, &rule.halved())?, Level::Holding),
    };
    let is_fresh = now.micros_since(run.to) < FRESH_US;
    let (provider, model) = (series.provider.clone(), series.model.clone());
    let subject = format!(
        "model:{}/{}",
        provider.as_deref().unwrap_or_default(),
        model.as_deref().unwrap_or_default()
    );
    let Sum { calls, reported, computed, .. } = run.sum;
    let evidence =
        Evidence::ReportedCost { provider, model, reported, computed, calls, from: run.from };
    let mut figures = IncidentFigures::new(evidence, reported, now);
    figures.impact = run.sum.delta();
    figures.since = run.from;
    figures.last_seen = if is_fresh { now } else { run.to.min(now) };
    let window = match run.direction {
        Direction::Up => "up",
        Direction::Down => "down",
    };
    Some(Finding {
        rule: Rule::CostDrift,
        subject,
        window: window.to_owned(),
        team: None,
        level: if is_fresh { level } else { Level::Holding },
        severity: Severity::Warning,
        figures,
    })
}

/// The hours from which on a difference holds, to the newest.
struct Run {
    from: UnixMicros,
    /// The first instant after.
    to: UnixMicros,
    direction: Direction,
    sum: Sum,
}

impl Run {
    /// The hours a difference rests on, if the newest calls have it and it is large enough.
    fn of(hours: &[ReportedHour], rule: &DriftRule) -> Option<Self> {
        let compared = || hours.iter().rev().filter(|hour| hour.calls > 0 && hour.unpriced == 0);
        let newest = compared().next()?.hour;
        let mut lately = Sum::default();
        for hour in compared() {
            let is_lately = newest.micros_since(hour.hour) < LATELY_US;
            if !is_lately && lately.calls >= rule.calls_min {
                break;
            }
            lately.add(hour);
        }
        let is_down = lately.delta() < Usd::ZERO;
        let direction = if is_down { Direction::Down } else { Direction::Up };
        if lately.excess(direction, rule) <= Usd::ZERO {
            return None;
        }
        // Hours before the difference take from the excess and hours of it add to it, so that it is
        // largest from where the difference begins (a CUSUM, read backwards).
        let (mut sum, mut largest, mut run) = (Sum::default(), Usd::ZERO, None);
        for hour in compared() {
            sum.add(hour);
            let excess = sum.excess(direction, rule);
            if excess > largest {
                largest = excess;
                let to = newest.plus_micros(HOUR_US);
                run = Some(Self { from: hour.hour, to, direction, sum });
            }
        }
        run.filter(|run| {
            run.sum.calls >= rule.calls_min
                && run.sum.hours >= rule.hours_min
                && run.sum.beyond_rounding(direction) >= rule.amount_min
        })
    }
}

/// Hours added up.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    hours: u64,
    calls: u64,
    reported: Usd,
    computed: Usd,
}

impl Sum {
    fn add(&mut self, hour: &ReportedHour) {
        self.hours += 1;
        self.calls = self.calls.saturating_add(hour.calls);
        self.reported += hour.reported;
        self.computed += hour.computed;
    }

    fn delta(&self) -> Usd {
        self.reported - self.computed
    }

    /// The difference on one side, less what rounding may have made of it.
    fn beyond_rounding(&self, direction: Direction) -> Usd {
        let size = match direction {
            Direction::Up => self.delta(),
            Direction::Down => -self.delta(),
        };
        size - ROUNDING.times(self.calls)
    }

    /// How much more than the least difference.
    fn excess(&self, direction: Direction, rule: &DriftRule) -> Usd {
        self.beyond_rounding(direction) - self.reported.per_mille(rule.per_mille_min)
    }
}

#[cfg(test)]
mod tests;
