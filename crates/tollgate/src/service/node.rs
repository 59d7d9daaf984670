//! The name a gateway has in the lake, made once where none is configured.

use std::fs;
use std::io;
use std::path::Path;

use units::{RequestId, Slug};

use crate::config::Storage;
use crate::failure::CommandError;

/// The configured name, else the one kept in the data directory, else a new one kept there.
pub(super) fn id(storage: &Storage) -> Result<Slug, CommandError> {
    if let Some(node) = &storage.node_id {
        return Ok(node.clone());
    }
    let path = storage.data_dir.join("node-id");
    let what = format!("cannot keep this gateway's name in {}", path.display());
    read_or_make(&path).map_err(CommandError::system(what))
}

fn read_or_make(path: &Path) -> io::Result<Slug> {
    match fs::read_to_string(path) {
        Ok(text) => text.trim().parse().map_err(|error| {
            io::Error::new(io::ErrorKind::InvalidData, format!("not a name: {error}"))
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let made = make();
            // Linked into place, so that of two processes that start at once both read one name.
            let fresh = path.with_extension(&made);
            fs::write(&fresh, &made)?;
            let linked = fs::hard_link(&fresh, path);
            fs::remove_file(&fresh)?;
            match linked {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
                _ => read_or_make(path),
            }
        }
        Err(error) => Err(error),
    }
}

/// `gw-` and twelve digits of a random id.
fn make() -> String {
    let id = RequestId::generate().to_string();
    let tail: String = id.chars().rev().filter(char::is_ascii_hexdigit).take(12).collect();
    format!("gw-{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_made_once_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let storage = Storage { data_dir: dir.path().to_owned(), ..Storage::default() };
        let first = id(&storage).unwrap();
        assert_eq!(id(&storage).unwrap(), first);
        assert!(first.as_str().starts_with("gw-") && first.as_str().len() == 15, "{first}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        fs::write(dir.path().join("node-id"), "No Name!").unwrap();
        assert!(id(&storage).unwrap_err().to_string().contains("not a name"));
    }
}
