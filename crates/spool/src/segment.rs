//! One segment in use: its file, the numbers it holds, and how far it is written.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::DiskFile;
use crate::header::HEADER_BYTES;

/// Name of a segment's file; names sort in the order of use.
pub(crate) fn file_name(ordinal: u64) -> String {
    format!("{ordinal:010}.seg")
}

/// The ordinal a file's name gives, `None` for other files.
pub(crate) fn ordinal_of(name: &str) -> Option<u64> {
    name.strip_suffix(".seg").filter(|digits| digits.len() == 10)?.parse().ok()
}

/// A file of zeros waiting for use.
#[derive(Debug)]
pub(crate) struct Spare {
    pub(crate) ordinal: u64,
    pub(crate) file: Arc<dyn DiskFile>,
}

/// A segment that holds frames or is about to.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) ordinal: u64,
    pub(crate) file: Arc<dyn DiskFile>,
    /// Number of its first frame.
    pub(crate) first_seq: u64,
    /// Number after its last frame.
    pub(crate) end_seq: u64,
    /// Offset after its last frame.
    pub(crate) end_offset: u64,
}

impl Segment {
    pub(crate) fn new(spare: Spare, first_seq: u64) -> Self {
        let Spare { ordinal, file } = spare;
        Self { ordinal, file, first_seq, end_seq: first_seq, end_offset: HEADER_BYTES }
    }

    pub(crate) fn path(&self, dir: &Path) -> PathBuf {
        dir.join(file_name(self.ordinal))
    }
}
