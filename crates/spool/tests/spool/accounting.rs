//! Slots and quota: what is set aside, what is refused, and what every way out accounts for.

use events::{ErrorClass, Frame, UsageSource};
use spool::{FullReason, Spool, SpoolError, SpoolOptions};
use units::UnixMicros;

use crate::memory_disk::MemoryDisk;
use crate::sample::{
    NEVER, abandoned_on, event, intent, number, open, options, recovered_on, reserve,
    reserve_unless, settle, settlement, spool_on,
};

#[test]
fn an_attempt_is_read_back_as_it_was_written() {
    let spool = spool_on(&MemoryDisk::default(), NEVER);
    assert_eq!(settle(&spool, 7), 1);
    let expected = vec![
        (0, Frame::Opened(Box::new(intent(7)))),
        (1, Frame::Settled(Box::new(event(7)), vec![settlement(7)])),
    ];
    assert_eq!(spool.read(0, 10).unwrap(), expected);
    assert_eq!(spool.next_seq(), 2);
}

#[test]
fn a_refusal_is_settled_without_being_opened() {
    let disk = MemoryDisk::default();
    let spool = spool_on(&disk, NEVER);
    assert_eq!(reserve(&spool).settle(event(1), Vec::new()), 0);
    assert_eq!(spool.stats().held_bytes, 0);
    assert_eq!(recovered_on(&disk.after_kill()).len(), 1);
}

#[test]
fn every_way_out_of_a_slot_gives_back_what_it_held() {
    let spool = spool_on(&MemoryDisk::default(), NEVER);
    drop(reserve(&spool));
    drop(open(&spool, 1));
    settle(&spool, 2);
    reserve(&spool).settle(event(3), Vec::new());
    let stats = spool.stats();
    assert_eq!((stats.slots, stats.held_bytes), (0, 0));
}

#[test]
fn an_opened_slot_dropped_unsettled_is_settled_once_as_interrupted_at_what_it_held() {
    let disk = MemoryDisk::default();
    let spool = spool_on(&disk, NEVER);
    drop(open(&spool, 5));
    let recovered = recovered_on(&disk.after_kill());
    assert_eq!(recovered.len(), 1);
    let (event, settlements) = (&recovered[0].event, &recovered[0].settlements);
    assert_eq!(event.outcome.error, Some(ErrorClass::Interrupted));
    assert_eq!(event.cost.usage_source, UsageSource::Estimated);
    assert!(event.decision.is_final && event.decision.is_waste);
    assert_eq!(event.times.ended_us, event.times.received_us);
    assert_eq!(settlements, &vec![settlement(1005)]);
    assert!(!recovered[0].is_orphan);
}

#[test]
fn opening_again_raises_what_is_held() {
    let disk = MemoryDisk::default();
    let spool = spool_on(&disk, NEVER);
    let mut slot = open(&spool, 1);
    let mut raised = intent(1);
    raised.held = vec![settlement(5000)];
    raised.event.times.ended_us = UnixMicros::new(1_763_800_000_000_009);
    slot.open(raised.clone()).unwrap();
    let recovered = recovered_on(&disk.after_kill());
    assert_eq!(recovered.len(), 1);
    assert_eq!(recovered[0].settlements, vec![settlement(5000)]);
    assert_eq!(recovered[0].event.times.ended_us, raised.event.times.ended_us);
    slot.settle(event(1), Vec::new());
    assert!(!recovered_on(&disk.after_kill())[0].is_orphan);
    assert_eq!(spool.stats().held_bytes, 0);
}

