//! What can go wrong with the spool. None of it is the client's or the provider's fault.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// An error of the spool: always this machine's or its operator's, never a client's.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The disk failed; a retry may help once it works again.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb: `create`, `write`, `read`.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// No room to account for another request: refuse it and try the next one.
    #[error("the spool takes no more requests: {0}")]
    Full(FullReason),
    /// A file does not hold what was written to it. Nothing was deleted; a retry does not help.
    #[error(
        "{} is damaged at byte {offset}: {detail}; restore it from a copy, or move its directory \
         out of the spool to start without the usage it holds",
        path.display()
    )]
    Corrupt {
        /// The segment.
        path: PathBuf,
        /// Where in it, bytes from its start.
        offset: u64,
        /// What is wrong there.
        detail: String,
    },
    /// A segment written by another version of the format; a retry does not help.
    #[error(
        "{} has spool format {found}, this build reads {known}: start the version that wrote it \
         once, so that it commits what it left",
        path.display()
    )]
    Version {
        /// The segment.
        path: PathBuf,
        /// The version it names.
        found: u32,
        /// The version this build reads and writes.
        known: u32,
    },
    /// The options contradict themselves or a limit.
    #[error("spool options: {0}")]
    Options(String),
    /// The intent does not fit a frame even without its tags, or holds too many budgets.
    #[error("an intent does not fit the spool: {0}")]
    TooLarge(String),
    /// The frames asked for were committed and deleted.
    #[error("frame {from} was asked for, but the spool starts at {first}")]
    Gone {
        /// The first frame asked for.
        from: u64,
        /// The first frame still held.
        first: u64,
    },
}

impl SpoolError {
    /// For `map_err`: an I/O error with what was tried and where.
    pub(crate) fn io(
        action: &'static str,
        path: &std::path::Path,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| SpoolError::Io { action, path, source }
    }
}

/// Why there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FullReason {
    /// The disk quota is used up by frames not yet committed.
    Quota,
    /// As many requests are under way as are allowed.
    Slots,
    /// The disk is full or failing.
    Disk,
    /// More space is being prepared at this moment; the next request may find it.
    Preparing,
}

impl fmt::Display for FullReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FullReason::Quota => "its disk quota is full of usage not yet committed",
            FullReason::Slots => "as many requests are under way as are allowed",
            FullReason::Disk => "the disk is full or failing",
            FullReason::Preparing => "more space is being prepared",
        })
    }
}
