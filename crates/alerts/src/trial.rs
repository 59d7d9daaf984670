//! A test message for a channel, sent the way an alert is. It must never name an incident.

use serde_json::json;
use store::{DeliveryKind, NewDelivery};
use units::{DeliveryId, UnixMicros};

/// A message that says that a channel works. Each is a message of its own.
pub fn test_message(channel: &str, kind: DeliveryKind, at: UnixMicros) -> NewDelivery {
    let text = "Tollgate can reach this channel: alerts will be told here.";
    let payload = match kind {
        DeliveryKind::Slack => json!({
            "text": text,
            "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": text}}],
        }),
        DeliveryKind::Webhook => json!({
            "type": "test", "timestamp": at.to_string(), "data": {"text": text},
        }),
    };
    NewDelivery {
        incident: None,
        channel: channel.to_owned(),
        kind,
        payload,
        dedupe_key: format!("test/{}/{channel}", DeliveryId::generate()),
    }
}
