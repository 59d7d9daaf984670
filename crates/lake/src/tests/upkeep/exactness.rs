//! Whatever is committed, rolled up, rewritten, raced or dropped half-way: roll-ups equal usage.

use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::watch;

use super::ground::{Dice, assert_exact, assert_some_exact, random_rows};
use crate::tests::rows::{NOON, Stopped, number, open};
use crate::{Lake, LakeOptions, Maintenance, MaintenanceOptions};

/// Rows of one process, committed one portion after the other.
struct Process {
    lake: Lake,
    app: String,
    next_seq: u64,
}

impl Process {
    async fn start(dir: &TempDir, app: &str) -> Self {
        Self { lake: open(dir).await, app: app.to_owned(), next_seq: 0 }
    }

    async fn commit(&mut self, dice: &mut Dice) {
        let count = dice.roll(6) + 1;
        let rows = random_rows(dice, &self.app, self.next_seq, count);
        self.next_seq += count;
        self.lake.commit(&self.app, &rows, self.next_seq - 1).await.unwrap();
    }

    /// One step of upkeep, dropped after some time at random.
    async fn step(&self, dice: &mut Dice) {
        let patience = Duration::from_micros(dice.roll(60_000));
        let is_dropped = dice.roll(3) == 0;
        let step = async {
            match dice.roll(4) {
                0 => drop(self.lake.merge_rollups().await.unwrap()),
                1 => drop(self.lake.compact().await.unwrap()),
                _ => drop(self.lake.roll_up().await.unwrap()),
            }
        };
        if is_dropped {
            let _ = tokio::time::timeout(patience, step).await;
        } else {
            step.await;
        }
    }
}

#[tokio::test]
async fn rollups_equal_usage_after_any_commit_step_or_crash_of_two_processes() {
    for seed in 1..=2 {
        let dir = tempfile::tempdir().unwrap();
        let mut dice = Dice::new(seed);
        let mut processes = [Process::start(&dir, "n1").await, Process::start(&dir, "n2").await];
        for turn in 0..40 {
            let process = &mut processes[usize::try_from(dice.roll(2)).unwrap()];
            match dice.roll(10) {
                0..5 => process.commit(&mut dice).await,
                // A process that died and came back knows nothing but what is on disk.
                5 => process.lake = open(&dir).await,
                _ => process.step(&mut dice).await,
            }
            if turn % 4 == 3 {
                let reader = &processes[usize::try_from(dice.roll(2)).unwrap()].lake;
                assert_some_exact(reader, &format!("seed {seed}, turn {turn}"), turn / 4).await;
            }
        }
        let [a, b] = processes;
        let rows = i64::try_from(a.next_seq + b.next_seq).unwrap();
        assert_eq!(number(&b.lake, "SELECT COUNT(*) FROM usage").await, rows);
        assert_exact(&open(&dir).await, &format!("seed {seed}, at last")).await;
    }
}

#[tokio::test]
async fn what_was_just_committed_is_in_the_rollups_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut process = Process::start(&dir, "n1").await;
    let other = open(&dir).await;
    let mut dice = Dice::new(7);
    for turn in 0..3 {
        process.commit(&mut dice).await;
        assert_some_exact(&other, "committed", turn).await;
        let rolled = process.lake.roll_up().await.unwrap();
        assert!(rolled.rows > 0);
        process.commit(&mut dice).await;
        assert_some_exact(&other, "rolled up and committed", turn).await;
    }
    let requests = "SELECT SUM(requests) FROM usage_day";
    let counted = "SELECT COUNT(*) FROM usage WHERE is_final AND revision = 0";
    assert_eq!(number(&other, requests).await, number(&other, counted).await);
}

#[tokio::test]
async fn maintainers_and_writers_of_three_processes_at_once_double_and_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (stop, _) = watch::channel(false);
    let options =
        MaintenanceOptions { every: Duration::from_millis(20), ..MaintenanceOptions::default() };
    let mut maintainers = tokio::task::JoinSet::new();
    let mut progress = Vec::new();
    let mut writers = tokio::task::JoinSet::new();
    // Without this each of them may begin roll-ups of its own, and use the others' only later.
    open(&dir).await.roll_up().await.unwrap();
    for n in 0..3 {
        let options_of_lake = LakeOptions::new(dir.path().join("lake"));
        let lake = Lake::open(options_of_lake, Arc::new(Stopped(NOON))).await.unwrap();
        let maintenance = Maintenance::new(lake.clone(), options);
        progress.push(maintenance.progress());
        maintainers.spawn(maintenance.run(stop.subscribe()));
        writers.spawn(async move {
            let mut process = Process { lake, app: format!("n{n}"), next_seq: 0 };
            let mut dice = Dice::new(n + 11);
            for _ in 0..20 {
                process.commit(&mut dice).await;
            }
            process.next_seq
        });
    }
    let reader = open(&dir).await;
    for turn in 0..3 {
        assert_some_exact(&reader, "while all run", turn).await;
    }
    let rows: u64 = writers.join_all().await.into_iter().sum();
    // Each of them sees the last version rolled up before it is stopped.
    let newest = reader.commit("last", &[], 0).await.unwrap();
    let crate::Commit::Committed { version } = newest else { panic!("{newest:?}") };
    for progress in &progress {
        while progress.get().tables.rolled_version < Some(version) {
            tokio::time::sleep(options.every).await;
        }
    }
    assert_some_exact(&reader, "while maintenance runs", 0).await;
    stop.send_replace(true);
    maintainers.join_all().await;
    assert_exact(&reader, "at last").await;
    let counted = number(&reader, "SELECT COUNT(*) FROM usage").await;
    assert_eq!(counted, i64::try_from(rows).unwrap());
    let rewritten: u64 = progress.iter().map(|p| p.get().files_rewritten).sum();
    let rolled_up: u64 = progress.iter().map(|p| p.get().rows_rolled_up).sum();
    assert!(rewritten > 0, "{progress:?}");
    assert_eq!(rolled_up, rows, "each row was rolled up by one of them");
    assert!(progress.iter().all(|p| p.get().failures == 0), "{progress:?}");
}
