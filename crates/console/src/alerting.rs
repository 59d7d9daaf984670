//! Incidents and the deliveries that told of them: the trait the pages read and change them through.
//!
//! It must never know how an incident is found, or the address of a channel.

use async_trait::async_trait;
use store::{Actor, Delivery, DeliveryFilter, DeliveryKind, Incident, IncidentFilter};
use units::{DeliveryId, IncidentId, UnixMicros};

/// Why incidents or deliveries could not be read or changed. Always our fault; a retry may help.
#[derive(Debug, thiserror::Error)]
#[error("alerts could not be read or changed: {0}")]
pub struct AlertError(pub String);

/// Incidents, their deliveries, and the channels they go to.
#[async_trait]
pub trait AlertBoard: Send + Sync {
    /// Incidents, newest first.
    async fn incidents(&self, filter: &IncidentFilter) -> Result<Vec<Incident>, AlertError>;

    /// One incident.
    async fn incident(&self, id: IncidentId) -> Result<Option<Incident>, AlertError>;

    /// Deliveries, newest first.
    async fn deliveries(&self, filter: &DeliveryFilter) -> Result<Vec<Delivery>, AlertError>;

    /// One delivery.
    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, AlertError>;

    /// Where alerts are told. Their URLs are secrets and not among what is known here.
    fn channels(&self) -> Vec<Channel>;

    /// Notes that someone is on an incident that exists.
    async fn acknowledge(&self, id: IncidentId, by: &Actor) -> Result<(), AlertError>;

    /// Says until when an incident that exists is expected; `None` takes that back.
    async fn expect(
        &self,
        id: IncidentId,
        until: Option<UnixMicros>,
        by: &Actor,
    ) -> Result<(), AlertError>;

    /// Has a delivery that exists sent again.
    async fn replay(&self, id: DeliveryId, by: &Actor) -> Result<(), AlertError>;

    /// Has a test message sent to a channel that exists.
    async fn test(&self, channel: &Channel, by: &Actor) -> Result<(), AlertError>;
}

/// Where alerts are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Its name.
    pub name: String,
    /// How it is spoken to.
    pub kind: DeliveryKind,
}

/// No alerts, for consoles without a store of them.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoAlerts;

#[async_trait]
impl AlertBoard for NoAlerts {
    async fn incidents(&self, _: &IncidentFilter) -> Result<Vec<Incident>, AlertError> {
        Ok(Vec::new())
    }

    async fn incident(&self, _: IncidentId) -> Result<Option<Incident>, AlertError> {
        Ok(None)
    }

    async fn deliveries(&self, _: &DeliveryFilter) -> Result<Vec<Delivery>, AlertError> {
        Ok(Vec::new())
    }

    async fn delivery(&self, _: DeliveryId) -> Result<Option<Delivery>, AlertError> {
        Ok(None)
    }

    fn channels(&self) -> Vec<Channel> {
        Vec::new()
    }

    async fn acknowledge(&self, _: IncidentId, _: &Actor) -> Result<(), AlertError> {
        Ok(())
    }

    async fn expect(
        &self,
        _: IncidentId,
        _: Option<UnixMicros>,
        _: &Actor,
    ) -> Result<(), AlertError> {
        Ok(())
    }

    async fn replay(&self, _: DeliveryId, _: &Actor) -> Result<(), AlertError> {
        Ok(())
    }

    async fn test(&self, _: &Channel, _: &Actor) -> Result<(), AlertError> {
        Ok(())
    }
}
