//! Lays the environment over the file: `TOLLGATE__SECTION__KEY`, single values only.
//!
//! Must never put the value of a variable into an error.

use std::collections::BTreeMap;
use std::ffi::OsStr;

use super::environment::Environment;
use super::finding::{Finding, Findings, Place};
use super::nearest::nearest;
use super::schema::{Kind, Rule};
use super::tree::{Entry, Node, Table, Value};

/// Puts every variable that overrides the file into the tree.
pub(super) fn apply(
    root: Rule<'_>,
    tree: &mut Node,
    environment: &Environment,
    findings: &mut Findings,
) {
    for (variable, path, value) in environment.overrides() {
        let place = Place::Variable(variable.to_owned());
        match target(root, &path, &place).and_then(|kind| read(kind, value, &place)) {
            Ok(value) => insert(tree, &path, Node { place, value }),
            Err(finding) => findings.add(*finding),
        }
    }
}

/// What the value of a path must be, if it is a single value.
fn target(root: Rule<'_>, path: &[String], place: &Place) -> Result<Kind, Box<Finding>> {
    let mut rule = root;
    let mut section = "the file".to_owned();
    for name in path {
        rule = rule.property(name).ok_or_else(|| {
            let message = format!("the environment names an unknown key `{name}` in {section}");
            let help = match nearest(name, rule.keys()) {
                Some(known) => format!("did you mean `{}`?", known.to_uppercase()),
                None => format!("known keys: {}", rule.keys().collect::<Vec<_>>().join(", ")),
            };
            Box::new(Finding::at(place, message).label("unknown key").help(help))
        })?;
        if rule.kind() == Kind::List {
            let message =
                format!("`{name}` is a list, and the environment overrides single values");
            let help =
                format!("edit `{name}` in the file; its values may refer to the environment");
            return Err(Box::new(Finding::at(place, message).label("names a list").help(help)));
        }
        section = format!("`[{name}]`");
    }
    if rule.kind() == Kind::Table {
        let message = "the environment names a section, not one of its keys";
        let help = "write TOLLGATE__SECTION__KEY, such as TOLLGATE__SERVER__GATEWAY";
        return Err(Box::new(Finding::at(place, message).label("names a section").help(help)));
    }
    Ok(rule.kind())
}

/// The value of a variable as the kind its key wants.
fn read(kind: Kind, value: &OsStr, place: &Place) -> Result<Value, Box<Finding>> {
    let refuse = |wanted: &str| {
        let message = format!("the value of this environment variable must be {wanted}");
        Box::new(Finding::at(place, message).label(format!("must be {wanted}")))
    };
    let text = value.to_str().ok_or_else(|| refuse("UTF-8"))?;
    match kind {
        Kind::Integer => text.trim().parse().map(Value::Integer).map_err(|_| refuse("an integer")),
        Kind::Boolean => {
            text.trim().parse().map(Value::Boolean).map_err(|_| refuse("true or false"))
        }
        _ => Ok(Value::Text(text.to_owned())),
    }
}

/// Puts a value at a path, making the sections that lead to it. A key that is no section stays as
/// it is: the check of kinds will tell.
fn insert(tree: &mut Node, path: &[String], node: Node) {
    let [sections @ .., key] = path else { return };
    let place = node.place.clone();
    let mut current = tree;
    for section in sections {
        let Value::Table(table) = &mut current.value else { return };
        current = &mut section_of(table, section, &place).node;
    }
    if let Value::Table(table) = &mut current.value {
        table.insert(key.clone(), Entry { key: place, node });
    }
}

fn section_of<'t>(table: &'t mut Table, name: &str, place: &Place) -> &'t mut Entry {
    table.entry(name.to_owned()).or_insert_with(|| {
        let node = Node { place: place.clone(), value: Value::Table(BTreeMap::new()) };
        Entry { key: place.clone(), node }
    })
}
