//! Incidents over any engine.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use units::{IncidentId, Slug, UnixMicros};

use super::audit::{self, AuditSql};
use crate::engine::{Engine, Link};
use crate::rows::{self, Columns, indexable, storable};
use crate::{
    Actor, Attention, Change, Incident, IncidentFilter, Incidents, NewAudit, NewIncident, PAGE_MAX,
    Severity, StoreError,
};

/// How often a sighting is tried again when others open and end incidents of its key meanwhile.
const TRIES: usize = 3;

/// The statements of incidents.
#[async_trait]
pub(crate) trait IncidentSql: Engine {
    /// The open incident of a key; nobody else changes it before this transaction ends.
    async fn locked_open_incident(
        link: &mut Link<Self>,
        key: &str,
    ) -> Result<Option<Incident>, StoreError>;

    /// The incident of an id; nobody else changes it before this transaction ends.
    async fn locked_incident(
        link: &mut Link<Self>,
        id: IncidentId,
    ) -> Result<Option<Incident>, StoreError>;

    /// The newest incident of a key, open or over.
    async fn newest_incident(
        link: &mut Link<Self>,
        key: &str,
    ) -> Result<Option<Incident>, StoreError>;

    /// The incident of an id.
    async fn incident_of_id(
        link: &mut Link<Self>,
        id: IncidentId,
    ) -> Result<Option<Incident>, StoreError>;

    /// Incidents that pass a filter, newest first.
    async fn incidents_matching(
        link: &mut Link<Self>,
        filter: &IncidentFilter,
    ) -> Result<Vec<Incident>, StoreError>;

    /// Adds an open incident; `false` when one of its key is open.
    async fn insert_incident(
        link: &mut Link<Self>,
        incident: &Incident,
    ) -> Result<bool, StoreError>;

    /// Writes everything about an incident that may change.
    async fn update_incident(link: &mut Link<Self>, incident: &Incident) -> Result<(), StoreError>;
}

/// [`Incidents`] over one database.
#[derive(Debug)]
pub(super) struct StoredIncidents<E>(pub(super) Arc<E>);

#[async_trait]
impl<E: IncidentSql + AuditSql> Incidents for StoredIncidents<E> {
    async fn open_or_update(&self, seen: &NewIncident) -> Result<(Incident, Change), StoreError> {
        let seen = &clean(seen);
        for _ in 0..TRIES {
            let mut transaction = self.0.begin().await?;
            let known = E::locked_open_incident(&mut transaction, &seen.key).await?;
            let noted = match known {
                Some(known) => {
                    let (incident, change) = updated(&known, seen);
                    if incident != known {
                        E::update_incident(&mut transaction, &incident).await?;
                    }
                    Some((incident, change))
                }
                None => {
                    let before = E::newest_incident(&mut transaction, &seen.key).await?;
                    let incident = opened(seen, before);
                    let is_new = E::insert_incident(&mut transaction, &incident).await?;
                    is_new.then_some((incident, Change::Opened))
                }
            };
            E::commit(transaction).await?;
            if let Some(noted) = noted {
                return Ok(noted);
            }
        }
        Err(StoreError::Busy)
    }

    async fn resolve(&self, key: &str, at: UnixMicros) -> Result<Option<Incident>, StoreError> {
        let mut transaction = self.0.begin().await?;
        let mut known = E::locked_open_incident(&mut transaction, &indexable(key)).await?;
        if let Some(incident) = &mut known {
            incident.resolved_at = Some(at);
            E::update_incident(&mut transaction, incident).await?;
        }
        E::commit(transaction).await?;
        Ok(known)
    }

    async fn get(&self, id: IncidentId) -> Result<Option<Incident>, StoreError> {
        E::incident_of_id(&mut *self.0.reader().await?, id).await
    }

    async fn find_open(&self, key: &str) -> Result<Option<Incident>, StoreError> {
        let newest = E::newest_incident(&mut *self.0.reader().await?, &indexable(key)).await?;
        Ok(newest.filter(Incident::is_open))
    }

    async fn list(&self, filter: &IncidentFilter) -> Result<Vec<Incident>, StoreError> {
        let filter = IncidentFilter { limit: filter.limit.min(PAGE_MAX), ..filter.clone() };
        E::incidents_matching(&mut *self.0.reader().await?, &filter).await
    }

