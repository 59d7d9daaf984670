//! The disk behind a seam, so that tests can fill it, fail it, or take away what was not synced.
//!
//! This file must never know what the spool writes.

mod real;

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

pub use real::RealDisk;

/// A file system, as far as the spool needs one. Paths are those the spool was given.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Creates a directory and those above it; fine when it exists. Durable on return.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// Creates a file of `bytes` zeros whose space is really allocated. Durable on return; on an
    /// error nothing is left.
    fn create(&self, path: &Path, bytes: u64) -> io::Result<Arc<dyn DiskFile>>;
    /// Opens a file that exists, for reading and writing.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Names in a directory, in no order.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;
    /// Moves a directory to a name that is free. Durable on return.
    fn rename_dir(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Removes a directory that is empty.
    fn remove_dir(&self, path: &Path) -> io::Result<()>;
    /// Takes the exclusive lock a file stands for, creating the file if need be; `None` when
    /// another holder, of this process or another, has it.
    fn try_lock(&self, path: &Path) -> io::Result<Option<Box<dyn DiskLock>>>;
}

/// An open file of fixed size.
pub trait DiskFile: Send + Sync + fmt::Debug {
    /// Writes all of `bytes` at `offset`. On return a killed process no longer loses them.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Reads at most `buffer.len()` bytes at `offset`; 0 at the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Makes what was written survive a power loss.
    fn sync(&self) -> io::Result<()>;
    /// Size in bytes.
    fn bytes(&self) -> io::Result<u64>;
}

/// A lock that is held until it is dropped or the process ends.
pub trait DiskLock: Send + Sync + fmt::Debug {}
