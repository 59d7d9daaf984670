//! One attempt: where it went and why, how it ended, what it used and what that cost.

use events::{AdjustmentKind, CacheState, UsageEvent, UsageSource};

use super::Clipped;
use super::lines::CostView;
use crate::ConsoleState;
use crate::markup::{Count, Stamp};
use crate::requests::Attempt;

/// An attempt as the page shows it.
pub(super) struct AttemptView {
    pub(super) title: String,
    pub(super) badges: Vec<(&'static str, &'static str)>,
    /// Name and value, those that say something.
    pub(super) facts: Vec<(&'static str, Clipped)>,
    pub(super) ended: Stamp,
    pub(super) used: Vec<(&'static str, Count)>,
    pub(super) cost: CostView,
}

impl AttemptView {
    pub(super) fn of(state: &ConsoleState, attempt: &Attempt) -> Self {
        let event = &attempt.event;
        let title = match (event.ids.attempt, event.ids.revision) {
            (number, _) if event.cost.is_correction() => {
                format!("Attempt {number}, {}", done(event))
            }
            (0, _) => "No provider was asked".to_owned(),
            (number, _) if event.decision.caused().is_some() => {
                format!("Attempt {number}, further model")
            }
            (number, 0) => format!("Attempt {number}"),
            (number, revision) => format!("Attempt {number}, corrected {revision}"),
        };
        Self {
            title,
            badges: badges(event),
            facts: facts(event),
            ended: state.moments().second(event.times.ended_us),
            used: event.meters.iter().map(|(meter, n)| (meter.as_str(), Count(n))).collect(),
            cost: CostView::of(attempt),
        }
    }
}

/// What a correction of a cost does.
fn done(event: &UsageEvent) -> &'static str {
    match event.cost.adjustment.as_ref().map(|adjustment| adjustment.kind) {
        Some(AdjustmentKind::Retraction) => "its cost taken back",
        Some(AdjustmentKind::Restatement) | None => "its cost stated anew",
    }
}

/// Class and words.
fn badges(event: &UsageEvent) -> Vec<(&'static str, &'static str)> {
    let marks = [
        (event.decision.is_final, "within", "final"),
        (event.cache.state == CacheState::Hit, "within", "cached"),
        (event.cost.usage_source == UsageSource::Estimated, "near", "estimated"),
        (event.cost.billed.is_none(), "near", "unpriced"),
        (event.decision.is_retry, "plain", "retry"),
        (event.decision.is_hedge, "plain", "hedge"),
        (event.decision.is_waste, "over", "wasted"),
        (event.call.is_stream, "plain", "stream"),
    ];
    marks.into_iter().filter(|(is, ..)| *is).map(|(_, class, words)| (class, words)).collect()
}

fn facts(event: &UsageEvent) -> Vec<(&'static str, Clipped)> {
    let (model, decision, outcome) = (&event.model, &event.decision, &event.outcome);
    let status = outcome.status.map(|status| status.to_string());
    let error = outcome.error.map(|error| error.as_str().to_owned());
    let fault = outcome.error.map(|error| error.fault().as_str().to_owned());
    let finish = outcome.finish_reason.map(|reason| reason.as_str().to_owned());
    let asked = Some(&model.asked).filter(|asked| !asked.is_empty()).cloned();
    let all = [
        ("Provider", model.provider.clone()),
        ("Model asked for", asked),
        ("Model sent", model.resolved.clone()),
        ("Model that answered", model.answered.clone()),
        ("Model in the price book", model.priced.clone()),
        ("Route", decision.route.clone()),
        ("Why here", decision.reason.clone()),
        ("Status", status),
        ("Error", error),
        ("Whose fault", fault),
        ("Why it stopped", finish),
        ("Service tier", event.cost.service_tier.clone()),
        ("Usage from", Some(event.cost.usage_source.as_str().to_owned())),
        ("Cache", Some(event.cache.state.as_str().to_owned())),
        ("Provider’s request id", outcome.upstream_request_id.clone()),
    ];
    let given = |(name, value): (&'static str, Option<String>)| Some((name, Clipped::of(&value?)));
    all.into_iter().filter_map(given).collect()
}
