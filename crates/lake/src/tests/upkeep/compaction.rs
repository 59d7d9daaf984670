//! A rewrite keeps every row, makes files few, and never stands in a writer's way.

use arrow::array::AsArray;
use parquet::file::reader::{FileReader, SerializedFileReader};
use tempfile::TempDir;

use super::ground::{Dice, assert_exact, assert_some_exact, random_rows, sums};
use crate::tests::rows::{number, open, priced_event, priced_rows, row};
use crate::{Commit, Compacted, Lake, LakeRow};

const ALL: &str = "SELECT * FROM usage ORDER BY node_id, seq";

async fn commits(lake: &Lake, app: &str, commits: u64) {
    for n in 0..commits {
        lake.commit(app, &priced_rows(app, n * 3..n * 3 + 3), n * 3 + 2).await.unwrap();
    }
}

async fn all_rolled_up(lake: &Lake) {
    while !lake.roll_up().await.unwrap().is_complete {}
}

/// Files below a day's directory, in or out of the table.
fn files_on_disk(dir: &TempDir) -> Vec<std::path::PathBuf> {
    let day = dir.path().join("lake/usage/event_date=2026-11-22");
    std::fs::read_dir(day).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test]
async fn many_small_files_become_one_with_the_same_rows() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(&dir).await;
    commits(&lake, "n1", 12).await;
    assert_eq!(lake.compact().await.unwrap(), Compacted::default(), "nothing is rolled up yet");
    all_rolled_up(&lake).await;
    let before = lake.sql(ALL).await.unwrap();
    let sums_before = sums(&lake).await;
    let done = lake.compact().await.unwrap();
    assert_eq!(done.files, 12);
    assert!(done.bytes_after > 0 && done.bytes_after < done.bytes_before, "{done:?}");
    assert_eq!(lake.table_sizes().await.unwrap().usage_files, 1);
    for reader in [&lake, &open(&dir).await] {
        let after = reader.sql(ALL).await.unwrap();
        assert_eq!(before.batches, after.batches);
        assert_eq!(sums(reader).await, sums_before);
    }
    assert_eq!(lake.compact().await.unwrap(), Compacted::default());
    // Rows that come later stay apart until they are rolled up.
    commits(&open(&dir).await, "n2", 9).await;
    assert_exact(&lake, "after a rewrite").await;
    assert_eq!(lake.compact().await.unwrap(), Compacted::default());
}

#[tokio::test]
async fn a_rewritten_file_is_sorted_by_tenant_and_time_and_knows_its_requests() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(&dir).await;
    for n in 0..10_u64 {
        let mut event = priced_event(n);
        event.attribution.organisation = format!("org{}", n % 3);
        event.times.received_us = event.times.received_us.plus_micros(-i64::try_from(n).unwrap());
        lake.commit("n1", &[row("n1", n, event)], n).await.unwrap();
    }
    all_rolled_up(&lake).await;
    let before = files_on_disk(&dir);
    assert_eq!(lake.compact().await.unwrap().files, 10);
    let rewritten = files_on_disk(&dir).into_iter().find(|file| !before.contains(file)).unwrap();
    let file = SerializedFileReader::new(std::fs::File::open(rewritten).unwrap()).unwrap();
    let group = file.metadata().row_group(0);
    let ids = group.columns().iter().find(|c| c.column_path().string() == "request_id").unwrap();
    assert!(ids.bloom_filter_offset().is_some());
    let sql = "SELECT organisation, received_at FROM usage";
    let result = lake.sql(sql).await.unwrap();
    let batch = &result.batches[0];
    let organisations = batch.column(0).as_string::<i32>();
    let order: Vec<&str> = organisations.iter().map(Option::unwrap).collect();
    let expected = ["org0"; 4].into_iter().chain(["org1"; 3]).chain(["org2"; 3]);
    assert_eq!(order, expected.collect::<Vec<_>>());
    let id = priced_event(4).ids.request_id;
    let found = format!("SELECT COUNT(*) FROM usage WHERE request_id = '{id}'");
    assert_eq!(number(&lake, &found).await, 1);
}

#[tokio::test]
async fn two_rewrites_at_once_never_double_a_row_and_writers_go_on_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b, writer) = (open(&dir).await, open(&dir).await, open(&dir).await);
    commits(&a, "n1", 14).await;
    all_rolled_up(&a).await;
    for round in 0..3_u64 {
        let rows: Vec<LakeRow> = priced_rows("n2", round..round + 1);
        let (x, y, committed) =
            tokio::join!(a.compact(), b.compact(), writer.commit("n2", &rows, round));
        assert!(matches!(committed.unwrap(), Commit::Committed { .. }));
        let (x, y) = (x.unwrap(), y.unwrap());
        assert!(x.files == 0 || y.files == 0, "both rewrote: {x:?} {y:?}");
        let expected = 14 * 3 + i64::try_from(round).unwrap() + 1;
        for lake in [&a, &b, &writer] {
            assert_eq!(number(lake, "SELECT COUNT(*) FROM usage").await, expected);
            assert_some_exact(lake, "after rewrites at once", 1).await;
        }
    }
    assert!(a.table_sizes().await.unwrap().usage_files <= 4);
}

#[tokio::test]
async fn a_rewrite_is_not_lost_to_commits_that_come_in_between() {
    let dir = tempfile::tempdir().unwrap();
    let (lake, writer) = (open(&dir).await, open(&dir).await);
    commits(&lake, "n1", 10).await;
    all_rolled_up(&lake).await;
    let busy = tokio::spawn(async move {
        let mut seq = 0;
        loop {
            writer.commit("n2", &priced_rows("n2", seq..seq + 1), seq).await.unwrap();
            seq += 1;
        }
    });
    let done = lake.compact().await.unwrap();
    busy.abort();
    assert_eq!(done.files, 10);
}

#[tokio::test]
async fn stored_parts_become_few_without_a_sum_changing() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(&dir).await;
    let mut dice = Dice::new(5);
    for n in 0..8 {
        let rows = random_rows(&mut dice, "n1", n * 4, 4);
        lake.commit("n1", &rows, n * 4 + 3).await.unwrap();
        all_rolled_up(&lake).await;
    }
    let before = lake.table_sizes().await.unwrap();
    let sums_before = sums(&lake).await;
    while lake.merge_rollups().await.unwrap() > 0 {}
    let after = lake.table_sizes().await.unwrap();
    assert!(after.rollup_files * 2 < before.rollup_files, "{before:?} {after:?}");
    assert_eq!(sums(&lake).await, sums_before);
    assert_exact(&open(&dir).await, "after folding").await;
}
