//! Disks that are full, that fail, or that fail to sync.

use std::time::{Duration, Instant};

use spool::{FullReason, Spool, SpoolError, Sync};

use crate::memory_disk::MemoryDisk;
use crate::sample::{
    NEVER, event, intent, open, options, recovered_on, reserve, reserve_unless, settle, settlement,
    spool_on,
};

const GROUP: Sync = Sync::Group { delay_ms_max: 1, frames_max: 400 };

fn is_disk(error: &SpoolError) -> bool {
    matches!(error, SpoolError::Full(FullReason::Disk))
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what} did not come about");
        std::thread::yield_now();
    }
}

#[test]
fn a_full_disk_refuses_new_requests_and_settles_those_under_way() {
    let disk = MemoryDisk::default();
    disk.limit(Some(4096 + 3 * (48 << 10)));
    let spool = spool_on(&disk, NEVER);
    let mut under_way = Vec::new();
    let error = loop {
        match reserve_unless(&spool, is_disk) {
            Ok(mut slot) => {
                slot.open(intent(under_way.len() as u64)).unwrap();
                under_way.push(slot);
            }
            Err(error) => break error,
        }
    };
    assert!(is_disk(&error), "{error}");
    let count = under_way.len();
    for (number, slot) in (0..).zip(under_way) {
        slot.settle(event(number), vec![settlement(number)]);
    }
    assert_eq!((spool.stats().frames_pending, spool.stats().write_errors), (0, 0));
    assert_eq!(recovered_on(&disk.after_kill()).iter().filter(|r| !r.is_orphan).count(), count);

    disk.limit(None);
    reserve_unless(&spool, |_| false).unwrap();
}

#[test]
fn a_start_on_a_full_disk_fails_and_leaves_nothing() {
    let disk = MemoryDisk::default();
    disk.limit(Some(40 << 10));
    let error = Spool::open(options(NEVER), disk.shared()).unwrap_err();
    assert!(matches!(error, SpoolError::Io { action: "create", .. }), "{error}");
    assert!(disk.segments().is_empty());
}

#[test]
fn frames_the_disk_would_not_take_are_written_in_order_once_it_does() {
    let disk = MemoryDisk::default();
    let spool = spool_on(&disk, GROUP);
    settle(&spool, 0);
    let under_way: Vec<_> = (1..20).map(|number| (number, open(&spool, number))).collect();
    let reserved = reserve(&spool);
    disk.fail_writes(true);
    let mut expected = spool.next_seq();
    for (number, slot) in under_way {
        assert_eq!(slot.settle(event(number), vec![settlement(number)]), expected);
        expected += 1;
    }
    assert_eq!(spool.stats().frames_pending, 19);
    assert!(is_disk(&spool.reserve().unwrap_err()));
    let mut reserved = reserved;
    assert!(matches!(reserved.open(intent(99)), Err(SpoolError::Full(_) | SpoolError::Io { .. })));
    drop(reserved);

    disk.fail_writes(false);
    wait_until("writing", || spool.stats().frames_pending == 0);
    assert!(spool.stats().write_errors > 0);
    assert_eq!(spool.stats().held_bytes, 0);
    let recovered = recovered_on(&disk.after_kill());
    assert_eq!(recovered.len(), 20);
    assert_eq!(recovered.last().map(|r| r.seq), Some(expected - 1));
    reserve_unless(&spool, |_| false).unwrap();
}

#[test]
fn an_intent_the_disk_would_not_take_is_not_recorded() {
    let disk = MemoryDisk::default();
    let spool = spool_on(&disk, NEVER);
    let mut slot = reserve(&spool);
    disk.fail_writes(true);
    assert!(matches!(slot.open(intent(1)), Err(SpoolError::Io { action: "write", .. })));
    disk.fail_writes(false);
    drop(slot);
    settle(&spool, 2);
    let recovered = recovered_on(&disk.after_kill());
    assert_eq!(recovered.iter().map(|r| r.event.clone()).collect::<Vec<_>>(), vec![event(2)]);
}

#[test]
fn a_disk_that_does_not_sync_refuses_new_requests_until_it_does() {
    let disk = MemoryDisk::default();
    let spool = spool_on(&disk, GROUP);
    disk.fail_syncs(true);
    settle(&spool, 1);
    wait_until("a failed sync", || spool.stats().sync_errors > 0);
    assert!(is_disk(&spool.reserve().unwrap_err()));
    assert!(spool.flush().is_err());
    disk.fail_syncs(false);
    reserve_unless(&spool, |_| false).unwrap();
    spool.flush().unwrap();
    assert_eq!(recovered_on(&disk.after_power_loss(3)).len(), 1);
}

#[test]
fn with_sync_every_a_power_loss_right_after_settling_loses_nothing() {
    let disk = MemoryDisk::default();
    let spool = spool_on(&disk, Sync::Every);
    for number in 0..200 {
        settle(&spool, number);
        if number % 20 == 0 {
            let recovered = recovered_on(&disk.after_power_loss(number));
            assert_eq!(recovered.len() as u64, number + 1);
            assert!(recovered.iter().all(|r| !r.is_orphan), "settled, not only opened");
        }
    }
}

#[test]
fn a_group_is_synced_within_its_delay_and_when_the_spool_is_dropped() {
    let disk = MemoryDisk::default();
    let spool = spool_on(&disk, GROUP);
    settle(&spool, 1);
    wait_until("a sync", || recovered_on(&disk.after_power_loss(1)).len() == 1);
    drop(spool);
    let spool = spool_on(&disk, NEVER);
    let slot = open(&spool, 2);
    drop(spool);
    // The slot keeps the threads, so that what it settles is made durable too.
    slot.settle(event(2), Vec::new());
    let root = std::path::Path::new(crate::sample::ROOT);
    let left = spool::abandoned(root, &disk.after_power_loss(1).shared()).unwrap();
    let orphans = left.iter().flat_map(|e| e.events().unwrap()).map(|r| r.unwrap().is_orphan);
    assert_eq!(orphans.collect::<Vec<_>>(), vec![false, false]);
}
