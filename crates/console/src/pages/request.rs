//! One request: every attempt, what each cost and why, who pays, and where the time went.

mod attempt;
mod lines;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Html;
use events::{Cost, UsageEvent};
use units::RequestId;

use super::layout::{Layout, Section};
use super::rendered;
use crate::ConsoleState;
use crate::chart::{self, ChartText, Stretch};
use crate::error::ConsoleError;
use crate::figures::{counted, duration};
use crate::markup::{ExactMoney, Stamp};
use crate::permission::Permission;
use crate::requests::Attempt;
use crate::session::SignedIn;
use attempt::AttemptView;

/// Longest name or tag shown whole, characters; longer ones are clipped and whole in their title.
const SHOWN_CHARS: usize = 120;
/// Longest title, characters: a tooltip is no place for a book.
const TITLE_CHARS: usize = 4_000;

#[derive(Template)]
#[template(path = "request.html")]
struct RequestPage {
    layout: Layout,
    id: String,
    head: Head,
    /// Name and value of what is attributed.
    payer: Vec<(&'static str, Option<Clipped>)>,
    tags: Vec<(Clipped, Clipped)>,
    /// Other ids, to copy.
    ids: Vec<(&'static str, String)>,
    /// Where the time went, an SVG element of ours.
    times: String,
    attempts: Vec<AttemptView>,
}

/// The request as a whole.
struct Head {
    /// `None` where some attempt's cost is unknown.
    cost: Option<ExactMoney>,
    status: String,
    error: Option<&'static str>,
    received: Stamp,
    lasted: String,
    model: Clipped,
    attempts: String,
    saved: Option<ExactMoney>,
}

/// Text from elsewhere: what is shown of it, and all of it.
pub(super) struct Clipped {
    pub(super) shown: String,
    pub(super) whole: String,
}

impl Clipped {
    pub(super) fn of(text: &str) -> Self {
        let clip = |most: usize| {
            let mut kept: String = text.chars().take(most).collect();
            if kept.len() < text.len() {
                kept.push('…');
            }
            kept
        };
        Self { shown: clip(SHOWN_CHARS), whole: clip(TITLE_CHARS) }
    }
}

/// Shows the request. One of another team is not found.
pub(crate) async fn show(
    State(state): State<ConsoleState>,
    SignedIn(session): SignedIn,
    Path(id): Path<String>,
) -> Result<Html<String>, ConsoleError> {
    session.demand(Permission::ReadRequests)?;
    let id: RequestId = id.parse().map_err(|_| ConsoleError::NotFound("request"))?;
    let id = id.to_string();
    let attempts = state.read(state.sources.requests.attempts(&id, session.team())).await?;
    let last = attempts
        .iter()
        .find(|attempt| attempt.event.decision.is_final)
        .or(attempts.last())
        .ok_or(ConsoleError::NotFound("request"))?;
    session.demand_sight(last.event.attribution.team.as_deref(), "request")?;
    let event = &last.event;
    rendered(&RequestPage {
        layout: Layout::new(&state, &session, Section::Requests, "Request".to_owned()),
        head: Head::of(&state, event, &attempts),
        payer: payer(event),
        tags: event
            .attribution
            .tags
            .iter()
            .map(|(name, value)| (Clipped::of(name), Clipped::of(value)))
            .collect(),
        ids: other_ids(event),
        times: times(&attempts)?,
        attempts: attempts.iter().map(|attempt| AttemptView::of(&state, attempt)).collect(),
        id,
    })
}

impl Head {
    fn of(state: &ConsoleState, event: &UsageEvent, attempts: &[Attempt]) -> Self {
        let cost = Cost::total(attempts.iter().map(|attempt| &attempt.event.cost));
        let lasted = event.times.ended_us.micros_since(event.times.received_us);
        let model = event.model.resolved.as_deref().unwrap_or(&event.model.asked);
        let is_sent = |event: &UsageEvent| event.ids.attempt > 0 && is_own(event);
        let sent = attempts.iter().filter(|attempt| is_sent(&attempt.event)).count();
        Self {
            cost: cost.map(ExactMoney),
            status: event.outcome.status.map_or_else(|| "–".to_owned(), |s| s.to_string()),
            error: event.outcome.error.map(|error| error.as_str()),
            received: state.moments().second(event.times.received_us),
            lasted: duration(u64::try_from(lasted).unwrap_or_default()),
            model: Clipped::of(model),
            attempts: counted(u64::try_from(sent).unwrap_or(u64::MAX), "attempt"),
            saved: event.cache.saved.map(ExactMoney),
        }
    }
}

/// Whether a row is an attempt's own: no correction, and of no further model that was billed for it.
fn is_own(event: &UsageEvent) -> bool {
    !event.cost.is_correction() && event.decision.caused().is_none()
}

fn payer(event: &UsageEvent) -> Vec<(&'static str, Option<Clipped>)> {
    let payer = &event.attribution;
    let clipped = |text: &Option<String>| text.as_deref().map(Clipped::of);
    let key = payer.key_id.map(|key| key.to_string());
    vec![
        ("Team", clipped(&payer.team)),
        ("Project", clipped(&payer.project)),
        ("Feature", clipped(&payer.feature)),
        ("Customer", clipped(&payer.customer)),
        ("User", clipped(&payer.user)),
        ("Key", clipped(&key)),
    ]
}

fn other_ids(event: &UsageEvent) -> Vec<(&'static str, String)> {
    let ids = [
        ("Session", &event.ids.session_id),
        ("Trace", &event.ids.trace_id),
        ("Parent", &event.ids.parent_id),
        ("Provider’s request", &event.outcome.upstream_request_id),
    ];
    let given = |(name, id): (&'static str, &Option<String>)| Some((name, id.clone()?));
    ids.into_iter().filter_map(given).collect()
}

/// Two bars for each attempt: waiting for the first byte, and the answer.
fn times(attempts: &[Attempt]) -> Result<String, askama::Error> {
    let Some(start) = attempts.iter().map(|a| a.event.times.received_us).min() else {
        return Ok(String::new());
    };
    let after = |at: units::UnixMicros| u64::try_from(at.micros_since(start)).unwrap_or(0);
    let mut stretches = Vec::new();
    let mut began = 0;
    for attempt in attempts.iter().filter(|attempt| is_own(&attempt.event)) {
        let (number, times) = (attempt.event.ids.attempt, &attempt.event.times);
        let ended = after(times.ended_us).max(began);
        let named = |what: &str| match number {
            0 => "Answered without a provider".to_owned(),
            number => format!("Attempt {number}, {what}"),
        };
        let first = times.first_byte_us.map(after).filter(|first| (began..=ended).contains(first));
        let waited = first.unwrap_or(ended);
        let what = if first.is_some() { "to first byte" } else { "no answer" };
        stretches.push(Stretch { name: named(what), from_us: began, to_us: waited, paint: 1 });
        if first.is_some() {
            let name = named("answer");
            stretches.push(Stretch { name, from_us: waited, to_us: ended, paint: 0 });
        }
        began = ended;
    }
    let text = ChartText {
        title: "Where the time went",
        description: "A bar for each wait for a first byte and for each answer, with how long it took.",
    };
    chart::waterfall(text, &stretches)
}
