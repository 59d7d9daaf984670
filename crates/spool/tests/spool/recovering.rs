//! Kills, power losses, cut and damaged segments.

use std::collections::BTreeSet;

use events::UsageEvent;
use proptest::prelude::*;
use spool::SpoolError;

use crate::memory_disk::MemoryDisk;
use crate::sample::{
    NEVER, abandoned_on, event, number, open, recovered_on, settle, settlement, spool_on,
};

/// A killed process that settled so many attempts.
fn killed_after(count: u64) -> MemoryDisk {
    let disk = MemoryDisk::default();
    let spool = spool_on(&disk, NEVER);
    for number in 0..count {
        settle(&spool, number);
    }
    spool.flush().unwrap();
    disk.after_kill()
}

/// Damage done to a segment's bytes.
type Change = fn(&mut Vec<u8>);

fn damage(disk: &MemoryDisk) -> SpoolError {
    let events = abandoned_on(disk).events();
    events.and_then(|events| events.collect::<Result<Vec<_>, _>>()).unwrap_err()
}

#[test]
fn a_kill_loses_no_settled_event_and_accounts_for_each_attempt_under_way_once() {
    let disk = MemoryDisk::default();
    let spool = spool_on(&disk, NEVER);
    let under_way: Vec<_> = (1000..1005).map(|number| open(&spool, number)).collect();
    for number in 0..400 {
        settle(&spool, number);
    }
    let left = disk.after_kill();
    drop(under_way);
    let recovered = recovered_on(&left);
    let (orphans, settled): (Vec<_>, Vec<_>) = recovered.iter().partition(|r| r.is_orphan);
    let numbers = settled.iter().map(|r| number(&r.event)).collect::<Vec<_>>();
    assert_eq!(numbers, (0..400).collect::<Vec<_>>());
    let orphans: Vec<_> = orphans.iter().map(|r| (r.seq, number(&r.event))).collect();
    assert_eq!(orphans, (805..810).zip(1000..1005).collect::<Vec<_>>());
    assert_eq!(recovered_on(&left), recovered, "the same at every call");
    let cut_from_power = left.after_power_loss(11);
    assert_eq!(recovered_on(&cut_from_power), recovered, "what was recovered is durable");
    abandoned_on(&left).finish().unwrap();
    let root = std::path::Path::new(crate::sample::ROOT);
    assert!(spool::abandoned(root, &left.shared()).unwrap().is_empty());
}

#[test]
fn a_last_segment_cut_at_any_byte_gives_the_frames_before_the_cut() {
    let disk = MemoryDisk::default();
    let spool = spool_on(&disk, NEVER);
    let mut ends = vec![4096];
    for number in 0..4 {
        settle(&spool, number);
        ends.push(4096 + usize::try_from(spool.stats().bytes).unwrap());
    }
    let first = disk.after_kill().segments().remove(0);
    for cut in 0..=ends[4] + 100 {
        let left = disk.after_kill();
        for spare in left.segments().iter().skip(1) {
            left.change(spare, Vec::clear);
        }
        left.change(&first, |bytes| bytes.truncate(cut));
        let root = std::path::Path::new(crate::sample::ROOT);
        let epochs = match spool::abandoned(root, &left.shared()) {
            // Not even the header is there.
            Err(SpoolError::Corrupt { offset: 0, .. }) if cut < 2048 => continue,
            epochs => epochs.unwrap(),
        };
        let settled = ends.iter().filter(|end| **end <= cut).count().saturating_sub(1);
        let recovered: Vec<_> =
            epochs.iter().flat_map(|epoch| epoch.events().unwrap()).map(Result::unwrap).collect();
        let settled_now = recovered.iter().filter(|r| !r.is_orphan).count();
        assert_eq!(settled_now, settled, "cut at {cut}");
        assert!(recovered.len() <= settled + 1);
    }
}

#[test]
fn damage_before_the_last_segment_is_an_error_that_names_file_and_offset_and_deletes_nothing() {
    let disk = killed_after(400);
    let segments = disk.segments();
    let middle = &segments[1];
    let whole = disk.contents(middle);
    disk.change(middle, |bytes| bytes[10_000] ^= 1);
    let error = damage(&disk);
    let SpoolError::Corrupt { path, offset, .. } = &error else { panic!("{error}") };
    assert_eq!(path, middle);
    assert!((4096..=10_000).contains(offset), "{offset}");
    assert!(error.to_string().contains("restore it from a copy"), "{error}");
    assert_eq!(disk.segments(), segments);

    disk.change(middle, |bytes| *bytes = whole);
    assert_eq!(recovered_on(&disk).len(), 400);
}

#[test]
fn other_damage_before_the_last_segment_is_an_error_too() {
    let cases: [(&str, Change); 5] = [
        ("cut in half", |bytes| bytes.truncate(20_000)),
        ("emptied", Vec::clear),
        ("zeroed", |bytes| bytes[9000..].fill(0)),
        ("header gone", |bytes| bytes[..4096].fill(0)),
        ("header damaged", |bytes| bytes[20] ^= 1),
    ];
    for place in [0, 1] {
        for (name, change) in cases {
            let disk = killed_after(400);
            disk.change(&disk.segments()[place], change);
            let error = damage(&disk);
            assert!(matches!(error, SpoolError::Corrupt { .. }), "{name} {place}: {error}");
        }
    }
}

#[test]
fn a_missing_segment_is_an_error() {
    let disk = killed_after(400);
    spool::Disk::remove(&disk, &disk.segments()[1]).unwrap();
    let error = damage(&disk);
    assert!(error.to_string().contains("frames are missing"), "{error}");
}

