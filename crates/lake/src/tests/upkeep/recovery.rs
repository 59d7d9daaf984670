//! Roll-ups that are missing, damaged, foreign or too old are built anew, and never believed before.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::ground::{Dice, assert_exact, assert_some_exact, random_rows};
use crate::tests::rows::open;
use crate::{Lake, checkpoint, table};

async fn some_usage(dir: &TempDir) -> Lake {
    let lake = open(dir).await;
    let mut dice = Dice::new(3);
    for n in 0..4 {
        let rows = random_rows(&mut dice, "n1", n * 5, 5);
        lake.commit("n1", &rows, n * 5 + 4).await.unwrap();
        lake.roll_up().await.unwrap();
    }
    lake
}

fn generations(dir: &TempDir) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(dir.path().join("lake/rollup"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    found.sort();
    found
}

/// The Parquet files of rows below a directory.
fn row_files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("_delta_log") {
            found.extend(row_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "parquet") {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[tokio::test]
async fn missing_rollups_are_told_from_usage_and_built_anew() {
    let dir = tempfile::tempdir().unwrap();
    drop(some_usage(&dir).await);
    std::fs::remove_dir_all(dir.path().join("lake/rollup")).unwrap();
    let lake = open(&dir).await;
    assert_some_exact(&lake, "before", 2).await;
    assert_eq!(lake.table_sizes().await.unwrap().rolled_version, None);
    let rolled = lake.roll_up().await.unwrap();
    assert!(rolled.is_rebuilt);
    assert_eq!((rolled.version, rolled.rows), (4, 20));
    assert_eq!(lake.table_sizes().await.unwrap().rolled_version, Some(4));
    assert_exact(&lake, "built anew").await;
}

#[tokio::test]
async fn a_log_of_rollups_that_cannot_be_read_is_left_behind() {
    let dir = tempfile::tempdir().unwrap();
    drop(some_usage(&dir).await);
    let first = generations(&dir).remove(0);
    std::fs::write(first.join("_delta_log/00000000000000000001.json"), "not a log").unwrap();
    let lake = open(&dir).await;
    assert_some_exact(&lake, "damaged", 2).await;
    assert!(lake.roll_up().await.unwrap().is_rebuilt);
    assert_exact(&lake, "built anew").await;
    assert_eq!(generations(&dir).len(), 2);
}

#[tokio::test]
async fn a_stored_part_that_is_lost_or_torn_costs_a_query_nothing_and_is_noticed() {
    for tear in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let lake = some_usage(&dir).await;
        for file in row_files(&generations(&dir).remove(0)) {
            if tear {
                let whole = std::fs::read(&file).unwrap();
                std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
            } else {
                std::fs::remove_file(&file).unwrap();
            }
        }
        assert!(!lake.rollups_are_suspected());
        assert_some_exact(&lake, "damaged", 0).await;
        assert!(lake.rollups_are_suspected());
        assert!(lake.check_rollups().await.unwrap());
        assert!(lake.roll_up().await.unwrap().is_rebuilt);
        assert_some_exact(&lake, "built anew", 1).await;
        assert!(!lake.check_rollups().await.unwrap());
    }
}

#[tokio::test]
async fn rollups_of_another_format_or_another_table_are_not_believed() {
    let dir = tempfile::tempdir().unwrap();
    drop(some_usage(&dir).await);
    let ours = generations(&dir).remove(0);
    let name = ours.file_name().unwrap().to_str().unwrap().to_owned();
    let (_, of_table) = name.split_once('-').unwrap();
    let newer = format!("v99-{of_table}");
    std::fs::rename(&ours, ours.with_file_name(newer)).unwrap();
    let lake = open(&dir).await;
    assert_eq!(lake.table_sizes().await.unwrap().rolled_version, None);
    assert!(lake.roll_up().await.unwrap().is_rebuilt);
    assert_some_exact(&lake, "another format", 2).await;
    drop(lake);
    // The usage table is taken away and begun again; its roll-ups stay behind.
    std::fs::remove_dir_all(dir.path().join("lake/usage")).unwrap();
    let lake = some_usage(&dir).await;
    assert_exact(&lake, "another table").await;
    assert_eq!(generations(&dir).len(), 3);
}

#[tokio::test]
async fn rollups_older_than_what_is_left_of_the_log_are_built_anew() {
    let dir = tempfile::tempdir().unwrap();
    let lake = some_usage(&dir).await;
    let mut dice = Dice::new(9);
    for n in 4..7 {
        let rows = random_rows(&mut dice, "n1", n * 5, 5);
        lake.commit("n1", &rows, n * 5 + 4).await.unwrap();
    }
    let log_store = table::log_store(&dir.path().join("lake")).unwrap();
    lake.keep(move |_| async move { checkpoint::write(&log_store).await }).await.unwrap();
    drop(lake);
    // As a clean-up does that comes long after the roll-ups were last kept.
    for version in 0..7 {
        let entry = format!("lake/usage/_delta_log/{version:020}.json");
        std::fs::remove_file(dir.path().join(entry)).unwrap();
    }
    let lake = open(&dir).await;
    assert_some_exact(&lake, "log cleaned", 2).await;
    let rolled = lake.roll_up().await.unwrap();
    assert_eq!((rolled.is_rebuilt, rolled.rows, rolled.version), (true, 35, 7));
    assert_exact(&lake, "built anew").await;
}
