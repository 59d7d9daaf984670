//! Exports rows of the usage table as Parquet files with a manifest, all of it or nothing.
//!
//! It must never know who asked, or write outside the directory it was given.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::Decimal128Type;
use events::SCHEMA_VERSION;
use futures::TryStreamExt;
use jiff::civil::Date;
use parquet::arrow::ArrowWriter;
use units::Usd;
use uuid::Uuid;

use crate::manifest::{MANIFEST_NAME, Manifest, ManifestFile};
use crate::query::{Params, Session, plan};
use crate::schema::usage_schema;
use crate::window::Window;
use crate::{Lake, LakeError, durable, files, named};

/// Rows of one exported file: a few hundred megabytes at most, a size every reader likes.
const FILE_ROWS_MAX: u64 = 2_000_000;
/// Compression level of files that are written once and kept.
const ZSTD_EXPORT: i32 = 3;

impl Lake {
    /// Exports the rows of some UTC days, first and last included, as Parquet files and a
    /// `manifest.json`. `dir` appears complete or not at all.
    ///
    /// # Errors
    /// [`LakeError::ExportTarget`] when `dir` holds anything, [`LakeError::Io`] when it cannot be
    /// written.
    pub async fn export_parquet(
        &self,
        from: Date,
        to: Date,
        dir: &Path,
    ) -> Result<Manifest, LakeError> {
        let target = Target::new(dir, from, to)?;
        let created_at_us = self.clock().now();
        let params = Window::of_days(from, to).params();
        self.queries()
            .run_unlimited(move |session| async move {
                let staged = Staged::beside(&target)?;
                let manifest = Manifest {
                    from,
                    to,
                    files: Vec::new(),
                    rows: 0,
                    bytes: 0,
                    cost_usd: Usd::ZERO,
                    rows_without_cost: 0,
                    table_version: session.version,
                    schema_version: SCHEMA_VERSION,
                    created_at_us,
                };
                let manifest = fill(session, params, &staged.path, manifest).await?;
                staged.publish(&target, &manifest)?;
                Ok(manifest)
            })
            .await
    }
}

/// The directory to make.
struct Target {
    dir: PathBuf,
    parent: PathBuf,
}

impl Target {
    fn new(dir: &Path, from: Date, to: Date) -> Result<Self, LakeError> {
        let refuse = |reason| LakeError::ExportTarget { dir: dir.to_owned(), reason };
        if from > to {
            return Err(refuse("the first day is after the last"));
        }
        let dir = std::path::absolute(dir).map_err(|e| LakeError::io(dir, e))?;
        let parent = dir.parent().ok_or_else(|| refuse("name a directory to create"))?.to_owned();
        if dir.exists() {
            let mut entries =
                fs::read_dir(&dir).map_err(|_| refuse("it is not a directory one can read"))?;
            if entries.next().is_some() {
                return Err(refuse("it is not empty: name a new directory, or empty this one"));
            }
        }
        durable::create_dirs(&parent).map_err(|e| LakeError::io(&parent, e))?;
        Ok(Self { dir, parent })
    }
}

/// A directory beside the target, removed unless it is published.
struct Staged {
    path: PathBuf,
}

impl Staged {
    fn beside(target: &Target) -> Result<Self, LakeError> {
        let path = target.parent.join(format!(".export-{}", Uuid::now_v7().simple()));
        fs::create_dir(&path).map_err(|e| LakeError::io(&path, e))?;
        Ok(Self { path })
    }

    fn publish(&self, target: &Target, manifest: &Manifest) -> Result<(), LakeError> {
        let path = self.path.join(MANIFEST_NAME);
        let json = serde_json::to_vec_pretty(manifest).map_err(LakeError::columnar)?;
        fs::write(&path, json)
            .and_then(|()| File::open(&path)?.sync_all())
            .and_then(|()| durable::sync_dir(&self.path))
            .map_err(|e| LakeError::io(&path, e))?;
        // Renaming onto an empty directory replaces it; one filled meanwhile makes this fail.
        fs::rename(&self.path, &target.dir)
            .and_then(|()| durable::sync_dir(&target.parent))
            .map_err(|e| LakeError::io(&target.dir, e))
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // Gone already when it was published.
        let _ = fs::remove_dir_all(&self.path);
    }
}

