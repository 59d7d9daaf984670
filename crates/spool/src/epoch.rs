//! The directory of one process start: its name, how it comes to be, and its lock.
//!
//! A directory is made under a hidden name, locked, and only then given its real one, so that
//! nobody can take a starting process for a dead one.

use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::SpoolError;
use crate::disk::{Disk, DiskLock};

const LOCK_NAME: &str = "lock";
const STARTING: &str = ".starting-";
const FINISHED: &str = ".finished-";

/// A directory this process holds the lock of.
#[derive(Debug)]
pub(crate) struct EpochDir {
    /// Its name: sortable by the time of its making, never used twice.
    pub(crate) epoch: String,
    pub(crate) path: PathBuf,
    _lock: Box<dyn DiskLock>,
}

impl EpochDir {
    /// A new directory below `root`, which is made if need be.
    pub(crate) fn create(disk: &dyn Disk, root: &Path) -> Result<Self, SpoolError> {
        let epoch = Uuid::now_v7().simple().to_string();
        let starting = root.join(format!("{STARTING}{epoch}"));
        disk.create_dir(root).map_err(SpoolError::io("create", root))?;
        disk.create_dir(&starting).map_err(SpoolError::io("create", &starting))?;
        let lock_path = starting.join(LOCK_NAME);
        let lock = disk.try_lock(&lock_path).map_err(SpoolError::io("lock", &lock_path))?;
        let lock = lock.ok_or_else(|| {
            SpoolError::io("lock", &lock_path)(io::Error::other("another process holds it"))
        })?;
        let path = root.join(&epoch);
        disk.rename_dir(&starting, &path).map_err(SpoolError::io("rename", &starting))?;
        Ok(Self { epoch, path, _lock: lock })
    }

    /// The directories below `root` whose processes are gone, oldest first, now locked by us.
    pub(crate) fn take_dead(disk: &dyn Disk, root: &Path) -> Result<Vec<Self>, SpoolError> {
        let mut names = match disk.list(root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            listed => listed.map_err(SpoolError::io("list", root))?,
        };
        names.sort_unstable();
        let mut dead = Vec::new();
        for name in names {
            if name.starts_with(FINISHED) {
                // Left by a process that died while deleting what was already committed.
                delete(disk, &root.join(&name))?;
            } else if Uuid::try_parse(&name).is_ok_and(|id| id.simple().to_string() == name) {
                dead.extend(Self::take(disk, root, name)?);
            }
        }
        Ok(dead)
    }

    fn take(disk: &dyn Disk, root: &Path, epoch: String) -> Result<Option<Self>, SpoolError> {
        let path = root.join(&epoch);
        let lock_path = path.join(LOCK_NAME);
        let lock = match disk.try_lock(&lock_path) {
            // Finished by another process since it was listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            locked => locked.map_err(SpoolError::io("lock", &lock_path))?,
        };
        let Some(lock) = lock else { return Ok(None) };
        // The lock may be of a directory that another process finished a moment ago.
        let is_there = disk.list(&path).is_ok();
        Ok(is_there.then_some(Self { epoch, path, _lock: lock }))
    }

    /// Deletes the directory and all it holds; what it held must be committed.
    pub(crate) fn delete(self, disk: &dyn Disk) -> Result<(), SpoolError> {
        let finished = self.path.with_file_name(format!("{FINISHED}{}", self.epoch));
        disk.rename_dir(&self.path, &finished).map_err(SpoolError::io("rename", &self.path))?;
        delete(disk, &finished)
    }
}

fn delete(disk: &dyn Disk, dir: &Path) -> Result<(), SpoolError> {
    let gone = |result: io::Result<()>| match result {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    let names = match disk.list(dir) {
        // Another process deletes the same leftover.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        listed => listed.map_err(SpoolError::io("list", dir))?,
    };
    for name in names {
        let path = dir.join(name);
        gone(disk.remove(&path)).map_err(SpoolError::io("remove", &path))?;
    }
    gone(disk.remove_dir(dir)).map_err(SpoolError::io("remove", dir))
}
