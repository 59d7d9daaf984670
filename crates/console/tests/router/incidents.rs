//! Incidents and deliveries in memory: a runaway that was told, a threshold, a letter that died.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use console::alerting::{AlertBoard, AlertError, Channel};
use finops::{
    Decomposition, Direction, Driver, DriverBy, Evidence, ExpectedRange, IncidentFigures,
};
use serde_json::Value;
use store::{
    Actor, Attention, Delivery, DeliveryFilter, DeliveryKind, DeliveryState, Incident,
    IncidentFilter, Severity,
};
use units::{DeliveryId, IncidentId, RequestId, UnixMicros};

use crate::sample::{HOSTILE, NOW, usd};

const MINUTE_US: i64 = 60_000_000;

/// Incidents and deliveries, and what was asked to be done about them.
#[derive(Debug)]
pub(crate) struct MemoryAlerts {
    incidents: Mutex<Vec<Incident>>,
    deliveries: Vec<Delivery>,
    deeds: Mutex<Vec<String>>,
}

/// The runaway of team search, open.
pub(crate) const RUNAWAY: u128 = 11;
/// A threshold of team growth, open.
pub(crate) const THRESHOLD: u128 = 12;
/// A stall of nobody's team, over, with figures this release cannot read.
pub(crate) const STALL: u128 = 13;
/// A reported cost that differs, of nobody's team, open.
pub(crate) const DRIFT: u128 = 14;
/// The delivery that died.
pub(crate) const DEAD: u128 = 21;

/// Three incidents and three deliveries.
pub(crate) fn alerts() -> MemoryAlerts {
    let unreadable = serde_json::json!({"from": "another release", "seconds": 84});
    let mut stall = incident(STALL, ("stalled", Severity::Info), None, unreadable);
    stall.resolved_at = Some(NOW.plus_micros(-30 * MINUTE_US));
    MemoryAlerts {
        incidents: Mutex::new(vec![
            incident(RUNAWAY, ("burn_rate", Severity::Critical), Some("search"), runaway()),
            incident(THRESHOLD, ("budget_spent", Severity::Warning), Some("growth"), threshold()),
            stall,
            drift(),
        ]),
        deliveries: vec![
            delivery(20, Some(RUNAWAY), DeliveryState::Sent),
            delivery(DEAD, Some(THRESHOLD), DeliveryState::Dead),
            delivery(22, None, DeliveryState::Pending),
        ],
        deeds: Mutex::default(),
    }
}

