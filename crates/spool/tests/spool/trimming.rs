//! Events too large for a frame keep their quantities and their money.

use spool::{SETTLEMENTS_MAX, Spool, SpoolError, SpoolOptions, TRIMMED_TAG};
use units::Usd;

use crate::memory_disk::MemoryDisk;
use crate::sample::{
    NEVER, event, intent, open, options, recovered_on, reserve, settlement, spool_on,
};

#[test]
fn too_many_tags_are_dropped_marked_and_counted() {
    let disk = MemoryDisk::default();
    let spool = spool_on(&disk, NEVER);
    let mut large = event(1);
    large.attribution.tags = (0..32).map(|n| (format!("tag-{n}"), "v".repeat(256))).collect();
    large.model.answered = Some("gpt-1".into());
    open(&spool, 1).settle(large.clone(), vec![settlement(1)]);
    let recovered = recovered_on(&disk.after_kill()).remove(0);
    let marked = [(TRIMMED_TAG.to_owned(), "tags".to_owned())];
    large.attribution.tags = marked.into_iter().collect();
    assert_eq!((recovered.event, recovered.settlements), (large, vec![settlement(1)]));
    assert_eq!(spool.stats().frames_trimmed, 1);
}

#[test]
fn the_largest_frame_holds_the_most_tags_an_event_may_carry() {
    let disk = MemoryDisk::default();
    let defaults = SpoolOptions::new(crate::sample::ROOT, "node-1");
    let options = SpoolOptions { segment_bytes: 256 << 10, ahead_bytes: 256 << 10, ..defaults };
    let spool = Spool::open(options, disk.shared()).unwrap();
    let mut large = intent(1);
    let key = |n: usize| format!("{n:0256}");
    large.event.attribution.tags = (0..32).map(|n| (key(n), "v".repeat(256))).collect();
    let mut slot = reserve(&spool);
    slot.open(large.clone()).unwrap();
    slot.settle(large.event.clone(), large.held);
    assert_eq!(recovered_on(&disk.after_kill())[0].event, large.event);
    assert_eq!(spool.stats().frames_trimmed, 0);
}

#[test]
fn no_text_is_long_enough_to_lose_an_event() {
    let disk = MemoryDisk::default();
    let spool = spool_on(&disk, NEVER);
    let long = || "ä".repeat(20_000);
    let mut huge = event(1);
    huge.ids.trace_id = Some(long());
    huge.ids.session_id = Some(long());
    huge.attribution.organisation = long();
    huge.attribution.user = Some(long());
    huge.attribution.tags.insert(long(), long());
    huge.model.asked = long();
    huge.model.answered = Some(long());
    huge.outcome.upstream_request_id = Some(long());
    huge.privacy.dropped_params = vec![long(); 100];
    let settlements = vec![settlement(9); SETTLEMENTS_MAX];
    let mut intent = intent(1);
    intent.event = huge.clone();
    intent.held = settlements.clone();
    let mut slot = reserve(&spool);
    slot.open(intent).unwrap();
    slot.settle(huge, settlements.clone());
    let recovered = recovered_on(&disk.after_kill());
    assert_eq!(recovered.len(), 1);
    assert_eq!(recovered[0].settlements, settlements);
    assert_eq!(recovered[0].event.cost.billed, Some(Usd::from_pico(1)));
    assert_eq!(recovered[0].event.model.asked, "ä".repeat(32));
    assert_eq!(recovered[0].event.attribution.tags[TRIMMED_TAG], "texts");
    assert_eq!(spool.stats().held_bytes, 0);
}

#[test]
fn an_intent_over_too_many_budgets_is_refused_before_anything_is_sent() {
    let spool = Spool::open(options(NEVER), MemoryDisk::default().shared()).unwrap();
    let mut slot = reserve(&spool);
    let mut wide = intent(1);
    wide.held = vec![settlement(1); SETTLEMENTS_MAX + 1];
    assert!(matches!(slot.open(wide), Err(SpoolError::TooLarge(_))));
    slot.open(intent(1)).unwrap();
}
