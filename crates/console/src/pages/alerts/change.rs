//! What can be done about alerts: acknowledge, expect, send again, send a test. Each answers with the
//! page it was asked from.

use axum::extract::{Path, State};
use axum::response::Redirect;
use serde::Deserialize;
use store::Actor;
use units::DeliveryId;

use super::incident::found;
use crate::ConsoleState;
use crate::error::ConsoleError;
use crate::guard::{Confirmed, NoFields};
use crate::permission::Permission;

const HOUR_US: i64 = 3_600_000_000;
/// Longest time an incident may be expected for, hours: one that lasts longer is no incident.
const EXPECTED_HOURS_MAX: u32 = 90 * 24;

/// Notes that someone is on an incident.
pub(crate) async fn acknowledge(
    State(state): State<ConsoleState>,
    Path(id): Path<String>,
    Confirmed(session, NoFields {}): Confirmed<NoFields>,
) -> Result<Redirect, ConsoleError> {
    session.demand(Permission::WriteAlerts)?;
    let incident = found(&state, &session, &id).await?;
    let by = Actor::Session(session.id);
    state.sources.alerts.acknowledge(incident.id, &by).await?;
    Ok(Redirect::to(&format!("/alerts/{}", incident.id)))
}

/// How long an incident is expected.
#[derive(Debug, Deserialize)]
pub(crate) struct Expected {
    /// Hours from now; 0 takes it back.
    hours: u32,
}

/// Says until when an incident is expected.
pub(crate) async fn expect(
    State(state): State<ConsoleState>,
    Path(id): Path<String>,
    Confirmed(session, Expected { hours }): Confirmed<Expected>,
) -> Result<Redirect, ConsoleError> {
    session.demand(Permission::WriteAlerts)?;
    if hours > EXPECTED_HOURS_MAX {
        let text = format!("An incident can be expected for {EXPECTED_HOURS_MAX} hours at most.");
        return Err(ConsoleError::Malformed(text));
    }
    let incident = found(&state, &session, &id).await?;
    let until = (hours > 0).then(|| state.now().plus_micros(i64::from(hours) * HOUR_US));
    let by = Actor::Session(session.id);
    state.sources.alerts.expect(incident.id, until, &by).await?;
    Ok(Redirect::to(&format!("/alerts/{}", incident.id)))
}

/// Has a delivery sent again.
pub(crate) async fn replay(
    State(state): State<ConsoleState>,
    Path(id): Path<String>,
    Confirmed(session, NoFields {}): Confirmed<NoFields>,
) -> Result<Redirect, ConsoleError> {
    session.demand(Permission::WriteAlerts)?;
    let id: DeliveryId = id.parse().map_err(|_| ConsoleError::NotFound("delivery"))?;
    let delivery = state.sources.alerts.delivery(id).await?;
    let delivery = delivery.ok_or(ConsoleError::NotFound("delivery"))?;
    match delivery.incident {
        Some(incident) => {
            // Of another team's incident not even a delivery is found.
            found(&state, &session, &incident.to_string()).await?;
        }
        None => session.demand_sight(None, "delivery")?,
    }
    state.sources.alerts.replay(id, &Actor::Session(session.id)).await?;
    Ok(Redirect::to("/alerts#deliveries"))
}

/// Has a test message sent to a channel.
pub(crate) async fn test(
    State(state): State<ConsoleState>,
    Path(name): Path<String>,
    Confirmed(session, NoFields {}): Confirmed<NoFields>,
) -> Result<Redirect, ConsoleError> {
    session.demand(Permission::WriteAlerts)?;
    // Channels are the organisation's: a session of one team does not know of them.
    session.demand_sight(None, "channel")?;
    let channels = state.sources.alerts.channels();
    let channel = channels.iter().find(|channel| channel.name == name);
    let channel = channel.ok_or(ConsoleError::NotFound("channel"))?;
    state.sources.alerts.test(channel, &Actor::Session(session.id)).await?;
    Ok(Redirect::to("/alerts#deliveries"))
}
