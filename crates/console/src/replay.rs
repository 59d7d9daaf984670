//! Answers to changes, remembered for a while so that asking twice changes once.
//!
//! In memory alone, since an answer may hold a secret that must never reach a disk: a console that
//! restarts, or another console, knows none of them. It must never know what a change is.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;
use axum::http::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use units::{SessionId, UnixMicros};

/// How long an answer is remembered, microseconds: ten minutes.
const LIFETIME_US: i64 = 10 * 60 * 1_000_000;
/// Answers remembered for one session; then the session's oldest goes.
const OF_SESSION_MAX: usize = 64;
/// Answers remembered in all; then the oldest goes.
const ALL_MAX: usize = 1_024;

/// What makes two requests the same: session, method, address and body.
pub(crate) type Fingerprint = [u8; 32];

/// The answers of all sessions.
#[derive(Debug, Default)]
pub(crate) struct Replays {
    /// Oldest first. Short enough to be searched from end to end.
    entries: Mutex<VecDeque<Entry>>,
}

#[derive(Debug)]
struct Entry {
    session: SessionId,
    key: String,
    fingerprint: Fingerprint,
    at: UnixMicros,
    /// `None` while the first request is under way.
    answer: Option<Remembered>,
}

/// An answer as it was given.
#[derive(Debug, Clone)]
pub(crate) struct Remembered {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// What is known of a request.
#[derive(Debug)]
pub(crate) enum Begun {
    /// Nothing: go on, and keep the answer.
    Fresh(Ticket),
    /// It was answered.
    Answered(Remembered),
    /// Its first copy is still under way.
    UnderWay,
    /// The key stands for another request.
    Other,
}

/// A request under way. Dropped without an answer, it is forgotten, and may be asked again.
#[derive(Debug)]
pub(crate) struct Ticket {
    replays: Arc<Replays>,
    session: SessionId,
    key: String,
}

impl Replays {
    /// Looks a request up by the key its client chose, and notes it when it is new.
    pub(crate) fn begin(
        self: &Arc<Self>,
        (session, key): (SessionId, &str),
        fingerprint: Fingerprint,
        now: UnixMicros,
    ) -> Begun {
        let mut entries = self.entries();
        entries.retain(|entry| entry.answer.is_none() || now.micros_since(entry.at) < LIFETIME_US);
        if let Some(entry) = entries.iter().find(|e| e.session == session && e.key == key) {
            return match &entry.answer {
                _ if entry.fingerprint != fingerprint => Begun::Other,
                None => Begun::UnderWay,
                Some(answer) => Begun::Answered(answer.clone()),
            };
        }
        make_room(&mut entries, session);
        let key = key.to_owned();
        entries.push_back(Entry { session, key: key.clone(), fingerprint, at: now, answer: None });
        Begun::Fresh(Ticket { replays: Arc::clone(self), session, key })
    }

    fn entries(&self) -> MutexGuard<'_, VecDeque<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets the oldest of the session when it has its fill, else the oldest of all.
fn make_room(entries: &mut VecDeque<Entry>, session: SessionId) {
    if entries.iter().filter(|entry| entry.session == session).count() >= OF_SESSION_MAX
        && let Some(oldest) = entries.iter().position(|entry| entry.session == session)
    {
        entries.remove(oldest);
    }
    if entries.len() >= ALL_MAX {
        entries.pop_front();
    }
}

impl Ticket {
    /// Remembers the answer.
    pub(crate) fn keep(self, answer: Remembered) {
        let mut entries = self.replays.entries();
        if let Some(entry) =
            entries.iter_mut().find(|e| e.session == self.session && e.key == self.key)
        {
            entry.answer = Some(answer);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut entries = self.replays.entries();
        entries.retain(|e| e.answer.is_some() || e.session != self.session || e.key != self.key);
    }
}

impl Remembered {
    /// What of an answer is given again.
    pub(crate) fn new(status: StatusCode, headers: &HeaderMap, body: Bytes) -> Self {
        let kept = [CONTENT_TYPE, LOCATION].into_iter().filter_map(|name| {
            let value = headers.get(&name)?.clone();
            Some((name, value))
        });
        Self { status, headers: kept.collect(), body }
    }
}

impl IntoResponse for Remembered {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.headers, self.body).into_response();
        let again = HeaderValue::from_static("true");
        response.headers_mut().insert("idempotent-replayed", again);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Fingerprint = [1; 32];
    const NOW: UnixMicros = UnixMicros::new(1_000_000_000);

    fn answer(text: &'static str) -> Remembered {
        Remembered::new(StatusCode::CREATED, &HeaderMap::new(), Bytes::from_static(text.as_bytes()))
    }

    fn answered(replays: &Arc<Replays>, session: SessionId, key: &str, text: &'static str) {
        match replays.begin((session, key), ONE, NOW) {
            Begun::Fresh(ticket) => ticket.keep(answer(text)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_same_request_gets_the_same_answer_until_its_time_is_over() {
        let (replays, session) = (Arc::new(Replays::default()), SessionId::generate());
        answered(&replays, session, "k", "first");
        let later = NOW.plus_micros(LIFETIME_US - 1);
        assert!(
            matches!(replays.begin((session, "k"), ONE, later), Begun::Answered(a) if a.body == "first")
        );
        let over = NOW.plus_micros(LIFETIME_US);
        assert!(matches!(replays.begin((session, "k"), ONE, over), Begun::Fresh(_)));
    }

    #[test]
    fn a_key_stands_for_one_request_of_one_session() {
        let (replays, session) = (Arc::new(Replays::default()), SessionId::generate());
        answered(&replays, session, "k", "first");
        assert!(matches!(replays.begin((session, "k"), [2; 32], NOW), Begun::Other));
        let other = SessionId::generate();
        assert!(matches!(replays.begin((other, "k"), ONE, NOW), Begun::Fresh(_)));
    }

    #[test]
    fn a_copy_waits_for_the_first_and_one_that_failed_is_forgotten() {
        let (replays, session) = (Arc::new(Replays::default()), SessionId::generate());
        let first = replays.begin((session, "k"), ONE, NOW);
        assert!(matches!(replays.begin((session, "k"), ONE, NOW), Begun::UnderWay));
        drop(first);
        assert!(matches!(replays.begin((session, "k"), ONE, NOW), Begun::Fresh(_)));
    }

    #[test]
    fn one_session_s_flood_makes_no_other_forget() {
        let (replays, quiet) = (Arc::new(Replays::default()), SessionId::generate());
        answered(&replays, quiet, "k", "kept");
        let loud = SessionId::generate();
        for i in 0..ALL_MAX * 2 {
            answered(&replays, loud, &i.to_string(), "x");
        }
        assert!(matches!(replays.begin((quiet, "k"), ONE, NOW), Begun::Answered(_)));
        assert!(matches!(replays.begin((loud, "0"), ONE, NOW), Begun::Fresh(_)));
        assert!(replays.entries().len() <= OF_SESSION_MAX + 2);
    }
}
