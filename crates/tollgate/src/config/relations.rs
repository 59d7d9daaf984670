//! Checks what values say of each other: names that must be unique, names that must exist, bounds
//! between two keys.
//!
//! Works on the tree, so that it also runs over a file whose single values have problems.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::finding::{Finding, Findings};
use super::nearest::nearest;
use super::server::Server;
use super::tree::{Node, Value};

/// Checks a whole file.
pub(super) fn check(tree: &Node, findings: &mut Findings) {
    let unique = [
        ("provider", "name"),
        ("route", "name"),
        ("team", "slug"),
        ("budget", "name"),
        ("key", "name"),
        ("alert", "name"),
    ];
    for (section, key) in unique {
        for_repeated(tree, section, key, |node, first, text| {
            let message = format!("two `[[{section}]]` have the {key} `{text}`");
            let finding = Finding::at(&node.place, message).label("the same again");
            findings.add(finding.also(&first.place, "first here").help("give each its own"));
        });
    }
    for_repeated(tree, "key", "hash", |node, first, _| {
        let finding = Finding::at(&node.place, "two `[[key]]` have the same hash");
        let finding = finding.label("the same again").also(&first.place, "first here");
        findings.add(finding.help("one key cannot have two owners: make a second key"));
    });
    let routes = tree.list("route").iter().flat_map(|route| route.list("targets"));
    refer(tree, "provider", "name", routes.filter_map(|t| t.get("provider")), findings);
    for section in ["budget", "key"] {
        let teams = tree.list(section).iter().filter_map(|item| item.get("team"));
        refer(tree, "team", "slug", teams, findings);
    }
    let routes = tree.list("key").iter().flat_map(|key| key.list("routes"));
    refer(tree, "route", "name", routes, findings);
    let teams = tree.list("alert").iter().flat_map(|alert| alert.list("teams"));
    refer(tree, "team", "slug", teams, findings);
    for budget in tree.list("budget") {
        check_budget(budget, findings);
    }
    check_server(tree, findings);
}

/// Calls back for every value of a key that an earlier item of the section already has, with the
/// first of them.
fn for_repeated(tree: &Node, section: &str, key: &str, mut found: impl FnMut(&Node, &Node, &str)) {
    let mut seen: BTreeMap<&str, &Node> = BTreeMap::new();
    for node in tree.list(section).iter().filter_map(|item| item.get(key)) {
        let Some(text) = node.text() else { continue };
        match seen.get(text) {
            Some(first) => found(node, first, text),
            None => drop(seen.insert(text, node)),
        }
    }
}

/// Checks that every reference names an item of a section.
fn refer<'t>(
    tree: &'t Node,
    section: &str,
    key: &str,
    references: impl Iterator<Item = &'t Node>,
    findings: &mut Findings,
) {
    let items = tree.list(section).iter();
    let known: Vec<&str> = items.filter_map(|item| item.get(key)).filter_map(Node::text).collect();
    for node in references {
        let Some(text) = node.text().filter(|text| !known.contains(text)) else { continue };
        let message = format!("there is no {section} `{text}`");
        let help = match nearest(text, known.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if known.is_empty() => format!("add a `[[{section}]]` with {key} `{text}`"),
            None => format!("known: {}; or add a `[[{section}]]`", known.join(", ")),
        };
        findings.add(Finding::at(&node.place, message).label("named here").help(help));
    }
}

/// The keys of one `[[budget]]` that contradict each other.
fn check_budget(budget: &Node, findings: &mut Findings) {
    if let (Some(scope), Some(team)) = (budget.get("scope"), budget.get("team")) {
        let finding = Finding::at(&team.place, "a budget has `scope` and `team`").label("here");
        let finding = finding.also(&scope.place, "and here");
        findings.add(finding.help("`team` is short for `scope = \"team:…\"`: keep one of them"));
    }
    let spends = budget.get("when_alone").and_then(Node::text) == Some("spend");
    match budget.get("exposure_usd") {
        Some(node) if !spends => {
            let message = "`exposure_usd` has no effect unless `when_alone` is `spend`";
            let finding = Finding::at(&node.place, message).label("without effect");
            findings.add(finding.help("add `when_alone = \"spend\"`, or remove it"));
        }
        None if spends => {
            let message = "`when_alone = \"spend\"` needs `exposure_usd`";
            let place = budget.get("when_alone").map_or(&budget.place, |node| &node.place);
            let finding = Finding::at(place, message).label("without a bound");
            findings.add(finding.help(
                "add `exposure_usd = \"5.00\"`: most that each gateway may spend beyond its lease",
            ));
        }
        _ => {}
    }
}

/// The bounds between two keys of `[server]`.
fn check_server(tree: &Node, findings: &mut Findings) {
    let Some(server) = tree.get("server") else { return };
    let defaults = Server::default();
    let address = |key: &str, default: SocketAddr| match server.get(key) {
        Some(node) => node.text().and_then(|text| text.parse::<SocketAddr>().ok()),
        None => Some(default),
    };
    for (key, other) in
        [("console_cert_file", "console_key_file"), ("console_key_file", "console_cert_file")]
    {
        if let (Some(node), None) = (server.get(key), server.get(other)) {
            let message = format!("`{key}` needs `{other}`");
            let finding = Finding::at(&node.place, message).label("half of a pair");
            findings.add(finding.help(format!("add `{other} = \"…\"`")));
        }
    }
    let gateway = address("gateway", defaults.gateway);
    let written = server.get("console").or_else(|| server.get("gateway"));
    if let (Some(gateway), Some(node)) = (gateway.filter(|gateway| gateway.port() != 0), written)
        && address("console", defaults.console) == Some(gateway)
    {
        let message = format!("gateway and console both listen on {gateway}");
        let finding = Finding::at(&node.place, message).label("the same address");
        findings.add(finding.help("give `console` another port"));
    }
    let bytes = |key: &str, default: u64| match server.get(key).map(|node| &node.value) {
        Some(Value::Integer(bytes)) => u64::try_from(*bytes).unwrap_or(0),
        _ => default,
    };
    let body = bytes("body_bytes_max", defaults.body_bytes_max);
    let memory = bytes("body_memory_bytes_max", defaults.body_memory_bytes_max);
    let written = server.get("body_memory_bytes_max").or_else(|| server.get("body_bytes_max"));
    if let Some(node) = written.filter(|_| memory < body) {
        let message = "`body_memory_bytes_max` is smaller than `body_bytes_max`";
        let label = format!("{memory} for all bodies, {body} for one");
        let help =
            "the largest allowed body could never be received: raise the one or lower the other";
        findings.add(Finding::at(&node.place, message).label(label).help(help));
    }
}
