//! The file as a tree in which every key and value knows where it was written.
//!
//! Must never know which keys exist.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::finding::{Finding, Findings, Place};

/// Most syntax errors shown: what follows the first few is often their echo.
const SYNTAX_ERRORS_MAX: usize = 5;

/// A value and where it was written.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
}

/// A value as written.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(String),
    Integer(i64),
    /// A number that is not a 64-bit integer, as written.
    Number(String),
    Boolean(bool),
    /// A date or time, as written.
    Date(String),
    List(Vec<Node>),
    Table(Table),
}

/// The keys of a section.
pub(super) type Table = BTreeMap<String, Entry>;

/// A key, where it was written, and its value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: Place,
    pub(super) node: Node,
}

impl Node {
    /// What kind of value it is, for people.
    pub(super) const fn kind(&self) -> &'static str {
        match &self.value {
            Value::Text(_) => "text",
            Value::Integer(_) => "an integer",
            Value::Number(_) => "a number that is no integer",
            Value::Boolean(_) => "true or false",
            Value::Date(_) => "a date",
            Value::List(_) => "a list",
            Value::Table(_) => "a section",
        }
    }

    /// The value of a key, if this is a section that has it.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Table(table) => table.get(key).map(|entry| &entry.node),
            _ => None,
        }
    }

    /// The values of a list below a key; none if there is no such list.
    pub(super) fn list(&self, key: &str) -> &[Node] {
        match self.get(key).map(|node| &node.value) {
            Some(Value::List(nodes)) => nodes,
            _ => &[],
        }
    }

    /// The text of a value, if it is text.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The tree as serde reads it. Dates become text.
    pub(super) fn to_toml(&self) -> toml::Value {
        match &self.value {
            Value::Text(text) | Value::Number(text) | Value::Date(text) => {
                toml::Value::String(text.clone())
            }
            Value::Integer(number) => toml::Value::Integer(*number),
            Value::Boolean(flag) => toml::Value::Boolean(*flag),
            Value::List(nodes) => toml::Value::Array(nodes.iter().map(Node::to_toml).collect()),
            Value::Table(table) => toml::Value::Table(
                table.iter().map(|(key, entry)| (key.clone(), entry.node.to_toml())).collect(),
            ),
        }
    }
}

/// Reads TOML. Where it is not TOML, nothing else can be said about it.
pub(super) fn parse(text: &str) -> Result<Node, Findings> {
    let (root, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(Node { place: Place::Span(0..0), value: table(root.get_ref()) });
    }
    let mut findings = Findings::default();
    for error in errors.iter().take(SYNTAX_ERRORS_MAX) {
        let place = Place::Span(error.span().unwrap_or(0..0));
        findings.add(
            Finding::at(&place, format!("not valid TOML: {}", error.message()))
                .label("here")
                .help("a key is written `key = value`, text in double quotes: https://toml.io"),
        );
    }
    findings.mask_doubtful_lines(text);
    Err(findings)
}

fn table(from: &DeTable<'_>) -> Value {
    let entry = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
        let key: &Spanned<std::borrow::Cow<'_, str>> = key;
        (
            key.get_ref().clone().into_owned(),
            Entry { key: Place::Span(key.span()), node: node(value) },
        )
    };
    Value::Table(from.iter().map(entry).collect())
}

fn node(from: &Spanned<DeValue<'_>>) -> Node {
    let value = match from.get_ref() {
        DeValue::String(text) => Value::Text(text.clone().into_owned()),
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
            .map_or_else(|_| Value::Number(integer.to_string()), Value::Integer),
        DeValue::Float(float) => Value::Number(float.as_str().to_owned()),
        DeValue::Boolean(flag) => Value::Boolean(*flag),
        DeValue::Datetime(date) => Value::Date(date.to_string()),
        DeValue::Array(items) => Value::List(items.iter().map(node).collect()),
        DeValue::Table(entries) => table(entries),
    };
    Node { place: Place::Span(from.span()), value }
}
