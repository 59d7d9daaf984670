//! Exactly once: concurrent writers, repeats, fences, crashes between file and log.

use std::sync::Arc;

use tempfile::TempDir;
use units::Usd;

use super::rows::{DAY_US, NOON, Stopped, amount, number, open, priced_event, priced_rows, row};
use crate::{Commit, Lake, LakeError, LakeOptions, checkpoint, table};

const COUNT: &str = "SELECT COUNT(*) FROM usage";
const DISTINCT: &str = "SELECT COUNT(*) FROM (SELECT DISTINCT node_id, epoch, seq FROM usage)";

async fn version(lake: &Lake, app: &str, seq: u64) -> u64 {
    match lake.commit(app, &priced_rows(app, seq..seq + 1), seq).await.unwrap() {
        Commit::Committed { version } => version,
        Commit::AlreadyDone => panic!("not committed before"),
    }
}

async fn writes(lake: Lake, app: String, commits: u64) {
    for n in 0..commits {
        let rows = priced_rows(&app, n * 10..n * 10 + 10);
        let done = lake.commit(&app, &rows, n * 10 + 9).await.unwrap();
        assert!(matches!(done, Commit::Committed { .. }));
    }
}

#[tokio::test]
async fn writers_of_one_process_and_of_four_are_exact_when_all_write_at_once() {
    let dir = tempfile::tempdir().unwrap();
    // Each opening stands for a process: it knows the log only through the disk. All four race to
    // create the table.
    let options = || LakeOptions::new(dir.path().join("lake"));
    let open = || Lake::open(options(), Arc::new(Stopped(NOON)));
    let (a, b, c, d) = tokio::join!(open(), open(), open(), open());
    let lakes = [a.unwrap(), b.unwrap(), c.unwrap(), d.unwrap()];
    let mut tasks = tokio::task::JoinSet::new();
    for (n, lake) in lakes.iter().enumerate() {
        tasks.spawn(writes(lake.clone(), format!("own{n}"), 5));
        tasks.spawn(writes(lakes[0].clone(), format!("shared{n}"), 3));
    }
    tasks.join_all().await;
    let lake = &lakes[3];
    assert_eq!(number(lake, COUNT).await, 4 * 50 + 4 * 30);
    assert_eq!(number(lake, DISTINCT).await, 4 * 50 + 4 * 30);
    let expected = 4 * (50 * 51 / 2) + 4 * (30 * 31 / 2);
    assert_eq!(amount(lake, "SELECT SUM(cost_usd) FROM usage").await, Usd::from_pico(expected));
    for n in 0..4 {
        assert_eq!(lake.last_committed(&format!("own{n}")).await.unwrap(), Some(49));
    }
}

#[tokio::test]
async fn a_commit_repeated_after_a_crash_finds_itself_done() {
    let dir = tempfile::tempdir().unwrap();
    let rows = priced_rows("n1", 0..20);
    let first = open(&dir).await;
    assert_eq!(first.last_committed("n1/e1").await.unwrap(), None);
    first.commit("n1/e1", &rows, 21).await.unwrap();
    drop(first);
    // The process died before it heard of its success.
    let second = open(&dir).await;
    assert_eq!(second.commit("n1/e1", &rows, 21).await.unwrap(), Commit::AlreadyDone);
    assert_eq!(second.last_committed("n1/e1").await.unwrap(), Some(21));
    assert_eq!(number(&second, COUNT).await, 20);
}

#[tokio::test]
async fn a_process_that_was_taken_over_is_fenced_and_appends_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (open(&dir).await, open(&dir).await);
    old.commit("n1/e1", &priced_rows("n1", 0..10), 9).await.unwrap();
    new.commit("n1/e1", &priced_rows("n1", 10..20), 19).await.unwrap();
    // The old process believes that 9 is the last, and has a different portion in hand.
    let error = old.commit("n1/e1", &priced_rows("n1", 10..15), 14).await.unwrap_err();
    assert!(matches!(error, LakeError::Fenced { committed: 19, .. }), "{error}");
    // A portion that covers what is there and more must not be appended either.
    let error = old.commit("n1/e1", &priced_rows("n1", 15..30), 29).await.unwrap_err();
    assert!(matches!(error, LakeError::Fenced { committed: 19, .. }), "{error}");
    assert_eq!(number(&old, COUNT).await, 20);
}

#[tokio::test]
async fn two_processes_that_commit_the_same_portion_at_once_append_it_once() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (open(&dir).await, open(&dir).await);
    let rows = priced_rows("n1", 0..10);
    let (x, y) = tokio::join!(a.commit("n1/e1", &rows, 9), b.commit("n1/e1", &rows, 9));
    let done = [x.unwrap(), y.unwrap()];
    assert_eq!(done.iter().filter(|commit| **commit == Commit::AlreadyDone).count(), 1);
    assert_eq!(number(&a, COUNT).await, 10);
}

