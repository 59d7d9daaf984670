//! Reads a segment's frames one after the other.

use std::path::PathBuf;
use std::sync::Arc;

use crate::SpoolError;
use crate::disk::DiskFile;
use crate::frame::{self, PREFIX_BYTES};
use crate::header::HEADER_BYTES;

const CHUNK: usize = 256 << 10;

/// What stands at a place in a segment.
#[derive(Debug)]
pub(crate) enum Item<'a> {
    /// A whole frame, prefix included.
    Frame(&'a [u8]),
    /// Nothing was written from here on.
    End,
    /// Something that is no whole frame, and why.
    Torn(&'static str),
}

/// A place in a segment's file.
#[derive(Debug)]
pub(crate) struct Scanner {
    file: Arc<dyn DiskFile>,
    path: PathBuf,
    offset: u64,
    limit: u64,
    /// Bytes from `offset` on, after the first `consumed`.
    buffer: Vec<u8>,
    consumed: usize,
}

impl Scanner {
    /// Starts at the first frame and never reads at or beyond `limit`.
    pub(crate) fn new(file: &Arc<dyn DiskFile>, path: PathBuf, limit: u64) -> Self {
        let (file, buffer) = (Arc::clone(file), Vec::new());
        Self { file, path, offset: HEADER_BYTES, limit, buffer, consumed: 0 }
    }

    /// Starts at the frame that is known to be at `offset`.
    pub(crate) fn starting_at(mut self, offset: u64) -> Self {
        self.offset = offset;
        self
    }

    /// Offset of the next frame.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Damage at the present place.
    pub(crate) fn corrupt(&self, detail: &str) -> SpoolError {
        let (path, offset) = (self.path.clone(), self.offset);
        SpoolError::Corrupt { path, offset, detail: detail.to_owned() }
    }

    /// The frame here, moving past it; stays in place where there is none.
    pub(crate) fn next(&mut self) -> Result<Item<'_>, SpoolError> {
        self.fill(PREFIX_BYTES)?;
        let rest = &self.buffer[self.consumed..];
        let Some(prefix) = rest.first_chunk::<PREFIX_BYTES>() else {
            let is_blank = rest.iter().all(|byte| *byte == 0);
            return Ok(if is_blank { Item::End } else { Item::Torn("the file is cut in a frame") });
        };
        let (length, crc) = frame::prefix(*prefix);
        if length == 0 {
            return Ok(Item::End);
        }
        let whole = PREFIX_BYTES as u64 + u64::from(length);
        if whole > self.limit.saturating_sub(self.offset) {
            return Ok(Item::Torn("a frame is longer than the rest of the file"));
        }
        let whole_bytes = usize::try_from(whole).unwrap_or(usize::MAX);
        self.fill(whole_bytes)?;
        let start = self.consumed;
        let Some(content) = self.buffer.get(start + PREFIX_BYTES..start + whole_bytes) else {
            return Ok(Item::Torn("the file is cut in a frame"));
        };
        if crc32c::crc32c(content) != crc {
            return Ok(Item::Torn("a frame's checksum does not match"));
        }
        self.offset += whole;
        self.consumed += whole_bytes;
        Ok(Item::Frame(&self.buffer[start..start + whole_bytes]))
    }

    /// Has at least `wanted` bytes ready, or all there are before the limit.
    fn fill(&mut self, wanted: usize) -> Result<(), SpoolError> {
        if self.buffer.len() - self.consumed >= wanted {
            return Ok(());
        }
        self.buffer.drain(..self.consumed);
        self.consumed = 0;
        while self.buffer.len() < wanted {
            let have = self.buffer.len();
            let left = self.limit.saturating_sub(self.offset + have as u64);
            let more = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK.max(wanted - have));
            if more == 0 {
                return Ok(());
            }
            self.buffer.resize(have + more, 0);
            let read = self.file.read_at(&mut self.buffer[have..], self.offset + have as u64);
            let count = read.map_err(SpoolError::io("read", &self.path))?;
            self.buffer.truncate(have + count);
            if count == 0 {
                return Ok(());
            }
        }
        Ok(())
    }
}
