//! What providers reported that calls cost, by model and hour, and what that makes worth telling.
//!
//! Roll-ups do not hold what providers report, so rows are read, and few of them: the last three hours
//! every five minutes, and two weeks, a day at a time, once an hour, since a correction may change any of
//! it. It must never know an incident.

use std::collections::BTreeMap;

use finops::{DriftRule, Finding, HOUR_US, ReportedHour, ReportedSeries, Span, reported_cost};
use units::UnixMicros;

use super::inputs::{Inputs, ModelHour};
use crate::AlertsError;

/// A day of UTC, microseconds.
const DAY_US: i64 = 24 * HOUR_US;
/// How far back differences are looked for, microseconds: two weeks.
const PAST_US: i64 = 14 * DAY_US;
/// How often the past is read again, microseconds.
const PAST_EVERY_US: i64 = HOUR_US;
/// How often it is while history may be arriving, microseconds.
const SETTLING_EVERY_US: i64 = HOUR_US / 60;
/// How long after its start a watch may see history arrive, microseconds: five minutes.
const SETTLING_US: i64 = HOUR_US / 12;
/// How often the newest hours are read, microseconds: five minutes.
const RECENT_EVERY_US: i64 = HOUR_US / 12;
/// The newest hours beside the present one: usage may arrive late.
const RECENT_HOURS: i64 = 2;
/// Models watched at most, of 336 hours each: some twelve megabytes. Others are left out and told of in
/// the log.
const MODELS_MAX: usize = 500;

/// Provider and model.
type Model = (Option<String>, Option<String>);

/// The hours of every model that is reported on.
#[derive(Debug, Default)]
pub(super) struct ReportedLedger {
    started_at: Option<UnixMicros>,
    /// When the whole past was read.
    past_read_at: Option<UnixMicros>,
    /// When anything was.
    read_at: Option<UnixMicros>,
    models: BTreeMap<Model, BTreeMap<UnixMicros, ReportedHour>>,
}

impl ReportedLedger {
    /// Reads what is due, and what is worth telling of all that is known; `None` when nothing was due.
    pub(super) async fn look(
        &mut self,
        inputs: &dyn Inputs,
        rule: &DriftRule,
        now: UnixMicros,
    ) -> Result<Option<Vec<Finding>>, AlertsError> {
        let started_at = *self.started_at.get_or_insert(now);
        let has_passed = |since: Option<UnixMicros>, micros: i64| {
            since.is_none_or(|since| now.micros_since(since) >= micros)
        };
        let is_settling = now.micros_since(started_at) < SETTLING_US;
        let past_every = if is_settling { SETTLING_EVERY_US } else { PAST_EVERY_US };
        let is_past = has_passed(self.past_read_at, past_every);
        if !is_past && !has_passed(self.read_at, RECENT_EVERY_US) {
            return Ok(None);
        }
        let hour = floor(now, HOUR_US);
        let from = if is_past {
            floor(now.plus_micros(-PAST_US), DAY_US)
        } else {
            hour.plus_micros(-RECENT_HOURS * HOUR_US)
        };
        let read = read(inputs, Span { from, to: hour.plus_micros(HOUR_US) }).await?;
        self.take(from, is_past, read);
        self.read_at = Some(now);
        if is_past {
            self.past_read_at = Some(now);
        }
        let found = self.series().filter_map(|series| reported_cost(&series, rule, now));
        Ok(Some(found.collect()))
    }

    /// Puts hours in the place of those known from an instant on. What has left the past looked at goes
    /// when all of it is read.
    fn take(&mut self, from: UnixMicros, is_past: bool, read: Vec<ModelHour>) {
        if is_past {
            self.models.clear();
        }
        for hours in self.models.values_mut() {
            drop(hours.split_off(&from));
        }
        self.models.retain(|_, hours| !hours.is_empty());
        let mut left_out = 0_usize;
        for ModelHour { provider, model, point } in read {
            let key = (provider, model);
            if self.models.len() >= MODELS_MAX && !self.models.contains_key(&key) {
                left_out += 1;
                continue;
            }
            self.models.entry(key).or_default().insert(point.hour, point);
        }
        if left_out > 0 {
            tracing::warn!(
                hours = left_out,
                models_max = MODELS_MAX,
                "reported costs of further models are not watched"
            );
        }
    }

    fn series(&self) -> impl Iterator<Item = ReportedSeries> {
        self.models.iter().map(|((provider, model), hours)| ReportedSeries {
            provider: provider.clone(),
            model: model.clone(),
            hours: hours.values().copied().collect(),
        })
    }
}

/// Reads a span, a day at a time: no query is long, and its result is bounded by the models of a day.
async fn read(inputs: &dyn Inputs, span: Span) -> Result<Vec<ModelHour>, AlertsError> {
    let (mut hours, mut from) = (Vec::new(), span.from);
    while from < span.to {
        let to = floor(from, DAY_US).plus_micros(DAY_US).min(span.to);
        hours.extend(inputs.reported(Span { from, to }).await?);
        from = to;
    }
    Ok(hours)
}

fn floor(at: UnixMicros, step_us: i64) -> UnixMicros {
    UnixMicros::new(at.get().div_euclid(step_us).saturating_mul(step_us))
}
