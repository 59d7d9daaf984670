//! The usage table: a Delta table of usage events, its committer, its queries and its exports.
//!
//! All analytic SQL of the product is in `queries/`, but for what people put together themselves, which
//! `explore` and `requests` write from typed parts. This crate must never know HTTP, or any
//! database but its own table. Names of its Parquet, Delta and query libraries end here.

mod adopt;
mod checkpoint;
mod claims;
mod columns;
mod commit;
mod committer;
mod compact;
mod durable;
mod encode;
mod error;
mod explore;
mod export;
mod files;
mod filter;
mod keeper;
mod lake;
mod literal;
mod maintenance;
mod manifest;
mod mirror;
mod named;
mod options;
mod pool;
mod publish;
mod query;
mod render;
mod reports;
mod requests;
mod rerate;
mod rollup;
mod row;
mod rows;
mod scan;
mod schema;
mod sheet;
mod sources;
mod steps;
mod table;
mod tiers;
mod vacuum;
mod window;

#[cfg(test)]
mod tests;

pub use adopt::Adopted;
pub use commit::Commit;
pub use committer::{Committer, CommitterOptions, CommitterProgress, ProgressHandle};
pub use compact::Compacted;
pub use encode::encode;
pub use error::LakeError;
pub use explore::{ExploreQuery, Explored, Grain, Measure, Metric, Series, Source};
pub use filter::{Filter, GroupBy};
pub use lake::Lake;
pub use maintenance::{
    Maintenance, MaintenanceHandle, MaintenanceOptions, MaintenanceProgress, TableSizes,
};
pub use manifest::{MANIFEST_NAME, Manifest, ManifestFile};
pub use named::{NAMED_QUERIES, NamedQuery};
pub use options::{LakeOptions, QueryLimits};
pub use query::QueryResult;
pub use render::Rendering;
pub use reports::{
    CallTerms, Coverage, DayTotal, Dimension, Freshness, HolderSpend, HourSpend, ModelChange,
    ModelHolder, ModelUse, ModelUsed, Ranked, RecentSpend, ReportedCost, ReportedInHour,
    StatementAdjustment, StatementLine, TeamSpend, Totals, UnpricedEntry, UnpricedModel,
    UnpricedUse, WhatIfGroup, WhatIfQuery,
};
pub use requests::{
    RequestAttempt, RequestKind, RequestPayer, RequestRow, RequestUse, RequestsPage, RequestsQuery,
};
pub use rerate::{
    Amounts, ModelRerated, PriceBasis, RERATE_NODE, Reprice, RerateFilter, RerateOptions,
    RerateRow, Rerated, RowPrices,
};
pub use rollup::{
    Grain as RollupGrain, MEASURES, Measure as RollupMeasure, ROLLUP_TABLES, RolledUp, RollupTable,
    rollup_schema,
};
pub use row::LakeRow;
pub use schema::usage_schema;
pub use sheet::{Sheet, SheetColumn, SheetValues};
pub use vacuum::Vacuumed;
pub use window::{Lens, Window};
