//! A provider's stream made into the client's, as bytes arrive, in bounded memory.

use bytes::{Bytes, BytesMut};
use events::Dialect;

use crate::chat::{CITATIONS_MAX, StreamEvent};
use crate::cutter::Cutter;
use crate::dispatch::{Route, route};
use crate::error::StreamError;
use crate::reply::{Facts, ReplyContext};
use crate::sse::{EVENT_BYTES_MAX, Event, WHOLE_EVENT_BYTES_MAX, without_bom};
use crate::wire::{ClientSide, EventPass, Pass, StreamDecoder, StreamEncoder};

/// Transcodes one streamed answer.
///
/// Bytes go in as they arrive, however they are cut, and come out as whole events in the client's
/// dialect. What comes out is the same for every cut. Comments before the first event that has data
/// are held back for good, so that the first byte given out is the answer's own and a stream that
/// begins with an error can still be tried elsewhere.
pub struct StreamTranscoder {
    pass: Option<Box<dyn EventPass>>,
    cutter: Cutter,
    pending: BytesMut,
    scratch: Vec<u8>,
    facts: Facts,
    is_first: bool,
    has_data: bool,
    failed: Option<StreamError>,
    event_bytes_max: usize,
}

impl StreamTranscoder {
    /// A transcoder from the provider's dialect to the client's.
    pub fn new(from: Dialect, to: Dialect, context: ReplyContext) -> Self {
        let pass: Option<Box<dyn EventPass>> = match route(to, from) {
            Some(Route::Native(pair)) => Some(pair.stream_pass(context)),
            Some(Route::Translated(client, provider)) => Some(Box::new(Translation {
                decoder: provider.stream_decoder(),
                answer_id: context.answer_id.clone(),
                encoder: client.stream_encoder(context),
                client,
                citations: 0,
                is_done: false,
            })),
            None => None,
        };
        Self {
            pass,
            cutter: Cutter::of(from),
            pending: BytesMut::new(),
            scratch: Vec::new(),
            facts: Facts::default(),
            is_first: true,
            has_data: false,
            failed: None,
            event_bytes_max: event_bytes_max(from),
        }
    }

    /// Takes the next bytes of the provider and gives the next bytes for the client, possibly none.
    ///
    /// # Errors
    /// The stream told an error, cannot be understood, or an event is too large. What precedes the
    /// error in the same chunk is given out first, and the error by the next call of either method
    /// (at once by [`StreamTranscoder::failure`]); from then on every call gives it.
    pub fn push(&mut self, chunk: &Bytes) -> Result<Bytes, StreamError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        if self.is_done() {
            return Ok(Bytes::new());
        }
        let source = match self.gather(chunk) {
            Ok(Some(source)) => source,
            Ok(None) => return self.check_pending(),
            Err(error) => {
                self.failed = Some(error.clone());
                return Err(error);
            }
        };
        let mut out = Output::new(source.clone());
        match self.events(&source, &mut out) {
            Ok(_) if self.is_done() => return Ok(out.finish()),
            Ok(end) => self.pending.extend_from_slice(&source[end..]),
            Err(error) => self.failed = Some(error),
        }
        if self.failed.is_none() && self.pending.len() > self.event_bytes_max {
            self.failed = Some(self.too_large());
        }
        self.outcome(out)
    }

    /// Handles the whole events of `source`; where they end.
    fn events(&mut self, source: &Bytes, out: &mut Output) -> Result<usize, StreamError> {
        let mut start = 0;
        while let Some(length) = self.cutter.find(&source[start..], self.event_bytes_max)? {
            self.cutter.consume();
            let end = start + length;
            self.event(source, start..end, out)?;
            start = end;
            if self.is_done() {
                break;
            }
        }
        Ok(start)
    }

    /// Takes the end of the provider's stream and gives the last bytes for the client.
    ///
    /// # Errors
    /// The stream ended before it said it was complete, or an error was pending.
    pub fn finish(&mut self) -> Result<Bytes, StreamError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let mut last = Bytes::new();
        if !self.is_done()
            && !self.pending.is_empty()
            && let Some(end) = self.cutter.end()
        {
            self.pending.extend_from_slice(end);
            let source = self.pending.split().freeze();
            let mut out = Output::new(source.clone());
            match self.event(&source, 0..source.len(), &mut out) {
                Ok(()) => last = out.finish(),
                Err(StreamError::Garbage(_)) => {}
                Err(error) => self.failed = Some(error),
            }
        }
        if self.failed.is_none() && !self.is_done() {
            last = self.end(last);
        }
        if self.failed.is_none() && !self.is_done() {
            self.failed = Some(StreamError::Cut);
        }
        self.failed.clone().map_or(Ok(last), Err)
    }

    /// What the end of the bytes itself says, behind the last event.
    fn end(&mut self, last: Bytes) -> Bytes {
        let Some(pass) = &mut self.pass else { return last };
        self.scratch.clear();
        pass.end(&mut self.facts, &mut self.scratch);
        if self.scratch.is_empty() { last } else { [&last, &self.scratch[..]].concat().into() }
    }

    /// What is known of the answer so far.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Whether the stream has said that it is complete.
    pub fn is_done(&self) -> bool {
        self.pass.as_ref().is_some_and(|pass| pass.is_done())
    }

    /// The error the next call will give.
    pub fn failure(&self) -> Option<&StreamError> {
        self.failed.as_ref()
    }

    /// Memory that holds what is not yet a whole event, bytes.
    pub fn held_bytes(&self) -> usize {
        self.pending.capacity()
    }

    /// What is to be looked at: the chunk itself, or what was pending with it. `None` when that is
    /// still no whole event.
    fn gather(&mut self, chunk: &Bytes) -> Result<Option<Bytes>, StreamError> {
        if self.pending.is_empty() {
            return Ok(Some(chunk.clone()));
        }
        self.pending.extend_from_slice(chunk);
        let found = self.cutter.find(&self.pending, self.event_bytes_max)?;
        Ok(found.map(|_| self.pending.split().freeze()))
    }

    fn check_pending(&mut self) -> Result<Bytes, StreamError> {
        if self.pending.len() <= self.event_bytes_max {
            return Ok(Bytes::new());
        }
        self.failed = Some(self.too_large());
        Err(self.too_large())
    }

    fn too_large(&self) -> StreamError {
        StreamError::TooLarge { limit_bytes: self.event_bytes_max }
    }

    /// What was made before a failure goes out before it.
    fn outcome(&self, out: Output) -> Result<Bytes, StreamError> {
        match &self.failed {
            Some(error) if out.is_empty() => Err(error.clone()),
            _ => Ok(out.finish()),
        }
    }

    fn event(
        &mut self,
        source: &Bytes,
        range: std::ops::Range<usize>,
        out: &mut Output,
    ) -> Result<(), StreamError> {
        if range.len() > self.event_bytes_max {
            return Err(self.too_large());
        }
        let mut raw = &source[range.clone()];
        if std::mem::take(&mut self.is_first) && self.cutter.is_text() {
            raw = without_bom(raw);
        }
        let kept = range.end - raw.len()..range.end;
        let Some(pass) = &mut self.pass else {
            return Err(StreamError::Garbage("no translation of this dialect exists".to_owned()));
        };
        let frame = self.cutter.frame(|| source.slice(range))?;
        let event = frame.as_ref().map_or_else(|| Event::parse(raw), |frame| Some(frame.event()));
        let Some(event) = event else {
            if self.has_data && pass.keeps_comments() {
                out.keep(kept);
            }
            return Ok(());
        };
        self.scratch.clear();
        match pass.pass(&event, &mut self.facts, &mut self.scratch)? {
            Pass::Keep => out.keep(kept),
            Pass::Replace => out.replace(&self.scratch),
        }
        self.has_data = true;
        Ok(())
    }
}

