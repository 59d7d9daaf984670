//! A disk in memory that can be filled, made to fail, killed, and cut from its power.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use spool::{Disk, DiskFile, DiskLock};

const SECTOR: usize = 512;

/// Clones share the same contents.
#[derive(Debug, Clone, Default)]
pub(crate) struct MemoryDisk(Arc<Mutex<State>>);

#[derive(Debug, Clone, Default)]
struct State {
    files: BTreeMap<PathBuf, usize>,
    contents: Vec<Contents>,
    dirs: BTreeSet<PathBuf>,
    locked: BTreeSet<usize>,
    capacity: Option<usize>,
    is_write_failing: bool,
    is_sync_failing: bool,
}

#[derive(Debug, Clone, Default)]
struct Contents {
    now: Vec<u8>,
    durable: Vec<u8>,
}

impl MemoryDisk {
    pub(crate) fn shared(&self) -> Arc<dyn Disk> {
        Arc::new(self.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// No more than this many bytes may be allocated.
    pub(crate) fn limit(&self, capacity: Option<usize>) {
        self.state().capacity = capacity;
    }

    pub(crate) fn fail_writes(&self, is_failing: bool) {
        self.state().is_write_failing = is_failing;
    }

    pub(crate) fn fail_syncs(&self, is_failing: bool) {
        self.state().is_sync_failing = is_failing;
    }

    /// The disk as another process finds it after kill -9: all that was written, synced or not, and
    /// no locks.
    pub(crate) fn after_kill(&self) -> MemoryDisk {
        let mut state = self.state().clone();
        state.locked.clear();
        MemoryDisk(Arc::new(Mutex::new(state)))
    }

    /// The disk after a power loss: of each sector written and not synced, chance decides.
    pub(crate) fn after_power_loss(&self, seed: u64) -> MemoryDisk {
        let mut state = self.state().clone();
        state.locked.clear();
        let mut chance = seed | 1;
        for contents in &mut state.contents {
            let sectors = contents.durable.chunks_mut(SECTOR);
            for (kept, written) in sectors.zip(contents.now.chunks(SECTOR)) {
                chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                if kept != written && chance >> 62 == 0 {
                    kept.copy_from_slice(written);
                }
            }
            contents.now = contents.durable.clone();
        }
        MemoryDisk(Arc::new(Mutex::new(state)))
    }

    /// Paths of the segments, oldest first.
    pub(crate) fn segments(&self) -> Vec<PathBuf> {
        let state = self.state();
        state.files.keys().filter(|path| path.extension().is_some()).cloned().collect()
    }

    /// Changes a file behind the spool's back.
    pub(crate) fn change(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.state();
        let id = state.files[path];
        change(&mut state.contents[id].now);
        state.contents[id].durable = state.contents[id].now.clone();
    }

    pub(crate) fn contents(&self, path: &Path) -> Vec<u8> {
        let state = self.state();
        state.contents[state.files[path]].now.clone()
    }
}

impl State {
    fn id(&self, path: &Path) -> io::Result<usize> {
        self.files.get(path).copied().ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn add(&mut self, path: &Path, bytes: usize) -> usize {
        let zeros = vec![0; bytes];
        self.contents.push(Contents { now: zeros.clone(), durable: zeros });
        self.files.insert(path.to_owned(), self.contents.len() - 1);
        self.contents.len() - 1
    }
}

impl Disk for MemoryDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.state().dirs.insert(path.to_owned());
        Ok(())
    }

    fn create(&self, path: &Path, bytes: u64) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state();
        let bytes = usize::try_from(bytes).unwrap();
        let used: usize = state.files.values().map(|id| state.contents[*id].now.len()).sum();
        if state.capacity.is_some_and(|capacity| used + bytes > capacity) {
            return Err(ErrorKind::StorageFull.into());
        }
        let id = state.add(path, bytes);
        Ok(Arc::new(MemoryFile { disk: self.clone(), id }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let id = self.state().id(path)?;
        Ok(Arc::new(MemoryFile { disk: self.clone(), id }))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let state = self.state();
        if !state.dirs.contains(path) {
            return Err(ErrorKind::NotFound.into());
        }
        let inside = state.files.keys().chain(&state.dirs).filter(|p| p.parent() == Some(path));
        Ok(inside.map(|p| p.file_name().unwrap().to_string_lossy().into()).collect())
    }

    fn rename_dir(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.dirs.remove(from);
        state.dirs.insert(to.to_owned());
        let moved = |path: PathBuf| match path.strip_prefix(from) {
            Ok(rest) => to.join(rest),
            Err(_) => path,
        };
        let files = std::mem::take(&mut state.files);
        state.files = files.into_iter().map(|(path, id)| (moved(path), id)).collect();
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.state().files.remove(path).map(|_| ()).ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.state().dirs.remove(path);
        Ok(())
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn DiskLock>>> {
        let mut state = self.state();
        let id = match state.id(path) {
            Ok(id) => id,
            Err(_) => state.add(path, 0),
        };
        let is_free = state.locked.insert(id);
        Ok(is_free.then(|| Box::new(MemoryLock { disk: self.clone(), id }) as Box<dyn DiskLock>))
    }
}

#[derive(Debug)]
struct MemoryLock {
    disk: MemoryDisk,
    id: usize,
}

impl DiskLock for MemoryLock {}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        self.disk.state().locked.remove(&self.id);
    }
}

#[derive(Debug)]
struct MemoryFile {
    disk: MemoryDisk,
    id: usize,
}

impl DiskFile for MemoryFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        let offset = usize::try_from(offset).unwrap();
        let is_failing = state.is_write_failing;
        let now = &mut state.contents[self.id].now;
        // A write that fails may have begun.
        let count = if is_failing { bytes.len() / 2 } else { bytes.len() };
        now[offset..offset + count].copy_from_slice(&bytes[..count]);
        if is_failing { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = self.disk.state();
        let now = &state.contents[self.id].now;
        let rest = now.get(usize::try_from(offset).unwrap()..).unwrap_or_default();
        // Short reads are allowed, so they happen.
        let count = rest.len().min(buffer.len()).min(3000);
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        if state.is_sync_failing {
            return Err(io::Error::other("the disk does not sync"));
        }
        let contents = &mut state.contents[self.id];
        contents.durable = contents.now.clone();
        Ok(())
    }

    fn bytes(&self) -> io::Result<u64> {
        Ok(self.disk.state().contents[self.id].now.len() as u64)
    }
}
