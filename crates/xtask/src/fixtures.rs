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

/// Makes a fixture anew; with `check` only compares it with what is checked in.
pub(crate) fn run(what: Fixture, check: bool) -> Result<()> {
    match what {
        Fixture::Prices => prices(check),
        Fixture::Schemas if check => bail!("`cargo xtask tidy` compares the schemas"),
        Fixture::Schemas => {
            crate::demo::build()?;
            crate::demo::run_binary(&["config", "schema", "--all", "schemas"])
        }
    }
}

/// The catalog and its golden cases from the package they are made of, with its licence beside them.
fn prices(check: bool) -> Result<()> {
    let python = package()?;
    let data = root().join("crates/pricing/data");
    let licence = "from importlib.metadata import files; \
        print(next(f for f in files('genai-prices') if f.name == 'LICENSE').read_text(), end='')";
    let convert = data.join("convert.py").to_string_lossy().into_owned();
    let goldens = data.join("goldens.py").to_string_lossy().into_owned();
    for (arguments, file) in [
        (vec!["-c", licence], "LICENSE.genai-prices"),
        (vec![convert.as_str()], "catalog.json"),
        (vec![goldens.as_str()], "goldens.jsonl"),
    ] {
        let output = program(&python, &arguments)
            .output()
            .with_context(|| format!("cannot start {python} for {file}"))?;
        if !output.status.success() {
            bail!("{file} cannot be made: {}", String::from_utf8_lossy(&output.stderr));
        }
        let path = data.join(file);
        if !check {
            fs::write(&path, output.stdout)?;
        } else if fs::read(&path)? != output.stdout {
            bail!(
                "{} is not what {GENAI_PRICES} makes: run `cargo xtask fixtures prices`",
                path.display()
            );
        }
    }
    Ok(())
}

/// A Python that has the package, in an environment of its own.
fn package() -> Result<String> {
    setup::packages(&[("python3", "python3-venv")])?;
    let venv = cache()?.join("prices");
    let bin = |name: &str| venv.join("bin").join(name).to_string_lossy().into_owned();
    let (python, wanted) = (bin("python"), GENAI_PRICES.replace("==", " "));
    let installed = "from importlib.metadata import version; \
        print('genai-prices', version('genai-prices'))";
    let output = program(&python, &["-c", installed]).output();
    if output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).trim() == wanted) {
        return Ok(python);
    }
    commands::run(program("python3", &["-m", "venv", &venv.to_string_lossy()]))?;
    let install = ["install", "--quiet", "--disable-pip-version-check", GENAI_PRICES];
    commands::run(program(&bin("pip"), &install))?;
    Ok(python)
}