#[tokio::test]
async fn a_file_the_log_does_not_name_is_not_counted() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(&dir).await;
    lake.commit("n1/e1", &priced_rows("n1", 0..3), 2).await.unwrap();
    let partition = dir.path().join("lake/usage/event_date=2026-11-22");
    let files: Vec<_> =
        std::fs::read_dir(&partition).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1);
    // A crash between file and log leaves a whole file, a crash of the machine may leave a part.
    std::fs::copy(&files[0], partition.join("orphan.parquet")).unwrap();
    let whole = std::fs::read(&files[0]).unwrap();
    std::fs::write(partition.join("torn.parquet"), &whole[..whole.len() / 2]).unwrap();
    assert_eq!(number(&lake, COUNT).await, 3);
    drop(lake);
    assert_eq!(number(&open(&dir).await, COUNT).await, 3);
}

#[tokio::test]
async fn rows_land_in_the_partition_of_the_day_they_were_received() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(&dir).await;
    let mut late = priced_event(1);
    late.times.received_us = NOON.plus_micros(-DAY_US);
    let rows = [row("n1", 0, late), row("n1", 1, priced_event(2))];
    lake.commit("n1/e1", &rows, 1).await.unwrap();
    for day in ["2026-11-21", "2026-11-22"] {
        assert!(dir.path().join(format!("lake/usage/event_date={day}")).is_dir());
        let sql = format!("SELECT COUNT(*) FROM usage WHERE event_date = '{day}'");
        assert_eq!(number(&lake, &sql).await, 1);
    }
}

#[tokio::test]
async fn history_appended_again_goes_on_where_it_ended() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(&dir).await;
    let days = |n: u64| (0..n).map(|day| priced_rows("demo", day * 5..day * 5 + 5));
    assert_eq!(lake.append_history("demo/history", days(2)).await.unwrap(), 10);
    assert_eq!(lake.append_history("demo/history", days(3)).await.unwrap(), 5);
    assert_eq!(lake.append_history("demo/history", days(3)).await.unwrap(), 0);
    assert_eq!(number(&lake, DISTINCT).await, 15);
}

#[tokio::test]
async fn a_checkpoint_keeps_every_row_and_every_writer() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(&dir).await;
    assert_eq!(version(&lake, "n1", 0).await, 1);
    assert_eq!(version(&lake, "n2", 0).await, 2);
    let log_store = table::log_store(&dir.path().join("lake")).unwrap();
    // The multi-threaded runtime of a lake is where checkpoints are written.
    let written = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(checkpoint::write(&log_store)).unwrap()
    });
    assert_eq!(written.join().unwrap(), 2);
    assert!(dir.path().join("lake/usage/_delta_log/_last_checkpoint").is_file());
    assert_eq!(version(&lake, "n1", 1).await, 3);
    let again = open(&dir).await;
    assert_eq!(number(&again, COUNT).await, 3);
    assert_eq!(again.last_committed("n2").await.unwrap(), Some(0));
    assert_eq!(again.last_committed("n1").await.unwrap(), Some(1));
}

#[tokio::test]
async fn a_table_whose_properties_change_under_a_writer_is_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(&dir).await;
    assert_eq!(version(&lake, "n1", 0).await, 1);
    let log_store = table::log_store(&dir.path().join("lake")).unwrap();
    let table = table::open_or_create(&log_store).await.unwrap();
    let change = [("delta.logRetentionDuration".to_owned(), "interval 3 days".to_owned())];
    table.set_tbl_properties().with_properties(change.into()).await.unwrap();
    let rows = priced_rows("n1", 1..2);
    let error = lake.commit("n1", &rows, 1).await.unwrap_err();
    assert!(matches!(error, LakeError::TableChanged { version: 2 }), "{error}");
    assert!(error.is_retryable());
    assert_eq!(lake.commit("n1", &rows, 1).await.unwrap(), Commit::Committed { version: 3 });
    assert_eq!(number(&lake, COUNT).await, 2);
}

#[tokio::test]
async fn a_directory_that_cannot_be_used_is_told_with_its_path() {
    let dir: TempDir = tempfile::tempdir().unwrap();
    let path = dir.path().join("lake");
    std::fs::write(&path, "a file").unwrap();
    let opened = Lake::open(LakeOptions::new(&path), Arc::new(Stopped(NOON))).await;
    let error = opened.unwrap_err().to_string();
    assert!(error.contains("lake"), "{error}");
}