impl std::fmt::Debug for StreamTranscoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamTranscoder")
            .field("pending_bytes", &self.pending.len())
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

/// Largest event of a dialect: some tell pictures or whole answers in one.
const fn event_bytes_max(dialect: Dialect) -> usize {
    match dialect {
        Dialect::OpenaiResponses | Dialect::GeminiGenerate => WHOLE_EVENT_BYTES_MAX,
        _ => EVENT_BYTES_MAX,
    }
}

/// Bytes for the client. As long as events are kept one after the other nothing is copied.
struct Output {
    source: Bytes,
    /// Kept bytes of the source that follow `made`.
    run: std::ops::Range<usize>,
    made: Vec<u8>,
}

impl Output {
    fn new(source: Bytes) -> Self {
        Self { source, run: 0..0, made: Vec::new() }
    }

    fn keep(&mut self, range: std::ops::Range<usize>) {
        if self.run.is_empty() {
            self.run = range;
        } else if self.run.end == range.start {
            self.run.end = range.end;
        } else {
            self.flush();
            self.run = range;
        }
    }

    fn replace(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.flush();
            self.made.extend_from_slice(bytes);
        }
    }

    fn flush(&mut self) {
        self.made.extend_from_slice(&self.source[self.run.clone()]);
        self.run = 0..0;
    }

    fn is_empty(&self) -> bool {
        self.run.is_empty() && self.made.is_empty()
    }

    fn finish(mut self) -> Bytes {
        if self.made.is_empty() {
            return self.source.slice(self.run);
        }
        self.flush();
        self.made.into()
    }
}

/// A stream translated through the neutral chat.
struct Translation {
    /// Id told where the provider gives none.
    answer_id: Option<String>,
    decoder: Box<dyn StreamDecoder>,
    encoder: Box<dyn StreamEncoder>,
    /// Says what the encoder has words for.
    client: &'static dyn ClientSide,
    /// Citations told; those beyond the most an answer may have are left out.
    citations: usize,
    is_done: bool,
}

impl Translation {
    fn encode(&mut self, steps: &[StreamEvent<'_>], facts: &mut Facts, out: &mut Vec<u8>) {
        for step in steps {
            if let StreamEvent::Citation(citation) = step {
                if self.citations == CITATIONS_MAX || !self.client.carries(citation) {
                    facts.dropped_citations = true;
                    continue;
                }
                self.citations += 1;
            }
            self.is_done |= *step == StreamEvent::Done;
            self.encoder.encode(step, facts, out);
        }
    }
}

impl EventPass for Translation {
    fn pass(
        &mut self,
        event: &Event<'_>,
        facts: &mut Facts,
        out: &mut Vec<u8>,
    ) -> Result<Pass, StreamError> {
        let mut steps = Vec::new();
        self.decoder.decode(event, facts, &mut steps)?;
        facts.clip_names();
        if !steps.is_empty() && facts.id.as_deref().is_none_or(str::is_empty) {
            facts.id.clone_from(&self.answer_id);
        }
        self.encode(&steps, facts, out);
        Ok(Pass::Replace)
    }

    fn end(&mut self, facts: &mut Facts, out: &mut Vec<u8>) {
        let mut steps = Vec::new();
        self.decoder.end(facts, &mut steps);
        self.encode(&steps, facts, out);
    }

    fn keeps_comments(&self) -> bool {
        false
    }

    fn is_done(&self) -> bool {
        self.is_done
    }
}

#[cfg(test)]
mod tests;
