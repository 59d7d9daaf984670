//! The first 4 KiB of a segment: which epoch it belongs to, where its numbers start, and the seal
//! that says everything before it is durable.
//!
//! The seal tells damage from an ordinary power loss. It is written to a segment once all earlier
//! segments are synced and before the segment's own first sync is reported, so an earlier segment
//! that is incomplete although a later one bears a seal has been damaged; without a seal its end
//! was simply never synced.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::SpoolError;
use crate::disk::DiskFile;
use crate::frame::{self, PREFIX_BYTES};

/// Bytes of a segment before its first frame.
pub(crate) const HEADER_BYTES: u64 = 4096;
const HEADER_LEN: usize = 4096;

/// Version of the format, raised when an older build could not read what this one writes.
pub(crate) const VERSION: u32 = 2;
/// The oldest version this build reads: its frames say which layout they are in.
const VERSION_OLDEST: u32 = 1;

const MAGIC: &[u8; 8] = b"TGSPOOL\n";
const SEAL: &[u8; 8] = b"SEALED-1";
const SEAL_OFFSET: u64 = 2048;
const SEAL_AT: usize = 2048;

/// What a segment says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    pub(crate) version: u32,
    pub(crate) node_id: String,
    pub(crate) epoch: String,
    pub(crate) first_seq: u64,
}

/// What the start of a segment holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Start {
    /// Only zeros, or nothing: prepared and never used.
    Blank,
    /// Something that is no header.
    Damaged,
    /// A header, and whether the segment is sealed.
    Valid(Header, bool),
}

/// Writes the header of a segment about to be used.
pub(crate) fn write(file: &dyn DiskFile, header: &Header) -> std::io::Result<()> {
    let encoded = frame::encode(header).map_err(std::io::Error::other)?;
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&encoded);
    file.write_at(&bytes, 0)
}

/// Says that all segments before this one are durable.
pub(crate) fn seal(file: &dyn DiskFile) -> std::io::Result<()> {
    file.write_at(SEAL, SEAL_OFFSET)
}

/// Reads the start of a segment.
pub(crate) fn read(file: &dyn DiskFile, path: &Path) -> Result<Start, SpoolError> {
    let mut bytes = [0; HEADER_LEN];
    let mut filled = 0;
    while filled < HEADER_LEN {
        let offset = u64::try_from(filled).unwrap_or(HEADER_BYTES);
        let count =
            file.read_at(&mut bytes[filled..], offset).map_err(SpoolError::io("read", path))?;
        if count == 0 {
            break;
        }
        filled += count;
    }
    if bytes.iter().all(|byte| *byte == 0) {
        return Ok(Start::Blank);
    }
    let Some(header) = parse(&bytes) else { return Ok(Start::Damaged) };
    if !(VERSION_OLDEST..=VERSION).contains(&header.version) {
        let path = path.to_owned();
        return Err(SpoolError::Version { path, found: header.version, known: VERSION });
    }
    let is_sealed = bytes[SEAL_AT..].starts_with(SEAL);
    Ok(Start::Valid(header, is_sealed))
}

fn parse(bytes: &[u8]) -> Option<Header> {
    let rest = bytes.strip_prefix(MAGIC)?;
    let (length, crc) = frame::prefix(*rest.first_chunk::<PREFIX_BYTES>()?);
    let end = PREFIX_BYTES.checked_add(usize::try_from(length).ok()?)?;
    let content = rest.get(PREFIX_BYTES..end)?;
    // The version comes first and alone, so that a later layout still says which it is.
    (crc32c::crc32c(content) == crc).then_some(())?;
    match postcard::from_bytes(content) {
        Ok(header) => Some(header),
        Err(_) => {
            let (version, _) = postcard::take_from_bytes(content).ok()?;
            let blank = String::new();
            Some(Header { version, node_id: blank.clone(), epoch: blank, first_seq: 0 })
        }
    }
}