    async fn acknowledge(&self, id: IncidentId, by: &Actor) -> Result<Incident, StoreError> {
        let now = self.0.now();
        let attend = |attention: &mut Attention| {
            if attention.acknowledged_at.is_none() {
                attention.acknowledged_at = Some(now);
                attention.acknowledged_by = Some(by.to_string());
            }
        };
        self.attend(id, NewAudit::new(by, "incident.acknowledge", id), attend).await
    }

    async fn expect(
        &self,
        id: IncidentId,
        until: Option<UnixMicros>,
        by: &Actor,
    ) -> Result<Incident, StoreError> {
        let attend = |attention: &mut Attention| attention.expected_until = until;
        self.attend(id, NewAudit::new(by, "incident.expect", id), attend).await
    }
}

impl<E: IncidentSql + AuditSql> StoredIncidents<E> {
    /// Changes what people did about an incident, and audits it if that changed anything.
    async fn attend(
        &self,
        id: IncidentId,
        entry: NewAudit,
        change: impl FnOnce(&mut Attention) + Send,
    ) -> Result<Incident, StoreError> {
        let mut transaction = self.0.begin().await?;
        let missing = || StoreError::NotFound { what: "incident", id: id.to_string() };
        let mut incident = E::locked_incident(&mut transaction, id).await?.ok_or_else(missing)?;
        let before = incident.attention.clone();
        change(&mut incident.attention);
        if incident.attention == before {
            E::commit(transaction).await?;
            return Ok(incident);
        }
        E::update_incident(&mut transaction, &incident).await?;
        let entry = NewAudit { before: json!(before), after: json!(incident.attention), ..entry };
        audit::append::<E>(&mut transaction, self.0.now(), &entry).await?;
        E::commit(transaction).await?;
        Ok(incident)
    }
}

/// The sighting as both engines can hold it.
fn clean(seen: &NewIncident) -> NewIncident {
    NewIncident {
        key: indexable(&seen.key).into_owned(),
        kind: storable(&seen.kind).into_owned(),
        subject: storable(&seen.subject).into_owned(),
        headline: storable(&seen.headline).into_owned(),
        ..seen.clone()
    }
}

/// A new incident. That it is expected outlives the one before it.
fn opened(seen: &NewIncident, before: Option<Incident>) -> Incident {
    Incident {
        id: IncidentId::generate(),
        key: seen.key.clone(),
        kind: seen.kind.clone(),
        severity: seen.severity,
        subject: seen.subject.clone(),
        team: seen.team.clone(),
        headline: seen.headline.clone(),
        figures: seen.figures.clone(),
        first_seen: seen.at,
        last_seen: seen.at,
        resolved_at: None,
        attention: Attention {
            expected_until: before.and_then(|before| before.attention.expected_until),
            ..Attention::default()
        },
    }
}

/// The open incident after a sighting, and what the sighting changed.
fn updated(known: &Incident, seen: &NewIncident) -> (Incident, Change) {
    if seen.at < known.last_seen {
        return (known.clone(), Change::Unchanged);
    }
    let incident = Incident {
        severity: seen.severity,
        headline: seen.headline.clone(),
        figures: seen.figures.clone(),
        last_seen: seen.at,
        ..known.clone()
    };
    let shown = |incident: &Incident| {
        (incident.severity, incident.headline.clone(), incident.figures.clone())
    };
    let change = if shown(&incident) == shown(known) { Change::Unchanged } else { Change::Updated };
    (incident, change)
}

/// An incident from its row.
pub(crate) fn incident(row: &impl Columns) -> Result<Incident, StoreError> {
    Ok(Incident {
        id: rows::parsed(row, "id", |text| text.parse::<IncidentId>())?,
        key: rows::text(row, "key")?,
        kind: rows::text(row, "kind")?,
        severity: rows::parsed(row, "severity", |text| text.parse::<Severity>())?,
        subject: rows::text(row, "subject")?,
        team: rows::parsed_option(row, "team", Slug::try_from)?,
        headline: rows::text(row, "headline")?,
        figures: rows::json(row, "figures")?,
        first_seen: rows::instant(row, "first_seen_us")?,
        last_seen: rows::instant(row, "last_seen_us")?,
        resolved_at: rows::instant_option(row, "resolved_at_us")?,
        attention: Attention {
            acknowledged_at: rows::instant_option(row, "acknowledged_at_us")?,
            acknowledged_by: row.text("acknowledged_by")?,
            expected_until: rows::instant_option(row, "expected_until_us")?,
        },
    })
}
