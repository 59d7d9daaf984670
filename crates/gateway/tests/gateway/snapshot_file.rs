//! The last good snapshot on disk: whole or not taken, private, and without a secret.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use gateway::{SnapshotFile, SnapshotFileError};
use policy::SnapshotDocument;
use proptest::prelude::*;

use crate::harness::{CLIENT_SECRET, PROVIDER_SECRET, Setup};

fn document(version: u64) -> SnapshotDocument {
    let mut setup = Setup::raw("http://127.0.0.1:9/v1").budget("10");
    setup.version = version;
    setup.document()
}

struct Disk {
    dir: tempfile::TempDir,
}

impl Disk {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("snapshot.json")
    }

    fn previous(&self) -> PathBuf {
        self.dir.path().join("snapshot.json.previous")
    }

    fn file(&self) -> SnapshotFile {
        SnapshotFile::new(self.path())
    }

    /// Version of what is loaded, and whether it is the one before.
    fn loaded(&self) -> Option<(u64, bool)> {
        let loaded = self.file().load().unwrap();
        loaded.map(|loaded| (loaded.document.version, loaded.fell_back))
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn what_is_kept_is_what_is_found() {
    let disk = Disk::new();
    assert_eq!(disk.loaded(), None);
    for version in 1..=3 {
        disk.file().save(&document(version)).unwrap();
        assert_eq!(disk.loaded(), Some((version, false)));
    }
    let found = disk.file().load().unwrap().unwrap().document;
    assert_eq!(found, document(3));
    assert_eq!(found.tag(), document(3).tag());
    let names = fs::read_dir(disk.dir.path()).unwrap().count();
    assert_eq!(names, 2, "the newest and the one before");
}

#[test]
fn a_file_cut_at_any_length_is_not_taken_and_the_one_before_is() {
    let disk = Disk::new();
    disk.file().save(&document(1)).unwrap();
    disk.file().save(&document(2)).unwrap();
    let whole = fs::read(disk.path()).unwrap();
    for length in 0..whole.len() {
        fs::write(disk.path(), &whole[..length]).unwrap();
        assert_eq!(disk.loaded(), Some((1, true)), "cut to {length} of {}", whole.len());
    }
    fs::write(disk.path(), [&whole[..], b"\n"].concat()).unwrap();
    assert_eq!(disk.loaded(), Some((1, true)), "with something behind it");
    fs::remove_file(disk.path()).unwrap();
    assert_eq!(disk.loaded(), Some((1, true)), "stopped between the two renames");
}

#[test]
fn when_nothing_whole_is_left_that_is_an_error_and_not_an_empty_snapshot() {
    let disk = Disk::new();
    disk.file().save(&document(1)).unwrap();
    fs::write(disk.path(), b"{}").unwrap();
    let error = disk.file().load().unwrap_err();
    assert!(matches!(error, SnapshotFileError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("snapshot.json"), "{error}");
    fs::write(disk.previous(), b"").unwrap();
    assert!(disk.file().load().is_err());
}

#[test]
fn a_damaged_file_does_not_take_the_place_of_the_last_good_one() {
    let disk = Disk::new();
    disk.file().save(&document(1)).unwrap();
    disk.file().save(&document(2)).unwrap();
    fs::write(disk.path(), b"damaged").unwrap();
    disk.file().save(&document(3)).unwrap();
    assert_eq!(disk.loaded(), Some((3, false)));
    fs::write(disk.path(), b"damaged").unwrap();
    assert_eq!(disk.loaded(), Some((1, true)));
}

#[test]
fn a_file_that_is_whole_and_no_snapshot_is_damaged() {
    let disk = Disk::new();
    let mut hasher = blake3::Hasher::new_derive_key("tollgate 2026-11 snapshot file");
    hasher.update(b"{\"format\":1}");
    let text = format!("{{\"format\":1}}\n{}\n", hasher.finalize().to_hex());
    fs::write(disk.path(), text).unwrap();
    let error = disk.file().load().unwrap_err().to_string();
    assert!(error.contains("missing field"), "{error}");
}

#[test]
fn only_its_owner_may_read_it_whatever_was_left_behind() {
    let disk = Disk::new();
    let left_behind = disk.dir.path().join("snapshot.json.new");
    fs::write(&left_behind, b"half").unwrap();
    fs::set_permissions(&left_behind, fs::Permissions::from_mode(0o644)).unwrap();
    disk.file().save(&document(1)).unwrap();
    disk.file().save(&document(2)).unwrap();
    assert_eq!((mode(&disk.path()), mode(&disk.previous())), (0o600, 0o600));
}

#[test]
fn no_secret_is_ever_on_disk() {
    let disk = Disk::new();
    let setup = Setup::raw("http://127.0.0.1:9/v1").budget("10");
    disk.file().save(&setup.document()).unwrap();
    let kept = fs::read_to_string(disk.path()).unwrap();
    assert!(kept.contains("env:PROVIDER"), "the reference is there");
    for secret in [PROVIDER_SECRET, CLIENT_SECRET] {
        assert!(!kept.contains(secret));
    }
    // Somebody wrote the secret itself where a reference belongs.
    let naked = setup.tune(|provider| provider.secret = Some(PROVIDER_SECRET.to_owned()));
    let error = disk.file().save(&naked.document()).unwrap_err();
    assert!(!error.to_string().contains(PROVIDER_SECRET), "{error}");
    for entry in fs::read_dir(disk.dir.path()).unwrap() {
        let kept = fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!kept.contains(PROVIDER_SECRET));
    }
}

#[test]
fn a_directory_that_is_gone_is_told() {
    let disk = Disk::new();
    let file = SnapshotFile::new(disk.dir.path().join("nowhere").join("snapshot.json"));
    assert!(file.load().unwrap().is_none());
    let error = file.save(&document(1)).unwrap_err().to_string();
    assert!(error.contains("cannot write") && error.contains("nowhere"), "{error}");
}

proptest! {
    #[test]
    fn one_altered_byte_anywhere_is_noticed(at: prop::sample::Index, flip in 1_u8..=255) {
        let disk = Disk::new();
        disk.file().save(&document(1)).unwrap();
        disk.file().save(&document(2)).unwrap();
        let mut bytes = fs::read(disk.path()).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        fs::write(disk.path(), bytes).unwrap();
        prop_assert_eq!(disk.loaded(), Some((1, true)));
    }
}
