//! How a budget was spent so far: the burn-down as chart and table, and when thresholds were passed.
//!
//! From the ledger, which is a few seconds behind what gateways have reported.

use units::{CalendarWindow, UnixMicros, Usd};

use super::row::Outlook;
use crate::access::Session;
use crate::budgets::BudgetStatus;
use crate::chart::{self, BurnDown, ChartText};
use crate::error::ConsoleError;
use crate::explore::{By, Condition, Dimension, Grain, Measure, Metric, Question, Span};
use crate::markup::{Money, Stamp};
use crate::{ConsoleState, moments};
use policy::Scope;

/// What is told to people when it is reached, thousandths of the limit.
const THRESHOLDS_PER_MILLE: [(u32, &str); 2] = [(800, "80%"), (1_000, "100%")];

/// The course of a budget's window up to now.
pub(super) struct Course {
    /// The chart, an SVG element of ours.
    pub(super) chart: String,
    /// What a step is called: `Day`.
    pub(super) step: &'static str,
    pub(super) steps: Vec<Step>,
    pub(super) thresholds: Vec<Threshold>,
}

/// A day, or an hour or week where windows are shorter or longer.
pub(super) struct Step {
    pub(super) start: Stamp,
    pub(super) title: String,
    pub(super) spent: Money,
    pub(super) so_far: Money,
    pub(super) left: Money,
}

/// A threshold and what has become of it.
pub(super) struct Threshold {
    pub(super) title: &'static str,
    pub(super) amount: Money,
    /// The step it was passed in.
    pub(super) passed: Option<String>,
}

/// Spend of one step.
struct Spend {
    start: UnixMicros,
    cost: Usd,
    so_far: Usd,
}

impl Course {
    pub(super) async fn read(
        state: &ConsoleState,
        session: &Session,
        budget: &BudgetStatus,
    ) -> Result<Self, ConsoleError> {
        let now = state.now().clamp(budget.window_start, budget.resets_at);
        let grain = grain_of(budget.window);
        let question = Question {
            span: Span { from: budget.window_start, to: now },
            team: session.team().cloned(),
            zone: state.settings.zone.clone(),
            grain,
            metric: Metric::Cost,
            group_by: Vec::new(),
            conditions: condition(&budget.scope).into_iter().collect(),
            top: 1,
        };
        let answer = state.read(state.sources.explorer.explore(&question)).await?;
        let mut so_far = Usd::ZERO;
        let points = answer.buckets.iter().zip(&answer.total.points);
        let spends: Vec<Spend> = points
            .map(|(start, measure)| {
                let cost = cost_of(measure);
                so_far += cost;
                Spend { start: *start, cost, so_far }
            })
            .collect();
        let title = |at| step_title(state, grain, at);
        let limit = budget.amounts.limit;
        let step = |spend: &Spend| Step {
            start: state.moments().stamp(spend.start),
            title: title(spend.start),
            spent: Money(spend.cost),
            so_far: Money(spend.so_far),
            left: Money(limit.saturating_sub_to_zero(spend.so_far)),
        };
        Ok(Self {
            chart: chart_of(state, budget, &spends, now)?,
            step: grain.title(),
            steps: spends.iter().map(step).collect(),
            thresholds: thresholds(limit, &spends, title),
        })
    }
}

/// Steps so fine that the line shows, and so coarse that the table can be read.
fn grain_of(window: CalendarWindow) -> Grain {
    match window {
        CalendarWindow::Day => Grain::Hour,
        CalendarWindow::Week | CalendarWindow::Month | CalendarWindow::Quarter => Grain::Day,
        CalendarWindow::Year => Grain::Week,
    }
}

/// What usage must be to count; everything does for the organisation's budgets.
fn condition(scope: &Scope) -> Option<Condition> {
    let (dimension, name) = match scope {
        Scope::Organisation => return None,
        Scope::Team(team) => (Dimension::Team, team.to_string()),
        Scope::Project(project) => (Dimension::Project, project.to_string()),
        Scope::Key(key) => (Dimension::Key, key.to_string()),
        Scope::User(user) => (Dimension::User, user.clone()),
        Scope::Customer(customer) => (Dimension::Customer, customer.clone()),
        Scope::Model(model) => (Dimension::Model, model.clone()),
    };
    let by = By::Dimension(dimension);
    Some(Condition { by, is_excluded: false, values: vec![Some(name)] })
}

