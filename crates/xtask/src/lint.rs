//! Formatting, clippy, and the policy on dependencies.

use anyhow::Result;

use crate::run::{cargo, run as command, works};

/// Runs the three; the dependency policy only where `cargo-deny` is installed.
pub(crate) fn run() -> Result<()> {
    command(cargo(&["fmt", "--all", "--check"])?)?;
    let clippy = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    command(cargo(&clippy)?)?;
    if works("cargo", &["deny", "--version"]) {
        command(cargo(&["deny", "--log-level", "error", "check", "bans", "licenses", "sources"])?)
    } else {
        eprintln!(
            "xtask: dependency policy not checked: `cargo install cargo-deny --locked` brings it"
        );
        Ok(())
    }
}
