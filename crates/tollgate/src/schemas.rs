//! The published schemas, generated from the types: configuration, usage event, usage table.
//!
//! Keys are sorted, so that the files do not depend on which features other crates switch on. Must
//! never describe anything by hand: what is written by hand is `schemas/README.md`.

use std::io;
use std::path::Path;

use events::{COLUMNS, ColumnType, SCHEMA_VERSION, UsageEvent};
use lake::{MEASURES, ROLLUP_TABLES};
use schemars::schema_for;
use serde_json::{Map, Value, json};

use crate::config;

/// File name of the configuration's JSON Schema.
pub const CONFIGURATION: &str = "configuration.schema.json";

/// Every generated file of `schemas/`: its name and its contents.
pub fn generate() -> Vec<(&'static str, String)> {
    vec![
        (CONFIGURATION, text(config::json_schema())),
        ("rollup-tables.json", text(rollup_tables())),
        ("usage-event.schema.json", text(schema_for!(UsageEvent).to_value())),
        ("usage-table.json", text(usage_table())),
    ]
}

/// Writes every generated file into a directory, which is made if need be.
pub fn write(directory: &Path) -> io::Result<()> {
    std::fs::create_dir_all(directory)?;
    generate().iter().try_for_each(|(name, text)| std::fs::write(directory.join(name), text))
}

/// The columns of the lake's `usage` table, with what holds for the table as a whole.
fn usage_table() -> Value {
    let columns: Vec<Value> = COLUMNS
        .iter()
        .map(|column| {
            json!({
                "name": column.name,
                "type": arrow_type(column.ty),
                "nullable": column.nullable,
                "unit": column.unit,
                "description": column.description,
            })
        })
        .collect();
    json!({
        "table": "usage",
        "schema_version": SCHEMA_VERSION,
        "grain": ["request_id", "attempt", "model_priced", "revision"],
        "key": ["node_id", "epoch", "seq"],
        "partition": ["event_date"],
        "columns": columns,
    })
}

/// The roll-up tables every query sees beside `usage`.
fn rollup_tables() -> Value {
    let column = |name: &str, ty, nullable, unit: &str, description: &str| {
        json!({
            "name": name,
            "type": arrow_type(ty),
            "nullable": nullable,
            "unit": unit,
            "description": description,
        })
    };
    let tables: Vec<Value> = ROLLUP_TABLES
        .iter()
        .map(|table| {
            let times = table.time_columns().iter().map(|(name, ty)| {
                column(name, *ty, false, "UTC, gateway clock", "When: of received_at.")
            });
            let dimensions = table.dimensions.iter().map(|name| {
                let description = match *name {
                    "model" => "Model as sent to the provider, else as the client wrote it.",
                    _ => "As in `usage`; NULL where it has none.",
                };
                column(name, ColumnType::Utf8, true, "", description)
            });
            let measures = MEASURES.iter().map(|measure| {
                let nullable = measure.ty == ColumnType::Usd;
                column(measure.name, measure.ty, nullable, measure.unit, measure.description)
            });
            json!({
                "table": table.name,
                "columns": times.chain(dimensions).chain(measures).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({
        "grain": "bucket or day, and dimensions; a key may have several rows: always sum",
        "source": "usage, exact at every instant",
        "tables": tables,
    })
}

/// A column's type as Arrow writes it.
const fn arrow_type(ty: ColumnType) -> &'static str {
    match ty {
        ColumnType::Utf8 => "Utf8",
        ColumnType::Int64 => "Int64",
        ColumnType::Float64 => "Float64",
        ColumnType::Boolean => "Boolean",
        ColumnType::Date => "Date32",
        ColumnType::Timestamp => "Timestamp(Microsecond, \"UTC\")",
        ColumnType::Usd => "Decimal128(38, 12)",
        ColumnType::TagMap => "Map(key_value: {key: Utf8, value: Utf8})",
        ColumnType::MeterMap => "Map(key_value: {key: Utf8, value: Int64})",
    }
}

/// JSON for a file: keys sorted, indented, ending in a newline.
fn text(value: Value) -> String {
    format!("{:#}\n", sorted(value))
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut entries: Vec<(String, Value)> = object.into_iter().collect();
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            let sorted = entries.into_iter().map(|(key, value)| (key, sorted(value)));
            Value::Object(sorted.collect::<Map<_, _>>())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(sorted).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHECKED_IN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas");

    #[test]
    fn the_checked_in_schemas_are_those_of_the_code() {
        for (name, generated) in generate() {
            let path = Path::new(CHECKED_IN).join(name);
            let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(
                checked_in == generated,
                "schemas/{name} has drifted: `tollgate config schema --all schemas` writes it anew"
            );
        }
    }

    #[test]
    fn writing_makes_the_directory_and_every_file() {
        let directory = tempfile::tempdir().unwrap();
        let below = directory.path().join("a/b");
        write(&below).unwrap();
        for (name, generated) in generate() {
            assert_eq!(std::fs::read_to_string(below.join(name)).unwrap(), generated);
        }
    }

    #[test]
    fn grain_key_and_partition_name_columns() {
        let table = usage_table();
        for part in ["grain", "key", "partition"] {
            for name in table[part].as_array().unwrap() {
                assert!(COLUMNS.iter().any(|column| column.name == name), "{part}: {name}");
            }
        }
    }
}
