//! Incidents and deliveries over the API. A session of one team sees its team's incidents, and the
//! deliveries that told of them.

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{Actor, Delivery, DeliveryFilter, DeliveryState, Incident, IncidentFilter};
use units::{DeliveryId, IncidentId};
use utoipa::{IntoParams, ToSchema};

use super::money::instant;
use super::paging::PageQuery;
use crate::ConsoleState;
use crate::access::Session;
use crate::error::ConsoleError;
use crate::pages::Asked;
use crate::permission::Permission;
use crate::session::SignedIn;

/// Pages of deliveries looked through for those of one team before the answer is given as it is.
const PAGES_MAX: u32 = 8;

/// Something that wants attention.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct IncidentShown {
    /// `inc_…`.
    id: String,
    /// Which rule saw it, such as `budget_threshold`.
    kind: String,
    /// `info`, `warning` or `critical`.
    severity: &'static str,
    /// What it is about, as a scope is written.
    subject: String,
    /// The team it belongs to; null is the organisation's.
    team: Option<String>,
    /// One line for people.
    headline: String,
    /// The figures behind it; money as decimal strings of US dollars.
    #[schema(value_type = Object)]
    figures: Value,
    /// When it was first seen.
    #[schema(format = DateTime)]
    first_seen: String,
    /// When it was last seen.
    #[schema(format = DateTime)]
    last_seen: String,
    /// When it was over; null while it is open.
    #[schema(format = DateTime)]
    resolved_at: Option<String>,
    /// When someone said they are on it.
    #[schema(format = DateTime)]
    acknowledged_at: Option<String>,
    /// Until when it is expected.
    #[schema(format = DateTime)]
    expected_until: Option<String>,
}

/// A page of incidents.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct IncidentList {
    /// Newest first.
    items: Vec<IncidentShown>,
    /// Where the next page begins; null at the end.
    next_cursor: Option<String>,
}

/// A message on its way, sent, or given up.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeliveryShown {
    /// `dlv_…`.
    id: String,
    /// The incident it tells of.
    incident: Option<String>,
    /// Name of the channel; its address is never told.
    channel: String,
    /// `slack` or `webhook`.
    kind: &'static str,
    /// `pending`, `sent` or `dead`.
    state: &'static str,
    /// How often it was tried.
    attempts: u32,
    /// When it was written.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it is tried next; null unless pending.
    #[schema(format = DateTime)]
    next_at: Option<String>,
    /// When it was accepted.
    #[schema(format = DateTime)]
    sent_at: Option<String>,
    /// HTTP status of the last attempt.
    last_status: Option<u16>,
    /// Why the last attempt failed.
    last_error: Option<String>,
}

/// A page of deliveries.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeliveryList {
    /// Newest first.
    items: Vec<DeliveryShown>,
    /// Where the next page begins; null at the end. A page may be shorter than its limit.
    next_cursor: Option<String>,
}

/// Which incidents to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct IncidentsQuery {
    /// Open ones only.
    #[serde(default)]
    open_only: bool,
}

/// Which deliveries to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DeliveriesQuery {
    /// In this state only: `pending`, `sent` or `dead`.
    state: Option<String>,
    /// Of this incident only.
    incident: Option<String>,
}

/// Lists incidents
#[utoipa::path(
    get, path = "/api/v1/incidents", tag = "alerts", params(IncidentsQuery, PageQuery),
    responses((status = 200, body = IncidentList)),
    security(("bearer" = []), ("cookie" = []))
)]
pub(super) async fn incidents(
    State(state): State<ConsoleState>,
    SignedIn(session): SignedIn,
    Asked(query): Asked<IncidentsQuery>,
    Asked(page): Asked<PageQuery>,
) -> Result<Json<IncidentList>, ConsoleError> {
    session.demand(Permission::ReadAlerts)?;
    let limit = page.limit()?;
    let filter = IncidentFilter {
        open_only: query.open_only,
        team: session.team().cloned(),
        before: page.after::<IncidentId>()?,
        limit: limit + 1,
    };
    let mut found = state.desk()?.store.incidents().list(&filter).await?;
    let next = cut(&mut found, limit, |incident| incident.id.to_string());
    Ok(Json(IncidentList {
        items: found.into_iter().map(IncidentShown::of).collect(),
        next_cursor: next,
    }))
}

/// Shows one incident
#[utoipa::path(
    get, path = "/api/v1/incidents/{id}", tag = "alerts",
    params(("id" = String, Path, description = "Id of the incident.")),
    responses((status = 200, body = IncidentShown), (status = 404)),
    security(("bearer" = []), ("cookie" = []))
)]
pub(super) async fn incident(
    State(state): State<ConsoleState>,
    SignedIn(session): SignedIn,
    Path(id): Path<String>,
) -> Result<Json<IncidentShown>, ConsoleError> {
    session.demand(Permission::ReadAlerts)?;
    let id = id.parse().map_err(|_| ConsoleError::NotFound("incident"))?;
    Ok(Json(IncidentShown::of(visible(&state, &session, id).await?)))
}

/// Says that someone is on an incident
#[utoipa::path(
    post, path = "/api/v1/incidents/{id}/acknowledge", tag = "alerts",
    params(("id" = String, Path, description = "Id of the incident.")),
    responses((status = 200, body = IncidentShown), (status = 404)),
    security(("bearer" = []), ("cookie" = []))
)]
pub(super) async fn acknowledge(
    State(state): State<ConsoleState>,
    SignedIn(session): SignedIn,
    Path(id): Path<String>,
) -> Result<Json<IncidentShown>, ConsoleError> {
    session.demand(Permission::WriteAlerts)?;
    let id = id.parse().map_err(|_| ConsoleError::NotFound("incident"))?;
    visible(&state, &session, id).await?;
    let incidents = state.desk()?.store.incidents();
    let incident = incidents.acknowledge(id, &Actor::Session(session.id)).await?;
    Ok(Json(IncidentShown::of(incident)))
}

