//! Registers the roll-up tables of a query session: stored parts, and what is committed but not rolled
//! up yet, read from usage itself.
//!
//! It must never know what is asked.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, LazyLock, OnceLock};

use arrow::datatypes::{Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::plan_datafusion_err;
use datafusion::datasource::TableType;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;

use super::generation::CUBE;
use super::plan;
use super::schema::{BUCKET, BUCKET_DATE, DAY, ROLLUP_TABLES, RollupTable};
use crate::LakeError;
use crate::mirror::LiveFile;
use crate::scan::{Files, Layout};
use crate::sources::{Rolled, RolledUpTo, Sources, View};

static LAYOUTS: LazyLock<Vec<Arc<Layout>>> = LazyLock::new(|| {
    let layout = |table| Arc::new(Layout::new(stored(table), false, BUCKET_DATE, &[BUCKET]));
    ROLLUP_TABLES.iter().map(layout).collect()
});

/// The columns the files of a table hold.
fn stored(table: &RollupTable) -> SchemaRef {
    let shown = table.schema();
    let renamed = shown.fields().iter().map(|field| match field.name().as_str() {
        DAY => Field::clone(field).with_name(BUCKET_DATE),
        _ => Field::clone(field),
    });
    let fields: Vec<Field> = renamed.map(|field| field.with_nullable(true)).collect();
    Arc::new(Schema::new(fields))
}

/// Registers every roll-up table.
pub(crate) fn register(
    context: &SessionContext,
    sources: &Sources,
    view: &View,
) -> Result<(), LakeError> {
    let failed = |error| LakeError::query(&error);
    let tail = match &view.rolled {
        Rolled::Ready(rolled) => rolled.tail.clone(),
        Rolled::Empty(_) | Rolled::Missing => view.usage.all(),
    };
    let tail: Arc<dyn TableProvider> = Arc::new(sources.usage_files(tail));
    for (table, layout) in ROLLUP_TABLES.iter().zip(LAYOUTS.iter()) {
        let parts = match &view.rolled {
            Rolled::Ready(rolled) => Some(part_files(rolled, table, layout)),
            Rolled::Empty(_) | Rolled::Missing => None,
        };
        let live = Live { table, parts, tail: Arc::clone(&tail), plan: OnceLock::new() };
        context.register_table(table.name, Arc::new(live)).map_err(failed)?;
    }
    Ok(())
}

/// The stored files of one table.
fn part_files(rolled: &RolledUpTo, table: &RollupTable, layout: &Arc<Layout>) -> Arc<Files> {
    let files = rolled.parts.files.values();
    let own = files.filter(|file| file.partition_value(CUBE) == Some(table.name)).cloned();
    files_of(rolled, layout, own.collect())
}

fn files_of(rolled: &RolledUpTo, layout: &Arc<Layout>, files: Vec<Arc<LiveFile>>) -> Arc<Files> {
    Arc::new(Files::new(Arc::clone(layout), rolled.generation.mirror.url().clone(), files))
}

/// Some stored files of a roll-up table, to be read as one, and that table.
pub(crate) fn stored_files(
    rolled: &RolledUpTo,
    cube: &str,
    files: Vec<Arc<LiveFile>>,
) -> Option<(&'static RollupTable, Arc<Files>)> {
    let mut tables = ROLLUP_TABLES.iter().zip(LAYOUTS.iter());
    let (table, layout) = tables.find(|(table, _)| table.name == cube)?;
    Some((table, files_of(rolled, layout, files)))
}

/// The columns the files of a roll-up table hold.
pub(crate) fn stored_schema(table: &RollupTable) -> SchemaRef {
    let known = ROLLUP_TABLES.iter().zip(LAYOUTS.iter()).find(|(known, _)| *known == table);
    known.map_or_else(|| stored(table), |(_, layout)| Arc::clone(&layout.schema))
}

/// A roll-up table of one session, planned when a query names it.
struct Live {
    table: &'static RollupTable,
    parts: Option<Arc<Files>>,
    tail: Arc<dyn TableProvider>,
    plan: OnceLock<Option<LogicalPlan>>,
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.table.name)
    }
}

impl Live {
    fn planned(&self) -> Result<LogicalPlan> {
        let table = self.table;
        let tail = plan::scan("usage_tail", Arc::clone(&self.tail))?;
        let tail = plan::from_usage(tail, table.grain, table.dimensions)?;
        let tail = plan::shown(tail, table)?;
        match &self.parts {
            Some(parts) => {
                let parts = plan::scan("rollup_parts", Arc::<Files>::clone(parts))?;
                plan::both(plan::shown(parts, table)?, tail)
            }
            None => tail.build(),
        }
    }
}

#[async_trait]
impl TableProvider for Live {
    fn schema(&self) -> SchemaRef {
        self.table.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn get_logical_plan(&self) -> Option<Cow<'_, LogicalPlan>> {
        let plan = self.plan.get_or_init(|| {
            let planned = self.planned();
            planned.inspect_err(|error| tracing::error!(%error, "roll-up not planned")).ok()
        });
        plan.as_ref().map(Cow::Borrowed)
    }

    async fn scan(
        &self,
        _: &dyn Session,
        _: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Err(plan_datafusion_err!("table {} is a view and is not scanned itself", self.table.name))
    }
}
