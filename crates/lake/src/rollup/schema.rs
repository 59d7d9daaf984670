//! The columns of the roll-up tables every query session has beside `usage`.
//!
//! | table | grain | dimensions |
//! |---|---|---|
//! | `usage_15m` | quarter of an hour, UTC | organisation, team, project, feature, provider, model, route, key_id |
//! | `usage_15m_by_customer` | quarter of an hour, UTC | organisation, team, feature, customer, price_version |
//! | `usage_15m_by_user` | quarter of an hour, UTC | organisation, team, user_id |
//! | `usage_day`, `usage_day_by_customer`, `usage_day_by_user` | day, UTC | as above |
//!
//! The quarter-hour tables begin with `bucket` (its first instant) and `bucket_date` (the UTC day of
//! `bucket`, by which files are skipped: filter on it as well as on `bucket`); the day tables begin
//! with `day`. Then come the dimensions, then the measures of [`MEASURES`].
//!
//! **Always `SUM` the measures.** A combination of bucket and dimensions may have several rows: parts
//! stored at different times, and the rows of usage that is committed but not rolled up yet. Every
//! measure is additive, so that sums are exact at every instant, to the last digit.
//!
//! This file must never know how the tables are stored.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use events::ColumnType;

use crate::schema::arrow_type;

/// Version of what is stored; another version's roll-ups are left alone and built anew.
pub(crate) const FORMAT: u32 = 2;

/// First instant of a row's quarter of an hour.
pub(crate) const BUCKET: &str = "bucket";
/// UTC day of a quarter-hour table's row.
pub(crate) const BUCKET_DATE: &str = "bucket_date";
/// UTC day of a day table's row.
pub(crate) const DAY: &str = "day";

/// Length of the buckets of a roll-up table; both are cut in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grain {
    /// A quarter of an hour: zones at :30 and :45 add up from these.
    Quarter,
    /// A day.
    Day,
}

/// A roll-up table.
#[derive(Debug, PartialEq, Eq)]
pub struct RollupTable {
    /// Its name in every query session.
    pub name: &'static str,
    /// Length of its buckets.
    pub grain: Grain,
    /// Its dimensions: text, NULL where usage has none.
    pub dimensions: &'static [&'static str],
}

/// A measure of every roll-up table.
#[derive(Debug)]
pub struct Measure {
    /// Column name.
    pub name: &'static str,
    /// `Int64`, never NULL, or money, NULL when no amount of the row is known.
    pub ty: ColumnType,
    /// Unit.
    pub unit: &'static str,
    /// What it sums up.
    pub description: &'static str,
}

const MAIN: &[&str] =
    &["organisation", "team", "project", "feature", "provider", "model", "route", "key_id"];
/// With the price book, which hardly ever changes, so that a statement names those behind it.
const CUSTOMER: &[&str] = &["organisation", "team", "feature", "customer", "price_version"];
const USER: &[&str] = &["organisation", "team", "user_id"];

/// Every roll-up table.
pub const ROLLUP_TABLES: &[RollupTable] = &[
    RollupTable { name: "usage_15m", grain: Grain::Quarter, dimensions: MAIN },
    RollupTable { name: "usage_15m_by_customer", grain: Grain::Quarter, dimensions: CUSTOMER },
    RollupTable { name: "usage_15m_by_user", grain: Grain::Quarter, dimensions: USER },
    RollupTable { name: "usage_day", grain: Grain::Day, dimensions: MAIN },
    RollupTable { name: "usage_day_by_customer", grain: Grain::Day, dimensions: CUSTOMER },
    RollupTable { name: "usage_day_by_user", grain: Grain::Day, dimensions: USER },
];

const fn count(name: &'static str, unit: &'static str, description: &'static str) -> Measure {
    Measure { name, ty: ColumnType::Int64, unit, description }
}

const fn money(name: &'static str, description: &'static str) -> Measure {
    Measure { name, ty: ColumnType::Usd, unit: "USD", description }
}

/// The measures, in table order.
pub const MEASURES: &[Measure] = &[
    count("requests", "requests", "Final rows as first recorded: one per client request."),
    count("calls", "attempts", "Attempts that used something: usage_source is not `none`."),
    count(
        "priced",
        "attempts",
        "Calls whose cost is known; a restatement adds one, a retraction takes one.",
    ),
    count("metered", "attempts", "Calls metered by the provider: `provider` or `drained`."),
    count("errors", "requests", "Requests whose outcome is an error."),
    count(
        "unpriced",
        "attempts",
        "Calls whose cost is not known; a restatement takes one, a retraction adds one.",
    ),
    count("input_tokens", "tokens", "Sum of input_tokens_total."),
    count("cached_input_tokens", "tokens", "Sum of cache_read_text_tokens; part of input_tokens."),
    count("output_tokens", "tokens", "Sum of output_tokens_total."),
    money("cost_usd", "Sum of the known cost_usd."),
    money("list_cost_usd", "Sum of the known cost_list_usd."),
    money("saved_usd", "Sum of the known cache_saved_usd."),
];

impl RollupTable {
    /// The columns that say when: `bucket` and `bucket_date`, or `day`.
    pub fn time_columns(&self) -> &'static [(&'static str, ColumnType)] {
        match self.grain {
            Grain::Quarter => &[(BUCKET, ColumnType::Timestamp), (BUCKET_DATE, ColumnType::Date)],
            Grain::Day => &[(DAY, ColumnType::Date)],
        }
    }

    /// The table's columns in Arrow's types.
    pub fn schema(&self) -> SchemaRef {
        let times = self.time_columns().iter();
        let times = times.map(|(name, ty)| Field::new(*name, arrow_type(*ty), false));
        let dimensions = self.dimensions.iter();
        let dimensions = dimensions.map(|name| Field::new(*name, DataType::Utf8, true));
        let measures = MEASURES.iter().map(|measure| {
            Field::new(measure.name, arrow_type(measure.ty), measure.ty == ColumnType::Usd)
        });
        let fields: Vec<Field> = times.chain(dimensions).chain(measures).collect();
        Arc::new(Schema::new(fields))
    }
}

/// The columns of a roll-up table by its name.
pub fn rollup_schema(table: &str) -> Option<SchemaRef> {
    ROLLUP_TABLES.iter().find(|known| known.name == table).map(RollupTable::schema)
}
