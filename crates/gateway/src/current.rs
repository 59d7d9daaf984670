//! The one place what is in force is kept, and how fresh it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use metrics::gauge;
use units::UnixMicros;

use crate::in_force::InForce;

/// How often connections that have waited too long are closed.
const CLOSE_IDLE_EVERY: Duration = Duration::from_secs(5);

/// What is in force now. Each request reads it once.
pub struct Current {
    in_force: ArcSwap<InForce>,
    /// When it was last known to be the newest, Unix microseconds; 0 before that.
    confirmed_at: AtomicI64,
    is_from_disk: AtomicBool,
}

/// Where a document came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Whoever makes snapshots gave it, now.
    Source,
    /// The disk: it was the newest when it was kept.
    Disk,
}

/// How fresh what is in force is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotStatus {
    /// Version of the document; 0 before there is one.
    pub version: u64,
    /// Its tag.
    pub tag: String,
    /// Time since it was last known to be the newest, microseconds; `None` when it never was.
    pub age_us: Option<i64>,
    /// Whether it is what the disk kept, and nobody has confirmed it since.
    pub is_from_disk: bool,
}

impl Current {
    /// Begins with this.
    pub fn new(in_force: InForce) -> Self {
        Self {
            in_force: ArcSwap::from_pointee(in_force),
            confirmed_at: AtomicI64::new(0),
            is_from_disk: AtomicBool::new(false),
        }
    }

    /// What is in force; it stays what it is for whoever holds it.
    pub fn load(&self) -> Arc<InForce> {
        self.in_force.load_full()
    }

    /// Closes connections to providers that have waited too long for a call, until dropped.
    pub async fn close_idle(&self) {
        loop {
            tokio::time::sleep(CLOSE_IDLE_EVERY).await;
            for upstream in self.load().upstreams.values() {
                upstream.close_idle();
            }
        }
    }

    /// Puts something else in force for all requests that begin from now on.
    pub fn replace(&self, in_force: InForce, origin: Origin, now: UnixMicros) {
        for (provider, reason) in in_force.left_out() {
            tracing::error!(
                provider,
                reason,
                "provider cannot be used on this gateway, its targets fail over"
            );
        }
        let left_out = u32::try_from(in_force.left_out().len()).unwrap_or(u32::MAX);
        gauge!("tollgate_providers_left_out").set(f64::from(left_out));
        let (version, tag) = (in_force.snapshot.version, in_force.tag.as_str());
        tracing::info!(
            version,
            tag,
            ?origin,
            keys = in_force.snapshot.keys.len(),
            "snapshot in force"
        );
        self.in_force.store(Arc::new(in_force));
        match origin {
            Origin::Source => self.confirm(now),
            Origin::Disk => {
                self.is_from_disk.store(true, Ordering::Relaxed);
                self.set_gauges(now);
            }
        }
    }

    /// Says that what is in force is the newest there is.
    pub fn confirm(&self, now: UnixMicros) {
        self.confirmed_at.store(now.get(), Ordering::Relaxed);
        self.is_from_disk.store(false, Ordering::Relaxed);
        self.set_gauges(now);
    }

    /// How fresh it is.
    pub fn status(&self, now: UnixMicros) -> SnapshotStatus {
        let in_force = self.in_force.load();
        let confirmed_at = self.confirmed_at.load(Ordering::Relaxed);
        let age_us = now.get().saturating_sub(confirmed_at).max(0);
        SnapshotStatus {
            version: in_force.snapshot.version,
            tag: in_force.tag.clone(),
            age_us: (confirmed_at != 0).then_some(age_us),
            is_from_disk: self.is_from_disk.load(Ordering::Relaxed),
        }
    }

    /// Shows operators how fresh it is.
    #[allow(clippy::cast_precision_loss, reason = "metrics are floats, and these stay below 2^53")]
    pub fn set_gauges(&self, now: UnixMicros) {
        let status = self.status(now);
        gauge!("tollgate_snapshot_version").set(status.version as f64);
        gauge!("tollgate_snapshot_from_disk").set(if status.is_from_disk { 1.0 } else { 0.0 });
        if let Some(age_us) = status.age_us {
            gauge!("tollgate_snapshot_age_seconds").set(age_us as f64 / 1e6);
        }
    }
}
