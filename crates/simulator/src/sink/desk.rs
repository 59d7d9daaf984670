//! What a sink was told to do and what it received. It must never know HTTP beyond headers.

use std::collections::VecDeque;
use std::sync::Mutex;

use axum::http::HeaderMap;
use serde::Serialize;
use tokio::sync::watch;
use units::UnixMicros;

use super::SinkOptions;

/// Most messages remembered; the oldest go first.
const RECEIVED_MAX: usize = 1_000;
/// Most acts waiting to be played.
const ACTS_MAX: usize = 10_000;

/// What a sink does with a post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkAct {
    /// Accepts it, if it is as Slack or Standard Webhooks want it.
    Accept,
    /// Answers this status, whatever came.
    Answer(u16),
    /// Answers 429.
    TooMany {
        /// Text of the `Retry-After` header: seconds, a date, or nonsense.
        retry_after: String,
    },
    /// Never answers.
    Hang,
    /// Answers 302 to a URL.
    RedirectTo(String),
}

/// Which endpoint a message came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SinkKind {
    /// Slack's incoming webhook.
    Slack,
    /// Standard Webhooks.
    Webhook,
}

/// A message as it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Received {
    /// Which endpoint it came to.
    pub kind: SinkKind,
    /// When, by the sink's clock.
    pub at: UnixMicros,
    /// Its `webhook-id`, which a receiver tells repeats by.
    pub webhook_id: Option<String>,
    /// The body, byte for byte where it is UTF-8.
    pub body: String,
    /// Status it was answered with; 0 when it was left without an answer.
    pub status: u16,
    /// What was wrong with it.
    pub problem: Option<&'static str>,
}

/// The state of a sink.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) options: SinkOptions,
    stopping: watch::Receiver<bool>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    acts: VecDeque<SinkAct>,
    otherwise: SinkAct,
    received: VecDeque<Received>,
}

impl Desk {
    pub(super) fn new(options: SinkOptions, stopping: watch::Receiver<bool>) -> Self {
        let state =
            State { acts: VecDeque::new(), otherwise: SinkAct::Accept, received: VecDeque::new() };
        Self { options, stopping, state: Mutex::new(state) }
    }

    /// Returns once the sink stops.
    pub(super) async fn stopped(&self) {
        let mut stopping = self.stopping.clone();
        // A sender that is gone has stopped.
        let _ = stopping.wait_for(|stops| *stops).await;
    }

    pub(super) fn play(&self, acts: impl IntoIterator<Item = SinkAct>) {
        self.with(|state| {
            let room = ACTS_MAX.saturating_sub(state.acts.len());
            state.acts.extend(acts.into_iter().take(room));
        });
    }

    pub(super) fn otherwise(&self, act: SinkAct) {
        self.with(|state| state.otherwise = act);
    }

    pub(super) fn next(&self) -> SinkAct {
        self.with(|state| state.acts.pop_front().unwrap_or_else(|| state.otherwise.clone()))
    }

    pub(super) fn received(&self) -> Vec<Received> {
        self.with(|state| state.received.iter().cloned().collect())
    }

    pub(super) fn note(
        &self,
        kind: SinkKind,
        headers: &HeaderMap,
        body: &[u8],
        (status, problem): (u16, Option<&'static str>),
    ) {
        let id = headers.get(standardwebhooks::HEADER_WEBHOOK_ID);
        let received = Received {
            kind,
            at: self.options.clock.now(),
            webhook_id: id.and_then(|id| id.to_str().ok()).map(str::to_owned),
            body: String::from_utf8_lossy(body).into_owned(),
            status,
            problem,
        };
        self.with(|state| {
            if state.received.len() >= RECEIVED_MAX {
                state.received.pop_front();
            }
            state.received.push_back(received);
        });
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        // What panicked while holding the lock left whole values behind.
        work(&mut self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}
