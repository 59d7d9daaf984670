//! Running other programs, and the places things are kept in.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The workspace's root.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// Where everything that outlives a checkout is kept: `$XDG_CACHE_HOME/tollgate`.
#[allow(clippy::disallowed_methods, reason = "xtask has no configuration file to read")]
pub(crate) fn cache() -> Result<PathBuf> {
    let base = std::env::var("XDG_CACHE_HOME").map(PathBuf::from);
    let base = base.or_else(|_| std::env::var("HOME").map(|home| Path::new(&home).join(".cache")));
    Ok(base.context("neither XDG_CACHE_HOME nor HOME is set")?.join("tollgate"))
}

/// The target directory all checkouts share, so that dependencies are built once a machine.
#[allow(clippy::disallowed_methods, reason = "cargo's own variable")]
pub(crate) fn target() -> Result<PathBuf> {
    match std::env::var("CARGO_TARGET_DIR") {
        Ok(directory) => Ok(directory.into()),
        Err(_) => Ok(cache()?.join("target")),
    }
}

/// `cargo` in the workspace with the shared target directory.
pub(crate) fn cargo(arguments: &[&str]) -> Result<Command> {
    let mut command = program("cargo", arguments);
    // What `cargo run` told us of ourselves. Some build scripts (that of ring) run again when it
    // differs, and with the checkout's path in it half of the dependencies would be built anew.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let told =
            ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];
        if text == "CARGO" || told.iter().any(|start| text.starts_with(start)) {
            command.env_remove(&name);
        }
    }
    command.env("CARGO_TARGET_DIR", target()?);
    Ok(command)
}

/// A program to run in the workspace.
pub(crate) fn program(name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(name);
    command.args(arguments).current_dir(root());
    command
}

/// Runs a command to its end; an error names it.
pub(crate) fn run(mut command: Command) -> Result<()> {
    eprintln!("+ {}", shown(&command));
    let status = command.status().with_context(|| format!("cannot start `{}`", shown(&command)))?;
    if !status.success() {
        bail!("`{}` ended with {status}", shown(&command));
    }
    Ok(())
}

/// Whether a program is there: it starts and ends well.
pub(crate) fn works(name: &str, arguments: &[&str]) -> bool {
    let output = Command::new(name).args(arguments).output();
    output.is_ok_and(|output| output.status.success())
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