/// Lists deliveries
#[utoipa::path(
    get, path = "/api/v1/deliveries", tag = "alerts", params(DeliveriesQuery, PageQuery),
    responses((status = 200, body = DeliveryList)),
    security(("bearer" = []), ("cookie" = []))
)]
pub(super) async fn deliveries(
    State(state): State<ConsoleState>,
    SignedIn(session): SignedIn,
    Asked(query): Asked<DeliveriesQuery>,
    Asked(page): Asked<PageQuery>,
) -> Result<Json<DeliveryList>, ConsoleError> {
    session.demand(Permission::ReadAlerts)?;
    let limit = page.limit()?;
    let wrong = |text: String| ConsoleError::Malformed(format!("state: {text}"));
    let incident = query.incident.map(|id| id.parse::<IncidentId>()).transpose();
    let mut filter = DeliveryFilter {
        state: query.state.map(|text| text.parse::<DeliveryState>()).transpose().map_err(wrong)?,
        channel: None,
        incident: incident.map_err(|_| ConsoleError::NotFound("incident"))?,
        before: page.after::<DeliveryId>()?,
        limit: limit + 1,
    };
    if let Some(id) = filter.incident {
        visible(&state, &session, id).await?;
    }
    let (mut items, mut next) = (Vec::new(), None);
    for _ in 0..PAGES_MAX {
        let mut found = state.desk()?.store.outbox().list(&filter).await?;
        next = cut(&mut found, limit, |delivery| delivery.id.to_string());
        filter.before = found.last().map(|delivery| delivery.id);
        for delivery in found {
            if is_visible(&state, &session, &delivery).await? {
                items.push(DeliveryShown::of(delivery));
            }
        }
        // All are seen by sessions of no team; for those of one, look on until there is something.
        if next.is_none() || !items.is_empty() {
            break;
        }
    }
    Ok(Json(DeliveryList { items, next_cursor: next }))
}

/// Sends a delivery once more
#[utoipa::path(
    post, path = "/api/v1/deliveries/{id}/replay", tag = "alerts",
    params(
        ("id" = String, Path, description = "Id of the delivery."),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes asking twice one change.")
    ),
    responses((status = 200, body = DeliveryShown), (status = 404)),
    security(("bearer" = []), ("cookie" = []))
)]
pub(super) async fn replay(
    State(state): State<ConsoleState>,
    SignedIn(session): SignedIn,
    Path(id): Path<String>,
) -> Result<Json<DeliveryShown>, ConsoleError> {
    session.demand(Permission::WriteAlerts)?;
    let none = || ConsoleError::NotFound("delivery");
    let id: DeliveryId = id.parse().map_err(|_| none())?;
    let outbox = state.desk()?.store.outbox();
    let delivery = outbox.get(id).await?.ok_or_else(none)?;
    if !is_visible(&state, &session, &delivery).await? {
        return Err(none());
    }
    let again = outbox.replay(id, &Actor::Session(session.id)).await?;
    Ok(Json(DeliveryShown::of(again)))
}

/// An incident the session may see.
async fn visible(
    state: &ConsoleState,
    session: &Session,
    id: IncidentId,
) -> Result<Incident, ConsoleError> {
    let incident = state.desk()?.store.incidents().get(id).await?;
    let incident = incident.ok_or(ConsoleError::NotFound("incident"))?;
    session.demand_sight(incident.team.as_ref().map(units::Slug::as_str), "incident")?;
    Ok(incident)
}

/// Whether a delivery tells of what the session may see.
async fn is_visible(
    state: &ConsoleState,
    session: &Session,
    delivery: &Delivery,
) -> Result<bool, ConsoleError> {
    match (session.team(), delivery.incident) {
        (None, _) => Ok(true),
        (Some(_), None) => Ok(false),
        (Some(_), Some(id)) => match visible(state, session, id).await {
            Ok(_) => Ok(true),
            Err(ConsoleError::NotFound(_)) => Ok(false),
            Err(error) => Err(error),
        },
    }
}

/// Cuts what was asked for with one more down to the limit, and names the last item if there are more.
fn cut<T>(found: &mut Vec<T>, limit: u32, name: impl Fn(&T) -> String) -> Option<String> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = found.len() > limit;
    found.truncate(limit);
    found.last().filter(|_| has_more).map(name)
}

impl IncidentShown {
    fn of(incident: Incident) -> Self {
        Self {
            id: incident.id.to_string(),
            kind: incident.kind,
            severity: incident.severity.as_str(),
            subject: incident.subject,
            team: incident.team.map(String::from),
            headline: incident.headline,
            figures: incident.figures,
            first_seen: instant(incident.first_seen),
            last_seen: instant(incident.last_seen),
            resolved_at: incident.resolved_at.map(instant),
            acknowledged_at: incident.attention.acknowledged_at.map(instant),
            expected_until: incident.attention.expected_until.map(instant),
        }
    }
}

impl DeliveryShown {
    fn of(delivery: Delivery) -> Self {
        let is_pending = delivery.state == DeliveryState::Pending;
        Self {
            id: delivery.id.to_string(),
            incident: delivery.incident.map(|id| id.to_string()),
            channel: delivery.channel,
            kind: delivery.kind.as_str(),
            state: delivery.state.as_str(),
            attempts: delivery.attempts,
            created_at: instant(delivery.created_at),
            next_at: is_pending.then(|| instant(delivery.next_at)),
            sent_at: delivery.sent_at.map(instant),
            last_status: delivery.last_status,
            last_error: delivery.last_error,
        }
    }
}
