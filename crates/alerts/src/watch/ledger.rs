//! What teams spent by hour, and what that makes unusual now. The long past is read once an hour, the
//! last two hours at every look, since usage may arrive late.
//!
//! It must never know an incident but as a span its baselines leave out.

use std::collections::BTreeMap;

use finops::{
    BURN_WINDOW_US, Baseline, BudgetUse, Direction, Evidence, Expected, Finding, HOUR_US,
    HourPoint, IncidentFigures, Level, Reading, Rule, Span, burn_rate, since, team_spend,
};
use store::Severity;
use units::{BillingPeriod, Slug, UnixMicros, Usd};

use super::WatchOptions;
use super::inputs::{Inputs, TeamAmount};
use super::known::Remembered;
use crate::AlertsError;

/// How much past is learned from, hours: thirteen weeks.
const PAST_HOURS: i64 = 13 * 7 * 24;
/// How long after its end an hour may be called too little, microseconds: usage arrives late.
const SETTLED_US: i64 = 300_000_000;
/// How often the past is read again while a team lacks one, microseconds.
const LACKING_EVERY_US: i64 = 60_000_000;
/// A sum this many times the least worth telling is critical.
const CRITICAL_TIMES: u64 = 10;

/// The spend of every team.
#[derive(Debug, Default)]
pub(super) struct SpendLedger {
    /// When the past was read.
    read_at: Option<UnixMicros>,
    teams: BTreeMap<Option<String>, Team>,
}

/// The spend of one team: every hour from its first to the present one.
#[derive(Debug, Default)]
struct Team {
    hours: BTreeMap<UnixMicros, Usd>,
    baseline: Option<Baseline>,
}

impl SpendLedger {
    /// Reads what is new, and learns the baselines when an hour has begun.
    pub(super) async fn refresh(
        &mut self,
        inputs: &dyn Inputs,
        options: &WatchOptions,
        remembered: &Remembered,
        now: UnixMicros,
    ) -> Result<(), AlertsError> {
        let hour = hour_of(now);
        let is_new = self.is_outdated(now);
        let hours = if is_new { PAST_HOURS } else { 1 };
        let read = inputs.hours(Span { from: hour.plus_micros(-hours * HOUR_US), to: now }).await?;
        if is_new {
            self.teams.clear();
        }
        for team_hour in read.into_iter().filter(|one| one.point.hour <= hour) {
            let team = self.teams.entry(team_hour.team).or_default();
            team.hours.insert(team_hour.point.hour, team_hour.point.cost);
        }
        if is_new {
            for (name, team) in &mut self.teams {
                let frozen = remembered.frozen(&subject(name.as_deref()), now);
                let points = team.points_before(hour);
                let unit = options.spend.unit();
                team.baseline = Baseline::learn(&points, &frozen, &options.zone, unit);
            }
            self.read_at = Some(now);
        }
        Ok(())
    }

    /// Whether the past must be read: an hour has begun, or a team has no baseline and its history may
    /// be arriving (an import, or the spools of a process that died).
    fn is_outdated(&self, now: UnixMicros) -> bool {
        let Some(read_at) = self.read_at else { return true };
        let lacks_past = self.teams.values().any(|team| team.baseline.is_none());
        hour_of(read_at) != hour_of(now)
            || (lacks_past && now.micros_since(read_at) >= LACKING_EVERY_US)
    }

    /// What is unusual about any team, from what was read and from the last five minutes.
    pub(super) fn findings(
        &self,
        recent: &[TeamAmount],
        options: &WatchOptions,
        budgets: &[BudgetUse],
        (started_at, now): (UnixMicros, UnixMicros),
    ) -> Vec<Finding> {
        let mut findings = Vec::new();
        let none = Team::default();
        let mut names: Vec<&Option<String>> = self.teams.keys().collect();
        names.extend(recent.iter().map(|one| &one.team));
        names.sort();
        names.dedup();
        for name in names {
            let team = self.teams.get(name).unwrap_or(&none);
            let spent = recent.iter().filter(|one| &one.team == name).map(|one| one.cost).sum();
            let look = TeamLook { name: name.as_deref(), team, options, budgets, now };
            findings.extend(look.burn(spent));
            findings.extend(look.hour(started_at));
        }
        findings
    }
}

impl Team {
    /// Every hour before one, those without usage as zero.
    fn points_before(&self, end: UnixMicros) -> Vec<HourPoint> {
        let first = self.hours.keys().next().copied().unwrap_or(end);
        self.points(Span { from: first, to: end })
    }

    fn points(&self, span: Span) -> Vec<HourPoint> {
        let mut points = Vec::new();
        let mut hour = hour_of(span.from);
        while hour < span.to {
            points.push(HourPoint { hour, cost: self.cost(hour) });
            hour = hour.plus_micros(HOUR_US);
        }
        points
    }

    fn cost(&self, hour: UnixMicros) -> Usd {
        self.hours.get(&hour).copied().unwrap_or_default()
    }
}

/// One look at one team.
struct TeamLook<'a> {
    name: Option<&'a str>,
    team: &'a Team,
    options: &'a WatchOptions,
    budgets: &'a [BudgetUse],
    now: UnixMicros,
}

