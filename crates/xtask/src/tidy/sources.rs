//! Source files: their size, and words that must not stand in them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::run::root;

/// Longest production file, lines; tests at its end do not count.
const LINES_MAX: usize = 500;

/// Every file too long and every line that must not be.
pub(crate) fn check() -> Result<Vec<String>> {
    let mut breaches = Vec::new();
    let mut files = Vec::new();
    for folder in ["crates", "tests", "benches"] {
        collect(&root().join(folder), &mut files)?;
    }
    for file in files {
        let text = fs::read_to_string(&file)?;
        let shown = file.strip_prefix(root()).unwrap_or(&file).display().to_string();
        if shown.starts_with("crates/xtask/src/tidy") {
            continue;
        }
        let production = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let lines = production.lines().count();
        if lines > LINES_MAX && !shown.contains("tests") {
            breaches.push(format!("{shown}: {lines} lines, at most {LINES_MAX}"));
        }
        if shown.contains("/src/") && !text.starts_with("//!") && !shown.contains("tests") {
            breaches.push(format!("{shown}: says nothing of what it is for (`//!` at its top)"));
        }
        for (number, line) in text.lines().enumerate() {
            if let Some(word) = forbidden(line) {
                breaches.push(format!("{shown}:{}: `{word}`", number + 1));
            }
        }
    }
    Ok(breaches)
}

fn forbidden(line: &str) -> Option<&'static str> {
    const WORDS: [&str; 5] = ["todo!(", "unimplemented!(", "#[ignore", "FIXME", "XXX"];
    let capitalised =
        ["info!(\"", "warn!(\"", "error!(\"", "debug!(\""].into_iter().find(|start| {
            let message = line.split(start).nth(1);
            message.is_some_and(|message| message.starts_with(char::is_uppercase))
        });
    WORDS.into_iter().find(|word| line.contains(word)).or(capitalised)
}

pub(super) fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}
