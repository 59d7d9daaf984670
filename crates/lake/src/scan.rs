//! A table of a query session made of a list of Parquet files: those that cannot match are left out
//! by their days and instants before any is opened.
//!
//! It must never know the Delta log.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Date32Array, TimestampMicrosecondArray};
use arrow::datatypes::{FieldRef, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::config::TableParquetOptions;
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::stats::Precision;
use datafusion::common::{Column, DFSchema, ScalarValue, Statistics};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;

use crate::mirror::LiveFile;

/// The columns of a table and how its files hold them.
pub(crate) struct Layout {
    /// All columns, in the order queries see them.
    pub(crate) schema: SchemaRef,
    /// The columns the files hold, and behind them the day the path holds, if it does.
    table: TableSchema,
    /// Whether the day column is in the path.
    is_partitioned: bool,
    /// The day column.
    days: &'static str,
    /// Columns bounded by the files' instants.
    instants: &'static [&'static str],
}

impl Layout {
    /// A layout; `partition` is the day column when files do not hold it.
    pub(crate) fn new(
        schema: SchemaRef,
        partition: bool,
        days: &'static str,
        instants: &'static [&'static str],
    ) -> Self {
        let (in_path, in_file): (Vec<FieldRef>, Vec<FieldRef>) =
            schema.fields().iter().cloned().partition(|f| partition && f.name() == days);
        let file_schema = Arc::new(arrow::datatypes::Schema::new(in_file));
        let table = TableSchema::builder(file_schema).with_table_partition_cols(in_path).build();
        Self { schema, table, is_partitioned: partition, days, instants }
    }
}

/// Some files of a table.
pub(crate) struct Files {
    layout: Arc<Layout>,
    store: ObjectStoreUrl,
    files: Vec<Arc<LiveFile>>,
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} files of {}", self.files.len(), self.store)
    }
}

impl Files {
    pub(crate) fn new(
        layout: Arc<Layout>,
        store: ObjectStoreUrl,
        files: Vec<Arc<LiveFile>>,
    ) -> Self {
        Self { layout, store, files }
    }

    /// The files that may hold rows for which all filters hold.
    fn matching(&self, state: &dyn Session, filters: &[Expr]) -> Result<Vec<&LiveFile>> {
        let all = || self.files.iter().map(AsRef::as_ref).collect();
        let Some(filter) = conjunction(filters.to_vec()) else { return Ok(all()) };
        let schema = DFSchema::try_from(Arc::clone(&self.layout.schema))?;
        let filter = state.create_physical_expr(filter, &schema)?;
        let builder = PruningPredicateBuilder::new();
        let builder = builder.with_file_schema(Arc::clone(&self.layout.schema));
        let Some(predicate) = builder.build(filter) else { return Ok(all()) };
        let keep = predicate.prune(self)?;
        let kept = self.files.iter().zip(keep).filter(|(_, keep)| *keep);
        Ok(kept.map(|(file, _)| file.as_ref()).collect())
    }

    /// Spreads files over partitions, the largest first, each to where least is.
    fn grouped(&self, mut files: Vec<&LiveFile>, partitions: usize) -> Vec<FileGroup> {
        files.sort_by(|a, b| b.size.cmp(&a.size).then_with(|| a.path.cmp(&b.path)));
        let count = partitions.clamp(1, files.len().max(1));
        let mut groups: Vec<(u64, Vec<PartitionedFile>)> = vec![(0, Vec::new()); count];
        for file in files {
            if let Some((bytes, group)) = groups.iter_mut().min_by_key(|(bytes, _)| *bytes) {
                *bytes = bytes.saturating_add(file.size);
                group.push(self.partitioned(file));
            }
        }
        groups.into_iter().map(|(_, group)| FileGroup::new(group)).collect()
    }

    fn partitioned(&self, file: &LiveFile) -> PartitionedFile {
        let mut partitioned = PartitionedFile::new(file.path.clone(), file.size);
        if self.layout.is_partitioned {
            let day = file.days.map(|(day, _)| day);
            partitioned.partition_values = vec![ScalarValue::Date32(day)];
        }
        partitioned
    }

    fn statistics(&self, files: &[&LiveFile]) -> Statistics {
        let rows: Option<u64> = files.iter().map(|file| file.rows).sum();
        let rows = rows.and_then(|rows| usize::try_from(rows).ok());
        let unknown = Statistics::new_unknown(self.layout.table.table_schema());
        unknown.with_num_rows(rows.map_or(Precision::Absent, Precision::Exact))
    }
}

#[async_trait]
impl TableProvider for Files {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.layout.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all: Vec<usize> = (0..self.layout.schema.fields().len()).collect();
        let wanted = projection.unwrap_or(&all);
        let files = self.matching(state, filters)?;
        if files.is_empty() {
            let schema = Arc::new(self.layout.schema.project(wanted)?);
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let columns = self.layout.table.table_schema();
        let indices: std::result::Result<Vec<usize>, _> = wanted
            .iter()
            .map(|index| columns.index_of(self.layout.schema.field(*index).name()))
            .collect();
        let runtime = state.runtime_env();
        let store = runtime.object_store(&self.store)?;
        let cache = runtime.cache_manager.get_file_metadata_cache();
        let options = TableParquetOptions {
            global: state.config_options().execution.parquet.clone(),
            ..TableParquetOptions::default()
        };
        let source = ParquetSource::new(self.layout.table.clone())
            .with_table_parquet_options(options)
            .with_parquet_file_reader_factory(Arc::new(CachedParquetFileReaderFactory::new(
                store, cache,
            )));
        let statistics = self.statistics(&files);
        let groups = self.grouped(files, state.config().target_partitions());
        let config = FileScanConfigBuilder::new(self.store.clone(), Arc::new(source))
            .with_statistics(statistics)
            .with_file_groups(groups)
            .with_limit(limit)
            .with_projection_indices(Some(indices?))?
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

impl Files {
    fn bound(&self, column: &Column, end: fn((i64, i64)) -> i64) -> Option<ArrayRef> {
        if column.name == self.layout.days {
            let days = self.files.iter().map(|file| {
                let (first, last) = file.days?;
                i32::try_from(end((first.into(), last.into()))).ok()
            });
            return Some(Arc::new(days.collect::<Date32Array>()));
        }
        if !self.layout.instants.contains(&column.name.as_str()) {
            return None;
        }
        let instants = self.files.iter().map(|file| file.instants.map(end));
        let instants: TimestampMicrosecondArray = instants.collect();
        Some(Arc::new(instants.with_timezone("UTC")))
    }
}

impl PruningStatistics for Files {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.bound(column, |(first, _)| first)
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.bound(column, |(_, last)| last)
    }

    fn num_containers(&self) -> usize {
        self.files.len()
    }

    fn null_counts(&self, _: &Column) -> Option<ArrayRef> {
        None
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        None
    }

    fn contained(&self, _: &Column, _: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}