impl TeamLook<'_> {
    /// The last five minutes against the usual rate.
    fn burn(&self, spent: Usd) -> Option<Finding> {
        let reading = burn_rate(spent, self.usual(), &self.options.burn);
        if reading.level == Level::Quiet {
            return None;
        }
        let start = self.now.plus_micros(-BURN_WINDOW_US);
        // A runaway found late has run through whole hours before.
        let past = self.unusual_since(hour_of(self.now).plus_micros(-HOUR_US), Direction::Up);
        let mut figures = self.figures(reading, spent, BURN_WINDOW_US);
        figures.since = past.map_or(start, |past| past.min(start));
        figures.impact = self.impact(figures.since).max(reading.excess);
        figures.projected_month_end = self.projected(spent.times(12));
        Some(self.finding(Rule::BurnRate, reading.level, Severity::Critical, figures))
    }

    /// The present hour if it is already too much, else the one before it.
    fn hour(&self, started_at: UnixMicros) -> Option<Finding> {
        let baseline = self.team.baseline.as_ref()?;
        let present = hour_of(self.now);
        let before = present.plus_micros(-HOUR_US);
        let read = |hour: UnixMicros, is_over: bool| {
            let point = HourPoint { hour, cost: self.team.cost(hour) };
            (point, team_spend(baseline, &point, is_over, &self.options.spend))
        };
        let is_settled = self.now.micros_since(present) >= SETTLED_US && before >= started_at;
        let readings = [read(present, false), read(before, is_settled)];
        let (point, reading) = readings.into_iter().max_by_key(|(_, reading)| reading.level)?;
        if reading.level == Level::Quiet {
            return None;
        }
        let mut figures = self.figures(reading, point.cost, HOUR_US);
        let begun = self.unusual_since(point.hour, reading.direction);
        figures.since = begun.unwrap_or(point.hour);
        figures.impact = match reading.direction {
            Direction::Up => self.impact(figures.since).max(reading.excess),
            Direction::Down => reading.excess,
        };
        figures.projected_month_end = self.projected(point.cost);
        let worth = self.options.spend.impact_min.times(CRITICAL_TIMES);
        let is_critical = reading.direction == Direction::Up && figures.impact >= worth;
        let severity = if is_critical { Severity::Critical } else { Severity::Warning };
        Some(self.finding(Rule::TeamSpend, reading.level, severity, figures))
    }

    fn figures(&self, reading: Reading, actual: Usd, window_us: i64) -> IncidentFigures {
        let evidence = Evidence::Spend {
            direction: reading.direction,
            window_s: u32::try_from(window_us / 1_000_000).unwrap_or(u32::MAX),
            score_tenths: reading.score_tenths,
        };
        let mut figures = IncidentFigures::new(evidence, actual, self.now);
        figures.expected = reading.expected.map(Into::into);
        let own = self.budgets.iter().filter(|budget| {
            budget.team.as_ref().is_some_and(|team| Some(team.as_str()) == self.name)
        });
        figures.budget =
            own.map(BudgetUse::left).min_by_key(|left| (left.remaining, left.name.clone()));
        figures
    }

    fn finding(
        &self,
        rule: Rule,
        level: Level,
        severity: Severity,
        figures: IncidentFigures,
    ) -> Finding {
        let direction = match figures.evidence {
            Evidence::Spend { direction: Direction::Down, .. } => "down",
            _ => "up",
        };
        Finding {
            rule,
            subject: subject(self.name),
            window: direction.to_owned(),
            team: self.name.and_then(|name| name.parse::<Slug>().ok()),
            level,
            severity,
            figures,
        }
    }

    /// What is usual of the hour now, or of the one five minutes ago lay in, whichever is more.
    fn usual(&self) -> Option<Expected> {
        let baseline = self.team.baseline.as_ref()?;
        let hours = [self.now, self.now.plus_micros(-BURN_WINDOW_US)].map(hour_of);
        hours.into_iter().map(|hour| baseline.expect(hour)).max_by_key(|usual| usual.typical)
    }

    /// When the unusual hours that end with this one began, if it is unusual on that side.
    fn unusual_since(&self, hour: UnixMicros, direction: Direction) -> Option<UnixMicros> {
        let baseline = self.team.baseline.as_ref()?;
        let rule = &self.options.spend;
        let point = HourPoint { hour, cost: self.team.cost(hour) };
        let reading = team_spend(baseline, &point, true, rule);
        if reading.level == Level::Quiet || reading.direction != direction {
            return None;
        }
        let first = self.team.hours.keys().next().copied().unwrap_or(hour);
        let points = self.team.points(Span { from: first, to: hour.plus_micros(1) });
        since(baseline, &points, rule)
    }

    /// What the hours from one on cost beyond what is usual.
    fn impact(&self, since: UnixMicros) -> Usd {
        let Some(baseline) = &self.team.baseline else { return Usd::ZERO };
        let points = self.team.points(Span { from: since, to: self.now });
        points
            .iter()
            .map(|point| point.cost.saturating_sub_to_zero(baseline.expect(point.hour).typical))
            .sum()
    }

    /// What the month comes to if the rest of it goes on at a rate an hour.
    fn projected(&self, an_hour: Usd) -> Option<Usd> {
        let zone = &self.options.zone;
        let (start, end) = BillingPeriod::containing(self.now, zone).range(zone);
        let so_far: Usd =
            self.team.hours.iter().filter(|(hour, _)| **hour >= start).map(|(_, cost)| *cost).sum();
        let left_s = u64::try_from(end.micros_since(self.now) / 1_000_000).ok()?;
        Some(so_far + an_hour.times(left_s).divided_by(3_600)?)
    }
}

/// The subject of a team's incidents; usage of no team has an empty name.
fn subject(team: Option<&str>) -> String {
    format!("team:{}", team.unwrap_or_default())
}

fn hour_of(at: UnixMicros) -> UnixMicros {
    UnixMicros::new(at.get().div_euclid(HOUR_US).saturating_mul(HOUR_US))
}
