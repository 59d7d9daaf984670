//! A table that an older build made gets the newer columns when it is opened, and keeps every row.

use std::sync::Arc;
use std::time::Instant;

use deltalake::DeltaTable;
use deltalake::kernel::StructField;
use deltalake::protocol::{DeltaOperation, SaveMode};
use events::{AdjustmentKind, COLUMNS};
use tempfile::TempDir;
use units::Usd;

use super::rerating::{Rates, options};
use super::rows::{NOON, amount, number, open, priced_rows};
use super::upkeep::ground::assert_exact;
use crate::files::{self, DayBatch};
use crate::publish::{Publication, publish};
use crate::{Lake, LakeError, LakeRow, encode, schema, table};

/// Columns the first version of the table had.
const FIRST_COLUMNS: usize = 81;

/// The table as a build of the first version left it.
async fn first_version(dir: &TempDir, rows: &[LakeRow]) {
    assert_eq!(COLUMNS[FIRST_COLUMNS - 1].name, "schema_version");
    let log_store = table::log_store(&dir.path().join("lake")).unwrap();
    let delta = schema::delta_schema().unwrap();
    let fields: Vec<StructField> = delta.fields().take(FIRST_COLUMNS).cloned().collect();
    DeltaTable::new(Arc::clone(&log_store))
        .create()
        .with_table_name("usage")
        .with_columns(fields)
        .with_partition_columns([schema::PARTITION])
        .await
        .unwrap();
    let kept: Vec<usize> = (0..FIRST_COLUMNS).collect();
    let batch = encode(rows, NOON).unwrap().project(&kept).unwrap();
    let days = [DayBatch::new(NOON.utc_days(), batch)];
    let store = log_store.object_store(None);
    let added = files::write(store.as_ref(), &days, NOON).await.unwrap();
    let operation = DeltaOperation::Write {
        mode: SaveMode::Append,
        partition_by: Some(vec![schema::PARTITION.to_owned()]),
        predicate: None,
    };
    let txns = vec![("n1/e1".to_owned(), 9)];
    let publication = Publication { added, replaced: Vec::new(), operation, txns };
    publish(&log_store, 0, Instant::now(), publication).await.unwrap();
}

async fn sum(lake: &Lake) -> Usd {
    amount(lake, "SELECT SUM(cost_usd) FROM usage").await
}

#[tokio::test]
async fn a_table_of_the_first_version_opens_reads_and_is_written_on() {
    let dir = tempfile::tempdir().unwrap();
    first_version(&dir, &priced_rows("n1", 0..10)).await;
    // Both find it lacking; one of them adds the columns.
    let (lake, other) = tokio::join!(open(&dir), open(&dir));
    for lake in [&lake, &other] {
        assert_eq!(number(lake, "SELECT COUNT(*) FROM usage WHERE speed IS NULL").await, 10);
        assert_eq!(sum(lake).await, Usd::from_pico(55));
    }
    assert_eq!(lake.last_committed("n1/e1").await.unwrap(), Some(9));
    let mut newer = priced_rows("n1", 10..12);
    newer[0].event.cost.speed = Some("fast".to_owned());
    lake.commit("n1/e1", &newer, 11).await.unwrap();
    assert_eq!(number(&other, "SELECT COUNT(*) FROM usage WHERE speed = 'fast'").await, 1);
    while !lake.roll_up().await.unwrap().is_complete {}
    assert_exact(&other, "rolled up").await;
    while lake.compact().await.unwrap().files > 0 {}
    let again = open(&dir).await;
    assert_eq!(number(&again, "SELECT COUNT(*) FROM usage WHERE speed = 'fast'").await, 1);
    assert_eq!(number(&again, "SELECT COUNT(*) FROM usage").await, 12);
    assert_exact(&again, "compacted").await;
}

#[tokio::test]
async fn rows_of_the_first_version_are_priced_anew_like_any_others() {
    let dir = tempfile::tempdir().unwrap();
    first_version(&dir, &priced_rows("n1", 0..10)).await;
    let lake = open(&dir).await;
    let done = lake.rerate(options("r1"), Rates::shared("pb_2", 3)).await.unwrap();
    assert_eq!((done.rows_seen, done.restated), (10, 10));
    assert_eq!(sum(&lake).await, Usd::from_pico(10 * 3 * 110));
    let id = priced_rows("n1", 0..1)[0].event.ids.request_id;
    let rows = lake.request(id, None).await.unwrap();
    let kinds: Vec<_> =
        rows.iter().map(|row| row.event.cost.adjustment.as_ref().map(|of| of.kind)).collect();
    assert_eq!(kinds, [None, Some(AdjustmentKind::Retraction), Some(AdjustmentKind::Restatement)]);
}

#[tokio::test]
async fn a_table_that_lacks_more_than_the_newest_columns_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let log_store = table::log_store(&dir.path().join("lake")).unwrap();
    let delta = schema::delta_schema().unwrap();
    let all = delta.fields().filter(|field| field.name() != "team").cloned();
    let fields: Vec<StructField> = all.collect();
    DeltaTable::new(log_store)
        .create()
        .with_table_name("usage")
        .with_columns(fields)
        .with_partition_columns([schema::PARTITION])
        .await
        .unwrap();
    let log_store = table::log_store(&dir.path().join("lake")).unwrap();
    let error = table::open_or_create(&log_store).await.unwrap_err();
    assert!(matches!(error, LakeError::SchemaMismatch { .. }), "{error}");
}
