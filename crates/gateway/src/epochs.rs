//! The epochs that lie beside this process's own: usage of earlier or other processes of this node
//! that is not committed yet.

use std::io;
use std::path::Path;

/// Most epochs told. A directory with more is refused, since one left out would be taken for done.
const EPOCHS_MAX: usize = 4_096;
/// Length of an epoch's name: a UUID in hexadecimal.
const NAME_BYTES: usize = 32;

/// Names of the epochs below `root` other than `own`, in order.
pub(crate) fn others(root: &Path, own: &str) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root)? {
        let name = entry?.file_name();
        let Some(name) = name.to_str().filter(|name| is_epoch(name) && *name != own) else {
            continue;
        };
        if names.len() == EPOCHS_MAX {
            return Err(io::Error::other("too many unfinished epochs"));
        }
        names.push(name.to_owned());
    }
    names.sort_unstable();
    Ok(names)
}

/// Directories being made or deleted have names of another form.
fn is_epoch(name: &str) -> bool {
    name.len() == NAME_BYTES && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_epochs_are_told_and_not_ones_own() {
        let root = tempfile::tempdir().unwrap();
        let [a, b, own] = ["a", "b", "c"].map(|digit| digit.repeat(NAME_BYTES));
        for name in [&b, &a, &own, &format!(".finished-{a}"), "notes"] {
            std::fs::create_dir(root.path().join(name)).unwrap();
        }
        assert_eq!(others(root.path(), &own).unwrap(), [a, b]);
        assert!(others(&root.path().join("nowhere"), &own).is_err());
    }
}
