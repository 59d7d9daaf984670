//! Events and spools to test with.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use events::{
    Attribution, Cache, CacheState, Call, Cost, Decision, EventIds, Intent, Meters, ModelNames,
    Outcome, Privacy, Settlement, Times, UsageEvent, UsageSource,
};
use spool::{
    AbandonedEpoch, Disk, FullReason, RecoveredEvent, Slot, Spool, SpoolError, SpoolOptions, Sync,
    abandoned,
};
use units::{BudgetId, RequestId, UnixMicros, Usd};

use crate::memory_disk::MemoryDisk;

pub(crate) const ROOT: &str = "/spool";

/// Syncs happen only when asked for.
pub(crate) const NEVER: Sync = Sync::Group { delay_ms_max: u32::MAX, frames_max: u32::MAX };

pub(crate) fn event(number: u64) -> UsageEvent {
    UsageEvent {
        ids: EventIds {
            request_id: RequestId::from_u128(u128::from(number)),
            attempt: 1,
            revision: 0,
            trace_id: None,
            session_id: Some(format!("session-{number}")),
            parent_id: None,
        },
        times: Times {
            received_us: UnixMicros::new(1_763_800_000_000_000),
            first_byte_us: None,
            ended_us: UnixMicros::new(0),
        },
        attribution: Attribution { organisation: "acme".into(), ..Attribution::default() },
        decision: Decision::default(),
        model: ModelNames { asked: "gpt".into(), ..ModelNames::default() },
        call: Call {
            endpoint: "chat".into(),
            dialect_in: None,
            dialect_out: None,
            is_stream: false,
            request_bytes: 100,
            response_bytes: 200,
        },
        outcome: Outcome::default(),
        meters: Meters::default(),
        cost: Cost {
            billed: Some(Usd::from_pico(i128::from(number))),
            usage_source: UsageSource::Provider,
            ..Cost::default()
        },
        cache: Cache { state: CacheState::Off, saved: None },
        privacy: Privacy::default(),
        source: "tollgate".into(),
    }
}

pub(crate) fn settlement(number: u64) -> Settlement {
    Settlement {
        budget_id: BudgetId::from_u128(u128::MAX),
        window_start: UnixMicros::new(1_761_955_200_000_000),
        amount: Usd::from_pico(i128::from(number)),
    }
}

pub(crate) fn intent(number: u64) -> Intent {
    Intent { event: event(number), held: vec![settlement(number + 1000)] }
}

/// Small segments, on which a few hundred frames rotate several times.
pub(crate) fn options(sync: Sync) -> SpoolOptions {
    SpoolOptions {
        segment_bytes: 48 << 10,
        quota_bytes: 48 << 20,
        ahead_bytes: 64 << 10,
        frame_bytes_max: 8 << 10,
        sync,
        ..SpoolOptions::new(ROOT, "node-1")
    }
}

pub(crate) fn spool_on(disk: &MemoryDisk, sync: Sync) -> Spool {
    Spool::open(options(sync), disk.shared()).unwrap()
}

/// Reserves, giving the fill thread the time it needs to prepare space.
pub(crate) fn reserve(spool: &Spool) -> Slot {
    reserve_unless(spool, |error| !matches!(error, SpoolError::Full(FullReason::Preparing)))
        .unwrap()
}

/// Tries again until a slot is given or the error is the one looked for.
pub(crate) fn reserve_unless(
    spool: &Spool,
    is_final: impl Fn(&SpoolError) -> bool,
) -> Result<Slot, SpoolError> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match spool.reserve() {
            Err(error) if !is_final(&error) => {
                assert!(Instant::now() < deadline, "still refused: {error}");
                std::thread::yield_now();
            }
            done => return done,
        }
    }
}

pub(crate) fn open(spool: &Spool, number: u64) -> Slot {
    let mut slot = reserve(spool);
    slot.open(intent(number)).unwrap();
    slot
}

pub(crate) fn settle(spool: &Spool, number: u64) -> u64 {
    open(spool, number).settle(event(number), vec![settlement(number)])
}

/// What is left on a disk, its one epoch that is.
pub(crate) fn abandoned_on(disk: &MemoryDisk) -> AbandonedEpoch {
    let mut epochs = abandoned(Path::new(ROOT), &disk.shared()).unwrap();
    assert_eq!(epochs.len(), 1);
    epochs.remove(0)
}

pub(crate) fn recovered_on(disk: &MemoryDisk) -> Vec<RecoveredEvent> {
    abandoned_on(disk).events().unwrap().collect::<Result<_, _>>().unwrap()
}

/// The number a sample event was made with.
pub(crate) fn number(event: &UsageEvent) -> u64 {
    u64::try_from(event.ids.request_id.as_u128()).unwrap()
}

pub(crate) fn real() -> Arc<dyn Disk> {
    Arc::new(spool::RealDisk)
}
