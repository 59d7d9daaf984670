//! Alerts over the transactional store.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use store::{
    Actor, Delivery, DeliveryFilter, Incident, IncidentFilter, NewDelivery, Store, StoreError,
};
use units::{Clock, DeliveryId, IncidentId, UnixMicros};

use crate::alerting::{AlertBoard, AlertError, Channel};

/// The channels of the configuration, and what a test says on each.
pub trait Channels: Send + Sync + fmt::Debug {
    /// The channels, in the order of the configuration.
    fn all(&self) -> Vec<Channel>;

    /// The body of a test message, as it is sent.
    fn test_message(&self, channel: &Channel, at: UnixMicros) -> Value;
}

/// Incidents and deliveries kept in the store.
#[derive(Debug, Clone)]
pub struct StoreAlerts {
    store: Store,
    channels: Arc<dyn Channels>,
    clock: Arc<dyn Clock>,
}

impl StoreAlerts {
    /// The alerts of a store, told on these channels.
    pub fn new(store: Store, channels: Arc<dyn Channels>, clock: Arc<dyn Clock>) -> Self {
        Self { store, channels, clock }
    }
}

#[async_trait]
impl AlertBoard for StoreAlerts {
    async fn incidents(&self, filter: &IncidentFilter) -> Result<Vec<Incident>, AlertError> {
        self.store.incidents().list(filter).await.map_err(failed)
    }

    async fn incident(&self, id: IncidentId) -> Result<Option<Incident>, AlertError> {
        self.store.incidents().get(id).await.map_err(failed)
    }

    async fn deliveries(&self, filter: &DeliveryFilter) -> Result<Vec<Delivery>, AlertError> {
        self.store.outbox().list(filter).await.map_err(failed)
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, AlertError> {
        self.store.outbox().get(id).await.map_err(failed)
    }

    fn channels(&self) -> Vec<Channel> {
        self.channels.all()
    }

    async fn acknowledge(&self, id: IncidentId, by: &Actor) -> Result<(), AlertError> {
        self.store.incidents().acknowledge(id, by).await.map(drop).map_err(failed)
    }

    async fn expect(
        &self,
        id: IncidentId,
        until: Option<UnixMicros>,
        by: &Actor,
    ) -> Result<(), AlertError> {
        self.store.incidents().expect(id, until, by).await.map(drop).map_err(failed)
    }

    async fn replay(&self, id: DeliveryId, by: &Actor) -> Result<(), AlertError> {
        self.store.outbox().replay(id, by).await.map(drop).map_err(failed)
    }

    async fn test(&self, channel: &Channel, _: &Actor) -> Result<(), AlertError> {
        let at = self.clock.now();
        let new = NewDelivery {
            incident: None,
            channel: channel.name.clone(),
            kind: channel.kind,
            payload: self.channels.test_message(channel, at),
            // Pressing twice within a second sends one message.
            dedupe_key: format!("test/{}/{}", channel.name, at.get() / 1_000_000),
        };
        self.store.outbox().enqueue(&new).await.map(drop).map_err(failed)
    }
}

fn failed(error: StoreError) -> AlertError {
    AlertError(error.to_string())
}
