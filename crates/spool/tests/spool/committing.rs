//! Reading for the committer, the low-water mark, deletion, and attempts open for long.

use events::Frame;
use proptest::prelude::*;
use spool::{Spool, SpoolError, SpoolOptions};

use crate::memory_disk::MemoryDisk;
use crate::sample::{
    NEVER, abandoned_on, event, number, open, options, recovered_on, settle, settlement, spool_on,
};

#[test]
fn committed_segments_are_deleted_and_later_frames_stay() {
    let disk = MemoryDisk::default();
    let spool = spool_on(&disk, NEVER);
    for number in 0..500 {
        settle(&spool, number);
    }
    let before = disk.segments().len();
    spool.mark_committed(799).unwrap();
    assert!(disk.segments().len() < before, "{before}");
    assert_eq!(spool.read(800, usize::MAX).unwrap().len(), 200);
    assert!(matches!(spool.read(0, 1), Err(SpoolError::Gone { from: 0, first }) if first <= 800));
    let stats = spool.stats();
    assert_eq!(stats.oldest_uncommitted_seq, Some(800));
    assert!(stats.oldest_uncommitted_age.is_some());
    let left = disk.after_kill();
    assert_eq!(abandoned_on(&left).low_water(), 800);
    assert_eq!(recovered_on(&left).last().map(|r| (r.seq, number(&r.event))), Some((999, 499)));
}

#[test]
fn the_low_water_mark_neither_falls_nor_passes_what_is_written() {
    let spool = spool_on(&MemoryDisk::default(), NEVER);
    settle(&spool, 0);
    spool.mark_committed(u64::MAX).unwrap();
    assert_eq!(spool.stats().oldest_uncommitted_seq, None);
    spool.mark_committed(0).unwrap();
    settle(&spool, 1);
    assert_eq!(spool.stats().oldest_uncommitted_seq, Some(2));
}

#[test]
fn a_segment_that_opened_an_unsettled_attempt_stays() {
    let disk = MemoryDisk::default();
    let spool = spool_on(&disk, NEVER);
    let slot = open(&spool, 9999);
    let mut last = 0;
    for number in 0..500 {
        last = settle(&spool, number);
    }
    spool.mark_committed(last).unwrap();
    let orphans = |disk: &MemoryDisk| {
        let recovered = recovered_on(disk);
        recovered.iter().filter(|r| r.is_orphan).map(|r| number(&r.event)).collect::<Vec<u64>>()
    };
    assert_eq!(orphans(&disk.after_kill()), vec![9999]);
    let kept = disk.segments().len();
    slot.settle(event(9999), vec![settlement(9999)]);
    spool.mark_committed(last).unwrap();
    assert!(disk.segments().len() < kept);
    assert_eq!(orphans(&disk.after_kill()), Vec::<u64>::new());
}

#[test]
fn one_request_open_for_long_does_not_fill_the_quota_and_is_still_recovered_once() {
    let disk = MemoryDisk::default();
    let quota_bytes = 8 * (48 << 10);
    let spool = Spool::open(SpoolOptions { quota_bytes, ..options(NEVER) }, disk.shared()).unwrap();
    let slot = open(&spool, 9999);
    for number in 0..3000 {
        let seq = settle(&spool, number);
        if number % 50 == 0 {
            spool.mark_committed(seq).unwrap();
        }
    }
    let after = disk.after_power_loss(1);
    let recovered = recovered_on(&after);
    let orphans = recovered.iter().filter(|r| number(&r.event) == 9999);
    assert_eq!(orphans.map(|r| r.is_orphan).collect::<Vec<_>>(), vec![true]);
    slot.settle(event(9999), vec![settlement(9999)]);
    let recovered = recovered_on(&disk.after_kill());
    let settled = recovered.iter().filter(|r| number(&r.event) == 9999);
    assert_eq!(settled.map(|r| r.is_orphan).collect::<Vec<_>>(), vec![false]);
}

#[test]
fn what_is_not_flushed_is_readable_at_once() {
    let spool = spool_on(&MemoryDisk::default(), NEVER);
    for number in 0..10 {
        let seq = settle(&spool, number);
        assert_eq!(spool.read(seq, 10).unwrap().len(), 1);
    }
    assert!(spool.read(20, 10).unwrap().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn reading_in_pages_gives_the_same_as_reading_at_once(
        pages in prop::collection::vec(1_usize..90, 1..40),
        back in 0_u64..30,
    ) {
        let spool = spool_on(&MemoryDisk::default(), NEVER);
        for number in 0..300 {
            settle(&spool, number);
        }
        let all = spool.read(0, usize::MAX).unwrap();
        let mut from = 0;
        for page in pages {
            let frames = spool.read(from, page).unwrap();
            let start = usize::try_from(from).unwrap();
            prop_assert_eq!(&frames[..], &all[start..(start + page).min(all.len())]);
            let rows = spool.read_rows(from, page).unwrap();
            let is_row = |(_, frame): &&(u64, Frame)| !matches!(frame, Frame::Opened(_));
            let expected: Vec<_> = frames.iter().filter(is_row).cloned().collect();
            prop_assert_eq!(rows.frames, expected);
            prop_assert_eq!(rows.next_seq, frames.last().map(|(seq, _)| seq + 1));
            // Reading again a little earlier is allowed, as after a failed commit.
            from = (from + frames.len() as u64).saturating_sub(back % (page as u64));
        }
    }
}
