//! From the spool into the table: while the process runs, when it stops, and after it died.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use events::Intent;
use spool::{Disk, RealDisk, Spool, SpoolOptions, abandoned};
use tempfile::TempDir;
use tokio::sync::watch;
use units::Usd;

use super::rows::{amount, number, open, priced_event, priced_rows};
use crate::{Adopted, Committer, CommitterOptions, LakeError, LakeRow};

const COUNT: &str = "SELECT COUNT(*) FROM usage";
const DISTINCT: &str = "SELECT COUNT(*) FROM (SELECT DISTINCT node_id, epoch, seq FROM usage)";

fn disk() -> Arc<dyn Disk> {
    Arc::new(RealDisk)
}

fn spool_in(root: &Path) -> Spool {
    let options = SpoolOptions {
        segment_bytes: 1 << 20,
        quota_bytes: 16 << 20,
        ahead_bytes: 1 << 20,
        ..SpoolOptions::new(root, "n1")
    };
    Spool::open(options, disk()).unwrap()
}

/// Settles the attempts `numbers`, each at as many picodollars.
fn settle(spool: &Spool, numbers: std::ops::Range<u64>) {
    for n in numbers {
        let mut slot = spool.reserve().unwrap();
        slot.open(Intent { event: priced_event(n), held: Vec::new() }).unwrap();
        slot.settle(priced_event(n), Vec::new());
    }
}

/// What a dead process leaves: a copy of its directory, which no lock holds.
fn copy_of(root: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(root).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_of(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn quick() -> CommitterOptions {
    CommitterOptions { interval: Duration::from_millis(5), frames_max: 7 }
}

#[tokio::test]
async fn what_is_settled_while_the_committer_runs_is_in_the_table_once_when_it_stops() {
    let dir = tempfile::tempdir().unwrap();
    let (lake, spool) = (open(&dir).await, spool_in(&dir.path().join("spool")));
    let committer = Committer::new(lake.clone(), spool.clone()).with_options(quick());
    let progress = committer.progress();
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(committer.run(stopped));
    for part in 0..5 {
        settle(&spool, part * 10 + 1..part * 10 + 11);
        tokio::task::yield_now().await;
    }
    stop.send(true).unwrap();
    running.await.unwrap().unwrap();
    assert_eq!(number(&lake, COUNT).await, 50);
    assert_eq!(number(&lake, DISTINCT).await, 50);
    assert_eq!(amount(&lake, "SELECT SUM(cost_usd) FROM usage").await, Usd::from_pico(1_275));
    let reached = progress.get();
    assert_eq!((reached.rows, reached.lag_frames, reached.failures), (50, 0, 0));
    assert_eq!(reached.committed_seq, Some(99));
    assert_eq!(spool.stats().oldest_uncommitted_seq, None);
}

#[tokio::test]
async fn a_committer_that_is_taken_over_stops_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let (lake, spool) = (open(&dir).await, spool_in(&dir.path().join("spool")));
    let committer = Committer::new(lake.clone(), spool.clone()).with_options(quick());
    let progress = committer.progress();
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(committer.run(stopped));
    settle(&spool, 1..4);
    while progress.get().rows < 3 {
        tokio::task::yield_now().await;
    }
    // Another process adopts ahead of this one.
    let app = format!("{}/{}", spool.node_id(), spool.epoch());
    let other = open(&dir).await;
    other.commit(&app, &priced_rows("n1", 6..20), 19).await.unwrap();
    settle(&spool, 4..6);
    let error = running.await.unwrap().unwrap_err();
    assert!(matches!(error, LakeError::Fenced { committed: 19, .. }), "{error}");
    assert_eq!(number(&lake, COUNT).await, 3 + 14);
    assert!(stop.is_closed());
}

async fn adopt(dir: &TempDir, root: &Path) -> Adopted {
    open(dir).await.adopt_abandoned(root, disk()).await.unwrap()
}

#[tokio::test]
async fn a_dead_process_is_adopted_exactly_however_often_the_adoption_dies() {
    let dir = tempfile::tempdir().unwrap();
    let live = dir.path().join("live");
    let spool = spool_in(&live);
    settle(&spool, 1..11);
    // Two attempts were under way when the process died.
    let mut under_way: Vec<_> = (11..13)
        .map(|n| {
            let mut slot = spool.reserve().unwrap();
            slot.open(Intent { event: priced_event(n), held: Vec::new() }).unwrap();
            slot
        })
        .collect();
    let copies: Vec<_> = (0..3).map(|n| dir.path().join(format!("dead{n}"))).collect();
    for copy in &copies {
        copy_of(&live, copy);
    }
    under_way.clear();

    // The first adopter dies after a part was committed and before it is finished.
    let lake = open(&dir).await;
    let epoch = abandoned(&copies[0], &disk()).unwrap().remove(0);
    let part: Vec<LakeRow> = epoch
        .events()
        .unwrap()
        .take(4)
        .map(|recovered| {
            let recovered = recovered.unwrap();
            let (node_id, epoch) = (epoch.node_id().into(), epoch.epoch().into());
            LakeRow { event: recovered.event, node_id, epoch, seq: recovered.seq }
        })
        .collect();
    let app = format!("{}/{}", epoch.node_id(), epoch.epoch());
    lake.commit(&app, &part, part[3].seq).await.unwrap();
    drop(epoch);

    // The second completes it, but dies before the directory is gone; the third finds all done.
    let adopted = adopt(&dir, &copies[1]).await;
    assert_eq!(adopted, Adopted { epochs: 1, rows: 8, orphans: 2 });
    let adopted = adopt(&dir, &copies[2]).await;
    assert_eq!(adopted, Adopted { epochs: 1, rows: 0, orphans: 0 });
    assert_eq!(number(&lake, COUNT).await, 12);
    assert_eq!(number(&lake, DISTINCT).await, 12);
    assert_eq!(amount(&lake, "SELECT SUM(cost_usd) FROM usage").await, Usd::from_pico(78));
    assert_eq!(adopt(&dir, &copies[2]).await, Adopted::default());
}

#[tokio::test]
async fn a_living_process_is_not_adopted() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("spool");
    let spool = spool_in(&root);
    settle(&spool, 1..3);
    assert_eq!(adopt(&dir, &root).await, Adopted::default());
    drop(spool);
    assert_eq!(adopt(&dir, &root).await, Adopted { epochs: 1, rows: 2, orphans: 0 });
}
