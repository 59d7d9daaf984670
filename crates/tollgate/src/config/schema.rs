//! The JSON Schema of the configuration, and reading it back as the rules a file is checked
//! against.
//!
//! Must never know a key by name: all it says comes from the types and their documentation.

use schemars::transform::{RecursiveTransform, Transform};
use schemars::{Schema, schema_for};
use serde_json::Value;

use super::Config;

/// The JSON Schema (draft 2020-12) of the configuration file.
pub fn json_schema() -> Value {
    let mut schema = schema_for!(Config);
    RecursiveTransform(without_null).transform(&mut schema);
    schema.to_value()
}

/// TOML has no null: what Rust calls `None` is a key that is not written.
fn without_null(schema: &mut Schema) {
    if schema.get("default").is_some_and(Value::is_null) {
        schema.remove("default");
    }
    if let Some(Value::Array(kinds)) = schema.get_mut("type") {
        kinds.retain(|kind| kind != "null");
        if let [only] = kinds.as_slice() {
            let only = only.clone();
            schema.insert("type".to_owned(), only);
        }
    }
    let Some(Value::Array(mut choices)) = schema.remove("anyOf") else { return };
    choices.retain(|choice| choice.get("type").is_none_or(|kind| kind != "null"));
    if let [Value::Object(only)] = choices.as_slice() {
        for (name, value) in only {
            schema.ensure_object().entry(name.clone()).or_insert_with(|| value.clone());
        }
    } else {
        schema.insert("anyOf".to_owned(), Value::Array(choices));
    }
}

/// What a value must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Table,
    List,
    Text,
    Integer,
    Boolean,
}

impl Kind {
    /// The kind in words.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Kind::Table => "a section",
            Kind::List => "a list",
            Kind::Text => "text",
            Kind::Integer => "an integer",
            Kind::Boolean => "true or false",
        }
    }
}

/// One part of the schema: the rule for one value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule<'a> {
    root: &'a Value,
    rule: &'a Value,
}

impl<'a> Rule<'a> {
    /// The rule for the whole file.
    pub(super) const fn root(schema: &'a Value) -> Self {
        Self { root: schema, rule: schema }
    }

    fn below(self, rule: &'a Value) -> Self {
        Self { root: self.root, rule }
    }

    /// A word of the rule: its own first, then that of the definition it refers to.
    fn word(self, name: &str) -> Option<&'a Value> {
        self.rule.get(name).or_else(|| {
            let reference = self.rule.get("$ref")?.as_str()?;
            self.root.pointer(reference.strip_prefix('#')?)?.get(name)
        })
    }

    /// What the value must be.
    pub(super) fn kind(self) -> Kind {
        match self.word("type").and_then(Value::as_str) {
            Some("object") => Kind::Table,
            Some("array") => Kind::List,
            Some("integer") => Kind::Integer,
            Some("boolean") => Kind::Boolean,
            _ => Kind::Text,
        }
    }

    /// The rule for a key of a section.
    pub(super) fn property(self, key: &str) -> Option<Self> {
        self.word("properties")?.get(key).map(|rule| self.below(rule))
    }

    /// The keys of a section.
    pub(super) fn keys(self) -> impl Iterator<Item = &'a str> {
        let properties = self.word("properties").and_then(Value::as_object);
        properties.into_iter().flat_map(|properties| properties.keys().map(String::as_str))
    }

    /// The keys a section must have.
    pub(super) fn required(self) -> impl Iterator<Item = &'a str> {
        let required = self.word("required").and_then(Value::as_array);
        required.into_iter().flatten().filter_map(Value::as_str)
    }

    /// The rule for the values of a list.
    pub(super) fn items(self) -> Option<Self> {
        self.word("items").map(|rule| self.below(rule))
    }

    /// The values allowed, as written in the file without quotes; none when any is.
    pub(super) fn choices(self) -> Vec<String> {
        let plain = |value: &Value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        if let Some(values) = self.word("enum").and_then(Value::as_array) {
            return values.iter().map(plain).collect();
        }
        let documented = self.word("oneOf").and_then(Value::as_array).into_iter().flatten();
        documented.filter_map(|choice| choice.get("const")).map(plain).collect()
    }

    /// The form a text must have.
    pub(super) fn format(self) -> Option<&'a str> {
        self.word("format").and_then(Value::as_str)
    }

    /// A bound of the value: `minimum`, `maximum`, `minLength`, `minItems`, `maxItems`.
    pub(super) fn bound(self, name: &str) -> Option<i64> {
        self.word(name).and_then(Value::as_i64)
    }

    /// The first sentence of the documentation, on one line.
    pub(super) fn summary(self) -> Option<String> {
        let text = self.word("description").and_then(Value::as_str)?.replace('\n', " ");
        Some(text.split_once(". ").map_or(text.as_str(), |(first, _)| first).to_owned())
    }
}
