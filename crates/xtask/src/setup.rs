//! What must be on the machine: system packages, and the clients tests call the gateway with.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::run::{cache, program, root, run, works};

/// Makes sure of Debian packages, each told by a program it brings, by name or (with `*` for a
/// version) by path. Installs them where it may, else says how.
pub(crate) fn packages(wanted: &[(&str, &str)]) -> Result<()> {
    let missing: Vec<&str> = wanted
        .iter()
        .filter(|(program, _)| !works("sh", &["-c", &format!("command -v {program}")]))
        .filter(|(path, _)| !path.contains('*') || !works("sh", &["-c", &format!("ls {path}")]))
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let by_hand = format!("sudo apt-get update && sudo apt-get install -y {}", missing.join(" "));
    let is_root = works("sh", &["-c", "test \"$(id -u)\" = 0"]);
    let prefix: &[&str] = match (is_root, works("sudo", &["-n", "true"])) {
        (true, _) => &[],
        (false, true) => &["sudo", "-n"],
        (false, false) => bail!("these packages are missing, install them with: {by_hand}"),
    };
    let apt = |arguments: &[&str]| {
        let words: Vec<&str> =
            prefix.iter().chain(&["apt-get", "-qq"]).chain(arguments).copied().collect();
        let mut command = program(words[0], &words[1..]);
        command.env("DEBIAN_FRONTEND", "noninteractive");
        run(command)
    };
    apt(&["update"])?;
    let install: Vec<&str> = ["install", "-y"].into_iter().chain(missing).collect();
    apt(&install).with_context(|| format!("by hand: {by_hand}"))
}

/// What every build needs.
pub(crate) fn build() -> Result<()> {
    packages(&[("cmake", "cmake"), ("cc", "build-essential")])
}

/// What the tests need beside that: the official SDKs, coding agents, DuckDB, a browser, and a database server.
pub(crate) fn clients() -> Result<()> {
    packages(&[
        ("python3", "python3-venv"),
        ("npm", "npm"),
        ("chromium", "chromium"),
        ("/usr/lib/postgresql/*/bin/initdb", "postgresql"),
    ])?;
    python()?;
    node()
}

/// The Python environment of the tests; made anew when its requirements change.
pub(crate) fn python() -> Result<PathBuf> {
    let requirements = root().join("tests/clients/requirements.txt");
    let venv = cache()?.join("python");
    refresh(&venv, &requirements, || {
        run(program("python3", &["-m", "venv", &venv.to_string_lossy()]))?;
        let pip = venv.join("bin/pip").to_string_lossy().into_owned();
        let list = requirements.to_string_lossy();
        run(program(&pip, &["install", "--quiet", "--disable-pip-version-check", "-r", &list]))
    })?;
    Ok(venv.join("bin/python"))
}

/// `PATH` with the Python environment of the tests before everything else.
#[allow(clippy::disallowed_methods, reason = "PATH is the environment's")]
pub(crate) fn search_path() -> Result<OsString> {
    let own = cache()?.join("python/bin");
    let inherited = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::iter::once(own).chain(std::env::split_paths(&inherited));
    std::env::join_paths(paths).context("a folder in PATH has a colon in its name")
}

/// The npm packages of the tests; installed anew when their lock changes.
fn node() -> Result<()> {
    let lock = root().join("tests/clients/package-lock.json");
    let modules = cache()?.join("node");
    refresh(&modules, &lock, || {
        fs::create_dir_all(&modules)?;
        for file in ["package.json", "package-lock.json"] {
            fs::copy(root().join("tests/clients").join(file), modules.join(file))?;
        }
        let prefix = modules.to_string_lossy();
        // No package builds or fetches anything by itself.
        let quiet =
            ["--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", &prefix];
        run(program("npm", &[&["ci"], &quiet[..]].concat()))?;
        // But this one, whose script puts its own program in its place.
        let only = ["rebuild", "--silent", "--prefix", &prefix, "@anthropic-ai/claude-code"];
        run(program("npm", &only))
    })
}

/// Runs `make` unless `directory` was made from the same `recipe` before.
fn refresh(directory: &PathBuf, recipe: &PathBuf, make: impl FnOnce() -> Result<()>) -> Result<()> {
    let wanted = fs::read(recipe).with_context(|| format!("cannot read {}", recipe.display()))?;
    let mark = directory.join(".made-from");
    if fs::read(&mark).is_ok_and(|made_from| made_from == wanted) {
        return Ok(());
    }
    if directory.exists() {
        fs::remove_dir_all(directory)?;
    }
    make()?;
    fs::write(mark, wanted)?;
    Ok(())
}
