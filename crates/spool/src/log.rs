//! The log as it is in memory: segments, numbers, and the space set aside. One short mutex guards
//! it; nothing here syncs, sleeps or encodes.
//!
//! The promise kept here: whatever a slot holds can be written into segments that already exist.
//! A segment may leave less than one frame unused at its end, so it counts for that much less.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::time::Instant;

use crate::header::{self, HEADER_BYTES, Header};
use crate::marks::Marks;
use crate::segment::{Segment, Spare};
use crate::{FullReason, SpoolOptions};

/// Sizes and identity that never change.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) node_id: String,
    pub(crate) epoch: String,
    pub(crate) segment_bytes: u64,
    pub(crate) quota_bytes: u64,
    pub(crate) ahead_bytes: u64,
    pub(crate) frame_bytes: u64,
    pub(crate) slots_max: u32,
}

impl Shape {
    pub(crate) fn new(options: &SpoolOptions, epoch: &str) -> Self {
        Self {
            node_id: options.node_id.clone(),
            epoch: epoch.to_owned(),
            segment_bytes: options.segment_bytes,
            quota_bytes: options.quota_bytes,
            ahead_bytes: options.ahead_bytes,
            frame_bytes: u64::from(options.frame_bytes_max),
            slots_max: options.slots_max,
        }
    }

    /// How much of `left` bytes at a segment's end is sure to be usable by frames of any size.
    fn usable(&self, left: u64) -> u64 {
        left.saturating_sub(self.frame_bytes - 1)
    }

    fn usable_of_spare(&self) -> u64 {
        self.usable(self.segment_bytes - HEADER_BYTES)
    }

    fn header(&self, first_seq: u64) -> Header {
        let (node_id, epoch) = (self.node_id.clone(), self.epoch.clone());
        Header { version: header::VERSION, node_id, epoch, first_seq }
    }
}

/// A frame the disk would not take yet, with the space its slot keeps for it.
#[derive(Debug)]
struct Pending {
    bytes: Vec<u8>,
    held: u64,
}

/// What waits for the sync thread.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Dirty {
    /// Frames written since the last sync began.
    pub(crate) frames: u32,
    /// When the first of them was written.
    pub(crate) since: Option<Instant>,
}

/// Counts since the start.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) bytes: u64,
    pub(crate) trimmed: u64,
    pub(crate) write_errors: u64,
    pub(crate) sync_errors: u64,
}

/// What the threads are asked to do.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Signals {
    pub(crate) is_stopping: bool,
    pub(crate) is_fill_wanted: bool,
    pub(crate) has_fill_failed: bool,
    pub(crate) has_sync_failed: bool,
}

/// The log as it is in memory.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) shape: Shape,
    /// In use, oldest first, never empty; the last is written to.
    pub(crate) segments: VecDeque<Segment>,
    /// Prepared, in order of ordinals.
    pub(crate) spares: VecDeque<Spare>,
    /// Frames written: the number the next frame written gets.
    pub(crate) written: u64,
    /// Frames the disk would not take, oldest first. Bounded by the slots: none is given while
    /// this is not empty.
    pending: VecDeque<Pending>,
    /// Attempts that are open, by slot: number of the frame that opened them.
    pub(crate) open: HashMap<u64, u64>,
    /// Slots given, and the bytes all of them hold.
    pub(crate) slots: u32,
    pub(crate) held: u64,
    /// Every frame below this number is committed.
    pub(crate) low_water: u64,
    pub(crate) dirty: Dirty,
    pub(crate) stats: (Counts, Marks),
    pub(crate) signals: Signals,
}

impl Log {
    /// An empty log over a first segment; writes its header.
    pub(crate) fn new(shape: Shape, first: Spare) -> io::Result<Self> {
        header::write(&*first.file, &shape.header(0))?;
        Ok(Self {
            shape,
            segments: VecDeque::from([Segment::new(first, 0)]),
            spares: VecDeque::new(),
            written: 0,
            pending: VecDeque::new(),
            open: HashMap::new(),
            slots: 0,
            held: 0,
            low_water: 0,
            dirty: Dirty::default(),
            stats: Default::default(),
            signals: Signals::default(),
        })
    }

    /// The number the next frame gets.
    pub(crate) fn next_seq(&self) -> u64 {
        self.written + self.pending.len() as u64
    }

    /// Frames the disk would not take yet.
    pub(crate) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Ordinal the next spare gets.
    pub(crate) fn next_ordinal(&self) -> u64 {
        let last = self.spares.back().map(|spare| spare.ordinal);
        last.or_else(|| self.segments.back().map(|segment| segment.ordinal)).map_or(0, |o| o + 1)
    }

