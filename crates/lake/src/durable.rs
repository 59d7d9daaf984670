//! A local object store whose writes survive a power loss once they have returned.
//!
//! `object_store`'s own never calls fsync. Here a file is written beside its place, synced, put in
//! place whole, and its directory is synced. It must never know what the files hold.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path as FsPath, PathBuf};
use std::time::UNIX_EPOCH;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};
use uuid::Uuid;

const NAME: &str = "DurableLocal";

/// The file system from its root, with durable writes.
#[derive(Debug, Default)]
pub(crate) struct DurableLocal {
    inner: LocalFileSystem,
}

impl fmt::Display for DurableLocal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAME)
    }
}

#[async_trait]
impl ObjectStore for DurableLocal {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        let path = self.inner.path_to_filesystem(location)?;
        write_off_thread(path, payload, opts.mode).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let path = self.inner.path_to_filesystem(location)?;
        Ok(Box::new(WholeUpload { path, parts: Vec::new() }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    /// Copies are not made durable: the lake makes none.
    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

/// An upload that is written in one go when it is complete, so that no reader and no power loss ever
/// sees a part of it. Only checkpoints come this way; they hold a line per active file.
#[derive(Debug)]
struct WholeUpload {
    path: PathBuf,
    parts: Vec<Bytes>,
}

#[async_trait]
impl MultipartUpload for WholeUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.parts.extend(data.iter().cloned());
        Box::pin(futures::future::ready(Ok(())))
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let payload = std::mem::take(&mut self.parts).into_iter().collect();
        write_off_thread(self.path.clone(), payload, PutMode::Overwrite).await
    }

    async fn abort(&mut self) -> Result<()> {
        self.parts.clear();
        Ok(())
    }
}

async fn write_off_thread(path: PathBuf, payload: PutPayload, mode: PutMode) -> Result<PutResult> {
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| object_store::Error::Generic {
        store: NAME,
        source,
    };
    let create = match mode {
        PutMode::Create => true,
        PutMode::Overwrite => false,
        PutMode::Update(_) => return Err(failed("updates by version are not supported".into())),
    };
    let shown = path.display().to_string();
    let written = tokio::task::spawn_blocking(move || write(&path, &payload, create)).await;
    match written {
        Ok(Ok(())) => Ok(PutResult { e_tag: None, version: None }),
        Ok(Err(error)) if create && error.kind() == io::ErrorKind::AlreadyExists => {
            Err(object_store::Error::AlreadyExists { path: shown, source: error.into() })
        }
        Ok(Err(error)) => Err(failed(error.into())),
        Err(error) => Err(failed(error.into())),
    }
}

/// Writes a file whole. With `create` it fails with `AlreadyExists` when there is one already.
fn write(path: &FsPath, payload: &PutPayload, create: bool) -> io::Result<()> {
    let parent = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    create_dirs(parent)?;
    let staged = staged_beside(path);
    let placed = stage(&staged, payload).and_then(|()| {
        // A hard link is the one way to put a whole file in place only if the place is free.
        if create { fs::hard_link(&staged, path) } else { fs::rename(&staged, path) }
    });
    if create || placed.is_err() {
        // What is left behind is ignored by every listing, so failing to remove it is harmless.
        let _ = fs::remove_file(&staged);
    }
    placed?;
    sync_dir(parent)
}

fn stage(staged: &FsPath, payload: &PutPayload) -> io::Result<()> {
    let mut file = File::options().write(true).create_new(true).open(staged)?;
    for part in payload.iter() {
        file.write_all(part)?;
    }
    file.sync_all()
}

/// A name no other writer uses; listings of `object_store` skip names that end in `#` and digits.
fn staged_beside(path: &FsPath) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!("#{}", Uuid::now_v7().as_u128()));
    name.into()
}

/// Creates a directory and what is missing above it, and syncs each parent that got a new entry.
pub(crate) fn create_dirs(dir: &FsPath) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    let parent = dir.parent().ok_or(io::ErrorKind::NotFound)?;
    create_dirs(parent)?;
    match fs::create_dir(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => sync_dir(parent),
    }
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(dir: &FsPath) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Removes staged files older than an instant (milliseconds since 1970) anywhere below a directory:
/// their writers are gone.
pub(crate) fn sweep_staged(dir: &FsPath, before_ms: i64) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            sweep_staged(&path, before_ms)?;
        } else if is_staged(&path) && modified_ms(&path).is_some_and(|ms| ms < before_ms) {
            // Whoever was faster has done the same.
            let _ = fs::remove_file(&path);
        }
    }
    Ok(())
}

/// When the youngest file of a directory was written, milliseconds since 1970.
pub(crate) fn newest_ms(dir: &FsPath) -> Option<i64> {
    fs::read_dir(dir).ok()?.filter_map(|entry| modified_ms(&entry.ok()?.path())).max()
}

fn is_staged(path: &FsPath) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.rsplit_once('#')
        .is_some_and(|(_, n)| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

fn modified_ms(path: &FsPath) -> Option<i64> {
    let modified = fs::metadata(path).ok()?.modified().ok()?;
    i64::try_from(modified.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::ObjectStoreExt as _;

    #[tokio::test]
    async fn a_file_is_put_only_where_there_is_none_and_nothing_is_left_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = Path::from_absolute_path(dir.path().join("a/b/c.json")).unwrap();
        let store = DurableLocal::default();
        let create = || PutOptions::from(PutMode::Create);
        store.put_opts(&path, "one".into(), create()).await.unwrap();
        let again = store.put_opts(&path, "two".into(), create()).await.unwrap_err();
        assert!(matches!(again, object_store::Error::AlreadyExists { .. }), "{again}");
        let read = store.get(&path).await.unwrap().bytes().await.unwrap();
        assert_eq!(read, "one");
        assert_eq!(fs::read_dir(dir.path().join("a/b")).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn a_multipart_upload_is_seen_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let path = Path::from_absolute_path(dir.path().join("x")).unwrap();
        let store = DurableLocal::default();
        let mut upload = store.put_multipart(&path).await.unwrap();
        upload.put_part("ab".into()).await.unwrap();
        assert!(store.head(&path).await.is_err());
        upload.put_part("cd".into()).await.unwrap();
        upload.complete().await.unwrap();
        assert_eq!(store.get(&path).await.unwrap().bytes().await.unwrap(), "abcd");
    }
}
