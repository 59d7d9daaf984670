//! Fills in what a provider's name alone decides: its dialect, its URL and whose prices apply.
//!
//! Must never know a provider by name: the table is given.

use events::Dialect;

use super::finding::{Finding, Findings};
use super::nearest::nearest;
use super::tree::{Entry, Node, Table, Value};

/// A provider of the provider table: what its name alone decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownProvider<'a> {
    /// Name.
    pub name: &'a str,
    /// Wire format it speaks.
    pub dialect: Dialect,
    /// URL its paths are appended to.
    pub base_url: &'a str,
    /// Provider of the price catalog whose prices apply.
    pub prices: &'a str,
}

/// Fills in every `[[provider]]`, and reports those that are neither known nor complete.
pub(super) fn complete(tree: &mut Node, known: &[KnownProvider<'_>], findings: &mut Findings) {
    let Value::Table(root) = &mut tree.value else { return };
    let Some(Value::List(providers)) = root.get_mut("provider").map(|entry| &mut entry.node.value)
    else {
        return;
    };
    for provider in providers {
        let Some(name) = provider.get("name").filter(|name| name.text().is_some()).cloned() else {
            continue;
        };
        let Value::Table(keys) = &mut provider.value else { continue };
        let text = name.text().unwrap_or_default();
        if let Some(known) = known.iter().find(|known| known.name == text) {
            fill(keys, "dialect", known.dialect.as_str(), &name);
            fill(keys, "base_url", known.base_url, &name);
            fill(keys, "prices", known.prices, &name);
            continue;
        }
        fill(keys, "prices", text, &name);
        let missing: Vec<String> = ["dialect", "base_url"]
            .into_iter()
            .filter(|key| !keys.contains_key(*key))
            .map(|key| format!("`{key}`"))
            .collect();
        if !missing.is_empty() {
            findings.add(incomplete(&name, text, &missing.join(" and "), known));
        }
    }
}

fn fill(keys: &mut Table, key: &str, value: &str, name: &Node) {
    keys.entry(key.to_owned()).or_insert_with(|| {
        let place = name.place.clone();
        let node = Node { place: place.clone(), value: Value::Text(value.to_owned()) };
        Entry { key: place, node }
    });
}

fn incomplete(name: &Node, text: &str, missing: &str, known: &[KnownProvider<'_>]) -> Finding {
    let message = format!("provider `{text}` is not in the provider table and has no {missing}");
    let help = match nearest(text, known.iter().map(|known| known.name)) {
        Some(meant) => format!("did you mean `{meant}`? Otherwise add {missing}"),
        None => {
            let dialects: Vec<&str> = Dialect::ALL.iter().map(|dialect| dialect.as_str()).collect();
            format!("add {missing}; the dialects are {}", dialects.join(", "))
        }
    };
    Finding::at(&name.place, message).label("not in the provider table").help(help)
}
