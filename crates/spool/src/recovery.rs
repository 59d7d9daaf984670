//! Finds and adopts the epochs of processes that are gone.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::SpoolError;
use crate::disk::{Disk, DiskFile};
use crate::epoch::EpochDir;
use crate::header::{self, Header, Start};
use crate::replay::Recovered;
use crate::scan::{Item, Scanner};
use crate::segment::ordinal_of;
use crate::spool::LOW_WATER_NAME;

/// The epochs below `root` whose processes are gone, oldest first, each now locked by this process
/// until it is finished or dropped. Epochs of living processes are left alone, those that hold
/// nothing are removed.
pub fn abandoned(root: &Path, disk: &Arc<dyn Disk>) -> Result<Vec<AbandonedEpoch>, SpoolError> {
    let dead = EpochDir::take_dead(&**disk, root)?.into_iter();
    dead.filter_map(|dir| AbandonedEpoch::examine(dir, disk).transpose()).collect()
}

/// What a process that is gone left behind.
#[derive(Debug)]
pub struct AbandonedEpoch {
    dir: EpochDir,
    disk: Arc<dyn Disk>,
    node_id: String,
    segments: Vec<Found>,
}

impl AbandonedEpoch {
    /// Name of the gateway that wrote it.
    pub fn node_id(&self) -> &str {
        &self.node_id
    }

    /// The process start that wrote it.
    pub fn epoch(&self) -> &str {
        &self.dir.epoch
    }

    /// The number below which that process knew every frame to be committed; 0 if it knew of none.
    /// A hint only: what the lake recorded decides.
    pub fn low_water(&self) -> u64 {
        let path = self.dir.path.join(LOW_WATER_NAME);
        let mut record = [0; 12];
        let count = self.disk.open(&path).and_then(|file| file.read_at(&mut record, 0));
        let [a, b, c, d, e, f, g, h, crc @ ..] = record;
        let number = [a, b, c, d, e, f, g, h];
        let is_whole = matches!(count, Ok(12)) && crc32c::crc32c(&number).to_le_bytes() == crc;
        if is_whole { u64::from_le_bytes(number) } else { 0 }
    }

    /// Every event it holds, by number: those settled, then one for each attempt that was opened
    /// and never settled. The same at every call, also after a power loss, so that a commit that
    /// was cut short can be taken up again: what is about to be read is made durable first.
    pub fn events(&self) -> Result<Recovered, SpoolError> {
        for segment in &self.segments {
            segment.file.sync().map_err(SpoolError::io("sync", &segment.path))?;
        }
        Recovered::new(self.segments.clone(), &self.dir.path)
    }

    /// Deletes it. Everything [`AbandonedEpoch::events`] gave must be committed.
    pub fn finish(self) -> Result<(), SpoolError> {
        self.dir.delete(&*self.disk)
    }

    /// The epoch; deletes the directory instead if its process died before it was ready for use.
    fn examine(dir: EpochDir, disk: &Arc<dyn Disk>) -> Result<Option<Self>, SpoolError> {
        let names = disk.list(&dir.path).map_err(SpoolError::io("list", &dir.path))?;
        let mut names: Vec<String> =
            names.into_iter().filter(|name| ordinal_of(name).is_some()).collect();
        names.sort_unstable();
        let mut segments = Vec::new();
        for name in names {
            segments.push(Found::read(&**disk, dir.path.join(name))?);
        }
        // Prepared and never used.
        while segments.last().is_some_and(|segment| segment.start == Start::Blank)
            && (segments.len() > 1 || segments.iter().all(Found::is_empty))
        {
            segments.pop();
        }
        let node_id = segments.iter().find_map(|segment| Some(segment.header()?.node_id.clone()));
        match (node_id, segments.first()) {
            (_, None) => dir.delete(&**disk).map(|()| None),
            (None, Some(first)) => Err(first.corrupt(0, "its header cannot be read")),
            (Some(node_id), _) => Ok(Some(Self { dir, disk: Arc::clone(disk), node_id, segments })),
        }
    }
}

/// A segment of an abandoned epoch.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) start: Start,
}

impl Found {
    fn read(disk: &dyn Disk, path: PathBuf) -> Result<Self, SpoolError> {
        let file = disk.open(&path).map_err(SpoolError::io("open", &path))?;
        let start = header::read(&*file, &path)?;
        Ok(Self { path, file, start })
    }

    pub(crate) fn header(&self) -> Option<&Header> {
        match &self.start {
            Start::Valid(header, _) => Some(header),
            Start::Blank | Start::Damaged => None,
        }
    }

    pub(crate) fn is_sealed(&self) -> bool {
        matches!(self.start, Start::Valid(_, true))
    }

    pub(crate) fn scanner(&self) -> Result<Scanner, SpoolError> {
        let bytes = self.file.bytes().map_err(SpoolError::io("read", &self.path))?;
        Ok(Scanner::new(&self.file, self.path.clone(), bytes))
    }

    pub(crate) fn corrupt(&self, offset: u64, detail: &str) -> SpoolError {
        SpoolError::Corrupt { path: self.path.clone(), offset, detail: detail.to_owned() }
    }

    /// No frame starts where the first would.
    fn is_empty(&self) -> bool {
        self.scanner().is_ok_and(|mut scanner| matches!(scanner.next(), Ok(Item::End)))
    }
}
