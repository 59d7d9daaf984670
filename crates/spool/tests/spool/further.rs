//! Records of further models beside an attempt's own: in the room that was asked for, before the record
//! that settles the attempt, each once.

use events::{Frame, UsageEvent};
use spool::{BESIDE_MAX, Slot, Spool};
use units::Usd;

use crate::memory_disk::MemoryDisk;
use crate::sample::{NEVER, event, intent, number, recovered_on, reserve, settlement, spool_on};

/// Where the frames of a segment begin.
const HEADER_BYTES: usize = 4096;

/// What attempt `number` used on a further model.
fn beside(number: u64, model: &str) -> UsageEvent {
    let mut event = event(number);
    event.model.resolved = Some(model.to_owned());
    event.decision.reason = Some("caused:advice".to_owned());
    event.cost.billed = Some(Usd::from_pico(5));
    event
}

fn open_with(spool: &Spool, number: u64, records: u8) -> Slot {
    let mut slot = reserve(spool);
    slot.beside(records);
    slot.open(intent(number)).unwrap();
    slot
}

#[test]
fn records_of_further_models_come_before_the_one_that_settles() {
    let disk = MemoryDisk::default();
    let spool = spool_on(&disk, NEVER);
    let further = vec![(beside(7, "a"), vec![settlement(1)]), (beside(7, "b"), Vec::new())];
    let seq = open_with(&spool, 7, 2).settle_with(further, event(7), vec![settlement(7)]);
    assert_eq!((seq, spool.next_seq()), (3, 4));
    let expected = vec![
        (1, Frame::Beside(Box::new(beside(7, "a")), vec![settlement(1)])),
        (2, Frame::Beside(Box::new(beside(7, "b")), Vec::new())),
        (3, Frame::Settled(Box::new(event(7)), vec![settlement(7)])),
    ];
    assert_eq!(spool.read(1, 10).unwrap(), expected);
    assert_eq!((spool.stats().slots, spool.stats().held_bytes), (0, 0));
    let recovered = recovered_on(&disk.after_kill());
    let seqs: Vec<_> = recovered.iter().map(|event| (event.seq, event.is_orphan)).collect();
    assert_eq!(seqs, [(1, false), (2, false), (3, false)], "no attempt is left open");
}

#[test]
fn the_room_of_every_record_is_held_before_the_first_byte_leaves() {
    let spool = spool_on(&MemoryDisk::default(), NEVER);
    let held = |records: u8| {
        let slot = open_with(&spool, 1, records);
        let held = spool.stats().held_bytes;
        drop(slot);
        held
    };
    let one = held(0);
    assert_eq!([held(1), held(2), held(BESIDE_MAX)], [2 * one, 3 * one, 4 * one]);
    assert_eq!(held(u8::MAX), held(BESIDE_MAX), "more than that is not given");
    assert_eq!(spool.stats().held_bytes, 0);
}

#[test]
fn a_record_without_room_is_given_up_and_everything_else_is_kept() {
    let disk = MemoryDisk::default();
    let spool = spool_on(&disk, NEVER);
    let further = ["a", "b"].map(|model| (beside(1, model), Vec::new()));
    open_with(&spool, 1, 1).settle_with(further.into(), event(1), Vec::new());
    reserve(&spool).settle_with(vec![(beside(2, "a"), Vec::new())], event(2), Vec::new());
    let recovered = recovered_on(&disk.after_kill());
    let models: Vec<_> = recovered.iter().map(|row| row.event.model.resolved.as_deref()).collect();
    assert_eq!(models, [Some("a"), None, None]);
    assert_eq!(spool.stats().held_bytes, 0);
}

#[test]
fn a_kill_between_a_record_and_the_one_that_settles_counts_nothing_twice() {
    let disk = MemoryDisk::default();
    let spool = spool_on(&disk, NEVER);
    let further = vec![(beside(3, "a"), vec![settlement(5)])];
    open_with(&spool, 3, 1).settle_with(further, event(3), vec![settlement(3)]);
    let own = recovered_on(&disk.after_kill()).pop().unwrap();
    // Cut anywhere from the intent's first byte to the last of all.
    let end = HEADER_BYTES + usize::try_from(spool.stats().bytes).unwrap();
    let mut seen = Vec::new();
    for cut in HEADER_BYTES..=end {
        let left = disk.after_kill();
        let segments = left.segments();
        segments.iter().skip(1).for_each(|spare| left.change(spare, Vec::clear));
        left.change(&segments[0], |bytes| bytes.truncate(cut));
        let rows = recovered_on(&left);
        let orphans = rows.iter().filter(|row| row.is_orphan).count();
        let held = rows.last().and_then(|row| row.settlements.first()).map(|held| held.amount);
        match (rows.len(), orphans) {
            (0, 0) => {}
            (1, 1) => assert_eq!(held, Some(Usd::from_pico(1003))),
            (2, 1) => assert_eq!(held, Some(Usd::from_pico(998)), "less what is beside it"),
            _ => assert_eq!(rows.last(), Some(&own)),
        }
        assert!(rows.iter().all(|row| number(&row.event) == 3));
        seen.push((rows.len(), orphans));
    }
    seen.dedup();
    assert_eq!(seen, [(0, 0), (1, 1), (2, 1), (2, 0)]);
}
