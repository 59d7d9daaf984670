//! Schemas in the vendor's older words (types in capitals, `nullable`) as JSON schemas.

use std::borrow::Cow;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::member::{camel, value};
use crate::request::RequestError;

/// Members whose value is a map of names to schemas.
const MAPS: [&str; 3] = ["properties", "$defs", "defs"];

/// The JSON schema a schema of this dialect means; borrowed when it already is one.
pub(super) fn json_schema<'a>(
    param: &str,
    schema: &'a str,
) -> Result<Cow<'a, RawValue>, RequestError> {
    let raw: &RawValue = value(param, schema)?;
    let told: Value = value(param, schema)?;
    let meant = converted(&told);
    if meant == told {
        return Ok(Cow::Borrowed(raw));
    }
    RawValue::from_string(meant.to_string())
        .map(Cow::Owned)
        .map_err(|e| RequestError::invalid(param, e.to_string()))
}

fn converted(schema: &Value) -> Value {
    match schema {
        Value::Object(members) => Value::Object(object(members)),
        Value::Array(list) => Value::Array(list.iter().map(converted).collect()),
        other => other.clone(),
    }
}

fn object(members: &Map<String, Value>) -> Map<String, Value> {
    let mut out = Map::new();
    for (key, value) in members {
        let name = camel(key);
        match (name.as_ref(), value) {
            // A hint for the vendor's own models, and a word that no other schema has.
            ("propertyOrdering" | "nullable", _) => {}
            ("format", Value::String(format)) if format == "enum" => {}
            ("type", Value::String(kind)) => {
                out.insert("type".to_owned(), Value::String(kind.to_ascii_lowercase()));
            }
            // Data, not schemas.
            ("enum" | "required" | "default" | "example" | "const", _) => {
                out.insert(name.into_owned(), value.clone());
            }
            // Counts may be written as text.
            (bound, Value::String(count))
                if bound.starts_with("min") || bound.starts_with("max") =>
            {
                let count = serde_json::from_str(count).unwrap_or_else(|_| value.clone());
                out.insert(name.into_owned(), count);
            }
            (map, Value::Object(schemas)) if MAPS.contains(&map) => {
                let schemas = schemas.iter().map(|(key, schema)| (key.clone(), converted(schema)));
                out.insert(name.into_owned(), Value::Object(schemas.collect()));
            }
            _ => {
                out.insert(name.into_owned(), converted(value));
            }
        }
    }
    let nullable = members.get("nullable").and_then(Value::as_bool).unwrap_or(false);
    if nullable && let Some(kind) = out.get("type").filter(|kind| kind.is_string()).cloned() {
        out.insert("type".to_owned(), Value::Array(vec![kind, Value::from("null")]));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn meant(schema: Value) -> Value {
        serde_json::from_str(json_schema("p", &schema.to_string()).unwrap().get()).unwrap()
    }

    #[test]
    fn the_older_words_become_a_json_schema() {
        assert_eq!(
            meant(json!({
                "type": "OBJECT", "required": ["type"], "property_ordering": ["type"],
                "properties": {
                    "type": {"type": "STRING", "format": "enum", "enum": ["A"], "nullable": true},
                    "any_of": {"any_of": [{"type": "INTEGER"}], "min_length": "3"},
                    "list": {"type": "ARRAY", "items": {"type": "NUMBER"}, "maxItems": "2"},
                },
            })),
            json!({
                "type": "object", "required": ["type"],
                "properties": {
                    "type": {"type": ["string", "null"], "enum": ["A"]},
                    "any_of": {"anyOf": [{"type": "integer"}], "minLength": 3},
                    "list": {"type": "array", "items": {"type": "number"}, "maxItems": 2},
                },
            })
        );
    }

    #[test]
    fn what_is_a_json_schema_stays_to_the_letter() {
        let schema = r#"{ "type":"object", "properties":{"b":{"type":["string","null"]},"a":{}} }"#;
        let meant = json_schema("p", schema).unwrap();
        assert!(matches!(meant, Cow::Borrowed(_)));
        assert_eq!(meant.get(), schema);
        assert!(json_schema("p", "{").is_err());
    }
}
