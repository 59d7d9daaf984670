//! Deliveries as tables show them.

use store::{Delivery, DeliveryState};

use crate::ConsoleState;
use crate::markup::Stamp;

/// One delivery.
pub(super) struct DeliveryRow {
    pub(super) id: String,
    pub(super) channel: String,
    pub(super) kind: &'static str,
    /// Where its incident is; `None` for tests.
    pub(super) incident: Option<String>,
    pub(super) state: &'static str,
    pub(super) class: &'static str,
    pub(super) attempts: u32,
    pub(super) created: Stamp,
    pub(super) sent: Option<Stamp>,
    /// When it is tried next; of pending ones only.
    pub(super) next: Option<Stamp>,
    pub(super) last_status: Option<u16>,
    pub(super) last_error: Option<String>,
    /// Whether it can be sent again.
    pub(super) is_over: bool,
}

impl DeliveryRow {
    pub(super) fn of(state: &ConsoleState, delivery: &Delivery) -> Self {
        let moments = state.moments();
        let (words, class) = match delivery.state {
            DeliveryState::Pending if delivery.attempts == 0 => ("waiting", "plain"),
            DeliveryState::Pending => ("trying again", "near"),
            DeliveryState::Sent => ("sent", "within"),
            DeliveryState::Dead => ("given up", "over"),
        };
        let is_pending = delivery.state == DeliveryState::Pending;
        Self {
            id: delivery.id.to_string(),
            channel: delivery.channel.clone(),
            kind: delivery.kind.as_str(),
            incident: delivery.incident.map(|id| format!("/alerts/{id}")),
            state: words,
            class,
            attempts: delivery.attempts,
            created: moments.stamp(delivery.created_at),
            sent: delivery.sent_at.map(|at| moments.stamp(at)),
            next: is_pending.then(|| moments.stamp(delivery.next_at)),
            last_status: delivery.last_status,
            last_error: delivery.last_error.clone(),
            is_over: !is_pending,
        }
    }
}
