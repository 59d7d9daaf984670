//! Incidents as the store keeps them, read back for the rules. It must never change one.

use finops::{Evidence, Finding, IncidentFigures, Known, Level, Span};
use serde::Deserialize;
use store::Incident;
use units::UnixMicros;

/// Longest a baseline is kept from learning, microseconds: what goes on for a week is the new normal,
/// even when nobody says so.
const FROZEN_US_MAX: i64 = 7 * 24 * finops::HOUR_US;

/// Incidents of before, beside what the rules need to know of each.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    /// As the store keeps them.
    pub(super) incidents: Vec<Incident>,
    /// As the rules know them, in the same order.
    pub(super) known: Vec<Known>,
    figures: Vec<IncidentFigures>,
}

impl Remembered {
    /// Reads incidents back. One of a rule of another release is left alone.
    pub(super) fn of(incidents: impl Iterator<Item = Incident>, now: UnixMicros) -> Self {
        let mut remembered = Self::default();
        for incident in incidents {
            let figures = IncidentFigures::deserialize(&incident.figures);
            let (Ok(figures), Ok(rule)) = (figures, incident.kind.parse()) else {
                tracing::debug!(incident = %incident.id, "an incident of another release is left alone");
                continue;
            };
            remembered.known.push(Known {
                key: incident.key.clone(),
                rule,
                subject: incident.subject.clone(),
                severity: incident.severity,
                impact: figures.impact,
                last_seen: incident.last_seen,
                resolved_at: incident.resolved_at,
                is_expected: incident.is_expected(now),
            });
            remembered.figures.push(figures);
            remembered.incidents.push(incident);
        }
        remembered
    }

    /// The figures of one of them.
    pub(super) fn figures(&self, position: usize) -> Option<&IncidentFigures> {
        self.figures.get(position)
    }

    /// When a subject's spend was known to be wrong, so that its baseline must not learn from it. What
    /// somebody said was expected is learned.
    pub(super) fn frozen(&self, subject: &str, now: UnixMicros) -> Vec<Span> {
        let wrong = self.known.iter().zip(&self.figures).filter(|(known, figures)| {
            known.subject == subject
                && !known.is_expected
                && matches!(figures.evidence, Evidence::Spend { .. })
        });
        wrong
            .map(|(known, figures)| {
                // An incident ends some time after what it tells of.
                let end = if known.resolved_at.is_some() { figures.last_seen } else { now };
                let from = figures.since;
                Span { from, to: end.min(from.plus_micros(FROZEN_US_MAX)) }
            })
            .collect()
    }
}

/// Figures of a finding over those stored before: it began when it first did, an incident that only
/// holds keeps what it alarmed with, and what drives it stays until it is read anew.
pub(super) fn merged(finding: &Finding, stored: Option<&IncidentFigures>) -> IncidentFigures {
    let mut figures = finding.figures.clone();
    let Some(stored) = stored else { return figures };
    figures.since = figures.since.min(stored.since);
    figures.drivers.clone_from(&stored.drivers);
    figures.decomposition = stored.decomposition;
    figures.sample_requests.clone_from(&stored.sample_requests);
    figures.data_as_of = figures.data_as_of.or(stored.data_as_of);
    if finding.level == Level::Holding && matches!(figures.evidence, Evidence::Spend { .. }) {
        figures.evidence = stored.evidence.clone();
        figures.actual = stored.actual;
        figures.expected = stored.expected;
        figures.projected_month_end = stored.projected_month_end;
        figures.impact = figures.impact.max(stored.impact);
    }
    figures
}

/// Whether the window of a budget's incident has ended.
pub(super) fn is_window_over(incident: &Incident, now: UnixMicros) -> bool {
    let figures = IncidentFigures::deserialize(&incident.figures);
    matches!(
        figures.map(|figures| figures.evidence),
        Ok(Evidence::Budget { window_end, .. }) if window_end <= now
    )
}