    /// Bytes on disk.
    pub(crate) fn disk_bytes(&self) -> u64 {
        self.shape.segment_bytes * (self.segments.len() + self.spares.len()) as u64
    }

    /// Prepared bytes that no slot holds.
    pub(crate) fn free(&self) -> u64 {
        let spares = self.shape.usable_of_spare() * self.spares.len() as u64;
        (self.shape.usable(self.left()) + spares).saturating_sub(self.held)
    }

    /// Whether another segment should be prepared, and may be.
    pub(crate) fn wants_spare(&self) -> bool {
        self.free() < self.shape.ahead_bytes && self.may_grow()
    }

    fn may_grow(&self) -> bool {
        self.disk_bytes() + self.shape.segment_bytes <= self.shape.quota_bytes
    }

    /// Sets aside `bytes` more.
    pub(crate) fn hold(&mut self, bytes: u64) -> Result<(), FullReason> {
        if !self.pending.is_empty() || self.signals.has_sync_failed {
            return Err(FullReason::Disk);
        }
        if self.free() < bytes {
            return Err(match (self.may_grow(), self.signals.has_fill_failed) {
                (false, _) => FullReason::Quota,
                (true, true) => FullReason::Disk,
                (true, false) => FullReason::Preparing,
            });
        }
        self.held += bytes;
        Ok(())
    }

    /// Gives back `bytes` that were set aside.
    pub(crate) fn release(&mut self, bytes: u64) {
        self.held = self.held.saturating_sub(bytes);
    }

    /// Writes a frame or fails, leaving the log as it was.
    pub(crate) fn try_append(&mut self, frame: &[u8]) -> io::Result<u64> {
        if !self.pending.is_empty() {
            return Err(io::Error::other("earlier frames wait for the disk"));
        }
        let written = self.write(frame);
        self.stats.0.write_errors += u64::from(written.is_err());
        written
    }

    /// Takes a frame for good: writes it, or keeps it and what is held for it until the disk takes
    /// it. Gives its number, and the error if it had to be kept.
    pub(crate) fn append(&mut self, bytes: Vec<u8>, held: u64) -> (u64, Option<io::Error>) {
        let seq = self.next_seq();
        let error = match self.try_append(&bytes) {
            Ok(_) => {
                self.release(held);
                None
            }
            Err(error) => {
                self.pending.push_back(Pending { bytes, held });
                Some(error)
            }
        };
        (seq, error)
    }

    /// Writes what the disk would not take before, in order, up to the next error.
    pub(crate) fn retry_pending(&mut self) -> io::Result<()> {
        while let Some(Pending { bytes, held }) = self.pending.pop_front() {
            // A bad place in one segment must not stop the log: the second try is in the next one.
            let written = self.write(&bytes).or_else(|_| {
                let has_frames = self.segments.back().is_some_and(|s| s.end_seq > s.first_seq);
                if has_frames {
                    self.rotate()?;
                }
                self.write(&bytes)
            });
            match written {
                Ok(_) => self.release(held),
                Err(error) => {
                    self.stats.0.write_errors += 1;
                    self.pending.push_front(Pending { bytes, held });
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn left(&self) -> u64 {
        let end = self.segments.back().map_or(0, |segment| segment.end_offset);
        self.shape.segment_bytes.saturating_sub(end)
    }

    fn write(&mut self, frame: &[u8]) -> io::Result<u64> {
        let length = frame.len() as u64;
        if self.left() < length {
            self.rotate()?;
        }
        let seq = self.written;
        let Some(segment) = self.segments.back_mut().filter(|segment| segment.end_seq == seq)
        else {
            return Err(io::Error::other("the segment's numbers are out of step"));
        };
        segment.file.write_at(frame, segment.end_offset)?;
        segment.end_offset += length;
        segment.end_seq += 1;
        self.written += 1;
        let now = Instant::now();
        self.dirty.frames = self.dirty.frames.saturating_add(1);
        self.dirty.since.get_or_insert(now);
        self.stats.0.bytes += length;
        self.stats.1.wrote(seq, now);
        Ok(seq)
    }

    fn rotate(&mut self) -> io::Result<()> {
        let spare = self.spares.front().ok_or_else(|| io::Error::other("no segment prepared"))?;
        header::write(&*spare.file, &self.shape.header(self.written))?;
        if let Some(spare) = self.spares.pop_front() {
            self.segments.push_back(Segment::new(spare, self.written));
        }
        Ok(())
    }
}
