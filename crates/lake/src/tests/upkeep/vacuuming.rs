//! A vacuum removes what no reader can need, whoever left it, and nothing else.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::ground::{Dice, assert_exact, assert_some_exact, random_rows};
use crate::tests::rows::{number, open, priced_rows};
use crate::{Lake, Vacuumed};

const HOUR: Duration = Duration::from_secs(3_600);

async fn compacted(dir: &tempfile::TempDir) -> Lake {
    let lake = open(dir).await;
    for n in 0..10_u64 {
        lake.commit("n1", &priced_rows("n1", n..n + 1), n).await.unwrap();
        lake.roll_up().await.unwrap();
    }
    while lake.merge_rollups().await.unwrap() > 0 {}
    assert_eq!(lake.compact().await.unwrap().files, 10);
    lake
}

fn usage_files(dir: &Path) -> Vec<PathBuf> {
    let day = dir.join("lake/usage/event_date=2026-11-22");
    std::fs::read_dir(day).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test]
async fn files_taken_out_of_a_table_stay_for_the_retention_and_go_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let lake = compacted(&dir).await;
    assert_eq!(lake.vacuum(HOUR).await.unwrap(), Vacuumed::default());
    assert_eq!(usage_files(dir.path()).len(), 11);
    let done = lake.vacuum(Duration::ZERO).await.unwrap();
    assert!(done.files > 10 && done.bytes > 0, "{done:?}");
    assert_eq!(usage_files(dir.path()).len(), 1);
    for reader in [&lake, &open(&dir).await] {
        assert_eq!(number(reader, "SELECT COUNT(*) FROM usage").await, 10);
        assert_some_exact(reader, "vacuumed", 0).await;
    }
}

#[tokio::test]
async fn what_crashed_writers_left_goes_once_it_is_old() {
    let dir = tempfile::tempdir().unwrap();
    let lake = compacted(&dir).await;
    lake.vacuum(Duration::ZERO).await.unwrap();
    let day = dir.path().join("lake/usage/event_date=2026-11-22");
    std::fs::write(day.join("orphan.parquet"), "half").unwrap();
    std::fs::write(day.join("a.parquet#1234"), "staged").unwrap();
    lake.vacuum(HOUR).await.unwrap();
    assert_eq!(usage_files(dir.path()).len(), 3);
    assert_eq!(lake.vacuum(Duration::ZERO).await.unwrap().files, 1);
    assert_eq!(usage_files(dir.path()).len(), 1);
    assert_some_exact(&lake, "vacuumed", 1).await;
}

#[tokio::test]
async fn two_vacuums_at_once_are_harmless() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (compacted(&dir).await, open(&dir).await);
    let (x, y) = tokio::join!(a.vacuum(Duration::ZERO), b.vacuum(Duration::ZERO));
    let removed = x.unwrap().files + y.unwrap().files;
    assert!(removed > 10, "{removed}");
    assert_eq!(usage_files(dir.path()).len(), 1);
    assert_some_exact(&a, "vacuumed twice", 2).await;
}

#[tokio::test]
async fn a_reader_whose_files_were_vacuumed_looks_again_and_answers() {
    let dir = tempfile::tempdir().unwrap();
    let reader = open(&dir).await;
    let keeper = open(&dir).await;
    let mut dice = Dice::new(4);
    for n in 0..9 {
        let rows = random_rows(&mut dice, "n1", n * 4, 4);
        keeper.commit("n1", &rows, n * 4 + 3).await.unwrap();
        keeper.roll_up().await.unwrap();
    }
    assert_some_exact(&reader, "before", 0).await;
    while keeper.merge_rollups().await.unwrap() > 0 {}
    while keeper.compact().await.unwrap().files > 0 {}
    keeper.vacuum(Duration::ZERO).await.unwrap();
    assert_exact(&reader, "after").await;
}

#[tokio::test]
async fn a_generation_left_behind_goes_and_the_one_in_use_stays() {
    let dir = tempfile::tempdir().unwrap();
    let lake = compacted(&dir).await;
    let rollups = dir.path().join("lake/rollup");
    let first = std::fs::read_dir(&rollups).unwrap().next().unwrap().unwrap().path();
    let log = first.join("_delta_log/00000000000000000001.json");
    drop(lake);
    std::fs::write(&log, "not a log").unwrap();
    let lake = open(&dir).await;
    assert!(lake.roll_up().await.unwrap().is_rebuilt);
    assert_eq!(lake.vacuum(HOUR).await.unwrap().generations, 0);
    assert_eq!(lake.vacuum(Duration::ZERO).await.unwrap().generations, 1);
    assert!(!first.exists());
    assert_some_exact(&lake, "vacuumed", 1).await;
}
