//! What is checked in but made by a program.

use std::fs;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::run::{self as commands, cache, program, root};
use crate::setup;

/// Version of the price catalog's source.
const GENAI_PRICES: &str = "genai-prices==0.2.3";

/// Something that can be rebuilt.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Fixture {
    /// The embedded price catalog and its golden cases.
    Prices,
    /// The published schemas.
    Schemas,
}

pub(crate) fn run(what: Fixture) -> Result<()> {
    match what {
        Fixture::Prices => prices(),
        Fixture::Schemas => {
            crate::demo::build()?;
            crate::demo::run_binary(&["config", "schema", "--all", "schemas"])
        }
    }
}

fn prices() -> Result<()> {
    setup::packages(&[("python3", "python3-venv")])?;
    let venv = cache()?.join("prices");
    commands::run(program("python3", &["-m", "venv", &venv.to_string_lossy()]))?;
    let pip = venv.join("bin/pip").to_string_lossy().into_owned();
    commands::run(program(&pip, &["install", "--quiet", GENAI_PRICES]))?;
    let data = root().join("crates/pricing/data");
    for (script, file) in [("convert.py", "catalog.json"), ("goldens.py", "goldens.jsonl")] {
        let python = venv.join("bin/python").to_string_lossy().into_owned();
        let path = data.join(script).to_string_lossy().into_owned();
        let output =
            program(&python, &[&path]).output().with_context(|| format!("cannot run {path}"))?;
        if !output.status.success() {
            bail!("{script} failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        fs::write(data.join(file), output.stdout)?;
    }
    Ok(())
}
