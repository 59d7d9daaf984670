//! The statements of incidents in PostgreSQL.

use async_trait::async_trait;
use sqlx::PgConnection;
use units::{IncidentId, Slug, UnixMicros};

use super::database::{Bounded, Database};
use crate::rows;
use crate::stored::{IncidentSql, incident};
use crate::{Incident, IncidentFilter, StoreError};

/// The statement that reads incidents, with what follows `FROM incidents`.
macro_rules! select_incidents {
    ($rest:literal) => {
        concat!(
            "SELECT id, key, kind, severity, subject, team, headline, figures, first_seen_us,
                    last_seen_us, resolved_at_us, acknowledged_at_us, acknowledged_by, expected_until_us
             FROM incidents ",
            $rest
        )
    };
}

#[async_trait]
impl IncidentSql for Database {
    async fn locked_open_incident(
        link: &mut PgConnection,
        key: &str,
    ) -> Result<Option<Incident>, StoreError> {
        let row = sqlx::query(select_incidents!("WHERE key = $1 AND state = 'open' FOR UPDATE"))
            .bind(key)
            .optional(link)
            .await?;
        row.as_ref().map(incident).transpose()
    }

    async fn locked_incident(
        link: &mut PgConnection,
        id: IncidentId,
    ) -> Result<Option<Incident>, StoreError> {
        let row = sqlx::query(select_incidents!("WHERE id = $1 FOR UPDATE"))
            .bind(id.to_string())
            .optional(link)
            .await?;
        row.as_ref().map(incident).transpose()
    }

    async fn newest_incident(
        link: &mut PgConnection,
        key: &str,
    ) -> Result<Option<Incident>, StoreError> {
        let row = sqlx::query(select_incidents!("WHERE key = $1 ORDER BY id DESC LIMIT 1"))
            .bind(key)
            .optional(link)
            .await?;
        row.as_ref().map(incident).transpose()
    }

    async fn incident_of_id(
        link: &mut PgConnection,
        id: IncidentId,
    ) -> Result<Option<Incident>, StoreError> {
        let row = sqlx::query(select_incidents!("WHERE id = $1"))
            .bind(id.to_string())
            .optional(link)
            .await?;
        row.as_ref().map(incident).transpose()
    }

    async fn incidents_matching(
        link: &mut PgConnection,
        filter: &IncidentFilter,
    ) -> Result<Vec<Incident>, StoreError> {
        let rows = sqlx::query(select_incidents!(
            "WHERE (NOT $1 OR state = 'open') AND ($2 IS NULL OR team = $2) AND ($3 IS NULL OR id < $3)
             ORDER BY id DESC LIMIT $4"
        ))
        .bind(filter.open_only)
        .bind(filter.team.as_ref().map(Slug::as_str))
        .bind(filter.before.map(|id| id.to_string()))
        .bind(i64::from(filter.limit))
        .all(link)
        .await?;
        rows.iter().map(incident).collect()
    }

    async fn insert_incident(
        link: &mut PgConnection,
        incident: &Incident,
    ) -> Result<bool, StoreError> {
        let inserted = sqlx::query(
            "INSERT INTO incidents (id, key, kind, severity, state, subject, team, headline, figures,
                                    first_seen_us, last_seen_us, expected_until_us)
             VALUES ($1, $2, $3, $4, 'open', $5, $6, $7, $8, $9, $10, $11)
             ON CONFLICT (key) WHERE state = 'open' DO NOTHING",
        )
        .bind(incident.id.to_string())
        .bind(&incident.key)
        .bind(&incident.kind)
        .bind(incident.severity.as_str())
        .bind(&incident.subject)
        .bind(incident.team.as_ref().map(Slug::as_str))
        .bind(&incident.headline)
        .bind(rows::to_json(&incident.figures, "figures")?)
        .bind(incident.first_seen.get())
        .bind(incident.last_seen.get())
        .bind(incident.attention.expected_until.map(UnixMicros::get))
        .run(link)
        .await?;
        Ok(inserted > 0)
    }

    async fn update_incident(
        link: &mut PgConnection,
        incident: &Incident,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE incidents SET state = $2, severity = $3, headline = $4, figures = $5,
                    last_seen_us = $6, resolved_at_us = $7, acknowledged_at_us = $8,
                    acknowledged_by = $9, expected_until_us = $10
             WHERE id = $1",
        )
        .bind(incident.id.to_string())
        .bind(if incident.is_open() { "open" } else { "resolved" })
        .bind(incident.severity.as_str())
        .bind(&incident.headline)
        .bind(rows::to_json(&incident.figures, "figures")?)
        .bind(incident.last_seen.get())
        .bind(incident.resolved_at.map(UnixMicros::get))
        .bind(incident.attention.acknowledged_at.map(UnixMicros::get))
        .bind(incident.attention.acknowledged_by.as_deref())
        .bind(incident.attention.expected_until.map(UnixMicros::get))
        .run(link)
        .await?;
        Ok(())
    }
}
