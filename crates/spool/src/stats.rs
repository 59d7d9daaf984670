//! The spool's figures.

use std::time::{Duration, Instant};

use crate::log::Log;

/// Figures of one spool since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpoolStats {
    /// Frames taken, those that wait for a failing disk included.
    pub frames: u64,
    /// Bytes of frames written.
    pub bytes: u64,
    /// Bytes the segments take on disk, prepared ones included.
    pub disk_bytes: u64,
    /// Bytes set aside for attempts under way.
    pub held_bytes: u64,
    /// Attempts under way.
    pub slots: u32,
    /// Oldest frame not yet committed; `None` when all are.
    pub oldest_uncommitted_seq: Option<u64>,
    /// How long ago that was written, to the second and never too low within an hour.
    pub oldest_uncommitted_age: Option<Duration>,
    /// Frames kept in memory because the disk would not take them.
    pub frames_pending: u64,
    /// Events that lost tags or the ends of texts to fit.
    pub frames_trimmed: u64,
    /// Writes that failed.
    pub write_errors: u64,
    /// Syncs that failed.
    pub sync_errors: u64,
}

impl SpoolStats {
    pub(crate) fn of(log: &Log) -> Self {
        let (counts, marks) = &log.stats;
        let oldest = Some(log.low_water).filter(|oldest| *oldest < log.written);
        Self {
            frames: log.next_seq(),
            bytes: counts.bytes,
            disk_bytes: log.disk_bytes(),
            held_bytes: log.held,
            slots: log.slots,
            oldest_uncommitted_seq: oldest,
            oldest_uncommitted_age: oldest.and_then(|_| marks.age(Instant::now())),
            frames_pending: log.pending() as u64,
            frames_trimmed: counts.trimmed,
            write_errors: counts.write_errors,
            sync_errors: counts.sync_errors,
        }
    }
}
