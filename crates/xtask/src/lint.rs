//! Formatting, clippy, and the policy on dependencies.

use std::path::PathBuf;

use anyhow::Result;

use crate::run::{cache, cargo, program, run as command, works};

/// Version of the tool that checks `deny.toml`.
const CARGO_DENY: &str = "0.20.2";

/// Runs the three.
pub(crate) fn run() -> Result<()> {
    command(cargo(&["fmt", "--all", "--check"])?)?;
    let clippy = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    command(cargo(&clippy)?)?;
    let deny = cargo_deny()?.to_string_lossy().into_owned();
    command(program(&deny, &["--log-level", "error", "check", "bans", "licenses", "sources"]))
}

/// The tool, built once a machine; unoptimised, since it runs for a second.
fn cargo_deny() -> Result<PathBuf> {
    let tools = cache()?.join("tools");
    let binary = tools.join("bin/cargo-deny");
    let version = format!("cargo-deny {CARGO_DENY}");
    if !works("sh", &["-c", &format!("'{}' --version | grep -qx '{version}'", binary.display())]) {
        let root = tools.to_string_lossy();
        let install = [
            "install",
            "cargo-deny",
            "--version",
            CARGO_DENY,
            "--locked",
            "--debug",
            "--root",
            &root,
        ];
        command(program("cargo", &install))?;
    }
    Ok(binary)
}
