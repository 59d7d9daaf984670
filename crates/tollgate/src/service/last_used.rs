//! Tells the store when keys were last used, from what all gateways have recorded.

use std::sync::Arc;
use std::time::Duration;

use lake::{Lake, Lens, Window};
use store::Keys;
use tokio::sync::watch;
use units::Clock;

use crate::failure::CommandError;

/// How often it is looked: what `last used` may lag behind.
const EVERY: Duration = Duration::from_secs(60);
/// How far back is looked the first time: what was used while no console ran, microseconds.
const FIRST_US: i64 = 24 * 3_600 * 1_000_000;
/// How far looks overlap, for rows that a gateway could not deliver at once, microseconds.
const OVERLAP_US: i64 = 15 * 60 * 1_000_000;

/// Notes uses of keys until told to stop.
pub(super) async fn run(
    lake: Lake,
    keys: Arc<dyn Keys>,
    clock: Arc<dyn Clock>,
    mut stopping: watch::Receiver<bool>,
) {
    let mut from = clock.now().plus_micros(-FIRST_US);
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            _ = stopping.wait_for(|stop| *stop) => return,
        }
        let now = clock.now();
        match note(&lake, &*keys, Window { from, to: now }).await {
            Ok(()) => from = now.plus_micros(-OVERLAP_US),
            Err(error) => tracing::warn!(%error, "last use of keys not noted"),
        }
    }
}

async fn note(lake: &Lake, keys: &dyn Keys, window: Window) -> Result<(), CommandError> {
    let used = lake.keys_used(&Lens::everything(window)).await?;
    if !used.is_empty() {
        keys.mark_used(&used).await?;
    }
    Ok(())
}