#[test]
fn a_full_quota_refuses_new_requests_and_never_those_under_way() {
    let disk = MemoryDisk::default();
    // Five of the largest frames fit a segment, and almost a sixth.
    let (segment_bytes, quota_bytes) = (52_000, 208_000);
    let options = SpoolOptions { segment_bytes, quota_bytes, ..options(NEVER) };
    let spool = Spool::open(options, disk.shared()).unwrap();
    let is_quota = |error: &SpoolError| matches!(error, SpoolError::Full(FullReason::Quota));
    let mut under_way = Vec::new();
    let error = loop {
        match reserve_unless(&spool, is_quota) {
            Ok(mut slot) => {
                let number = under_way.len() as u64;
                slot.open(intent(number)).unwrap();
                under_way.push((number, slot));
            }
            Err(error) => break error,
        }
    };
    assert!(is_quota(&error), "{error}");
    assert!(spool.stats().disk_bytes <= quota_bytes);
    let count = under_way.len();
    assert!(count >= 10, "{count}");
    let mut last = 0;
    for (number, slot) in under_way {
        // As large as a frame may be, which wastes the most at the ends of segments.
        let mut large = event(number);
        large.attribution.tags.insert("note".into(), "x".repeat(7900));
        last = slot.settle(large, vec![settlement(number)]);
    }
    let stats = spool.stats();
    assert_eq!((stats.frames_pending, stats.frames_trimmed, stats.write_errors), (0, 0, 0));
    assert_eq!(recovered_on(&disk.after_kill()).len(), count);

    // Fill it for good, then commit: there is room again.
    while let Ok(slot) = reserve_unless(&spool, is_quota) {
        last = slot.settle(event(last), Vec::new());
    }
    spool.mark_committed(last).unwrap();
    drop(reserve_unless(&spool, |_| false).unwrap());
    assert_eq!(spool.stats().oldest_uncommitted_seq, None);
}

#[test]
fn no_more_slots_are_given_than_allowed() {
    let disk = MemoryDisk::default();
    let spool =
        Spool::open(SpoolOptions { slots_max: 2, ..options(NEVER) }, disk.shared()).unwrap();
    let first = reserve(&spool);
    let _second = reserve(&spool);
    let refused = spool.reserve().unwrap_err();
    assert!(matches!(refused, SpoolError::Full(FullReason::Slots)), "{refused}");
    drop(first);
    reserve(&spool);
}

#[test]
fn eight_threads_settling_at_once_get_dense_numbers_and_lose_nothing() {
    let disk = MemoryDisk::default();
    let spool = spool_on(&disk, spool::Sync::default());
    let mut seqs: Vec<u64> = std::thread::scope(|scope| {
        let spool = &spool;
        let workers: Vec<_> = (0..8)
            .map(|worker| {
                scope.spawn(move || {
                    (0..100).map(|i| settle(spool, worker * 100 + i)).collect::<Vec<u64>>()
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    seqs.sort_unstable();
    seqs.dedup();
    assert_eq!(seqs.len(), 800);
    assert_eq!(spool.next_seq(), 1600);
    let frames = spool.read(0, usize::MAX).unwrap();
    assert!(frames.iter().enumerate().all(|(place, (seq, _))| *seq == place as u64));
    let mut numbers: Vec<u64> =
        recovered_on(&disk.after_kill()).iter().map(|r| number(&r.event)).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..800).collect::<Vec<u64>>());
}

#[test]
fn options_that_cannot_work_are_refused_with_a_reason() {
    let base = || options(NEVER);
    let cases = [
        (SpoolOptions { node_id: String::new(), ..base() }, "node id"),
        (SpoolOptions { node_id: "a/b".into(), ..base() }, "node id"),
        (SpoolOptions { frame_bytes_max: 100, ..base() }, "frame_bytes_max"),
        (SpoolOptions { segment_bytes: 10_000, ..base() }, "segment_bytes"),
        (SpoolOptions { quota_bytes: 50_000, ..base() }, "quota_bytes"),
    ];
    for (options, named) in cases {
        let error = Spool::open(options, MemoryDisk::default().shared()).unwrap_err();
        assert!(error.to_string().contains(named), "{error}");
    }
}

#[test]
fn a_spool_that_was_never_used_leaves_an_epoch_without_events() {
    let disk = MemoryDisk::default();
    let spool = spool_on(&disk, NEVER);
    let epoch = spool.epoch().to_owned();
    drop(spool);
    let left = abandoned_on(&disk);
    assert_eq!((left.epoch(), left.node_id()), (epoch.as_str(), "node-1"));
    assert_eq!(left.events().unwrap().count(), 0);
}
