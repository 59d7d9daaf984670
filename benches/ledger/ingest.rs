//! Events per second from a reservation in the spool to a row in the table.

use std::sync::Arc;
use std::time::{Duration, Instant};

use events::Intent;
use lake::{Committer, Lake, LakeOptions};
use spool::{RealDisk, Spool, SpoolOptions};
use tokio::sync::watch;
use units::{Clock, SystemClock};

use super::history::History;
use super::{Result, verdict};

/// Events sent through.
const EVENTS: u64 = 600_000;
/// Longest wait for the rest to be committed.
const ENDS_WITHIN: Duration = Duration::from_secs(120);

pub(super) async fn measure() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let mut history = History::before(clock.now());
    let events: Vec<_> = (0..20_000).map(|_| history.event()).collect();
    let lake = Lake::open(LakeOptions::new(directory.path().join("lake")), clock).await?;
    let spool = Spool::open(
        SpoolOptions::new(directory.path().join("spool"), "bench"),
        Arc::new(RealDisk),
    )?;
    let committer = Committer::new(lake, spool.clone());
    let progress = committer.progress();
    let (stop, stopping) = watch::channel(false);
    let committing = tokio::spawn(committer.run(stopping));
    let began = Instant::now();
    let filled = tokio::task::spawn_blocking(move || fill(&spool, &events));
    filled.await?.map_err(|error| format!("the spool refused: {error}"))?;
    let filled_s = began.elapsed().as_secs_f64();
    while progress.get().rows < EVENTS {
        if began.elapsed() > ENDS_WITHIN {
            return Err(format!("only {} rows after {ENDS_WITHIN:?}", progress.get().rows).into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let all_s = began.elapsed().as_secs_f64();
    stop.send(true)?;
    committing.await??;
    println!("ingest: {EVENTS} events spooled in {filled_s:.1} s, in the table after {all_s:.1} s");
    verdict("events per second through spool and commit", EVENTS as f64 / all_s, 50_000.0, true);
    Ok(())
}

/// Reserves, opens and settles as a request does; waits where the spool is full.
fn fill(spool: &Spool, events: &[events::UsageEvent]) -> std::result::Result<(), String> {
    for n in 0..EVENTS {
        let event = events[usize::try_from(n).unwrap_or(0) % events.len()].clone();
        let mut slot = loop {
            match spool.reserve() {
                Ok(slot) => break slot,
                Err(spool::SpoolError::Full { .. }) => std::thread::sleep(Duration::from_millis(1)),
                Err(error) => return Err(error.to_string()),
            }
        };
        let intent = Intent { event, held: Vec::new() };
        slot.open(intent.clone()).map_err(|error| error.to_string())?;
        slot.settle(intent.event, Vec::new());
    }
    Ok(())
}
