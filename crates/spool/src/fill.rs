//! Keeps prepared segments ahead of use, and deletes those no longer needed.
//!
//! A segment goes once every frame in it is committed and no attempt it opens is unsettled, oldest
//! first: were a later one deleted before it, recovery would find attempts opened and never
//! settled. So that one long request cannot keep the whole quota, its opening frame is copied to
//! the end of the log once half the quota is used.

use std::io;
use std::sync::MutexGuard;
use std::time::Duration;

use crate::SpoolError;
use crate::log::Log;
use crate::scan::{Item, Scanner};
use crate::segment::{Segment, Spare};
use crate::spool::{Shared, lock};

/// Pause between two tries to prepare a segment on a full disk.
const RETRY: Duration = Duration::from_secs(1);

impl Shared {
    /// The fill thread, until the spool stops.
    pub(crate) fn run_fill(&self) {
        let mut log = self.log();
        while !log.signals.is_stopping {
            if log.wants_spare() {
                let ordinal = log.next_ordinal();
                let bytes = log.shape.segment_bytes;
                drop(log);
                let created = self.disk.create(&self.path_of(ordinal), bytes);
                log = self.filled(ordinal, created);
                if !log.signals.has_fill_failed {
                    continue;
                }
            } else {
                log.signals.is_fill_wanted = false;
            }
            if log.signals.is_stopping {
                return;
            }
            log = if log.signals.has_fill_failed {
                let waited = self.wake_fill.wait_timeout(log, RETRY);
                waited.unwrap_or_else(|poison| poison.into_inner()).0
            } else {
                self.wake_fill.wait(log).unwrap_or_else(|poison| poison.into_inner())
            };
        }
    }

    fn filled(
        &self,
        ordinal: u64,
        created: io::Result<std::sync::Arc<dyn crate::DiskFile>>,
    ) -> MutexGuard<'_, Log> {
        let mut log = self.log();
        let was_failing = std::mem::replace(&mut log.signals.has_fill_failed, created.is_err());
        match created {
            Ok(file) => log.spares.push_back(Spare { ordinal, file }),
            Err(error) if !was_failing => {
                tracing::error!(%error, "cannot prepare a spool segment, requests may be refused");
            }
            Err(_) => {}
        }
        log
    }

    /// See [`crate::Spool::mark_committed`].
    pub(crate) fn mark_committed(&self, seq: u64) -> Result<(), SpoolError> {
        let file = lock(&self.low_water);
        let low_water = {
            let mut log = self.log();
            log.low_water = log.low_water.max(seq.saturating_add(1)).min(log.written);
            let low_water = log.low_water;
            log.stats.1.committed(low_water);
            low_water
        };
        let mut record = low_water.to_le_bytes().to_vec();
        record.extend_from_slice(&crc32c::crc32c(&record).to_le_bytes());
        file.write_at(&record, 0).map_err(SpoolError::io("write", self.dir()))?;
        self.reclaim()?;
        while self.carry_oldest()? {
            self.reclaim()?;
        }
        let mut log = self.log();
        self.wake_threads(&mut log);
        // A thread that waits out a full disk may go on at once.
        self.wake_fill.notify_one();
        Ok(())
    }

    /// Deletes from the oldest segment on what is no longer needed.
    fn reclaim(&self) -> Result<(), SpoolError> {
        let unneeded: Vec<Segment> = {
            let log = self.log();
            let needed_from = log.open.values().copied().min().unwrap_or(u64::MAX);
            let needed_from = needed_from.min(log.low_water);
            let closed = log.segments.len() - 1;
            let oldest = log.segments.iter().take(closed);
            oldest.take_while(|segment| segment.end_seq <= needed_from).cloned().collect()
        };
        if unneeded.is_empty() {
            return Ok(());
        }
        // What settles or copies an attempt opened here must be durable before this goes.
        self.flush()?;
        for segment in unneeded {
            let path = segment.path(self.dir());
            match self.disk.remove(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(SpoolError::io("remove", &path)(error));
                }
                _ => {}
            }
            self.log().segments.pop_front();
        }
        Ok(())
    }

    /// Copies the frames that keep the oldest segment from deletion to the end of the log, if more
    /// than half the quota is used; says whether the segment can go now.
    fn carry_oldest(&self) -> Result<bool, SpoolError> {
        let (oldest, open) = {
            let log = self.log();
            let is_ample = log.disk_bytes() <= log.shape.quota_bytes / 2;
            let oldest = log.segments.front().filter(|segment| segment.end_seq <= log.low_water);
            let (false, true, Some(oldest)) = (is_ample, log.segments.len() > 1, oldest) else {
                return Ok(false);
            };
            let open = log.open.iter().filter(|(_, seq)| **seq < oldest.end_seq);
            let open: Vec<(u64, u64)> = open.map(|(slot, seq)| (*seq, *slot)).collect();
            (oldest.clone(), std::collections::BTreeMap::from_iter(open))
        };
        let mut scanner = Scanner::new(&oldest.file, oldest.path(self.dir()), oldest.end_offset);
        for seq in oldest.first_seq..oldest.end_seq {
            let Item::Frame(frame) = scanner.next()? else {
                return Err(scanner.corrupt("a frame written earlier is gone"));
            };
            if let Some(slot) = open.get(&seq)
                && !self.carry(*slot, seq, frame)?
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Copies one opening frame, if its attempt is still open; says whether there was room.
    fn carry(&self, slot: u64, seq: u64, frame: &[u8]) -> Result<bool, SpoolError> {
        let mut log = self.log();
        if log.open.get(&slot) != Some(&seq) {
            return Ok(true);
        }
        let bytes = frame.len() as u64;
        if log.hold(bytes).is_err() {
            return Ok(false);
        }
        let copied = log.try_append(frame);
        log.release(bytes);
        let copied = copied.map_err(SpoolError::io("write", self.dir()))?;
        log.open.insert(slot, copied);
        self.wake_threads(&mut log);
        Ok(true)
    }
}