#[test]
fn a_segment_of_another_epoch_is_refused() {
    let (disk, other) = (killed_after(400), killed_after(400));
    let foreign = other.contents(&other.segments()[1]);
    disk.change(&disk.segments()[1], |bytes| *bytes = foreign);
    assert!(damage(&disk).to_string().contains("another epoch"));
}

/// Makes a segment say that it is of another version of the format.
fn with_version(bytes: &mut [u8], version: u8) {
    // Magic, length, checksum, then the content, whose first byte is the version.
    let length = usize::from(bytes[8]);
    bytes[16] = version;
    let crc = crc32c::crc32c(&bytes[16..16 + length]).to_le_bytes();
    bytes[12..16].copy_from_slice(&crc);
}

#[test]
fn a_newer_format_is_refused_rather_than_misread() {
    let disk = killed_after(1);
    disk.change(&disk.segments()[0], |bytes| with_version(bytes, 3));
    let root = std::path::Path::new(crate::sample::ROOT);
    let error = spool::abandoned(root, &disk.shared()).unwrap_err();
    assert!(matches!(error, SpoolError::Version { found: 3, known: 2, .. }), "{error}");
}

/// An event as the first version of the format laid it out: a cost ends with its service tier.
fn first_layout(event: &UsageEvent) -> Vec<u8> {
    let cost = &event.cost;
    let cost = (
        (cost.list, cost.contract, cost.billed, cost.provider_reported),
        (&cost.price_version, &cost.rate_set, cost.usage_source, &cost.service_tier),
    );
    let before = (&event.ids, &event.times, &event.attribution, &event.decision);
    let called = (&event.model, &event.call, &event.outcome, &event.meters);
    let after = (&event.cache, &event.privacy, &event.source);
    postcard::to_stdvec(&(before, called, cost, after)).unwrap()
}

#[test]
fn what_a_build_of_the_first_format_left_is_recovered() {
    let disk = killed_after(1);
    let (mut settled, mut under_way) = (event(7), event(8));
    settled.cost.service_tier = Some("flex".to_owned());
    under_way.cost.price_version = Some("pb_0123456789abcdef".to_owned());
    let held = postcard::to_stdvec(&vec![settlement(3)]).unwrap();
    let contents = [
        [&[0][..], &first_layout(&settled), &held].concat(),
        [&[1][..], &first_layout(&settled), &held].concat(),
        [&[0][..], &first_layout(&under_way), &held].concat(),
    ];
    disk.change(&disk.segments()[0], |bytes| {
        with_version(bytes, 1);
        bytes[4096..].fill(0);
        let mut at = 4096;
        for content in &contents {
            let length = u32::try_from(content.len()).unwrap();
            bytes[at..at + 4].copy_from_slice(&length.to_le_bytes());
            bytes[at + 4..at + 8].copy_from_slice(&crc32c::crc32c(content).to_le_bytes());
            bytes[at + 8..at + 8 + content.len()].copy_from_slice(content);
            at += 8 + content.len();
        }
    });
    let recovered = recovered_on(&disk);
    assert_eq!(recovered.len(), 2);
    assert_eq!((&recovered[0].event, recovered[0].is_orphan), (&settled, false));
    assert_eq!(recovered[0].settlements, [settlement(3)]);
    assert!(recovered[1].is_orphan);
    assert_eq!(recovered[1].event.cost.price_version, under_way.cost.price_version);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_power_loss_takes_at_most_what_was_not_synced(
        synced in 0_u64..250,
        unsynced in 0_u64..250,
        seed: u64,
    ) {
        let disk = MemoryDisk::default();
        let spool = spool_on(&disk, NEVER);
        let under_way = [open(&spool, 9999)];
        for number in 0..synced {
            settle(&spool, number);
        }
        spool.flush().unwrap();
        for number in synced..synced + unsynced {
            settle(&spool, number);
        }
        let left = disk.after_power_loss(seed);
        drop(under_way);
        let recovered = recovered_on(&left);
        let settled = recovered.iter().filter(|r| !r.is_orphan).map(|r| number(&r.event));
        let settled: Vec<u64> = settled.collect();
        prop_assert!(settled.len() as u64 >= synced);
        prop_assert_eq!(&settled, &(0..settled.len() as u64).collect::<Vec<_>>());
        let all: BTreeSet<u64> = recovered.iter().map(|r| number(&r.event)).collect();
        prop_assert_eq!(all.len(), recovered.len(), "none twice");
        prop_assert!(all.contains(&9999));
        // A second loss of power after recovery began changes nothing any more.
        prop_assert_eq!(recovered_on(&left.after_power_loss(seed ^ 7)), recovered);
    }

    #[test]
    fn a_power_loss_while_the_thread_syncs_is_never_taken_for_damage(count in 50_u64..300, seed: u64) {
        let disk = MemoryDisk::default();
        let group = spool::Sync::Group { delay_ms_max: 0, frames_max: 1 };
        let spool = spool_on(&disk, group);
        for number in 0..count {
            settle(&spool, number);
            if number % 16 == 0 {
                let recovered = recovered_on(&disk.after_power_loss(seed ^ number));
                prop_assert!(recovered.len() as u64 <= number + 1);
            }
        }
    }

    #[test]
    fn a_flipped_bit_in_the_last_segment_never_invents_or_changes_an_event(
        at in 4096_usize..24_000,
        bit in 0_u8..8,
    ) {
        let disk = killed_after(60);
        let whole = recovered_on(&disk);
        disk.change(&disk.segments()[0], |bytes| bytes[at] ^= 1 << bit);
        let recovered = recovered_on(&disk);
        let settled: Vec<_> = recovered.iter().filter(|r| !r.is_orphan).collect();
        prop_assert_eq!(&settled[..], &whole.iter().take(settled.len()).collect::<Vec<_>>()[..]);
    }
}
