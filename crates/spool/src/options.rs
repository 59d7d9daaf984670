//! How a spool is set up, and what its sizes must satisfy.

use std::path::PathBuf;
use std::time::Duration;

use crate::SpoolError;
use crate::header::HEADER_BYTES;
use crate::trim::FRAME_BYTES_MIN;

/// When a frame is made safe against power loss. Against a killed process every frame is safe as
/// soon as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sync {
    /// A thread syncs groups of frames: at most the last few milliseconds are at risk.
    Group {
        /// The longest a frame waits, milliseconds, beyond the time of the sync itself.
        delay_ms_max: u32,
        /// As many frames are synced without waiting longer.
        frames_max: u32,
    },
    /// Opening and settling wait for the disk.
    Every,
}

impl Sync {
    /// The longest a frame waits, and how many cut the wait short.
    pub(crate) fn group(self) -> (Duration, u32) {
        match self {
            Sync::Group { delay_ms_max, frames_max } => {
                (Duration::from_millis(u64::from(delay_ms_max)), frames_max)
            }
            // Whoever writes syncs; the thread only sweeps up what a failing disk left.
            Sync::Every => (Duration::from_millis(50), u32::MAX),
        }
    }
}

impl Default for Sync {
    fn default() -> Self {
        Sync::Group { delay_ms_max: 5, frames_max: 400 }
    }
}

/// How a spool is set up.
#[derive(Debug, Clone)]
pub struct SpoolOptions {
    /// Directory that holds one directory per process start.
    pub root: PathBuf,
    /// Name of this gateway, part of every row's dedupe key: 1 to 64 of `[A-Za-z0-9._-]`.
    pub node_id: String,
    /// Size of a segment, bytes; 16 MiB. Segments are written with zeros ahead of use.
    pub segment_bytes: u64,
    /// Most that all segments of this process may take, bytes; 1 GiB. When full, requests are
    /// refused until usage is committed.
    pub quota_bytes: u64,
    /// Space beyond what requests hold that is kept prepared, bytes; 32 MiB. It is what a sudden
    /// burst of requests may take before more is prepared.
    pub ahead_bytes: u64,
    /// Largest frame, bytes; 24 KiB, enough for the most tags an event may carry. Events beyond
    /// it lose their tags.
    pub frame_bytes_max: u32,
    /// Most requests under way at once; 65,536.
    pub slots_max: u32,
    /// When frames are made safe against power loss.
    pub sync: Sync,
}

impl SpoolOptions {
    /// The defaults for a directory and a node.
    pub fn new(root: impl Into<PathBuf>, node_id: impl Into<String>) -> Self {
        Self {
            root: root.into(),
            node_id: node_id.into(),
            segment_bytes: 16 << 20,
            quota_bytes: 1 << 30,
            ahead_bytes: 32 << 20,
            frame_bytes_max: 24 << 10,
            slots_max: 65_536,
            sync: Sync::default(),
        }
    }

    pub(crate) fn validate(&self) -> Result<(), SpoolError> {
        let refuse = |reason: String| Err(SpoolError::Options(reason));
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        if !(1..=64).contains(&self.node_id.len()) || !self.node_id.bytes().all(plain) {
            let node = self.node_id.chars().take(64).collect::<String>();
            return refuse(format!("node id `{node}`: use 1 to 64 letters, digits, `.`, `_`, `-`"));
        }
        if self.frame_bytes_max < FRAME_BYTES_MIN {
            return refuse(format!("frame_bytes_max must be at least {FRAME_BYTES_MIN}"));
        }
        let segment_min = HEADER_BYTES + 4 * u64::from(self.frame_bytes_max);
        if self.segment_bytes < segment_min {
            return refuse(format!("segment_bytes must be at least {segment_min}"));
        }
        if self.quota_bytes < 2 * self.segment_bytes {
            return refuse(format!(
                "quota_bytes must hold two segments, {}",
                2 * self.segment_bytes
            ));
        }
        Ok(())
    }
}
