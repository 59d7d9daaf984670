//! Makes frames survive a power loss, in the order they were written.

use std::time::Duration;

use crate::SpoolError;
use crate::header;
use crate::log::Dirty;
use crate::segment::Segment;
use crate::spool::{Shared, lock};

/// Pause between two tries on a failing disk.
const RETRY: Duration = Duration::from_millis(100);

/// How far the log is durable.
#[derive(Debug, Default)]
pub(crate) struct Durable {
    /// Every frame below this number is.
    seq: u64,
    /// Every segment below this ordinal is, and the one with it is sealed.
    ordinal: u64,
}

impl Shared {
    /// Waits until frame `seq` is durable; callers that wait together share one sync.
    pub(crate) fn sync_through(&self, seq: u64) -> Result<(), SpoolError> {
        let mut durable = lock(&self.durable);
        if durable.seq > seq {
            return Ok(());
        }
        self.sync(&mut durable)
    }

    /// Writes what the disk would not take before, then makes all durable.
    pub(crate) fn flush(&self) -> Result<(), SpoolError> {
        let retried = self.log().retry_pending();
        self.sync(&mut lock(&self.durable))?;
        retried.map_err(SpoolError::io("write", self.dir()))
    }

    fn sync(&self, durable: &mut Durable) -> Result<(), SpoolError> {
        let (segments, target, dirty) = {
            let mut log = self.log();
            let segments: Vec<Segment> =
                log.segments.iter().filter(|s| s.ordinal >= durable.ordinal).cloned().collect();
            (segments, log.written, std::mem::take(&mut log.dirty))
        };
        let synced = if dirty.frames == 0 && durable.seq == target {
            Ok(())
        } else {
            segments.iter().try_for_each(|segment| self.sync_segment(segment, durable))
        };
        let mut log = self.log();
        log.signals.has_sync_failed = synced.is_err();
        match &synced {
            Ok(()) => durable.seq = target,
            Err(_) => {
                log.stats.0.sync_errors += 1;
                let frames = log.dirty.frames.saturating_add(dirty.frames);
                log.dirty = Dirty { frames, since: dirty.since };
            }
        }
        synced
    }

    fn sync_segment(&self, segment: &Segment, durable: &mut Durable) -> Result<(), SpoolError> {
        let path = segment.path(self.dir());
        if segment.ordinal > durable.ordinal {
            header::seal(&*segment.file).map_err(SpoolError::io("write", &path))?;
        }
        segment.file.sync().map_err(SpoolError::io("sync", &path))?;
        durable.ordinal = segment.ordinal;
        Ok(())
    }

    /// The sync thread, until the spool stops.
    pub(crate) fn run_sync(&self) {
        let mut was_failing = false;
        loop {
            let is_stopping = self.wait_for_frames(was_failing);
            let flushed = self.flush();
            match &flushed {
                Err(error) if !was_failing => tracing::error!(%error, "the spool's disk fails"),
                Ok(()) if was_failing => tracing::info!("the spool's disk works again"),
                _ => {}
            }
            was_failing = flushed.is_err();
            if is_stopping {
                let lost = self.log().pending();
                if lost > 0 {
                    tracing::error!(frames = lost, "the disk did not take these frames: lost");
                }
                return;
            }
        }
    }

    /// Waits for a group to be due, or a moment on a failing disk; says whether the spool stops.
    fn wait_for_frames(&self, is_failing: bool) -> bool {
        let (delay, frames_max) = self.sync.group();
        let mut log = self.log();
        loop {
            if log.signals.is_stopping {
                return true;
            }
            let waited = log.dirty.since.map(|since| since.elapsed());
            let wait = match waited {
                _ if is_failing || log.pending() > 0 => RETRY,
                None => Duration::MAX,
                Some(waited) if waited >= delay || log.dirty.frames >= frames_max => return false,
                Some(waited) => delay.saturating_sub(waited),
            };
            if wait == Duration::MAX {
                log = self.wake_sync.wait(log).unwrap_or_else(|poison| poison.into_inner());
                continue;
            }
            let (guard, timeout) =
                self.wake_sync.wait_timeout(log, wait).unwrap_or_else(|poison| poison.into_inner());
            log = guard;
            if timeout.timed_out() && (is_failing || log.pending() > 0) {
                return log.signals.is_stopping;
            }
        }
    }
}
