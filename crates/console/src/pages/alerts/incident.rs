//! One incident: its figures, what made the cost change, the requests that show it, who was told, and
//! what to do about it.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Html;
use finops::{Driver, Remedy};
use store::{DeliveryFilter, Incident};
use units::IncidentId;

use super::deliveries::DeliveryRow;
use super::figures::{DriverRow, EffectRow, Told};
use super::{DELIVERIES_MAX, class_of, csrf_of, rule_title, state_words};
use crate::ConsoleState;
use crate::access::Session;
use crate::error::ConsoleError;
use crate::markup::{ExactMoney, Stamp};
use crate::pages::layout::{Layout, Section};
use crate::pages::rendered;
use crate::pages::terms::address;
use crate::permission::Permission;
use crate::session::SignedIn;

#[derive(Template)]
#[template(path = "incident.html")]
struct IncidentPage {
    layout: Layout,
    head: Head,
    facts: Vec<(&'static str, String)>,
    effects: Vec<EffectRow>,
    drivers: Vec<DriverRow>,
    remedy: Option<Remedy>,
    /// Id and where it is; empty for those who may not see requests.
    samples: Vec<(String, String)>,
    raw: Option<String>,
    deliveries: Vec<DeliveryRow>,
    csrf: Option<String>,
}

/// The incident as a whole.
struct Head {
    id: String,
    link: String,
    headline: String,
    rule: String,
    subject: String,
    severity: &'static str,
    class: &'static str,
    state: String,
    is_open: bool,
    is_acknowledged: bool,
    is_expected: bool,
    acknowledged: Option<(Stamp, String)>,
    impact: Option<ExactMoney>,
    since: Stamp,
    last_seen: Stamp,
    /// The usage of its time, in explore.
    explore: String,
}

/// Shows the incident. One of another team is not found.
pub(crate) async fn show(
    State(state): State<ConsoleState>,
    SignedIn(session): SignedIn,
    Path(id): Path<String>,
) -> Result<Html<String>, ConsoleError> {
    session.demand(Permission::ReadAlerts)?;
    let incident = found(&state, &session, &id).await?;
    let filter = DeliveryFilter {
        incident: Some(incident.id),
        limit: DELIVERIES_MAX,
        ..DeliveryFilter::default()
    };
    let deliveries = state.sources.alerts.deliveries(&filter).await?;
    let told = Told::of(&incident);
    let may_read = session.may(Permission::ReadRequests);
    let samples = told.samples().into_iter().filter(|_| may_read);
    rendered(&IncidentPage {
        layout: Layout::new(&state, &session, Section::Alerts, incident.headline.clone()),
        head: Head::of(&state, &incident, &told),
        facts: told.facts(&state.moments()),
        effects: told.effects(),
        drivers: told.drivers(|driver| explore(&state, &incident, &told, Some(driver))),
        remedy: told.remedy(),
        samples: samples.map(|id| (format!("/requests/{id}"), id)).collect(),
        raw: told.raw().map(str::to_owned),
        deliveries: deliveries.iter().map(|one| DeliveryRow::of(&state, one)).collect(),
        csrf: csrf_of(&session),
    })
}

/// The incident of an id, as far as the session may know of it.
pub(super) async fn found(
    state: &ConsoleState,
    session: &Session,
    id: &str,
) -> Result<Incident, ConsoleError> {
    let id: IncidentId = id.parse().map_err(|_| ConsoleError::NotFound("incident"))?;
    let incident = state.sources.alerts.incident(id).await?;
    let incident = incident.ok_or(ConsoleError::NotFound("incident"))?;
    session.demand_sight(incident.team.as_ref().map(|team| team.as_str()), "incident")?;
    Ok(incident)
}

impl Head {
    fn of(state: &ConsoleState, incident: &Incident, told: &Told) -> Self {
        let moments = state.moments();
        let attention = &incident.attention;
        let by = attention.acknowledged_by.clone().unwrap_or_default();
        Self {
            id: incident.id.to_string(),
            link: format!("/alerts/{}", incident.id),
            headline: incident.headline.clone(),
            rule: rule_title(&incident.kind),
            subject: incident.subject.clone(),
            severity: incident.severity.as_str(),
            class: class_of(incident),
            state: state_words(state, incident),
            is_open: incident.is_open(),
            is_acknowledged: attention.acknowledged_at.is_some(),
            is_expected: incident.is_expected(state.now()),
            acknowledged: attention.acknowledged_at.map(|at| (moments.stamp(at), by)),
            impact: told.impact().map(ExactMoney),
            since: moments.stamp(told.since(incident)),
            last_seen: moments.stamp(incident.last_seen),
            explore: explore(state, incident, told, None),
        }
    }
}

/// The days of an incident in explore, within its team and a driver of it.
fn explore(
    state: &ConsoleState,
    incident: &Incident,
    told: &Told,
    driver: Option<&Driver>,
) -> String {
    let zone = &state.settings.zone;
    let day = |at| zone.date_of(at).to_string();
    let mut pairs = vec![
        ("range", "dates".to_owned()),
        ("from", day(told.since(incident))),
        ("to", day(incident.last_seen)),
        ("grain", "hour".to_owned()),
        ("by", "model".to_owned()),
        ("compare", "1".to_owned()),
    ];
    let team = incident.team.as_ref().map(|team| ("team", team.to_string()));
    let driver = driver.map(|driver| (driver.by.as_str(), driver.name.clone()));
    for (what, value) in team.into_iter().chain(driver).chain(told.usage()) {
        pairs.push(("f", what.to_owned()));
        pairs.push(("op", "is".to_owned()));
        pairs.push(("v", value));
    }
    address("/explore", &pairs)
}
