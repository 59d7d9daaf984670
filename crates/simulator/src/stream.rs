//! Bodies: a stream of events with its pace and its scripted end, and a plain body cut half way.

use std::io;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use futures::stream;

use crate::answer::Answer;
use crate::beats::{Beat, Beats};
use crate::desk::{Charge, Desk};
use crate::dialects::Events;
use crate::script::Script;

/// Wait before a scripted cut, so that what was written before it has left, milliseconds.
const FLUSH_MS: u64 = 10;

/// An answer on its way to the client, event by event.
pub(crate) struct Reel<E> {
    /// Everything all requests share.
    pub(crate) desk: Arc<Desk>,
    /// What is told.
    pub(crate) answer: Answer,
    /// What of it is still to be told.
    pub(crate) beats: Beats,
    /// How it is told.
    pub(crate) events: E,
    /// What it costs so far.
    pub(crate) charge: Charge,
    /// What goes wrong.
    pub(crate) script: Script,
    /// Events sent.
    pub(crate) sent: u32,
    /// Nothing more comes.
    pub(crate) is_over: bool,
}

impl<E: Events> Reel<E> {
    /// The body that plays the reel as fast as it is read and its script allows.
    pub(crate) fn into_body(self) -> Body {
        Body::from_stream(stream::unfold(self, Reel::step))
    }

    async fn step(mut self) -> Option<(io::Result<Bytes>, Self)> {
        if self.is_over {
            return None;
        }
        if self.script.cut_after.is_some_and(|events| self.sent >= events) {
            self.end();
            self.desk.pause(FLUSH_MS).await;
            return Some((Err(cut()), self));
        }
        if self.script.late_sse_error.is_some_and(|events| self.sent >= events) {
            self.end();
            let mut out = Vec::new();
            self.events.error(&mut out);
            return Some((Ok(out.into()), self));
        }
        if self.sent > 0 && !self.desk.pause(self.script.chunk_ms.unwrap_or(0)).await {
            self.end();
            return Some((Err(cut()), self));
        }
        let mut out = Vec::with_capacity(384);
        while out.is_empty() {
            let Some((beat, produced)) = self.beats.next(&self.answer) else {
                self.charge.settle(true);
                return None;
            };
            self.charge.add(produced);
            self.events.encode(beat, &self.answer, &mut out);
            match beat {
                Beat::Start => {
                    self.charge.say(E::SAID_AT_START.min(self.answer.usage.output_tokens));
                }
                // Billed before the client can know that this was all.
                Beat::End => self.charge.settle(true),
                _ => {}
            }
        }
        self.sent += 1;
        Some((Ok(out.into()), self))
    }

    fn end(&mut self) {
        self.charge.settle(false);
        self.is_over = true;
    }
}

/// A body whose connection closes half way through.
pub(crate) fn cut_body(desk: Arc<Desk>, mut whole: Vec<u8>) -> Body {
    whole.truncate(whole.len() / 2);
    let half = Some(Bytes::from(whole));
    let parts = stream::unfold((desk, half, false), |(desk, half, is_over)| async move {
        match half {
            Some(half) => Some((Ok(half), (desk, None, false))),
            None if is_over => None,
            None => {
                desk.pause(FLUSH_MS).await;
                Some((Err(cut()), (desk, None, true)))
            }
        }
    });
    Body::from_stream(parts)
}

fn cut() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "cut by script")
}