fn cost_of(measure: &Measure) -> Usd {
    match measure {
        Measure::Money(cost) | Measure::PerRequest { cost, .. } => *cost,
        Measure::Count(_) => Usd::ZERO,
    }
}

fn step_title(state: &ConsoleState, grain: Grain, at: UnixMicros) -> String {
    let day = moments::day_title(state.settings.zone.date_of(at));
    match grain {
        Grain::Hour => state.moments().stamp(at).shown,
        Grain::Week => format!("week of {day}"),
        Grain::Total | Grain::Day | Grain::Month => day,
    }
}

fn thresholds(
    limit: Usd,
    spends: &[Spend],
    title: impl Fn(UnixMicros) -> String,
) -> Vec<Threshold> {
    let threshold = |(per_mille, name)| {
        let amount = limit.per_mille(per_mille);
        // A budget of nothing has no threshold to pass.
        let passed = spends.iter().find(|spend| spend.so_far >= amount && !limit.is_zero());
        Threshold {
            title: name,
            amount: Money(amount),
            passed: passed.map(|spend| title(spend.start)),
        }
    };
    THRESHOLDS_PER_MILLE.into_iter().map(threshold).collect()
}

fn chart_of(
    state: &ConsoleState,
    budget: &BudgetStatus,
    spends: &[Spend],
    now: UnixMicros,
) -> Result<String, askama::Error> {
    let limit = budget.amounts.limit;
    // Each step's spend is known at its end: the start of the next one, or now.
    let ends = spends.iter().skip(1).map(|spend| spend.start).chain([now]);
    let left = spends.iter().zip(ends).map(|(spend, end)| (end, limit - spend.so_far));
    let start = (budget.window_start, limit);
    let zone = &state.settings.zone;
    chart::burn_down(&BurnDown {
        text: ChartText {
            title: &format!("Left of {}", budget.name),
            description: "A line from the limit down: what was left at each time. A thin straight \
                          line shows an even pace, a dashed one where the rate so far leads. The \
                          table below has the figures.",
        },
        from: budget.window_start,
        to: budget.resets_at,
        limit,
        left: std::iter::once(start).chain(left).collect(),
        projected: match Outlook::of(budget, state.now()) {
            Outlook::Breach(at) => Some((at, Usd::ZERO)),
            Outlook::Lasts(total) => Some((budget.resets_at, limit - total)),
            Outlook::UsedUp | Outlook::TooEarly => None,
        },
        labels: labels(budget, |at| moments::day_short(zone.date_of(at))),
    })
}

/// Five labels along the window.
fn labels(budget: &BudgetStatus, day: impl Fn(UnixMicros) -> String) -> Vec<(UnixMicros, String)> {
    let length = budget.resets_at.micros_since(budget.window_start);
    let label = |part: i64| {
        let at = budget.window_start.plus_micros(length / 4 * part);
        let text = match budget.window {
            CalendarWindow::Day => format!("{}:00", 6 * part),
            _ => day(at),
        };
        (at, text)
    };
    (0..=4).map(label).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_names_the_step_it_was_passed_in() {
        let spend = |day: i64, dollars| Spend {
            start: UnixMicros::new(day),
            cost: Usd::ZERO,
            so_far: Usd::from_dollars(dollars),
        };
        let spends = [spend(1, 50), spend(2, 80), spend(3, 99)];
        let found = thresholds(Usd::from_dollars(100), &spends, |at| at.get().to_string());
        let passed: Vec<Option<&str>> = found.iter().map(|t| t.passed.as_deref()).collect();
        assert_eq!(passed, [Some("2"), None]);
        assert_eq!(found[0].amount.0, Usd::from_dollars(80));
        let nothing = thresholds(Usd::ZERO, &spends, |at| at.get().to_string());
        assert!(nothing.iter().all(|threshold| threshold.passed.is_none()));
    }

    #[test]
    fn every_scope_but_the_whole_has_its_condition() {
        for (scope, by) in [
            ("team:search", "team"),
            ("project:autocomplete", "project"),
            ("key:key_00000000000000000000000000000001", "key"),
            ("user:ada", "user"),
            ("customer:<b>", "customer"),
            ("model:gpt-5.4", "model"),
        ] {
            let condition = condition(&scope.parse().unwrap()).unwrap();
            assert_eq!(condition.by.to_string(), by);
            let name = scope.split_once(':').map(|(_, name)| name.to_owned());
            assert_eq!(condition.values, [name]);
        }
        assert_eq!(condition(&Scope::Organisation), None);
    }
}
