//! From a file and the environment to a [`Config`], or to everything that is wrong with them.
//!
//! Must never stop at the first problem where it can go on.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use serde::Deserialize;

use super::complete::{KnownProvider, complete};
use super::diagnostic::ConfigDiagnostics;
use super::environment::Environment;
use super::finding::{Finding, Findings, Place};
use super::schema::{Rule, json_schema};
use super::tree::Node;
use super::{Config, check, overrides, relations, tree};

/// The label of a problem that the schema should have found.
pub(super) const UNEXPECTED: &str = "somewhere in this file";

/// Largest configuration file, bytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

impl Config {
    /// Reads a file and lays the environment over it. `known` is the provider table, which fills in
    /// what a provider's name decides.
    pub fn load(
        path: &Path,
        environment: &Environment,
        known: &[KnownProvider<'_>],
    ) -> Result<Config, ConfigDiagnostics> {
        let name = path.display().to_string();
        let text = read_bounded(path).map_err(|error| {
            let help = match error.kind() {
                io::ErrorKind::NotFound => {
                    "`tollgate init` writes a commented file to start from; `--config` names another"
                }
                io::ErrorKind::InvalidData => "a configuration is UTF-8 text of at most 1 MiB",
                _ => "check that the file may be read by this user",
            };
            ConfigDiagnostics::unreadable(&name, error, help)
        })?;
        Config::parse(&name, &text, environment, known)
    }

    /// Reads the text of a file; `name` is what problems call it.
    pub fn parse(
        name: &str,
        text: &str,
        environment: &Environment,
        known: &[KnownProvider<'_>],
    ) -> Result<Config, ConfigDiagnostics> {
        from_text(text, environment, known)
            .map_err(|findings| ConfigDiagnostics::new(name, text, findings))
    }
}

fn from_text(
    text: &str,
    environment: &Environment,
    known: &[KnownProvider<'_>],
) -> Result<Config, Findings> {
    let schema = json_schema();
    let rules = Rule::root(&schema);
    let mut tree = tree::parse(text)?;
    let mut findings = Findings::default();
    overrides::apply(rules, &mut tree, environment, &mut findings);
    check::check(rules, &tree, &mut findings);
    complete(&mut tree, known, &mut findings);
    relations::check(&tree, &mut findings);
    if findings.is_empty() { typed(&tree) } else { Err(findings) }
}

/// The tree as a configuration. What the schema lets pass fits the types, which a test holds; if it
/// ever does not, that is still a problem to show and no reason to stop the process.
fn typed(tree: &Node) -> Result<Config, Findings> {
    Config::deserialize(tree.to_toml()).map_err(|error| {
        let mut findings = Findings::default();
        let place = Place::Span(0..0);
        let message = error.message().lines().next().unwrap_or_default().to_owned();
        findings.add(Finding::at(&place, message).label(UNEXPECTED));
        findings
    })
}

fn read_bounded(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > FILE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is larger than 1 MiB"));
    }
    Ok(text)
}
