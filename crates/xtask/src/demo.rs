//! `cargo xtask demo`: from a fresh machine to a running product.

use anyhow::Result;

use crate::run::{self as commands, cargo, program, target};
use crate::setup;

/// Builds and runs the demonstration.
pub(crate) fn run_binary(arguments: &[&str]) -> Result<()> {
    let binary = target()?.join("debug/tollgate").to_string_lossy().into_owned();
    let mut command = program(&binary, arguments);
    // The tour of digits reads its export with `python3`: that of the tests knows DuckDB.
    command.env("PATH", setup::search_path()?);
    commands::run(command)
}

pub(crate) fn run(arguments: &[String]) -> Result<()> {
    setup::build()?;
    // The digits tour reads its export with DuckDB, in the tests' Python environment.
    if arguments.iter().any(|argument| argument == "--tour") {
        setup::packages(&[("python3", "python3-venv")])?;
        setup::python()?;
    }
    build()?;
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    run_binary(&[&["demo"], arguments.as_slice()].concat())
}

/// Builds the whole workspace: one feature set, so that nothing is ever built twice.
pub(crate) fn build() -> Result<()> {
    commands::run(cargo(&["build", "--workspace", "--locked"])?)
}