impl MemoryAlerts {
    /// What was asked to be done, in order.
    pub(crate) fn deeds(&self) -> Vec<String> {
        self.deeds.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn did(&self, deed: String) -> Result<(), AlertError> {
        self.deeds.lock().unwrap_or_else(PoisonError::into_inner).push(deed);
        Ok(())
    }

    fn all(&self) -> Vec<Incident> {
        self.incidents.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn incident(
    id: u128,
    (kind, severity): (&str, Severity),
    team: Option<&str>,
    figures: Value,
) -> Incident {
    let headline = match kind {
        "burn_rate" => "Team search spends 14 times its usual rate",
        "budget_spent" => "Budget growth-monthly reached 80 % of its limit",
        _ => "Usage waits for 84 seconds to be committed",
    };
    Incident {
        id: IncidentId::from_u128(id),
        key: format!("{kind}/{id}"),
        kind: kind.to_owned(),
        severity,
        subject: team.map_or("spool:gw-1".to_owned(), |team| format!("team:{team}")),
        team: team.map(|team| team.parse().unwrap()),
        headline: headline.to_owned(),
        figures,
        first_seen: NOW.plus_micros(-95 * MINUTE_US),
        last_seen: NOW.plus_micros(-MINUTE_US),
        resolved_at: None,
        attention: Attention::default(),
    }
}

fn runaway() -> Value {
    let evidence =
        Evidence::Spend { direction: Direction::Up, window_s: 300, score_tenths: Some(412) };
    let driver = |by, name: &str, delta: &str, share_per_mille| Driver {
        by,
        name: name.to_owned(),
        delta: usd(delta),
        share_per_mille,
    };
    let figures = IncidentFigures {
        expected: Some(ExpectedRange { typical: usd("2.9"), low: usd("1.1"), high: usd("4.7") }),
        impact: usd("118.204501000007"),
        projected_month_end: Some(usd("4210.55")),
        drivers: vec![
            driver(DriverBy::Feature, "agent-loop", "101.9", 862),
            driver(DriverBy::Customer, HOSTILE, "64.2", 543),
        ],
        decomposition: Some(Decomposition {
            before: usd("2.9"),
            after: usd("121.104501000007"),
            price: usd("-0.000000000003"),
            volume: usd("96.2"),
            mix: usd("22.00450100001"),
        }),
        sample_requests: vec![RequestId::from_u128(1).to_string()],
        data_as_of: Some(NOW),
        ..IncidentFigures::new(evidence, usd("121.104501000007"), NOW)
    };
    serde_json::to_value(figures).unwrap()
}

fn drift() -> Incident {
    let evidence = Evidence::ReportedCost {
        provider: Some("labs".to_owned()),
        model: Some("acme-large".to_owned()),
        reported: usd("102.5"),
        computed: usd("100"),
        calls: 1_042,
        from: NOW.plus_micros(-11 * 24 * 60 * MINUTE_US),
    };
    let figures = IncidentFigures {
        impact: usd("2.5"),
        since: NOW.plus_micros(-11 * 24 * 60 * MINUTE_US),
        sample_requests: vec![RequestId::from_u128(1).to_string()],
        ..IncidentFigures::new(evidence, usd("102.5"), NOW)
    };
    let figures = serde_json::to_value(figures).unwrap();
    Incident {
        subject: "model:labs/acme-large".to_owned(),
        headline: "labs reports 2.4 % more for acme-large than the price book has".to_owned(),
        ..incident(DRIFT, ("cost_drift", Severity::Warning), None, figures)
    }
}

fn threshold() -> Value {
    let evidence = Evidence::Budget {
        name: "growth-monthly".to_owned(),
        limit: usd("320"),
        threshold_percent: 80,
        forecast: Some(usd("401.2")),
        window_end: NOW.plus_micros(8 * 24 * 60 * MINUTE_US),
    };
    serde_json::to_value(IncidentFigures::new(evidence, usd("256.7"), NOW)).unwrap()
}

fn delivery(id: u128, incident: Option<u128>, state: DeliveryState) -> Delivery {
    let is_dead = state == DeliveryState::Dead;
    Delivery {
        id: DeliveryId::from_u128(id),
        incident: incident.map(IncidentId::from_u128),
        channel: "finops".to_owned(),
        kind: DeliveryKind::Slack,
        payload: serde_json::json!({"text": "https://hooks.example.test/secret-path"}),
        state,
        attempts: if is_dead { 9 } else { 1 },
        next_at: NOW.plus_micros(MINUTE_US),
        created_at: NOW.plus_micros(-90 * MINUTE_US),
        sent_at: (state == DeliveryState::Sent).then(|| NOW.plus_micros(-89 * MINUTE_US)),
        last_status: is_dead.then_some(410),
        last_error: is_dead.then(|| format!("gone {HOSTILE}")),
    }
}

#[async_trait]
impl AlertBoard for MemoryAlerts {
    async fn incidents(&self, filter: &IncidentFilter) -> Result<Vec<Incident>, AlertError> {
        let mut incidents = self.all();
        incidents.retain(|incident| {
            (!filter.open_only || incident.is_open())
                && (filter.team.is_none() || filter.team == incident.team)
        });
        Ok(incidents)
    }

    async fn incident(&self, id: IncidentId) -> Result<Option<Incident>, AlertError> {
        Ok(self.all().into_iter().find(|incident| incident.id == id))
    }

    async fn deliveries(&self, filter: &DeliveryFilter) -> Result<Vec<Delivery>, AlertError> {
        let is_asked = |delivery: &&Delivery| {
            filter.state.is_none_or(|state| state == delivery.state)
                && (filter.incident.is_none() || filter.incident == delivery.incident)
        };
        Ok(self.deliveries.iter().filter(is_asked).cloned().collect())
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, AlertError> {
        Ok(self.deliveries.iter().find(|delivery| delivery.id == id).cloned())
    }

    fn channels(&self) -> Vec<Channel> {
        vec![Channel { name: "finops".to_owned(), kind: DeliveryKind::Slack }]
    }

    async fn acknowledge(&self, id: IncidentId, _: &Actor) -> Result<(), AlertError> {
        let mut incidents = self.incidents.lock().unwrap_or_else(PoisonError::into_inner);
        for incident in incidents.iter_mut().filter(|incident| incident.id == id) {
            incident.attention.acknowledged_at = Some(NOW);
            incident.attention.acknowledged_by = Some("session".to_owned());
        }
        self.did(format!("acknowledge {id}"))
    }

    async fn expect(
        &self,
        id: IncidentId,
        until: Option<UnixMicros>,
        _: &Actor,
    ) -> Result<(), AlertError> {
        let until = until.map(|until| until.to_string()).unwrap_or_default();
        self.did(format!("expect {id} {until}"))
    }

    async fn replay(&self, id: DeliveryId, _: &Actor) -> Result<(), AlertError> {
        self.did(format!("replay {id}"))
    }

    async fn test(&self, channel: &Channel, _: &Actor) -> Result<(), AlertError> {
        self.did(format!("test {}", channel.name))
    }
}
