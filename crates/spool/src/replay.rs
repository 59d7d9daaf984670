//! Replays an abandoned epoch: its settled events, then what was under way when its process died.
//!
//! Where the log ends is decided here. In the segments whose durability was vouched for (all before
//! the last sealed one) every frame must be whole: anything else is damage and an error. After
//! that the first frame that is not whole is the end, as a kill or a power loss leaves it.

use std::collections::HashMap;
use std::path::Path;
use std::vec::IntoIter;

use events::{Frame, Intent, Settlement, UsageEvent};
use units::{RequestId, Usd};

use crate::SpoolError;
use crate::frame::{self, PREFIX_BYTES, interrupted};
use crate::recovery::Found;
use crate::scan::{Item, Scanner};

/// An event of an abandoned epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct RecoveredEvent {
    /// Its number; with node and epoch the dedupe key.
    pub seq: u64,
    /// The event.
    pub event: UsageEvent,
    /// What it charges.
    pub settlements: Vec<Settlement>,
    /// The attempt was opened and never settled: the event is the one its intent foresaw.
    pub is_orphan: bool,
}

/// Iterates over the events of an abandoned epoch. Ends after the first error.
#[derive(Debug)]
pub struct Recovered {
    segments: IntoIter<Found>,
    /// The segment being read.
    current: Option<(Found, Scanner)>,
    /// Segments, this one included, before the last sealed one.
    vouched: usize,
    /// Number of the next frame, or of the next orphan.
    seq: u64,
    /// Attempts open so far, with the number of the frame that says so. Bounded by the slots the
    /// process gave.
    open: HashMap<(RequestId, u16), (u64, Intent)>,
    /// Set once the frames are read.
    orphans: Option<IntoIter<Intent>>,
}

impl Recovered {
    pub(crate) fn new(segments: Vec<Found>, dir: &Path) -> Result<Self, SpoolError> {
        let vouched = segments.iter().rposition(Found::is_sealed).unwrap_or(0);
        for segment in &segments {
            let epoch = segment.header().map(|header| header.epoch.as_str());
            if epoch.is_some_and(|epoch| !dir.ends_with(epoch)) {
                return Err(segment.corrupt(0, "it belongs to another epoch"));
            }
        }
        let first = segments.first();
        let seq = match first.map(|first| first.header().ok_or(first)) {
            Some(Err(first)) => return Err(first.corrupt(0, "its header cannot be read")),
            Some(Ok(header)) => header.first_seq,
            None => 0,
        };
        let mut segments = segments.into_iter();
        let current = segments.next().map(|found| Ok((found.scanner()?, found)));
        let current = current.transpose()?.map(|(scanner, found)| (found, scanner));
        Ok(Self { segments, current, vouched, seq, open: HashMap::new(), orphans: None })
    }

    /// The next frame with its number; `None` at the end of the log.
    fn next_frame(&mut self) -> Result<Option<(u64, Frame)>, SpoolError> {
        loop {
            let next = self.segments.as_slice().first();
            let next_seq = next.and_then(Found::header).map(|header| header.first_seq);
            let is_vouched = self.vouched > 0;
            let Some((found, scanner)) = &mut self.current else { return Ok(None) };
            if next_seq == Some(self.seq) {
                self.vouched = self.vouched.saturating_sub(1);
                let next = self.segments.next();
                let next = next.map(|next| Ok((next.scanner()?, next))).transpose()?;
                self.current = next.map(|(scanner, next)| (next, scanner));
                continue;
            }
            let offset = scanner.offset();
            let detail = match scanner.next()? {
                Item::Frame(bytes) => {
                    let frame = frame::decode(&bytes[PREFIX_BYTES..]);
                    let frame = frame.map_err(|error| {
                        found.corrupt(offset, &format!("a frame cannot be decoded: {error}"))
                    })?;
                    let seq = self.seq;
                    self.seq += 1;
                    return Ok(Some((seq, frame)));
                }
                Item::End => "frames are missing before the next segment",
                Item::Torn(detail) => {
                    let path = found.path.display();
                    tracing::warn!(%path, offset, detail, "the end of the spool was cut off");
                    detail
                }
            };
            if is_vouched {
                return Err(found.corrupt(offset, detail));
            }
            self.current = None;
        }
    }

    fn next_event(&mut self) -> Result<Option<RecoveredEvent>, SpoolError> {
        while self.orphans.is_none() {
            match self.next_frame()? {
                Some((seq, Frame::Opened(intent))) => {
                    self.open.insert(intent.attempt(), (seq, *intent));
                }
                Some((seq, Frame::Settled(event, settlements))) => {
                    self.open.remove(&event.attempt());
                    let event = *event;
                    let recovered = RecoveredEvent { seq, event, settlements, is_orphan: false };
                    return Ok(Some(recovered));
                }
                Some((seq, Frame::Beside(event, settlements))) => {
                    // Its attempt is still to settle; should it not, it is an orphan at what is left.
                    if let Some((_, intent)) = self.open.get_mut(&event.attempt()) {
                        intent.account(event.cost.billed.unwrap_or(Usd::ZERO));
                    }
                    let event = *event;
                    let recovered = RecoveredEvent { seq, event, settlements, is_orphan: false };
                    return Ok(Some(recovered));
                }
                None => {
                    let mut open: Vec<(u64, Intent)> = self.open.drain().map(|(_, o)| o).collect();
                    open.sort_unstable_by_key(|(seq, _)| *seq);
                    let orphans: Vec<Intent> = open.into_iter().map(|(_, intent)| intent).collect();
                    self.orphans = Some(orphans.into_iter());
                }
            }
        }
        let Some(intent) = self.orphans.as_mut().and_then(Iterator::next) else { return Ok(None) };
        let seq = self.seq;
        self.seq += 1;
        let (event, settlements) = interrupted(intent);
        Ok(Some(RecoveredEvent { seq, event, settlements, is_orphan: true }))
    }
}

impl Iterator for Recovered {
    type Item = Result<RecoveredEvent, SpoolError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.next_event();
        if next.is_err() {
            self.current = None;
            self.orphans = Some(Vec::new().into_iter());
        }
        next.transpose()
    }
}
