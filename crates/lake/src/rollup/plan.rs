//! How a roll-up table's rows are made: from usage, or by folding rows made before.
//!
//! One definition serves what is stored and what is read live, so that they cannot differ. It must
//! never know files.

use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::catalog::TableProvider;
use datafusion::datasource::provider_as_source;
use datafusion::error::Result;
use datafusion::functions::expr_fn::coalesce;
use datafusion::functions_aggregate::expr_fn::sum;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast, col, lit, when};
use events::{AdjustmentKind, UsageSource};

use super::schema::{BUCKET, BUCKET_DATE, DAY, Grain, MEASURES, RollupTable};
use crate::schema::PARTITION;

/// A quarter of an hour, microseconds.
const QUARTER_US: i64 = 15 * 60 * 1_000_000;

/// The columns of a table that say when, as they are stored.
pub(crate) const fn stored_times(grain: Grain) -> &'static [&'static str] {
    match grain {
        Grain::Quarter => &[BUCKET, BUCKET_DATE],
        Grain::Day => &[BUCKET_DATE],
    }
}

/// Reads a provider.
pub(crate) fn scan(name: &str, provider: Arc<dyn TableProvider>) -> Result<LogicalPlanBuilder> {
    LogicalPlanBuilder::scan(name, provider_as_source(provider), None)
}

/// Each usage row as a row of a table with these dimensions, as it is stored.
pub(crate) fn from_usage(
    usage: LogicalPlanBuilder,
    grain: Grain,
    dimensions: &[&'static str],
) -> Result<LogicalPlanBuilder> {
    let times = stored_times(grain).iter().map(|name| time(name).alias(*name));
    let dimensions = dimensions.iter().map(|name| dimension(name).alias(*name));
    let mut columns: Vec<Expr> = times.chain(dimensions).collect();
    for measure in MEASURES {
        columns.push(value(measure.name)?.alias(measure.name));
    }
    usage.project(columns)
}

/// Rows as they are stored, one per bucket and dimensions, sorted by them.
pub(crate) fn folded(rows: LogicalPlanBuilder, table: &RollupTable) -> Result<LogicalPlanBuilder> {
    let keys: Vec<Expr> =
        stored_times(table.grain).iter().chain(table.dimensions).map(|name| col(*name)).collect();
    let sums = MEASURES.iter().map(|measure| sum(col(measure.name)).alias(measure.name));
    rows.aggregate(keys.clone(), sums)?.sort_by(keys)
}

/// Rows as they are stored, as queries see them.
pub(crate) fn shown(rows: LogicalPlanBuilder, table: &RollupTable) -> Result<LogicalPlanBuilder> {
    let times = table.time_columns().iter().map(|(name, _)| match *name {
        DAY => col(BUCKET_DATE).alias(DAY),
        name => col(name),
    });
    let rest = table.dimensions.iter().copied().chain(MEASURES.iter().map(|m| m.name)).map(col);
    rows.project(times.chain(rest).collect::<Vec<Expr>>())
}

/// Two sources of a table's rows as one.
pub(crate) fn both(a: LogicalPlanBuilder, b: LogicalPlanBuilder) -> Result<LogicalPlan> {
    a.union(b.build()?)?.build()
}

fn time(name: &str) -> Expr {
    if name == BUCKET_DATE {
        return col(PARTITION);
    }
    // Plain arithmetic: cutting instants with functions is slow.
    let micros = || cast(col("received_at"), DataType::Int64);
    let start = micros() - micros() % lit(QUARTER_US);
    cast(start, DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())))
}

fn dimension(name: &str) -> Expr {
    match name {
        "model" => coalesce(vec![col("model_resolved"), col("model_asked")]),
        name => col(name),
    }
}

/// What a usage row adds to a measure.
fn value(measure: &str) -> Result<Expr> {
    let is_request = || col("is_final").and(col("revision").eq(lit(0_i64)));
    let is_call = || col("usage_source").not_eq(lit(UsageSource::None.as_str()));
    let is_metered_row = || col("adjustment").is_null();
    let metered = [UsageSource::Provider, UsageSource::Drained].map(|source| lit(source.as_str()));
    let counted = |condition: Expr| when(condition, lit(1_i64)).otherwise(lit(0_i64));
    match measure {
        "requests" => counted(is_request()),
        "calls" => counted(is_call().and(is_metered_row())),
        "priced" => priced(col("cost_usd").is_not_null(), 1),
        "metered" => {
            counted(col("usage_source").in_list(metered.to_vec(), false).and(is_metered_row()))
        }
        "errors" => counted(is_request().and(col("error_class").is_not_null())),
        "unpriced" => priced(col("cost_usd").is_null(), -1),
        "input_tokens" => Ok(col("input_tokens_total")),
        "cached_input_tokens" => Ok(col("cache_read_text_tokens")),
        "output_tokens" => Ok(col("output_tokens_total")),
        "list_cost_usd" => Ok(col("cost_list_usd")),
        "saved_usd" => Ok(col("cache_saved_usd")),
        name => Ok(col(name)),
    }
}

/// What a row adds to a count of calls that have a price, or, with the sign turned, of those that have
/// none: a retraction takes a price away from a call, a restatement gives it one.
fn priced(is_counted: Expr, restatement: i64) -> Result<Expr> {
    let is = |kind: AdjustmentKind| col("adjustment").eq(lit(kind.as_str()));
    when(col("usage_source").eq(lit(UsageSource::None.as_str())), lit(0_i64))
        .when(is(AdjustmentKind::Retraction), lit(-restatement))
        .when(is(AdjustmentKind::Restatement), lit(restatement))
        .when(is_counted, lit(1_i64))
        .otherwise(lit(0_i64))
}
