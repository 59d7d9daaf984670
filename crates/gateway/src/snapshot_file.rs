//! The last good snapshot on disk, so that a gateway starts and serves with nobody else there.
//!
//! The file is the document as JSON and a trailer: a line break, the BLAKE3 hash of all before it in
//! hexadecimal, a line break. The one before is kept beside it, for when the newest is damaged.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use policy::SnapshotDocument;

/// Largest file read, bytes; more than the largest document taken from a console.
const FILE_BYTES_MAX: u64 = 80 << 20;
/// A line break, 64 digits, a line break.
const TRAILER_BYTES: usize = 66;
/// What the hash is for, so that it is good for nothing else.
const HASH_CONTEXT: &str = "tollgate 2026-11 snapshot file";
/// Only the gateway's own user reads it: it holds hashes of keys.
const MODE: u32 = 0o600;

/// A file that holds the last good snapshot.
#[derive(Debug, Clone)]
pub struct SnapshotFile {
    path: PathBuf,
}

/// What was found on disk.
#[derive(Debug)]
pub struct Loaded {
    /// The document.
    pub document: SnapshotDocument,
    /// Whether the newest was damaged or gone, and this is the one before it.
    pub fell_back: bool,
}

/// Why a snapshot could not be kept or found; the operator's to mend, serving goes on without.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotFileError {
    /// The disk failed.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Cut short, altered, or not of this version.
    #[error("{} is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The document cannot be written as JSON.
    #[error("the snapshot cannot be written as JSON: {0}")]
    Json(serde_json::Error),
    /// The document holds something where only a reference to a secret may be.
    #[error(
        "provider `{0}`: its secret is no reference (`env:…` or `file:…`), nothing is kept on disk"
    )]
    NotAReference(String),
}

impl SnapshotFile {
    /// A snapshot at this path; the one before goes to the same name and `.previous`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Keeps a document, durably; the one kept so far becomes the previous one. Whenever this is
    /// interrupted, one whole document is on disk.
    pub fn save(&self, document: &SnapshotDocument) -> Result<(), SnapshotFileError> {
        let is_reference = |secret: &str| secret.starts_with("env:") || secret.starts_with("file:");
        let naked = document.providers.iter().find(|provider| {
            provider.secret.as_deref().is_some_and(|secret| !is_reference(secret))
        });
        if let Some(provider) = naked {
            return Err(SnapshotFileError::NotAReference(provider.name.clone()));
        }
        let mut bytes = serde_json::to_vec(document).map_err(SnapshotFileError::Json)?;
        let trailer = trailer(&bytes);
        bytes.extend_from_slice(trailer.as_bytes());
        let new = self.beside(".new");
        write(&new, &bytes).map_err(failed("write", &new))?;
        // A damaged one must not take the place of the last good one.
        if matches!(read(&self.path), Ok(Some(_))) {
            let previous = self.beside(".previous");
            fs::rename(&self.path, &previous).map_err(failed("rename to", &previous))?;
        }
        fs::rename(&new, &self.path).map_err(failed("rename to", &self.path))?;
        let dir = match self.path.parent() {
            Some(dir) if !dir.as_os_str().is_empty() => dir,
            _ => Path::new("."),
        };
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed("sync", dir))
    }

    /// The newest document that is whole; `None` when none was ever kept.
    ///
    /// # Errors
    /// When there are files and none of them is whole.
    pub fn load(&self) -> Result<Option<Loaded>, SnapshotFileError> {
        let newest = read(&self.path);
        if let Ok(Some(document)) = newest {
            return Ok(Some(Loaded { document, fell_back: false }));
        }
        if let Err(error) = &newest {
            tracing::error!(%error, "the snapshot on disk is of no use, trying the one before it");
        }
        match read(&self.beside(".previous"))? {
            Some(document) => Ok(Some(Loaded { document, fell_back: true })),
            None => newest.map(|_| None),
        }
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(ending);
        name.into()
    }
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // One left by a process that died may be readable by others.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(MODE).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn read(path: &Path) -> Result<Option<SnapshotDocument>, SnapshotFileError> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(failed("open", path))?,
    };
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(failed("read", path))?;
    let damaged = |reason: String| SnapshotFileError::Damaged { path: path.to_path_buf(), reason };
    let end = bytes.len().checked_sub(TRAILER_BYTES);
    let (json, found) = bytes.split_at(end.ok_or_else(|| damaged("cut short".to_owned()))?);
    if found != trailer(json).as_bytes() {
        return Err(damaged("cut short or altered".to_owned()));
    }
    serde_json::from_slice(json).map(Some).map_err(|error| damaged(error.to_string()))
}

fn trailer(json: &[u8]) -> String {
    let mut hasher = blake3::Hasher::new_derive_key(HASH_CONTEXT);
    hasher.update(json);
    format!("\n{}\n", hasher.finalize().to_hex())
}

fn failed(
    action: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> SnapshotFileError + use<> {
    let path = path.to_path_buf();
    move |source| SnapshotFileError::Io { action, path, source }
}
