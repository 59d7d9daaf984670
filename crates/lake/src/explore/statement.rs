//! The statement that answers a question, as it is run and as it is shown.
//!
//! It is put together from names of our own and from literals; nothing a person typed stands in it
//! in any other way.

use crate::explore::calendar::Calendar;
use crate::explore::measure::UNPRICED;
use crate::explore::{ExploreQuery, Grain};
use crate::filter::{self, Table};
use crate::rollup::Grain as Bucket;

/// The table that answers soonest: sums by day or quarter of an hour where they know all that is
/// asked for, else single rows.
pub(super) fn table(query: &ExploreQuery, calendar: &Calendar) -> Table {
    let is_whole_days = query.lens.window.is_whole_days() && calendar.adds_up_from_utc_days();
    let bucket = if is_whole_days { Bucket::Day } else { Bucket::Quarter };
    Table::rolled_up(bucket, query.needs()).unwrap_or(Table::Rows)
}

/// The statement.
pub(super) fn write(query: &ExploreQuery, calendar: &Calendar, table: Table) -> String {
    let columns = || query.metric.columns().iter().chain([&UNPRICED]);
    let bucket = calendar.sql(table).map(|sql| format!("{sql} AS bucket"));
    let keys: Vec<String> = (0..query.group_by.len())
        .map(|position| format!("\"{}\"", query.alias(position)))
        .collect();
    let grouped = query.group_by.iter().zip(&keys);
    let cells = bucket
        .into_iter()
        .chain(grouped.map(|(by, key)| format!("{} AS {key}", table.column(by))))
        .chain(columns().map(|column| named(column.of(table), column.name)))
        .collect::<Vec<_>>()
        .join(",\n        ");
    let conditions = filter::conditions(table, &query.lens, &query.filters).join("\n      AND ");
    let mut sql = format!(
        "WITH cells AS (\n    SELECT\n        {cells}\n    FROM {}\n    WHERE {conditions}\n)",
        table.name()
    );
    let sums = columns().map(|column| format!("SUM(cells.{0}) AS {0}", column.name));
    let bucket = (query.grain != Grain::Total).then(|| "cells.bucket".to_owned());
    if keys.is_empty() {
        let shown: Vec<String> = bucket.iter().cloned().chain(sums).collect();
        sql.push_str(&format!("\nSELECT\n    {}\nFROM cells", shown.join(",\n    ")));
        if let Some(bucket) = bucket {
            sql.push_str(&format!("\nGROUP BY {bucket}\nORDER BY {bucket}"));
        }
        return sql;
    }
    sql.push_str(&largest(query, &keys));
    let same: Vec<String> = keys
        .iter()
        .map(|key| format!("(largest.{key} IS NOT DISTINCT FROM cells.{key})"))
        .collect();
    let by: Vec<String> = bucket
        .iter()
        .cloned()
        .chain(["largest.place".to_owned()])
        .chain(keys.iter().map(|key| format!("largest.{key}")))
        .collect();
    let shown: Vec<String> = by.iter().cloned().chain(sums).collect();
    let order: Vec<String> =
        ["largest.place NULLS LAST".to_owned()].into_iter().chain(bucket).collect();
    sql.push_str(&format!(
        "\nSELECT\n    {}\nFROM largest\nRIGHT JOIN cells ON {}\nGROUP BY {}\nORDER BY {}",
        shown.join(",\n    "),
        same.join(" AND "),
        by.join(", "),
        order.join(", "),
    ));
    sql
}

/// The largest groups with their places; what joins none of them is the rest.
fn largest(query: &ExploreQuery, keys: &[String]) -> String {
    let column = query.metric.columns().first().map_or("", |column| column.name);
    let by = keys.join(", ");
    let order = |total: &str| {
        let keys = keys.iter().map(|key| format!("{key} NULLS LAST"));
        std::iter::once(format!("{total} DESC")).chain(keys).collect::<Vec<_>>().join(", ")
    };
    let total = format!("COALESCE(SUM({column}), 0)");
    // Keys differ, so that the rank is the row's number. But a row's number is unique to the engine, and
    // it then drops the bucket from the order, which is not unique behind the join.
    format!(
        ",\nlargest AS (\n    SELECT {by}, RANK() OVER (ORDER BY {}) AS place\n    FROM (\n        SELECT {by}, {total} AS total\n        FROM cells\n        GROUP BY {by}\n        ORDER BY {}\n        LIMIT {}\n    )\n)",
        order("total"),
        order("total"),
        query.top,
    )
}

fn named(expression: &str, name: &str) -> String {
    if expression == name { name.to_owned() } else { format!("{expression} AS {name}") }
}
