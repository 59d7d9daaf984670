//! An incident as a Standard Webhooks event: the figures as they are, for machines.
//!
//! It must never know how a message is sent or signed.

use finops::Remedy;
use serde_json::{Value, json};

use crate::{Links, Notice};

/// Renders what is told of an incident: `type`, `timestamp` and `data`, as Standard Webhooks has them.
/// Amounts are decimal strings of US dollars, instants RFC 3339 but for those inside `figures`, which
/// are microseconds since 1970 as everywhere in the product's data. Values are as they came. Where there
/// are commands that mend it they are in `remedy`.
pub fn render_webhook(notice: &Notice, links: &Links) -> Result<Value, serde_json::Error> {
    Ok(json!({
        "type": format!("incident.{}", notice.turn),
        "timestamp": notice.at.to_string(),
        "data": {
            "id": notice.id,
            "key": notice.key,
            "rule": notice.rule,
            "rule_version": notice.rule.version(),
            "severity": notice.severity,
            "subject": notice.subject,
            "team": notice.team,
            "headline": notice.headline,
            "first_seen": notice.first_seen.to_string(),
            "figures": serde_json::to_value(&notice.figures)?,
            "remedy": Remedy::of(&notice.figures).map(|remedy| remedy.commands),
            "links": {
                "incident": links.incident(notice.id),
                "budgets": links.budgets(),
                "drift": links.drift(),
            },
        },
    }))
}

/// Several events as one, for a receiver that cannot keep up: each event's head without its figures.
pub fn render_webhook_digest(payloads: &[Value], at: units::UnixMicros) -> Value {
    let heads: Vec<Value> = payloads
        .iter()
        .map(|payload| {
            let data = &payload["data"];
            json!({
                "type": payload["type"], "timestamp": payload["timestamp"], "id": data["id"],
                "key": data["key"], "severity": data["severity"], "headline": data["headline"],
            })
        })
        .collect();
    json!({
        "type": "incident.digest",
        "timestamp": at.to_string(),
        "data": {"count": payloads.len(), "events": heads},
    })
}
