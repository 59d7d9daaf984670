//! The commented file `tollgate init` writes.
//!
//! Must never overwrite what someone wrote, unless told to.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A commented configuration that is valid as it is.
pub const TEMPLATE: &str = include_str!("template.toml");

/// Why the template could not be written.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// There is a file already.
    #[error("`{}` exists: --force overwrites it, --path writes elsewhere", .0.display())]
    Exists(PathBuf),
    /// The file cannot be written.
    #[error("`{}` cannot be written: {source}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Writes the template to a file; over an existing one only with `force`.
pub fn write_template(path: &Path, force: bool) -> Result<(), TemplateError> {
    let mut options = OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    let written = options.open(path).and_then(|mut file| file.write_all(TEMPLATE.as_bytes()));
    written.map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => TemplateError::Exists(path.to_owned()),
        _ => TemplateError::Unwritable { path: path.to_owned(), source },
    })
}
