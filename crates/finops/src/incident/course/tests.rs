//! The course of incidents, told as what one look after another does.

use super::*;
use crate::incident::{Direction, Evidence, IncidentFigures};

const NOW: UnixMicros = UnixMicros::new(1_000 * HOUR_US);

fn finding(rule: Rule, level: Level, dollars: i64) -> Finding {
    let evidence = Evidence::Spend { direction: Direction::Up, window_s: 300, score_tenths: None };
    let mut figures = IncidentFigures::new(evidence, Usd::from_dollars(dollars), NOW);
    figures.impact = Usd::from_dollars(dollars);
    Finding {
        rule,
        subject: "team:research".to_owned(),
        window: String::new(),
        team: "research".parse().ok(),
        level,
        severity: Severity::Warning,
        figures,
    }
}

fn open(rule: Rule, dollars: i64) -> Known {
    Known {
        key: finding(rule, Level::Alarm, 0).key(),
        rule,
        subject: "team:research".to_owned(),
        severity: Severity::Warning,
        impact: Usd::from_dollars(dollars),
        last_seen: NOW,
        resolved_at: None,
        is_expected: false,
    }
}

fn run(findings: &[Finding], known: &[Known]) -> Vec<Step> {
    course(findings, known, &Rule::ALL.into_iter().collect(), NOW)
}

#[test]
fn an_alarm_opens_one_incident_and_what_only_holds_opens_none() {
    assert_eq!(run(&[finding(Rule::BurnRate, Level::Alarm, 5)], &[]), [Step::Open { finding: 0 }]);
    assert_eq!(run(&[finding(Rule::BurnRate, Level::Holding, 5)], &[]), []);
    assert_eq!(run(&[finding(Rule::BurnRate, Level::Quiet, 5)], &[]), []);
}

#[test]
fn an_open_incident_is_updated_and_told_again_when_its_cost_doubles_or_it_matters_more() {
    let known = [open(Rule::BurnRate, 5)];
    let update = |finding: Finding| run(&[finding], &known);
    let told = |tells| [Step::Update { finding: 0, known: 0, tells }];
    assert_eq!(update(finding(Rule::BurnRate, Level::Alarm, 7)), told(false));
    assert_eq!(update(finding(Rule::BurnRate, Level::Alarm, 8)), told(true));
    assert_eq!(update(finding(Rule::BurnRate, Level::Holding, 5)), told(false));
    let worse =
        Finding { severity: Severity::Critical, ..finding(Rule::BurnRate, Level::Alarm, 5) };
    assert_eq!(update(worse), told(true));
    let expected = [Known { is_expected: true, ..open(Rule::BurnRate, 5) }];
    assert_eq!(run(&[finding(Rule::BurnRate, Level::Alarm, 500)], &expected), told(false));
}

#[test]
fn an_incident_ends_once_its_rule_has_been_quiet_for_long_enough_and_was_looked_at() {
    let quiet_for = |minutes: i64| {
        [Known { last_seen: NOW.plus_micros(-minutes * MINUTE_US), ..open(Rule::BurnRate, 5) }]
    };
    assert_eq!(run(&[], &quiet_for(14)), []);
    assert_eq!(run(&[], &quiet_for(15)), [Step::Resolve { known: 0, tells: true }]);
    let holding = [finding(Rule::BurnRate, Level::Holding, 5)];
    assert_eq!(
        run(&holding, &quiet_for(60)),
        [Step::Update { finding: 0, known: 0, tells: false }]
    );
    let blind = BTreeSet::from([Rule::Stalled]);
    assert_eq!(course(&[], &quiet_for(60), &blind, NOW), [], "inputs could not be read");
    let ended = [Known { resolved_at: Some(NOW), ..quiet_for(60)[0].clone() }];
    assert_eq!(run(&[], &ended), [], "it has ended already");
}

#[test]
fn an_incident_that_ended_lately_is_not_opened_again_unless_it_is_worse() {
    let ended = |minutes: i64, rule| {
        [Known { resolved_at: Some(NOW.plus_micros(-minutes * MINUTE_US)), ..open(rule, 5) }]
    };
    let alarm = finding(Rule::BurnRate, Level::Alarm, 5);
    let opens = [Step::Open { finding: 0 }];
    assert_eq!(run(std::slice::from_ref(&alarm), &ended(59, Rule::BurnRate)), []);
    assert_eq!(run(std::slice::from_ref(&alarm), &ended(60, Rule::BurnRate)), opens);
    let worse = Finding { severity: Severity::Critical, ..alarm };
    assert_eq!(run(&[worse], &ended(1, Rule::BurnRate)), opens);
}

#[test]
fn a_threshold_of_a_window_is_never_told_twice() {
    let alarm = [finding(Rule::BudgetSpent, Level::Alarm, 0)];
    let ended = [Known {
        resolved_at: Some(NOW.plus_micros(-500 * HOUR_US)),
        ..open(Rule::BudgetSpent, 0)
    }];
    assert_eq!(run(&alarm, &ended), []);
}

#[test]
fn a_runaway_is_told_by_its_burn_rate_and_not_again_as_an_unusual_hour() {
    let burn = finding(Rule::BurnRate, Level::Alarm, 5);
    let hour = finding(Rule::TeamSpend, Level::Alarm, 5);
    let opens = |findings: &[Finding], known: &[Known]| {
        let steps = run(findings, known);
        steps.iter().filter(|step| matches!(step, Step::Open { .. })).count()
    };
    assert_eq!(opens(&[burn.clone(), hour.clone()], &[]), 1);
    assert_eq!(opens(std::slice::from_ref(&hour), &[open(Rule::BurnRate, 5)]), 0);
    let ended = |hours: i64| Known {
        resolved_at: Some(NOW.plus_micros(-hours * HOUR_US)),
        ..open(Rule::BurnRate, 5)
    };
    assert_eq!(opens(std::slice::from_ref(&hour), &[ended(1)]), 0);
    assert_eq!(opens(std::slice::from_ref(&hour), &[ended(2)]), 1);
    let other = Finding { subject: "team:search".to_owned(), ..hour.clone() };
    assert_eq!(opens(&[burn, other], &[]), 2);
    let drop = finding(Rule::TeamSpend, Level::Alarm, -5);
    assert_eq!(opens(&[drop], &[open(Rule::BurnRate, 5)]), 1, "a drop is something else");
}

#[test]
fn a_forecast_says_nothing_once_the_limit_itself_is_reached() {
    let forecast = finding(Rule::BudgetForecast, Level::Alarm, 5);
    let spent = |severity| Finding { severity, ..finding(Rule::BudgetSpent, Level::Alarm, 5) };
    let both = |severity| run(&[spent(severity), forecast.clone()], &[]).len();
    assert_eq!(both(Severity::Critical), 1);
    assert_eq!(both(Severity::Warning), 2);
}

#[test]
fn impacts_are_told_at_each_doubling_of_a_dollar() {
    for (amount, step) in [("0", 0), ("0.99", 0), ("1", 1), ("1.99", 1), ("2", 2), ("-64", 7)] {
        assert_eq!(impact_step(amount.parse().unwrap()), step, "{amount}");
    }
    assert!(impact_step(Usd::MAX) > impact_step(Usd::from_dollars(i64::MAX)));
}
