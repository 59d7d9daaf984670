//! A usage event with the place in a spool that makes it unique.

use std::sync::Arc;

use events::UsageEvent;

/// One row of the usage table before it is encoded.
#[derive(Debug, Clone, PartialEq)]
pub struct LakeRow {
    /// What happened.
    pub event: UsageEvent,
    /// The gateway node that recorded it.
    pub node_id: Arc<str>,
    /// The process start of that node.
    pub epoch: Arc<str>,
    /// Position in the spool of that epoch, from 0.
    pub seq: u64,
}

impl LakeRow {
    /// The day that decides the row's partition, in days since 1970-01-01 UTC.
    pub(crate) fn utc_days(&self) -> i32 {
        self.event.times.received_us.utc_days()
    }
}
