//! What drives an unusual spend: this window against the same one a week ago, by model and dimension; and
//! the requests that show an incident.
//!
//! It must never decide whether something is unusual.

use finops::{Decomposition, Evidence, Finding, HOUR_US, IncidentFigures, Span, drivers};
use units::UnixMicros;

use super::inputs::Inputs;
use crate::AlertsError;

/// Drivers told.
const DRIVERS_MAX: usize = 3;
/// The newest usage of a lasting difference that is looked through for requests, microseconds: two days.
const SAMPLED_US: i64 = 48 * HOUR_US;
/// A week, microseconds: the same hours of the week before.
const WEEK_US: i64 = 7 * 24 * HOUR_US;
/// Windows are cut in quarters of an hour, microseconds, since sums by dimension are kept so.
const QUARTER_US: i64 = HOUR_US / 4;

/// Adds drivers, the split of the change, requests that show it, and how fresh all of it is.
pub(super) async fn add(
    inputs: &dyn Inputs,
    finding: &Finding,
    figures: &mut IncidentFigures,
    now: UnixMicros,
) -> Result<(), AlertsError> {
    figures.data_as_of = inputs.newest().await?;
    if let Evidence::ReportedCost { provider, model, .. } = &figures.evidence {
        let to = figures.last_seen.plus_micros(1);
        let span = Span { from: figures.since.max(to.plus_micros(-SAMPLED_US)), to };
        let (provider, model) = (provider.as_deref(), model.as_deref());
        figures.sample_requests = inputs.differing(provider, model, span).await?;
        return Ok(());
    }
    let Some(team) = finding.team.as_ref().map(units::Slug::as_str) else { return Ok(()) };
    let from = figures.since.get().div_euclid(QUARTER_US) * QUARTER_US;
    let to = (now.get() + QUARTER_US - 1).div_euclid(QUARTER_US) * QUARTER_US;
    let after = Span { from: UnixMicros::new(from), to: UnixMicros::new(to) };
    let before =
        Span { from: after.from.plus_micros(-WEEK_US), to: after.to.plus_micros(-WEEK_US) };
    let parts = inputs.breakdown(team, before, after).await?;
    let split = Decomposition::of(&parts.models);
    figures.drivers = drivers(&parts.moved, split.delta(), DRIVERS_MAX);
    figures.decomposition = Some(split);
    let strongest = figures.drivers.first().map(|driver| (driver.by, driver.name.as_str()));
    figures.sample_requests = inputs.samples(team, strongest, after).await?;
    Ok(())
}