async fn fill(
    session: Session,
    params: Params,
    dir: &Path,
    mut manifest: Manifest,
) -> Result<Manifest, LakeError> {
    let failed = |error| LakeError::query(&error);
    let frame = plan(&session.context, named::EXPORT_ROWS.sql, params).await?;
    let mut stream = frame.execute_stream().await.map_err(failed)?;
    let mut open: Option<OpenFile> = None;
    while let Some(batch) = stream.try_next().await.map_err(failed)? {
        let batch = as_stored(&batch)?;
        count(&batch, &mut manifest)?;
        let mut file = match open.take() {
            Some(file) => file,
            None => OpenFile::create(dir, manifest.files.len())?,
        };
        file.write(&batch)?;
        if file.rows >= FILE_ROWS_MAX {
            file.close(&mut manifest)?;
        } else {
            open = Some(file);
        }
    }
    if let Some(file) = open {
        file.close(&mut manifest)?;
    }
    Ok(manifest)
}

/// The batch with the very types of the table's schema, whatever the engine made of them.
fn as_stored(batch: &RecordBatch) -> Result<RecordBatch, LakeError> {
    let schema = usage_schema();
    let columns: Result<Vec<_>, _> = schema
        .fields()
        .iter()
        .map(|field| {
            let column = batch
                .column_by_name(field.name())
                .ok_or_else(|| LakeError::columnar(format!("no column {}", field.name())))?;
            cast(column, field.data_type()).map_err(LakeError::columnar)
        })
        .collect();
    RecordBatch::try_new(schema, columns?).map_err(LakeError::columnar)
}

fn count(batch: &RecordBatch, manifest: &mut Manifest) -> Result<(), LakeError> {
    let costs = batch
        .column_by_name("cost_usd")
        .and_then(|costs| costs.as_primitive_opt::<Decimal128Type>())
        .ok_or_else(|| LakeError::columnar("no column cost_usd"))?;
    manifest.cost_usd += costs.iter().flatten().map(Usd::from_pico).sum();
    manifest.rows += batch.num_rows() as u64;
    manifest.rows_without_cost += costs.null_count() as u64;
    Ok(())
}

/// A file being written.
struct OpenFile {
    name: String,
    path: PathBuf,
    rows: u64,
    writer: ArrowWriter<BufWriter<File>>,
}

impl OpenFile {
    fn create(dir: &Path, index: usize) -> Result<Self, LakeError> {
        let name = format!("usage-{:05}.parquet", index + 1);
        let path = dir.join(&name);
        let file = File::create_new(&path).map_err(|e| LakeError::io(&path, e))?;
        let properties = files::writer_properties(ZSTD_EXPORT);
        let writer = ArrowWriter::try_new(BufWriter::new(file), usage_schema(), Some(properties))
            .map_err(LakeError::columnar)?;
        Ok(Self { name, path, rows: 0, writer })
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<(), LakeError> {
        self.rows += batch.num_rows() as u64;
        self.writer.write(batch).map_err(LakeError::columnar)
    }

    /// Completes the file, syncs it, and enters it in the manifest.
    fn close(self, manifest: &mut Manifest) -> Result<(), LakeError> {
        let Self { name, path, rows, writer } = self;
        let buffered = writer.into_inner().map_err(LakeError::columnar)?;
        let failed = |error| LakeError::io(&path, error);
        let file = buffered.into_inner().map_err(|error| failed(error.into_error()))?;
        file.sync_all().map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        let mut hasher = blake3::Hasher::new();
        let reopened = File::open(&path).map_err(failed)?;
        hasher.update_reader(reopened).map_err(failed)?;
        let blake3 = hasher.finalize().to_hex().to_string();
        manifest.bytes += bytes;
        manifest.files.push(ManifestFile { name, rows, bytes, blake3 });
        Ok(())
    }
}
