//! Alerts: incidents, the deliveries that told of them, and the channels they were told on.

mod change;
mod deliveries;
mod figures;
mod incident;

use askama::Template;
use axum::extract::State;
use axum::response::Html;
use store::{DeliveryFilter, DeliveryState, Incident, IncidentFilter};

use super::layout::{Layout, Section};
use super::rendered;
use crate::ConsoleState;
use crate::access::Session;
use crate::alerting::Channel;
use crate::error::ConsoleError;
use crate::markup::{Money, Stamp};
use crate::moments;
use crate::permission::Permission;
use crate::session::SignedIn;
use deliveries::DeliveryRow;
use figures::Told;

pub(crate) use change::{acknowledge, expect, replay, test};
pub(crate) use incident::show as show_incident;

/// Incidents listed.
const INCIDENTS_MAX: u32 = 100;
/// Deliveries listed.
const DELIVERIES_MAX: u32 = 50;

#[derive(Template)]
#[template(path = "alerts.html")]
struct AlertsPage {
    layout: Layout,
    open: Vec<IncidentRow>,
    over: Vec<IncidentRow>,
    /// `None` for sessions of one team: the log names everybody's.
    log: Option<Log>,
    /// For the forms; `None` for those who may change nothing.
    csrf: Option<String>,
}

/// The delivery log and the channels.
struct Log {
    dead: usize,
    deliveries: Vec<DeliveryRow>,
    channels: Vec<Channel>,
}

/// One incident on one line.
struct IncidentRow {
    link: String,
    severity: &'static str,
    class: &'static str,
    rule: String,
    subject: String,
    headline: String,
    impact: Option<Money>,
    since: Stamp,
    age: String,
    state: String,
}

/// Shows the lists.
pub(crate) async fn show(
    State(state): State<ConsoleState>,
    SignedIn(session): SignedIn,
) -> Result<Html<String>, ConsoleError> {
    session.demand(Permission::ReadAlerts)?;
    let board = &state.sources.alerts;
    let filter = |open_only| IncidentFilter {
        open_only,
        team: session.team().cloned(),
        before: None,
        limit: INCIDENTS_MAX,
    };
    // Apart, so that many that are over cannot crowd out one that is not.
    let open = board.incidents(&filter(true)).await?;
    let all = board.incidents(&filter(false)).await?;
    let log = Log::of(&state, &session).await?;
    let row = |incident: &Incident| IncidentRow::of(&state, incident);
    rendered(&AlertsPage {
        layout: Layout::new(&state, &session, Section::Alerts, "Alerts".to_owned()),
        open: open.iter().map(row).collect(),
        over: all.iter().filter(|incident| !incident.is_open()).map(row).collect(),
        log,
        csrf: csrf_of(&session),
    })
}

/// The form token of those who may change something.
fn csrf_of(session: &Session) -> Option<String> {
    session.may(Permission::WriteAlerts).then(|| session.csrf.expose().to_owned())
}

impl Log {
    async fn of(state: &ConsoleState, session: &Session) -> Result<Option<Self>, ConsoleError> {
        if session.team().is_some() {
            return Ok(None);
        }
        let board = &state.sources.alerts;
        let filter = DeliveryFilter { limit: DELIVERIES_MAX, ..DeliveryFilter::default() };
        let newest = board.deliveries(&filter).await?;
        let filter = DeliveryFilter { state: Some(DeliveryState::Dead), ..filter };
        let dead = board.deliveries(&filter).await?;
        // Dead letters first, however old: they wait for someone.
        let others = newest.iter().filter(|delivery| delivery.state != DeliveryState::Dead);
        let all = dead.iter().chain(others);
        Ok(Some(Self {
            dead: dead.len(),
            deliveries: all.map(|delivery| DeliveryRow::of(state, delivery)).collect(),
            channels: board.channels(),
        }))
    }
}

impl IncidentRow {
    fn of(state: &ConsoleState, incident: &Incident) -> Self {
        let (now, moments) = (state.now(), state.moments());
        let told = Told::of(incident);
        let since = told.since(incident);
        Self {
            link: format!("/alerts/{}", incident.id),
            severity: incident.severity.as_str(),
            class: class_of(incident),
            rule: rule_title(&incident.kind),
            subject: incident.subject.clone(),
            headline: incident.headline.clone(),
            impact: told.impact().map(Money),
            since: moments.stamp(since),
            age: moments::ago(since, now),
            state: state_words(state, incident),
        }
    }
}

/// The badge of a severity.
fn class_of(incident: &Incident) -> &'static str {
    match incident.severity {
        store::Severity::Critical => "over",
        store::Severity::Warning => "near",
        store::Severity::Info => "plain",
    }
}

/// What people call a rule; one of another release by its own name.
fn rule_title(kind: &str) -> String {
    let title = match kind {
        "budget_spent" => "Budget used",
        "budget_forecast" => "Budget will be passed",
        "team_spend" => "Unusual spend",
        "burn_rate" => "Runaway spend",
        "unpriced_model" => "Model without a price",
        "cost_drift" => "Reported cost differs",
        "stalled" => "Standing still",
        other => other,
    };
    title.to_owned()
}

fn state_words(state: &ConsoleState, incident: &Incident) -> String {
    let stamp = |at| state.moments().stamp(at).shown;
    match (incident.resolved_at, incident.attention.expected_until) {
        (Some(at), _) => format!("Over since {}", stamp(at)),
        (None, Some(until)) if incident.is_expected(state.now()) => {
            format!("Expected until {}", stamp(until))
        }
        (None, _) if incident.attention.acknowledged_at.is_some() => "Acknowledged".to_owned(),
        (None, _) => "Open".to_owned(),
    }
}
