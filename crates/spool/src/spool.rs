//! The spool of this process: how it starts, what callers ask of it, how it stops.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use events::Frame;

use crate::disk::{Disk, DiskFile};
use crate::epoch::EpochDir;
use crate::log::{Log, Shape};
use crate::read::{Cursor, Rows, Wanted};
use crate::segment::{Spare, file_name};
use crate::sync::Durable;
use crate::{FullReason, Slot, SpoolError, SpoolOptions, SpoolStats, Sync};

/// File that holds how far the epoch is committed: eight bytes and their checksum.
pub(crate) const LOW_WATER_NAME: &str = "low-water";

/// The spool of this process. Cheap to clone; the last clone or [`Slot`] to go makes everything
/// durable and stops the threads, which takes one sync of the disk.
#[derive(Debug, Clone)]
pub struct Spool {
    handle: Arc<Handle>,
}

impl Spool {
    /// Starts a new epoch below `options.root`: makes and locks its directory, prepares its first
    /// segment (the one slow step) and starts its two threads.
    pub fn open(options: SpoolOptions, disk: Arc<dyn Disk>) -> Result<Self, SpoolError> {
        options.validate()?;
        let dir = EpochDir::create(&*disk, &options.root)?;
        let prepared = prepare(&options, &*disk, &dir);
        let (log, low_water) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => {
                if let Err(left) = dir.delete(&*disk) {
                    tracing::warn!(error = %left, "could not remove the directory of a failed start");
                }
                return Err(error);
            }
        };
        let shared = Arc::new(Shared {
            dir,
            disk,
            node_id: options.node_id,
            sync: options.sync,
            log: Mutex::new(log),
            wake_sync: Condvar::new(),
            wake_fill: Condvar::new(),
            durable: Mutex::new(Durable::default()),
            cursor: Mutex::new(None),
            low_water: Mutex::new(low_water),
            next_slot: AtomicU64::new(0),
        });
        let mut handle = Handle { shared, threads: Vec::with_capacity(2) };
        handle.spawn("spool-sync", Shared::run_sync)?;
        handle.spawn("spool-fill", Shared::run_fill)?;
        Ok(Self { handle: Arc::new(handle) })
    }

    /// Sets aside room for one attempt: never waits. [`SpoolError::Full`] when there is none; the
    /// policy is then to refuse the request.
    pub fn reserve(&self) -> Result<Slot, SpoolError> {
        let shared = self.handle.shared();
        let mut log = shared.log();
        let frame_bytes = log.shape.frame_bytes;
        let reserved = if log.slots < log.shape.slots_max {
            log.hold(2 * frame_bytes)
        } else {
            Err(FullReason::Slots)
        };
        shared.wake_threads(&mut log);
        reserved.map_err(SpoolError::Full)?;
        log.slots += 1;
        drop(log);
        let id = shared.next_slot.fetch_add(1, Ordering::Relaxed);
        Ok(Slot::new(Arc::clone(&self.handle), id, frame_bytes))
    }

    /// At most `max` frames from number `from_seq` on, as far as they are written. They may not
    /// survive a power loss yet: [`Spool::flush`] between reading and committing elsewhere, or else
    /// recovery could number what follows differently from what was committed.
    pub fn read(&self, from_seq: u64, max: usize) -> Result<Vec<(u64, Frame)>, SpoolError> {
        Ok(self.handle.shared().read(from_seq, max, Wanted::All)?.frames)
    }

    /// The same of the frames that are rows: those that only open an attempt are passed over, and count.
    ///
    /// # Errors
    /// As [`Spool::read`].
    pub fn read_rows(&self, from_seq: u64, max: usize) -> Result<Rows, SpoolError> {
        self.handle.shared().read(from_seq, max, Wanted::Rows)
    }

    /// The number the next frame gets; frames count from 0 within the epoch.
    pub fn next_seq(&self) -> u64 {
        self.handle.shared().log().next_seq()
    }

    /// Every frame up to and including `seq` is committed elsewhere: frees the segments that are
    /// no longer needed. May sync and delete files, so call it from a thread that may wait.
    pub fn mark_committed(&self, seq: u64) -> Result<(), SpoolError> {
        self.handle.shared().mark_committed(seq)
    }

    /// Name of this gateway.
    pub fn node_id(&self) -> &str {
        &self.handle.shared().node_id
    }

    /// This process start: 32 hexadecimal digits that sort by time and are never used twice.
    pub fn epoch(&self) -> &str {
        &self.handle.shared().dir.epoch
    }

    /// Waits until every frame written so far survives a power loss.
    pub fn flush(&self) -> Result<(), SpoolError> {
        self.handle.shared().flush()
    }

    /// Figures for `/metrics` and `/readyz`.
    pub fn stats(&self) -> SpoolStats {
        SpoolStats::of(&self.handle.shared().log())
    }
}

