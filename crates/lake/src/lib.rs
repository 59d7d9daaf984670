//! The usage table: a Delta table of usage events, its committer, its queries and its exports.
//!
//! All analytic SQL of the product is in `queries/`. This crate must never know HTTP, or any
//! database but its own table. Names of its Parquet, Delta and query libraries end here.

mod adopt;
mod checkpoint;
mod columns;
mod commit;
mod committer;
mod durable;
mod encode;
mod error;
mod export;
mod files;
mod lake;
mod manifest;
mod named;
mod options;
mod pool;
mod query;
mod render;
mod reports;
mod row;
mod rows;
mod schema;
mod table;
mod window;

#[cfg(test)]
mod tests;

pub use adopt::Adopted;
pub use commit::Commit;
pub use committer::{Committer, CommitterOptions, CommitterProgress, ProgressHandle};
pub use encode::encode;
pub use error::LakeError;
pub use lake::Lake;
pub use manifest::{MANIFEST_NAME, Manifest, ManifestFile};
pub use named::{NAMED_QUERIES, NamedQuery};
pub use options::{LakeOptions, QueryLimits};
pub use query::QueryResult;
pub use render::Rendering;
pub use reports::{
    Coverage, DayTotal, Dimension, Freshness, Ranked, RecentRequest, StatementLine, TeamSpend,
    Totals,
};
pub use row::LakeRow;
pub use schema::usage_schema;
pub use window::Window;
