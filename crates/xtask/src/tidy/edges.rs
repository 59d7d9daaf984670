//! Crate edges: a crate may depend only on those before it, and some libraries belong to one layer.

use std::fs;

use anyhow::{Context, Result};
use toml::Table;

use crate::run::root;

/// The crates, each of which may depend only on those before it.
const ORDER: [&str; 14] = [
    "units",
    "events",
    "pricing",
    "dialects",
    "policy",
    "spool",
    "lake",
    "store",
    "finops",
    "alerts",
    "gateway",
    "console",
    "simulator",
    "tollgate",
];

/// What a crate must never know, by the libraries that would tell it.
const NEVER: [(&str, &[&str]); 10] = [
    ("pricing", &["tokio", "reqwest", "axum", "sqlx"]),
    ("dialects", &["tokio", "reqwest", "axum", "pricing"]),
    ("policy", &["tokio", "axum", "sqlx"]),
    ("spool", &["parquet", "axum", "tokio"]),
    ("lake", &["axum", "sqlx"]),
    ("store", &["parquet", "axum", "datafusion"]),
    ("finops", &["axum", "askama", "tokio"]),
    ("alerts", &["axum", "askama", "sqlx", "datafusion"]),
    ("gateway", &["datafusion", "sqlx", "askama", "axum"]),
    ("console", &["pingora-core", "pingora-proxy"]),
];

/// Every dependency that points the wrong way.
pub(crate) fn check() -> Result<Vec<String>> {
    let mut breaches = Vec::new();
    for (position, name) in ORDER.iter().enumerate() {
        let path = root().join("crates").join(name).join("Cargo.toml");
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let manifest: Table = text.parse()?;
        let dependencies = manifest.get("dependencies").and_then(|value| value.as_table());
        for dependency in dependencies.into_iter().flat_map(Table::keys) {
            let later = ORDER.iter().position(|other| other == dependency);
            if later.is_some_and(|later| later >= position) {
                breaches.push(format!("{name} depends on {dependency}, which comes after it"));
            }
            let never =
                NEVER.iter().find(|(of, _)| of == name).map_or(&[][..], |(_, never)| *never);
            if never.contains(&dependency.as_str()) {
                breaches.push(format!("{name} must never know {dependency}"));
            }
        }
    }
    Ok(breaches)
}
