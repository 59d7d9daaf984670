//! One directory per process start, on a real file system.

use std::fs;

use spool::{Spool, SpoolOptions, abandoned};

use crate::sample::{NEVER, number, options, real, settle};

fn start(root: &std::path::Path) -> Spool {
    Spool::open(SpoolOptions { root: root.to_owned(), ..options(NEVER) }, real()).unwrap()
}

#[test]
fn two_at_once_take_different_epochs_and_leave_each_other_alone() {
    let root = tempfile::tempdir().unwrap();
    let (first, second) = (start(root.path()), start(root.path()));
    assert_ne!(first.epoch(), second.epoch());
    settle(&first, 1);
    settle(&second, 2);
    assert!(abandoned(root.path(), &real()).unwrap().is_empty());

    let epoch = first.epoch().to_owned();
    drop(first);
    let left = abandoned(root.path(), &real()).unwrap();
    assert_eq!(left.iter().map(|e| e.epoch()).collect::<Vec<_>>(), vec![epoch.as_str()]);
    // Adopted by one, it is no longer there for another.
    assert!(abandoned(root.path(), &real()).unwrap().is_empty());
    assert_eq!(second.read(0, 10).unwrap().len(), 2);
}

#[test]
fn an_adopted_epoch_is_gone_once_finished_and_back_if_it_was_not() {
    let root = tempfile::tempdir().unwrap();
    let spool = start(root.path());
    for n in 0..300 {
        settle(&spool, n);
    }
    drop(spool);
    for is_finished in [false, true] {
        let mut left = abandoned(root.path(), &real()).unwrap();
        let epoch = left.pop().unwrap();
        let numbers: Vec<u64> =
            epoch.events().unwrap().map(|r| number(&r.unwrap().event)).collect();
        assert_eq!(numbers, (0..300).collect::<Vec<_>>());
        if is_finished {
            epoch.finish().unwrap();
        }
    }
    assert!(abandoned(root.path(), &real()).unwrap().is_empty());
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
}

#[test]
fn later_epochs_sort_later() {
    let root = tempfile::tempdir().unwrap();
    let first = start(root.path());
    std::thread::sleep(std::time::Duration::from_millis(2));
    assert!(first.epoch() < start(root.path()).epoch());
}

#[test]
fn a_start_or_an_end_that_was_cut_short_leaves_nothing_to_adopt() {
    let root = tempfile::tempdir().unwrap();
    let [before_lock, finished] = [".starting-0", ".finished-0"].map(|name| root.path().join(name));
    let epoch = root.path().join("0193a5b0c0d07e008000000000000001");
    let other = root.path().join("notes");
    for dir in [&before_lock, &finished, &epoch, &other] {
        fs::create_dir(dir).unwrap();
    }
    // Killed while its first segment was being prepared.
    fs::write(epoch.join("0000000000.seg"), vec![0; 1000]).unwrap();
    fs::write(finished.join("0000000000.seg"), b"already committed").unwrap();
    assert!(abandoned(root.path(), &real()).unwrap().is_empty());
    assert!(!finished.exists() && !epoch.exists());
    assert!(other.exists());
}

#[test]
fn a_spool_that_does_not_exist_yet_holds_nothing_abandoned() {
    let root = tempfile::tempdir().unwrap();
    assert!(abandoned(&root.path().join("none"), &real()).unwrap().is_empty());
}

#[test]
fn a_killed_process_is_recovered_from_its_files() {
    let (root, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let spool = start(root.path());
    for n in 0..200 {
        settle(&spool, n);
    }
    let _under_way = crate::sample::open(&spool, 200);
    // What is in the page cache is what a killed process leaves.
    let (from, to) = (root.path().join(spool.epoch()), copy.path().join(spool.epoch()));
    fs::create_dir(&to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
    let left = abandoned(copy.path(), &real()).unwrap();
    let recovered: Vec<_> = left[0].events().unwrap().map(Result::unwrap).collect();
    assert_eq!(recovered.len(), 201);
    assert!(recovered[200].is_orphan);
    assert_eq!(recovered[200].seq, 401);
}
