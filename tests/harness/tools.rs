//! Programs the stories are told with that are not ours: Python, Node, npm's agents, chromium.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::command::ended;

/// What to do when one of them is missing.
const REMEDY: &str = "`cargo xtask test` installs what the tests need";
/// Longest run of an agent, seconds.
const AGENT_WITHIN_S: &str = "90";

/// A variable of the environment.
#[allow(clippy::disallowed_methods, reason = "tests have no configuration file to read")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Whether the long runs were asked for.
pub(crate) fn is_long() -> bool {
    variable("TOLLGATE_LONG").is_some()
}

/// Where the clients are installed.
fn installed() -> PathBuf {
    let cache = || {
        let base = variable("XDG_CACHE_HOME").map(PathBuf::from);
        let home = || variable("HOME").map(|home| Path::new(&home).join(".cache"));
        base.or_else(home).expect("a home directory").join("tollgate")
    };
    variable("TOLLGATE_CLIENTS").map_or_else(cache, PathBuf::from)
}

/// A script of `tests/clients`.
fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/clients").join(name)
}

/// Runs a Python script of `tests/clients` and gives what it printed.
pub(crate) fn python(name: &str, arguments: &[&str]) -> String {
    let python = installed().join("python/bin/python");
    assert!(python.exists(), "{} is missing: {REMEDY}", python.display());
    let mut command = Command::new(python);
    // Scripts that import each other must leave nothing beside them.
    ended(command.arg("-B").arg(script(name)).args(arguments)).succeeded()
}

/// Runs a module of `tests/clients` in Node, from where its packages are found.
pub(crate) fn node(name: &str, arguments: &[&str]) -> String {
    let modules = installed().join("node");
    assert!(modules.join("node_modules/openai").exists(), "npm's openai is missing: {REMEDY}");
    let copy = tempfile::Builder::new().suffix(".mjs").tempfile_in(&modules).unwrap();
    fs::copy(script(name), copy.path()).unwrap();
    ended(Command::new("node").arg(copy.path()).args(arguments)).succeeded()
}

/// An agent of npm in an empty environment, which is ended when it hangs. What it leaves belongs in
/// `home`; nobody may answer at `nobody`, where it is sent with whatever leaves the machine.
pub(crate) fn agent(name: &str, home: &Path, nobody: SocketAddr) -> Command {
    let program = installed().join("node/node_modules/.bin").join(name);
    assert!(program.exists(), "{} is missing: {REMEDY}", program.display());
    let mut command = Command::new("timeout");
    command.arg(AGENT_WITHIN_S).arg(program).current_dir(home).env_clear();
    command.env("PATH", variable("PATH").unwrap_or_default()).env("HOME", home);
    for scheme in ["HTTP_PROXY", "HTTPS_PROXY"] {
        command.env(scheme, format!("http://{nobody}"));
    }
    command.env("NO_PROXY", "127.0.0.1");
    command
}

/// The checker of accessibility that runs within pages.
pub(crate) fn axe() -> PathBuf {
    let script = installed().join("node/node_modules/axe-core/axe.min.js");
    assert!(script.exists(), "npm's axe-core is missing: {REMEDY}");
    script
}

/// A program that is started without a person before it.
pub(crate) fn chromium(profile: &Path) -> Command {
    let program = Path::new("/usr/bin/chromium");
    assert!(program.exists(), "chromium is missing: {REMEDY}");
    let mut command = Command::new(program);
    command.arg(format!("--user-data-dir={}", profile.display())).args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--no-first-run",
        "--hide-scrollbars",
        "--enable-logging=stderr",
    ]);
    command
}