/// The first segment, its header synced, and the low-water file.
fn prepare(
    options: &SpoolOptions,
    disk: &dyn Disk,
    dir: &EpochDir,
) -> Result<(Log, Arc<dyn DiskFile>), SpoolError> {
    let path = dir.path.join(LOW_WATER_NAME);
    let low_water = disk.create(&path, 4096).map_err(SpoolError::io("create", &path))?;
    let path = dir.path.join(file_name(0));
    let file =
        disk.create(&path, options.segment_bytes).map_err(SpoolError::io("create", &path))?;
    let first = Spare { ordinal: 0, file: Arc::clone(&file) };
    let log =
        Log::new(Shape::new(options, &dir.epoch), first).map_err(SpoolError::io("write", &path))?;
    file.sync().map_err(SpoolError::io("sync", &path))?;
    Ok((log, low_water))
}

/// Owns the threads; dropped with the last [`Spool`] or [`Slot`].
#[derive(Debug)]
pub(crate) struct Handle {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Handle {
    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    fn spawn(&mut self, name: &'static str, run: fn(&Shared)) -> Result<(), SpoolError> {
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || run(&shared))
            .map_err(SpoolError::io("start a thread for", &self.shared.dir.path))?;
        self.threads.push(thread);
        Ok(())
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.log().signals.is_stopping = true;
        self.shared.wake_sync.notify_all();
        self.shared.wake_fill.notify_all();
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a spool thread panicked");
            }
        }
    }
}

/// What callers and threads share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) dir: EpochDir,
    pub(crate) disk: Arc<dyn Disk>,
    node_id: String,
    pub(crate) sync: Sync,
    log: Mutex<Log>,
    pub(crate) wake_sync: Condvar,
    pub(crate) wake_fill: Condvar,
    /// Whose turn it is to sync, and how far it got.
    pub(crate) durable: Mutex<Durable>,
    /// Where the last read ended.
    pub(crate) cursor: Mutex<Option<Cursor>>,
    /// The low-water file; also makes commits take turns.
    pub(crate) low_water: Mutex<Arc<dyn DiskFile>>,
    next_slot: AtomicU64,
}

impl Shared {
    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        lock(&self.log)
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir.path
    }

    pub(crate) fn path_of(&self, ordinal: u64) -> PathBuf {
        self.dir.path.join(file_name(ordinal))
    }

    /// Call after each change of the log, still holding it: wakes whoever has work now.
    pub(crate) fn wake_threads(&self, log: &mut Log) {
        let (_, frames_max) = self.sync.group();
        let dirty = log.dirty.frames;
        if dirty == 1 || dirty == frames_max || log.pending() > 0 {
            self.wake_sync.notify_one();
        }
        if !log.signals.is_fill_wanted && log.wants_spare() {
            log.signals.is_fill_wanted = true;
            self.wake_fill.notify_one();
        }
    }
}

/// Locks; a panic elsewhere must not stop accounting, and each holder leaves the value consistent
/// between statements.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
